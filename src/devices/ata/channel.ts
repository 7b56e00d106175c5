// AT Attachment with Packet Interface - 6 (ATA/ATAPI-6), "General operational descriptions", "Register delivered data
// transfers", "Protocol": one channel with device 0 on it, which is a disk. What is no sector is BSY for `commandTime`;
// everything else takes the disk's own time, which its backend knows.
import type { BlockBackend, BlockStatus, Clock, DmaPort, IrqLine, Segment } from "../../platform/ports.js";
import { BufferPort } from "./buffer-port.js";
import { BusMasterChannel } from "./bus-master.js";
import { HEADS, type Identity, identifyDevice, LBA28_SECTORS, SECTORS_PER_TRACK } from "./identify.js";
import { AtaError, Command, Control, Device, SECTOR_BYTES, Status, Task } from "./registers.js";

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
  /** ns of commands without data, and of a reset. */
  readonly commandTime: number;
}

/** Sectors that a request by PIO reads or writes at a time: the disk's buffer. */
const BUFFER_SECTORS = 256;
const IDLE = Status.DRDY | Status.DSC;

/** A transfer by PIO. */
interface Pio {
  way: "in" | "out";
  bytes: Uint8Array;
  /** Next byte; and end of the sector that is open to software. */
  at: number;
  end: number;
  /** Where the buffer lies on the disk, and sectors to go behind it. */
  lba: number;
  left: number;
}

/** A transfer by DMA that waits for the bus master, or goes on. */
interface DmaTransfer {
  operation: "read" | "write";
  lba: number;
  count: number;
  moving: boolean;
}

interface Registers {
  /** Features, count and address: what was written last, and what was written before that (48-bit commands). */
  recent: number[];
  previous: number[];
  device: number;
  error: number;
  status: number;
  control: number;
  pending: boolean;
}

const resetRegisters = (): Registers => ({
  recent: [0, 0, 1, 1, 0, 0], // "Signature and persistence"
  previous: [0, 0, 0, 0, 0, 0],
  device: 0,
  error: 1,
  status: IDLE,
  control: 0,
  pending: false,
});

export class AtaChannel {
  readonly busMaster: BusMasterChannel;
  private s = resetRegisters();
  private pio: Pio | undefined;
  private transfer: DmaTransfer | undefined;
  private transferMode = 0;
  /** Grows with every reset and command: completions of another time are dropped. */
  private epoch = 0;

  constructor(
    private readonly ports: ChannelPorts,
    private readonly config: ChannelConfig,
  ) {
    this.busMaster = new BusMasterChannel(ports.dma, () => this.startTransfer());
  }

  private get sectors(): number {
    return Math.floor((this.ports.backend?.size ?? 0) / SECTOR_BYTES);
  }
  /** Whether software talks to a device that there is. */
  private get present(): boolean {
    return this.ports.backend !== undefined && (this.s.device & Device.DEV) === 0;
  }

  // ---- registers

  /** Reads a register of the command block. */
  read(at: number, size: number): number {
    const { s } = this;
    if (at === Task.DATA) return this.readData(size);
    if (at === Task.STATUS_COMMAND) {
      this.setPending(false);
      return this.status();
    }
    if (at === Task.DEVICE) return s.device | 0xa0;
    if (!this.present) return 0;
    if (at === Task.ERROR_FEATURES) return s.error;
    return s.control & Control.HOB ? s.previous[at] : s.recent[at];
  }

  /** "Alternate Status register": the same without a side effect. */
  status(): number {
    return this.present ? this.s.status : 0;
  }

  write(at: number, size: number, value: number): void {
    const { s } = this;
    if (at === Task.DATA) {
      this.writeData(size, value);
      return;
    }
    s.control &= ~Control.HOB;
    if (at === Task.STATUS_COMMAND) {
      this.setPending(false);
      if (this.present && !(s.status & (Status.BSY | Status.DRQ))) this.execute(value & 0xff);
    } else if (!(s.status & (Status.BSY | Status.DRQ))) {
      if (at === Task.DEVICE) s.device = value & (Device.DEV | Device.LBA | 0x0f);
      else {
        s.previous[at] = s.recent[at];
        s.recent[at] = value & 0xff;
      }
    }
  }

