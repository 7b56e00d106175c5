// ATA/ATAPI-6, "I/O register descriptions", "Command descriptions", "Protocol"; one channel with device 0 on it, which is a disk.
// A command that moves no sector takes `commandTime`; every other takes the disk's own time, which its backend knows.
import type { BlockBackend, BlockStatus, Clock, DmaPort, IrqLine, Segment } from "../../platform/ports.js";
import { BusMasterChannel } from "./bus-master.js";
import { type SectorCommand, sectorCommands } from "./commands.js";
import { type Identity, identifyDevice, LBA28_SECTORS } from "./identify.js";
import { type PioChannel, PioTransfer } from "./pio.js";
import { AtaError, Command, Control, Device, SECTOR_BYTES, Status, Task } from "./registers.js";
import { defaultChoice, setFeature, setMultiple } from "./settings.js";
import { TaskFile } from "./task-file.js";

export interface ChannelPorts {
  /** INTRQ. */
  irq: IrqLine;
  dma: DmaPort;
  clock: Clock;
  /** The disk; left out, nothing is connected. */
  backend?: BlockBackend | undefined;
}

export interface ChannelConfig extends Omit<Identity, "sectors"> {
  readonly readOnly: boolean;
  /** ns of commands without sectors, and of a reset. */
  readonly commandTime: number;
  /** ns of a DMA read of up to 64 bytes. */
  readonly dmaRead: number;
}

/** A transfer by DMA that waits for the bus master, or goes on. */
interface DmaTransfer {
  readonly operation: "read" | "write";
  readonly lba: number;
  readonly count: number;
  moving: boolean;
}

const IDLE = Status.DRDY | Status.DSC;
/** A host pulls DD7 down, so that BSY is clear where nobody drives the bus. */
const NOBODY = 0x7f;
export class AtaChannel {
  readonly busMaster: BusMasterChannel;
  private readonly task = new TaskFile();
  private readonly pioChannel: PioChannel;
  private status: number = IDLE;
  private control = 0;
  /** "Interrupt pending", and whether INTRQ is up. */
  private pending = false;
  private asserted = false;
  private chosen = defaultChoice();
  private pio: PioTransfer | undefined;
  private transfer: DmaTransfer | undefined;
  /** Grows with every reset and command: what ends later than that is dropped. */
  private epoch = 0;

  constructor(
    private readonly ports: ChannelPorts,
    private readonly config: ChannelConfig,
  ) {
    this.busMaster = new BusMasterChannel(ports.dma, () => this.startTransfer());
    this.pioChannel = {
      submit: (operation, offset, buffer, done) => this.submit(operation, offset, buffer.segments, buffer, done),
      busy: () => this.setStatus(Status.BSY),
      ready: (interrupt) => this.ready(interrupt),
      end: (status) => this.end(errorOf(status)),
      endQuietly: () => this.close(),
    };
  }

  private get sectors(): number {
    return Math.floor((this.ports.backend?.size ?? 0) / SECTOR_BYTES);
  }
  private get connected(): boolean {
    return this.ports.backend !== undefined;
  }
  /** Whether software talks to device 0; it answers for device 1 that isn't there ("Device 0 only configurations"). */
  private get selected(): boolean {
    return this.connected && (this.task.device & Device.DEV) === 0;
  }
  private get waits(): boolean {
    return (this.status & (Status.BSY | Status.DRQ)) === 0;
  }

  // ---- registers

  /** Reads a register of the command block. */
  read(at: number, size: number): number {
    if (!this.connected) return at === Task.DATA ? 2 ** (8 * size) - 1 : NOBODY;
    if (at === Task.DATA) return this.selected && this.status & Status.DRQ ? (this.pio?.read(size) ?? 0) : 0;
    if (at !== Task.STATUS_COMMAND) return this.task.read(at, (this.control & Control.HOB) !== 0);
    if (this.selected) this.setPending(false);
    return this.alternateStatus();
  }

  /** "Alternate Status register": the same without taking the interrupt back. */
  alternateStatus(): number {
    if (!this.connected) return NOBODY;
    return this.selected ? this.status : 0;
  }

