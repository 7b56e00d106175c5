// ATA/ATAPI-6, "I/O register descriptions", "Protocol"; Programming Interface for Bus Master IDE Controller 1.0 (SFF-8038i),
// "Standard Programming Sequence". The VMM's own driver of a physical ATA controller: device 0 of the primary channel, one command at
// a time, its PRD table in simulated memory. A disk that falls silent is reset, and gets its command again.
import {
  AtaError,
  Bmic,
  Bmis,
  BusMaster,
  Command,
  CONTROL_OFFSET,
  Control,
  Device,
  SECTOR_BYTES,
  Status,
  Task,
} from "../devices/ata/registers.js";
import type { DmaPool } from "./dma-pool.js";
import { writeU32 } from "./memory/words.js";
import { decodeOf } from "./physical-function.js";
import { MOST_RESETS, Recovery } from "./recovery.js";
import type { DiskCommand, DiskOutcome } from "./physical-disk.js";
import type { DiskDriver, PhysicalFunction, VmmServices } from "./types.js";
import { Command as PciCommand } from "../platform/pcie.js";

const [COMMAND_BAR, CONTROL_BAR, BUS_MASTER_BAR] = [0, 1, 4];
const PCI_COMMAND = 4;
const PAGE = 0x1000;
const PRD_BYTES = 8;
const EOT = 0x8000_0000;
const REGION = 0x1_0000;
/** One page of table, a region for each page of the data at worst. */
const MOST_BYTES = (PAGE / PRD_BYTES) * PAGE;
/** Sectors that 28 bits reach, and that 8 bits count. */
const SHORT_SECTORS = 2 ** 28;
const SHORT_COUNT = 256;
/** IDENTIFY DEVICE, words. */
const enum Word {
  LBA28 = 60,
  COMMAND_SETS = 83,
  ULTRA_DMA = 88,
  LBA48 = 100,
}
const WORDS = 256;
const LONG_ADDRESSES = 1 << 10;
const SET_TRANSFER_MODE = 3;
const ULTRA_DMA = 0x40;
const MOST_MODE = 5;
/** Words 83 and 84: what their upper two bits say of a disk that means them. */
const VALID = 0x4000;
/** Events that are awaited before a start-up is given up. */
const MOST_STEPS = 1_000_000;

export interface AtaDriverOptions {
  /** Cycles after which a command is lost and the disk reset. Default 30 s, as Linux waits. */
  readonly timeout?: number;
}

interface Current {
  readonly command: DiskCommand;
  readonly done: (outcome: DiskOutcome) => void;
  /** Cycle at which the disk was told; undefined before. */
  since: number | undefined;
}

/** By operation: 28-bit command, 48-bit command, direction of the bus master. */
const COMMANDS = {
  read: [Command.READ_DMA, Command.READ_DMA_EXT, Bmic.TO_MEMORY],
  write: [Command.WRITE_DMA, Command.WRITE_DMA_EXT, 0],
} as const;

export class AtaDriver implements DiskDriver {
  size = 0;
  readonly blockSize = SECTOR_BYTES;
  maxTransfer = MOST_BYTES;
  readonly counters = {
    submitted: 0,
    completed: 0,
    errors: 0,
    interrupts: 0,
    strays: 0,
    /** Disks given up. */
    timeouts: 0,
    /** Resets because the disk fell silent, and commands that it got once more. */
    resets: 0,
    repeated: 0,
  };
  private readonly table: number;
  private longAddresses = false;
  private current: Current | undefined;
  private readonly recovery: Recovery;
  /** Whether registers are being written, which lets time pass: the disk isn't reset in their middle. */
  private busy = false;

  constructor(
    private readonly vmm: VmmServices,
    private readonly fn: PhysicalFunction,
    pool: DmaPool,
    options: AtaDriverOptions = {},
  ) {
    this.recovery = new Recovery(vmm.clock, options.timeout ?? 30 * vmm.clock.frequency, {
      counters: this.counters,
      oldest: () => this.current?.since,
      isWell: () => this.works(),
      isBusy: () => this.busy,
      bringUp: () => this.bringUp(),
      repeat: () => this.repeat(),
      giveUp: () => this.giveUp(),
    });
    this.table = pool.allocate(PAGE, PAGE);
  }

  get free(): number {
    return this.recovery.hopeless || !this.current ? 1 : 0;
  }