  /** "Device Control register". */
  writeControl(value: number): void {
    const { s } = this;
    const before = s.control;
    s.control = value & (Control.nIEN | Control.SRST | Control.HOB);
    if (value & Control.SRST && !(before & Control.SRST)) {
      this.abandon();
      this.s = { ...resetRegisters(), control: s.control, status: Status.BSY };
    } else if (before & Control.SRST && !(value & Control.SRST)) {
      this.later(() => {
        this.s.status = IDLE;
      });
    }
    this.drive();
  }

  // ---- interrupt

  private setPending(pending: boolean): void {
    this.s.pending = pending;
    this.drive();
  }

  private drive(): void {
    this.ports.irq.set(this.s.pending && !(this.s.control & Control.nIEN));
  }

  private interrupt(): void {
    if (!(this.s.control & Control.nIEN)) this.busMaster.interrupted();
    this.setPending(true);
  }

  // ---- commands

  private execute(command: number): void {
    const { s } = this;
    this.epoch++;
    s.error = 0;
    s.status = IDLE | Status.BSY;
    switch (command) {
      case Command.READ_SECTORS:
      case Command.READ_SECTORS_NO_RETRY:
        this.startPio("in", false);
        break;
      case Command.READ_SECTORS_EXT:
        this.startPio("in", true);
        break;
      case Command.WRITE_SECTORS:
      case Command.WRITE_SECTORS_NO_RETRY:
        this.startPio("out", false);
        break;
      case Command.WRITE_SECTORS_EXT:
        this.startPio("out", true);
        break;
      case Command.READ_DMA:
      case Command.READ_DMA_NO_RETRY:
        this.startDma("read", false);
        break;
      case Command.READ_DMA_EXT:
        this.startDma("read", true);
        break;
      case Command.WRITE_DMA:
      case Command.WRITE_DMA_NO_RETRY:
        this.startDma("write", false);
        break;
      case Command.WRITE_DMA_EXT:
        this.startDma("write", true);
        break;
      case Command.READ_VERIFY:
        this.finishLater(this.extent(false) ? 0 : AtaError.IDNF);
        break;
      case Command.READ_VERIFY_EXT:
        this.finishLater(this.extent(true) ? 0 : AtaError.IDNF);
        break;
      case Command.FLUSH_CACHE:
      case Command.FLUSH_CACHE_EXT:
        this.submit("flush", 0, [], this.ports.dma, (status) => this.end(errorOf(status)));
        break;
      case Command.IDENTIFY_DEVICE:
        this.identify();
        break;
      case Command.SET_FEATURES:
        this.setFeatures();
        break;
      case Command.READ_NATIVE_MAX:
        this.nativeMax(Math.min(this.sectors, LBA28_SECTORS), false);
        break;
      case Command.READ_NATIVE_MAX_EXT:
        this.nativeMax(this.sectors, true);
        break;
      case Command.CHECK_POWER_MODE:
        s.recent[Task.SECTOR_COUNT] = 0xff; // active or idle
        this.finishLater(0);
        break;
      case Command.DIAGNOSTIC:
        this.diagnose();
        break;
      case Command.INITIALIZE_PARAMETERS:
      case Command.STANDBY_IMMEDIATE:
      case Command.IDLE_IMMEDIATE:
        this.finishLater(0);
        break;
      default:
        this.finishLater(AtaError.ABRT);
        break;
    }
  }

  /** The command is over. */
  private end(error: number): void {
    const { s } = this;
    this.pio = undefined;
    this.transfer = undefined;
    s.error = error;
    s.status = IDLE | (error === 0 ? 0 : Status.ERR);
    this.interrupt();
  }

  private finishLater(error: number): void {
    this.later(() => this.end(error));
  }

  /** After the command time, unless something else has begun. */
  private later(action: () => void): void {
    const { epoch } = this;
    const { clock } = this.ports;
    clock.after(Math.ceil((this.config.commandTime * clock.frequency) / 1e9), () => {
      if (this.epoch === epoch) action();
    });
  }