  write(at: number, size: number, value: number): void {
    if (at === Task.DATA) {
      if (this.selected && this.status & Status.DRQ) this.pio?.write(size, value);
      return;
    }
    this.control &= ~Control.HOB;
    if (at !== Task.STATUS_COMMAND) {
      if (this.waits) this.task.write(at, value);
      return;
    }
    const everybody = value === Command.DIAGNOSTIC && this.connected;
    if (!this.selected && !everybody) return;
    this.setPending(false);
    if (this.waits) this.execute(value & 0xff);
  }

  /** "Device Control register". */
  writeControl(value: number): void {
    const before = this.control;
    this.control = value & (Control.nIEN | Control.SRST | Control.HOB);
    if (value & Control.SRST && !(before & Control.SRST)) {
      this.abandon();
      this.task.reset();
      this.status = Status.BSY;
      this.setPending(false);
    } else if (before & Control.SRST && !(value & Control.SRST)) {
      this.later(() => this.setStatus(0));
    }
    this.drive();
  }

  private setStatus(bits: number): void {
    this.status = IDLE | bits;
  }

  // ---- interrupt

  private setPending(pending: boolean): void {
    this.pending = pending;
    this.drive();
  }

  /** INTRQ. The bus master takes notice of its rise. */
  private drive(): void {
    const level = this.pending && !(this.control & Control.nIEN);
    if (level && !this.asserted) this.busMaster.interrupted();
    this.asserted = level;
    this.ports.irq.set(level);
  }

  // ---- commands

  private execute(command: number): void {
    const { task, chosen } = this;
    this.epoch++;
    task.error = 0;
    this.setStatus(Status.BSY);
    const sectors = sectorCommands.get(command);
    if (sectors) {
      this.moveSectors(sectors);
      return;
    }
    switch (command) {
      case Command.FLUSH_CACHE:
      case Command.FLUSH_CACHE_EXT:
        this.submit("flush", 0, [], this.ports.dma, (status) => this.end(errorOf(status)));
        break;
      case Command.IDENTIFY_DEVICE:
        this.identify();
        break;
      case Command.SET_FEATURES:
        this.endLater(setFeature(chosen, task.feature, task.count, this.config.udmaMode) ? 0 : AtaError.ABRT);
        break;
      case Command.SET_MULTIPLE_MODE:
        this.endLater(setMultiple(chosen, task.count) ? 0 : AtaError.ABRT);
        break;
      case Command.READ_NATIVE_MAX:
        task.setAddress(Math.min(this.sectors, LBA28_SECTORS) - 1, false);
        this.endLater(0);
        break;
      case Command.READ_NATIVE_MAX_EXT:
        task.setAddress(this.sectors - 1, true);
        this.endLater(0);
        break;
      case Command.CHECK_POWER_MODE:
        task.count = 0xff; // active or idle
        this.endLater(0);
        break;
      case Command.DIAGNOSTIC:
        this.diagnose();
        break;
      case Command.INITIALIZE_PARAMETERS:
      case Command.STANDBY:
      case Command.STANDBY_IMMEDIATE:
      case Command.IDLE:
      case Command.IDLE_IMMEDIATE:
        this.endLater(0);
        break;
      default:
        this.endLater(AtaError.ABRT);
        break;
    }
  }

  /** The command is over. */
  private end(error: number): void {
    this.close();
    this.task.error = error;
    if (error !== 0) this.status |= Status.ERR;
    this.setPending(true);
  }

  private close(): void {
    this.pio = undefined;
    this.transfer = undefined;
    this.setStatus(0);
  }

  private endLater(error: number): void {
    this.later(() => this.end(error));
  }

  /** After the command time, unless something else has begun. */
  private later(action: () => void): void {
    this.after(this.cycles(this.config.commandTime), action);
  }

  private after(cycles: number, action: () => void): void {
    const { epoch } = this;
    this.ports.clock.after(cycles, () => {
      if (this.epoch === epoch) action();
    });
  }

  private cycles(nanoseconds: number): number {
    return Math.ceil((nanoseconds * this.ports.clock.frequency) / 1e9);
  }