  start(step: () => boolean): void {
    let failure = "no answer";
    for (let tries = 0; tries <= MOST_RESETS; tries++) {
      const work = this.bringUp();
      for (let i = 0; i < MOST_STEPS; i++) {
        const { done, value } = work.next();
        if (done && value === undefined) return;
        failure = value ?? failure;
        if (done || !step()) break;
      }
    }
    throw this.broken(failure);
  }

  /** Resets the disk and learns of it; yields while it waits. The result says why that can't be. */
  private *bringUp(): Generator<void, string | undefined> {
    const { fn } = this;
    fn.writeConfig(PCI_COMMAND, 2, decodeOf(fn) | PciCommand.MASTER);
    this.writeBusMaster(BusMaster.COMMAND, 0);
    this.writeControl(Control.SRST | Control.nIEN);
    this.writeControl(Control.nIEN);
    yield* this.ready();
    this.writeTask(Task.DEVICE, Device.LBA);
    this.writeTask(Task.STATUS_COMMAND, Command.IDENTIFY_DEVICE);
    yield* this.ready();
    if (!(this.status() & Status.DRQ)) return "no disk";
    const words = Array.from({ length: WORDS }, () => this.vmm.mmioRead(this.at(COMMAND_BAR) + Task.DATA, 2));
    if ((words[Word.COMMAND_SETS] & 0xc000) !== VALID) return "IDENTIFY DEVICE isn't valid";
    this.learn(words);
    let mode = MOST_MODE;
    while (mode > 0 && !(words[Word.ULTRA_DMA] & (1 << mode))) mode--;
    this.writeTask(Task.ERROR_FEATURES, SET_TRANSFER_MODE);
    this.writeTask(Task.SECTOR_COUNT, ULTRA_DMA | mode);
    this.writeTask(Task.STATUS_COMMAND, Command.SET_FEATURES);
    yield* this.ready();
    if (this.status() & Status.ERR) return `no Ultra DMA mode ${mode}`;
    this.writeBusMaster(BusMaster.STATUS, Bmis.ERROR | Bmis.INTERRUPT);
    this.writeControl(0);
    return undefined;
  }

  private *ready(): Generator<void, void> {
    while (this.read(CONTROL_BAR, CONTROL_OFFSET) & Status.BSY) yield;
  }

  private learn(words: readonly number[]): void {
    const wide = (word: number) => words[word] + words[word + 1] * 0x1_0000;
    this.longAddresses = (words[Word.COMMAND_SETS] & LONG_ADDRESSES) !== 0;
    const sectors = this.longAddresses ? wide(Word.LBA48) + wide(Word.LBA48 + 2) * 2 ** 32 : wide(Word.LBA28);
    this.size = sectors * SECTOR_BYTES;
    if (!this.longAddresses) this.maxTransfer = SHORT_COUNT * SECTOR_BYTES;
  }

  submit(command: DiskCommand, done: (outcome: DiskOutcome) => void): boolean {
    if (this.recovery.hopeless) {
      done("medium-error");
      return true;
    }
    if (this.current) return false;
    this.current = { command, done, since: undefined };
    if (command.operation !== "flush") this.writeTable(command);
    this.counters.submitted++;
    this.vmm.charge("vmm", this.vmm.costs.blockSubmit);
    return true;
  }

  kick(): void {
    const { current } = this;
    if (!current || current.since !== undefined || this.recovery.hopeless || this.recovery.underWay) return;
    this.busy = true;
    this.tell(current);
    this.busy = false;
    this.recovery.watch();
  }

  private tell(current: Current): void {
    const { vmm } = this;
    current.since = vmm.clock.now();
    const { operation, offset, length } = current.command;
    if (operation === "flush") {
      this.writeTask(Task.STATUS_COMMAND, this.longAddresses ? Command.FLUSH_CACHE_EXT : Command.FLUSH_CACHE);
      return;
    }
    const [short, long, direction] = COMMANDS[operation];
    vmm.mmioWrite(this.at(BUS_MASTER_BAR) + BusMaster.PRD_TABLE, 4, this.table);
    this.writeBusMaster(BusMaster.COMMAND, direction);
    this.command(short, long, offset / SECTOR_BYTES, length / SECTOR_BYTES);
    this.writeBusMaster(BusMaster.COMMAND, direction | Bmic.START);
  }