  private identify(): void {
    this.later(() => {
      const bytes = identifyDevice({ ...this.config, sectors: this.sectors }, this.transferMode);
      this.pio = { way: "in", bytes, at: 0, end: SECTOR_BYTES, lba: 0, left: 0 };
      this.ready();
    });
  }

  /** "SET FEATURES": transfer modes, and the write cache, which is the backend's business. */
  private setFeatures(): void {
    const [, feature, mode] = this.s.recent;
    const known = feature === 0x03 ? this.knownMode(mode) : feature === 0x02 || feature === 0x82;
    if (known && feature === 0x03 && mode >= 0x20) this.transferMode = mode;
    this.finishLater(known ? 0 : AtaError.ABRT);
  }

  private knownMode(mode: number): boolean {
    const number = mode & 7;
    switch (mode & 0xf8) {
      case 0x00:
        return number <= 1;
      case 0x08:
        return number <= 4;
      case 0x20:
        return number <= 2;
      case 0x40:
        return number <= this.config.udmaMode;
      default:
        return false;
    }
  }

  private nativeMax(sectors: number, long: boolean): void {
    const { recent, previous } = this.s;
    const last = sectors - 1;
    const byte = (n: number) => Math.floor(last / 256 ** n) & 0xff;
    for (let n = 0; n < 3; n++) {
      recent[Task.LBA_LOW + n] = byte(n);
      if (long) previous[Task.LBA_LOW + n] = byte(n + 3);
    }
    if (!long) this.s.device = (this.s.device & 0xf0) | (byte(3) & 0x0f);
    this.finishLater(0);
  }

  /** "EXECUTE DEVICE DIAGNOSTIC": passed, and the signature. */
  private diagnose(): void {
    this.later(() => {
      const { control } = this.s;
      this.s = { ...resetRegisters(), control };
      this.interrupt();
    });
  }

  // ---- addresses