  private identify(): void {
    this.later(() => {
      this.pio = new PioTransfer(this.pioChannel, "read", { lba: 0, count: 0 }, 1);
      this.pio.show(identifyDevice({ ...this.config, sectors: this.sectors }, this.chosen));
    });
  }

  /** "EXECUTE DEVICE DIAGNOSTIC": passed, and the signature. */
  private diagnose(): void {
    this.later(() => {
      this.task.reset();
      this.setStatus(0);
      this.setPending(true);
    });
  }

  private submit(
    operation: "read" | "write" | "flush",
    offset: number,
    segments: readonly Segment[],
    dma: DmaPort,
    done: (status: BlockStatus) => void,
  ): void {
    const { epoch } = this;
    const length = segments.reduce((sum, segment) => sum + segment.length, 0);
    this.ports.backend?.submit({ operation, offset, length, segments, dma }, (status) => {
      if (this.epoch === epoch) done(status);
    });
  }

  private moveSectors({ by, operation, long }: SectorCommand): void {
    const extent = this.task.extent(long, this.sectors);
    const refused =
      (operation === "write" && this.config.readOnly) || (by === "multiple" && this.chosen.multiple === 0);
    if (!extent) this.endLater(AtaError.IDNF);
    else if (refused) this.endLater(AtaError.ABRT);
    else if (by === "verify") this.endLater(0);
    else if (by === "dma") {
      this.transfer = { operation, ...extent, moving: false };
      this.startTransfer();
    } else {
      const pio = new PioTransfer(this.pioChannel, operation, extent, by === "pio" ? 1 : this.chosen.multiple);
      this.pio = pio;
      if (operation === "read") pio.start();
      else this.later(() => pio.start());
    }
  }

  private ready(interrupt: boolean): void {
    this.setStatus(Status.DRQ);
    if (interrupt) this.setPending(true);
  }

  // ---- "DMA command protocol"

  /**
   * Once there is a command and the bus master runs. When the bus master can't go on, or is stopped, the disk waits for it, and
   * nobody is interrupted ("Error Conditions"), until software resets the disk.
   */
  private startTransfer(): void {
    const { transfer, busMaster } = this;
    if (!transfer || transfer.moving || !busMaster.running) return;
    transfer.moving = true;
    const { port } = busMaster;
    const length = transfer.count * SECTOR_BYTES;
    const matches = busMaster.toMemory === (transfer.operation === "read");
    const table = matches ? busMaster.regions(length) : undefined;
    if (!table) {
      busMaster.finished("error", "none");
      return;
    }
    this.after(table.lines * this.cycles(this.config.dmaRead) + table.cycles, () => {
      if (busMaster.port !== port) return;
      if (table.bytes < length) {
        busMaster.finished("ok", "less");
        return;
      }
      this.submit(transfer.operation, transfer.lba * SECTOR_BYTES, table.segments, port, (status) => {
        if (busMaster.port === port) this.endTransfer(status, table.rest);
      });
    });
  }

  private endTransfer(status: BlockStatus, rest: "more" | "less" | "none"): void {
    const reached = status.kind !== "dma-fault";
    this.busMaster.finished(reached ? "ok" : "error", rest);
    if (reached) this.end(errorOf(status));
  }

  // ---- reset

  private abandon(): void {
    this.epoch++;
    this.busMaster.release();
    this.pio = undefined;
    this.transfer = undefined;
  }

  /** "Power-on and hardware reset protocol": the disk is busy for a while, and what is written to it meanwhile is lost. */
  restart(): void {
    this.reset();
    this.status = Status.BSY;
    this.later(() => this.setStatus(0));
  }

  /** As after power-on, when the disk has become ready. */
  reset(): void {
    this.abandon();
    this.busMaster.reset();
    this.task.reset();
    this.chosen = defaultChoice();
    this.control = 0;
    this.setStatus(0);
    this.setPending(false);
  }
}

function errorOf(status: BlockStatus): number {
  switch (status.kind) {
    case "ok":
      return 0;
    case "out-of-range":
      return AtaError.IDNF;
    case "medium-error":
      return AtaError.UNC;
    default:
      return AtaError.ABRT;
  }
}