  interrupt(): void {
    this.counters.interrupts++;
    if (this.recovery.underWay) return;
    const status = this.read(BUS_MASTER_BAR, BusMaster.STATUS);
    if (!(status & Bmis.INTERRUPT)) return;
    const { current } = this;
    this.busy = true;
    if (current && current.command.operation !== "flush") this.writeBusMaster(BusMaster.COMMAND, 0);
    const disk = this.status();
    const error = disk & Status.ERR ? this.read(COMMAND_BAR, Task.ERROR_FEATURES) : 0;
    this.writeBusMaster(BusMaster.STATUS, status | Bmis.ERROR | Bmis.INTERRUPT);
    this.busy = false;
    if (current?.since === undefined) {
      this.counters.strays++;
      return;
    }
    this.vmm.charge("vmm", this.vmm.costs.blockComplete);
    this.recovery.completed();
    const failed = (disk & (Status.ERR | Status.DF)) !== 0 || (status & Bmis.ERROR) !== 0;
    this.finish(error & AtaError.IDNF ? "out-of-range" : failed ? "medium-error" : "ok");
  }

  private finish(outcome: DiskOutcome): void {
    const { current } = this;
    this.current = undefined;
    this.recovery.rest();
    this.counters.completed++;
    if (outcome !== "ok") this.counters.errors++;
    current?.done(outcome);
  }

  /** Busy, with the bus master under way if there is a use for it; or done, and about to interrupt. */
  private works(): boolean {
    const status = this.read(BUS_MASTER_BAR, BusMaster.STATUS);
    if (status & Bmis.INTERRUPT) return true;
    const moves = this.current?.command.operation === "flush" || (status & Bmis.ACTIVE) !== 0;
    return moves && (this.read(CONTROL_BAR, CONTROL_OFFSET) & Status.BSY) !== 0;
  }

  private repeat(): void {
    if (!this.current) return;
    this.counters.repeated++;
    this.current.since = undefined;
    this.kick();
  }

  /** Stops the bus master and keeps the disk in reset, so that no late DMA hits a buffer that has a new owner. */
  private giveUp(): void {
    this.writeBusMaster(BusMaster.COMMAND, 0);
    this.writeControl(Control.SRST | Control.nIEN);
    this.finish("medium-error");
  }

  /** Where the data are, in regions that cross no 64 KiB. */
  private writeTable({ length, address, pages }: DiskCommand): void {
    const { core } = this.vmm;
    let to = this.table;
    const put = (start: number, bytes: number) => {
      writeU32(core, to, start);
      writeU32(core, to + 4, bytes % REGION);
      to += PRD_BYTES;
    };
    let start = pages?.[0] ?? address;
    let end = start;
    for (let done = 0; done < length; done += PAGE) {
      const page = pages?.[done / PAGE] ?? address + done;
      if (page !== end || page % REGION === 0) {
        if (end > start) put(start, end - start);
        start = page;
      }
      end = page + Math.min(PAGE, length - done);
    }
    put(start, end - start);
    writeU32(core, to - 4, (((end - start) % REGION) | EOT) >>> 0);
  }

  /** Tells the disk what to do, in 28 bits where they are enough. */
  private command(short: Command, long: Command, lba: number, sectors: number): void {
    const fits = lba + sectors <= SHORT_SECTORS && sectors <= SHORT_COUNT;
    const address = (from: number) => {
      for (let i = 0; i < 3; i++) this.writeTask(Task.LBA_LOW + i, Math.floor(lba / 256 ** (from + i)) & 0xff);
    };
    if (this.longAddresses && !fits) {
      this.writeTask(Task.SECTOR_COUNT, (sectors >>> 8) & 0xff);
      address(3);
    }
    this.writeTask(Task.SECTOR_COUNT, sectors & 0xff);
    address(0);
    this.writeTask(Task.DEVICE, Device.LBA | (fits ? Math.floor(lba / 2 ** 24) : 0));
    this.writeTask(Task.STATUS_COMMAND, fits ? short : long);
  }

  private broken(why: string): Error {
    return new Error(`ATA controller ${this.fn.deviceId}: ${why}`);
  }

  private at(bar: number): number {
    return this.fn.ports!.at(bar);
  }
  private read(bar: number, register: number): number {
    return this.vmm.mmioRead(this.at(bar) + register, 1);
  }
  /** The disk's status, which takes its interrupt back. */
  private status(): number {
    return this.read(COMMAND_BAR, Task.STATUS_COMMAND);
  }
  private writeTask(register: Task, value: number): void {
    this.vmm.mmioWrite(this.at(COMMAND_BAR) + register, 1, value);
  }
  private writeControl(value: number): void {
    this.vmm.mmioWrite(this.at(CONTROL_BAR) + CONTROL_OFFSET, 1, value);
  }
  private writeBusMaster(register: BusMaster, value: number): void {
    this.vmm.mmioWrite(this.at(BUS_MASTER_BAR) + register, 1, value);
  }
}