  /** The sectors that the registers name; undefined beyond the disk's end. */
  private extent(long: boolean): { lba: number; count: number } | undefined {
    const { recent, previous, device } = this.s;
    const [low, mid, high] = recent.slice(Task.LBA_LOW);
    const named = recent[Task.SECTOR_COUNT] + (long ? previous[Task.SECTOR_COUNT] * 256 : 0);
    const count = named || (long ? 0x1_0000 : 0x100);
    const below = low + mid * 0x100 + high * 0x1_0000;
    const [low2, mid2, high2] = previous.slice(Task.LBA_LOW);
    const above = long ? low2 + mid2 * 0x100 + high2 * 0x1_0000 : device & 0x0f;
    const chs = ((mid + high * 256) * HEADS + (device & 0x0f)) * SECTORS_PER_TRACK + low - 1;
    const lba = device & Device.LBA || long ? below + above * 0x100_0000 : chs;
    return lba >= 0 && lba + count <= this.sectors ? { lba, count } : undefined;
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

  // ---- "PIO data-in command protocol", "PIO data-out command protocol"

  private startPio(way: Pio["way"], long: boolean): void {
    const extent = this.extent(long);
    if (!extent || (way === "out" && this.config.readOnly)) {
      this.finishLater(extent ? AtaError.ABRT : AtaError.IDNF);
      return;
    }
    this.pio = { way, bytes: new Uint8Array(0), at: 0, end: 0, lba: extent.lba, left: extent.count };
    if (way === "in") this.fill(this.pio);
    else this.later(() => this.open(this.pio!, false));
  }

  /** Reads the next sectors into the disk's buffer. */
  private fill(pio: Pio): void {
    const count = Math.min(pio.left, BUFFER_SECTORS);
    const buffer = new BufferPort(count * SECTOR_BYTES);
    this.submit("read", pio.lba * SECTOR_BYTES, buffer.segments, buffer, (status) => {
      if (status.kind !== "ok") {
        this.end(errorOf(status));
        return;
      }
      Object.assign(pio, {
        bytes: buffer.bytes,
        at: 0,
        end: SECTOR_BYTES,
        lba: pio.lba + count,
        left: pio.left - count,
      });
      this.ready();
    });
  }

  /** A buffer for what software writes next. */
  private open(pio: Pio, told: boolean): void {
    const count = Math.min(pio.left, BUFFER_SECTORS);
    Object.assign(pio, { bytes: new Uint8Array(count * SECTOR_BYTES), at: 0, end: SECTOR_BYTES });
    if (told) this.ready();
    else this.s.status = IDLE | Status.DRQ;
  }

  /** A sector may be moved by software, and it is told so. */
  private ready(): void {
    this.s.status = IDLE | Status.DRQ;
    this.interrupt();
  }

  private readData(size: number): number {
    const { pio } = this;
    if (!this.present || pio?.way !== "in" || !(this.s.status & Status.DRQ)) return 0;
    let value = 0;
    for (let i = 0; i < size; i++) value += (pio.bytes[pio.at + i] ?? 0) * 256 ** i;
    pio.at += size;
    if (pio.at < pio.end) return value;
    if (pio.end < pio.bytes.length) {
      pio.end += SECTOR_BYTES;
      this.interrupt();
    } else if (pio.left > 0) {
      this.s.status = IDLE | Status.BSY;
      this.fill(pio);
    } else {
      this.pio = undefined;
      this.s.status = IDLE;
    }
    return value;
  }

  private writeData(size: number, value: number): void {
    const { pio } = this;
    if (!this.present || pio?.way !== "out" || !(this.s.status & Status.DRQ)) return;
    for (let i = 0; i < size; i++) pio.bytes[pio.at + i] = value >>> (8 * i);
    pio.at += size;
    if (pio.at < pio.end) return;
    if (pio.end < pio.bytes.length) {
      pio.end += SECTOR_BYTES;
      this.interrupt();
      return;
    }
    this.s.status = IDLE | Status.BSY;
    const buffer = new BufferPort(pio.bytes.length, pio.bytes);
    this.submit("write", pio.lba * SECTOR_BYTES, buffer.segments, buffer, (status) => {
      const count = pio.bytes.length / SECTOR_BYTES;
      pio.lba += count;
      pio.left -= count;
      if (status.kind === "ok" && pio.left > 0) this.open(pio, true);
      else this.end(errorOf(status));
    });
  }

  // ---- "DMA command protocol"

  private startDma(operation: "read" | "write", long: boolean): void {
    const extent = this.extent(long);
    if (!extent || (operation === "write" && this.config.readOnly)) {
      this.finishLater(extent ? AtaError.ABRT : AtaError.IDNF);
      return;
    }
    this.transfer = { operation, ...extent, moving: false };
    this.s.status = IDLE | Status.BSY;
    this.startTransfer();
  }

  /** Once there is a command and the bus master runs. */
  private startTransfer(): void {
    const { transfer, busMaster } = this;
    if (!transfer || transfer.moving || !busMaster.running) return;
    transfer.moving = true;
    const length = transfer.count * SECTOR_BYTES;
    const regions = busMaster.toMemory === (transfer.operation === "read") ? busMaster.regions(length) : undefined;
    if (!regions || regions.bytes < length) {
      // too short a table leaves the disk waiting, which hardware shows by an idle bus master and no interrupt
      if (regions) busMaster.finished("ok", "less");
      else {
        busMaster.finished("error", "none");
        this.finishLater(AtaError.ABRT);
      }
      return;
    }
    this.submit(transfer.operation, transfer.lba * SECTOR_BYTES, regions.segments, busMaster.port, (status) => {
      busMaster.finished(status.kind === "dma-fault" ? "error" : "ok", regions.rest);
      this.end(errorOf(status));
    });
  }

  // ---- reset

  private abandon(): void {
    this.epoch++;
    this.busMaster.release();
    this.pio = undefined;
    this.transfer = undefined;
  }

  reset(): void {
    this.abandon();
    this.busMaster.reset();
    this.transferMode = 0;
    this.s = resetRegisters();
    this.drive();
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
