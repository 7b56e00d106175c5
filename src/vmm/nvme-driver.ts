// NVM Express Base Specification 1.4, "Memory-based Controller Initialization", "Command Submission and Completion
// Mechanism". The VMM's own driver of a physical NVMe controller: one I/O queue pair, rings in simulated memory.
import type { DmaPool } from "./dma-pool.js";
import { readU32, writeU32 } from "./memory/words.js";
import {
  Admin,
  CAP_HI_CSS_NVM,
  CAP_HI_DSTRD,
  CAP_HI_MPSMIN,
  CC_EN,
  CC_ENTRY_SIZES,
  CQE_BYTES,
  CSTS_CFS,
  CSTS_RDY,
  DOORBELLS,
  FEATURE_NUMBER_OF_QUEUES,
  NVME_PAGE,
  NvmeReg,
  Nvm,
  PCI_BAR0,
  PCI_COMMAND,
  PCI_MEMORY_AND_MASTER,
  PRPS_PER_PAGE,
  SQE_BYTES,
  Status,
} from "./nvme-registers.js";
import { MOST_RESETS, Recovery } from "./recovery.js";
import type { DiskCommand, DiskOperation, DiskOutcome } from "./physical-disk.js";
import type { DiskDriver, PhysicalFunction, VmmServices } from "./types.js";

const ADMIN_ENTRIES = 16;
const NAMESPACE = 1;
/** One page of PRP list a command: 512 entries behind PRP1. */
const MOST_BYTES = PRPS_PER_PAGE * NVME_PAGE;
/** Events that are awaited before a start-up is given up. */
const MOST_STEPS = 1_000_000;
/** Why a controller didn't come up: it lost its state meanwhile. */
const LOST = "it was reset meanwhile";

export interface NvmeDriverOptions {
  /** Entries of the I/O queues, a power of two up to 256; one fewer can be in flight. Default 64. */
  readonly entries?: number;
  /** Cycles after which a command is lost and the controller reset. Default 30 s, as Linux waits. */
  readonly timeout?: number;
}

interface Queue {
  readonly id: number;
  readonly entries: number;
  readonly submission: number;
  readonly completion: number;
  tail: number;
  rung: number;
  head: number;
  phase: number;
}

interface Slot {
  done: ((outcome: DiskOutcome) => void) | undefined;
  command: DiskCommand | undefined;
  /** Cycle at which it was given to the controller, and its place among all commands. */
  since: number;
  order: number;
}

/** Drives one controller, namespace 1. One that fails or falls silent is reset, and gets what it hasn't completed again. */
export class NvmeDriver implements DiskDriver {
  size = 0;
  blockSize = 512;
  maxTransfer = MOST_BYTES;
  /** Commands and their ends, interrupts, doorbell writes; completions that named no command of ours. */
  readonly counters = {
    submitted: 0,
    completed: 0,
    errors: 0,
    interrupts: 0,
    doorbells: 0,
    strays: 0,
    /** Controllers given up. */
    timeouts: 0,
    /** Resets because the controller failed, and commands that it got once more. */
    resets: 0,
    repeated: 0,
  };
  private readonly admin: Queue;
  private readonly io: Queue;
  private readonly slots: Slot[] = [];
  private readonly freeSlots: number[] = [];
  private readonly lists: number;
  private readonly scratch: number;
  private stride = 4;
  private readonly recovery: Recovery;
  private order = 0;
  /** Depth of what writes registers and lets time pass: the controller isn't reset in its middle. */
  private busy = 0;

  constructor(
    private readonly vmm: VmmServices,
    private readonly fn: PhysicalFunction,
    pool: DmaPool,
    options: NvmeDriverOptions = {},
  ) {
    const entries = options.entries ?? 64;
    this.recovery = new Recovery(vmm.clock, options.timeout ?? 30 * vmm.clock.frequency, {
      counters: this.counters,
      oldest: () => this.oldest(),
      isWell: () => this.isWell(),
      isBusy: () => this.busy > 0,
      bringUp: () => this.bringUp(),
      repeat: () => this.repeat(),
      giveUp: () => this.giveUp(),
    });
    this.admin = makeQueue(pool, 0, ADMIN_ENTRIES);
    this.io = makeQueue(pool, 1, entries);
    this.scratch = pool.allocate(NVME_PAGE, NVME_PAGE);
    this.lists = pool.allocate((entries - 1) * NVME_PAGE, NVME_PAGE);
    for (let i = entries - 2; i >= 0; i--) {
      this.slots[i] = { done: undefined, command: undefined, since: 0, order: 0 };
      this.freeSlots.push(i);
    }
  }

  get free(): number {
    if (this.recovery.underWay) return 0;
    return this.recovery.hopeless ? 1 : this.freeSlots.length;
  }

  /**
   * Brings the controller up. `step` lets time pass to the machine's next event; it says false when there is none.
   * Throws when the controller isn't one, or doesn't answer.
   */
  start(step: () => boolean): void {
    for (let tries = 0; tries <= MOST_RESETS; tries++) {
      const work = this.bringUp();
      for (let i = 0; i < MOST_STEPS; i++) {
        const { done, value } = work.next();
        if (done && value !== undefined) throw this.broken(value);
        if (done) return;
        if (!step()) break;
      }
      if ((this.read(NvmeReg.CC) & CC_EN) !== 0) break;
      this.counters.resets++; // it was reset meanwhile
    }
    throw this.broken("no answer");
  }

  /** Resets the controller and brings it up; yields while it waits. The result says why that can't be. */
  private *bringUp(): Generator<void, string | undefined> {
    const { fn } = this;
    fn.writeConfig(PCI_BAR0, 4, (fn.bar % 0x1_0000_0000) >>> 0);
    fn.writeConfig(PCI_BAR0 + 4, 4, Math.floor(fn.bar / 0x1_0000_0000));
    fn.writeConfig(PCI_COMMAND, 2, PCI_MEMORY_AND_MASTER);

    const lo = this.read(NvmeReg.CAP);
    const hi = this.read(NvmeReg.CAP + 4);
    if ((hi & CAP_HI_CSS_NVM) === 0 || (hi & CAP_HI_MPSMIN) !== 0) return "CAP has no NVM command set with 4 KiB pages";
    if ((lo & 0xffff) + 1 < this.io.entries) return `only ${(lo & 0xffff) + 1} queue entries`;
    this.stride = 4 << (hi & CAP_HI_DSTRD);

    this.write(NvmeReg.CC, 0);
    while ((this.read(NvmeReg.CSTS) & CSTS_RDY) !== 0) yield;
    this.clear(this.admin);
    this.clear(this.io);
    this.write(NvmeReg.INTMS, 0xffff_ffff);
    this.write(NvmeReg.AQA, ((ADMIN_ENTRIES - 1) << 16) | (ADMIN_ENTRIES - 1));
    this.write64(NvmeReg.ASQ, this.admin.submission);
    this.write64(NvmeReg.ACQ, this.admin.completion);
    this.write(NvmeReg.CC, CC_ENTRY_SIZES | CC_EN);
    for (;;) {
      const status = this.read(NvmeReg.CSTS);
      if ((status & CSTS_CFS) !== 0) return "CSTS.CFS";
      if ((status & CSTS_RDY) !== 0) break;
      if (this.recovery.underWay && (this.read(NvmeReg.CC) & CC_EN) === 0) return LOST;
      yield;
    }
    const size = (this.io.entries - 1) << 16;
    return (
      (yield* this.identify()) ??
      (yield* this.command(Admin.SetFeatures, { cdw10: FEATURE_NUMBER_OF_QUEUES, cdw11: 0 })) ??
      // PC, and IEN for the completion queue; the submission queue's upper half names its completion queue.
      (yield* this.command(Admin.CreateCq, { prp1: this.io.completion, cdw10: size | 1, cdw11: 3 })) ??
      (yield* this.command(Admin.CreateSq, { prp1: this.io.submission, cdw10: size | 1, cdw11: (1 << 16) | 1 })) ??
      this.unmask()
    );
  }

  private unmask(): undefined {
    this.write(NvmeReg.INTMC, 0xffff_ffff);
  }

  private clear(queue: Queue): void {
    const { core } = this.vmm;
    for (let at = 0; at < queue.entries * CQE_BYTES; at += 4) writeU32(core, queue.completion + at, 0);
    queue.tail = queue.rung = queue.head = 0;
    queue.phase = 1;
  }

  submit(command: DiskCommand, done: (outcome: DiskOutcome) => void): boolean {
    if (this.recovery.hopeless) {
      done("medium-error");
      return true;
    }
    if (this.recovery.underWay) return false;
    const id = this.freeSlots.pop();
    if (id === undefined) return false;
    const slot = this.slots[id];
    slot.done = done;
    slot.command = command;
    slot.order = this.order++;
    this.give(id, slot, command);
    this.recovery.watch();
    this.counters.submitted++;
    this.vmm.charge("vmm", this.vmm.costs.blockSubmit);
    return true;
  }

  private give(id: number, slot: Slot, command: DiskCommand): void {
    const { core, clock } = this.vmm;
    slot.since = clock.now();
    const sqe = this.nextEntry(this.io);
    writeU32(core, sqe, opcodeOf[command.operation] | (id << 16));
    writeU32(core, sqe + 4, NAMESPACE);
    if (command.operation !== "flush") {
      this.writePrps(sqe + 24, this.lists + id * NVME_PAGE, command);
      const block = command.offset / this.blockSize;
      writeU32(core, sqe + 40, block % 0x1_0000_0000);
      writeU32(core, sqe + 44, Math.floor(block / 0x1_0000_0000));
      writeU32(core, sqe + 48, command.length / this.blockSize - 1);
    }
    this.advance(this.io);
  }

  kick(): void {
    if (this.io.rung === this.io.tail || this.recovery.hopeless || this.recovery.underWay) return;
    this.busy++;
    this.ring(this.io);
    this.busy--;
  }

  /** Takes completions. The VMM calls it when the controller's source is presented by the physical PLIC. */
  interrupt(): void {
    this.counters.interrupts++;
    if (this.recovery.underWay) return;
    this.busy++;
    this.reap(this.io, (id, status) => {
      const slot = this.slots[id];
      if (!slot?.done) {
        this.counters.strays++;
        return;
      }
      this.vmm.charge("vmm", this.vmm.costs.blockComplete);
      this.recovery.completed();
      this.finish(id, slot, status);
    });
    this.busy--;
    if (this.freeSlots.length === this.slots.length) {
      this.recovery.rest();
    }
  }

  private finish(id: number, slot: Slot, status: number): void {
    const done = slot.done;
    slot.done = undefined;
    slot.command = undefined;
    this.freeSlots.push(id);
    this.counters.completed++;
    if (status !== Status.Success) this.counters.errors++;
    done?.(
      status === Status.Success ? "ok" : (status & 0x7ff) === Status.LbaOutOfRange ? "out-of-range" : "medium-error",
    );
  }

  /** Cycle since which the oldest of its commands is with the controller. */
  private oldest(): number | undefined {
    const underway = this.slots.filter((slot) => slot.done);
    return underway.length > 0 ? Math.min(...underway.map((slot) => slot.since)) : undefined;
  }

  /** Ready, not failed, and there at all. */
  private isWell(): boolean {
    const status = this.read(NvmeReg.CSTS);
    return status !== 0xffff_ffff && (status & (CSTS_RDY | CSTS_CFS)) === CSTS_RDY;
  }

  /** In the order in which they were given, so that a write isn't overtaken by one before it. */
  private repeat(): void {
    const underway = this.slots.map((slot, id) => ({ slot, id })).filter(({ slot }) => slot.command);
    for (const { slot, id } of underway.sort((a, b) => a.slot.order - b.slot.order)) {
      this.give(id, slot, slot.command!);
      this.counters.repeated++;
    }
    this.kick();
    this.recovery.watch();
  }

  /** Disables the controller, so that no late DMA hits a buffer that has a new owner, and fails what is under way. */
  private giveUp(): void {
    this.write(NvmeReg.CC, 0);
    for (let id = 0; id < this.slots.length; id++)
      if (this.slots[id].done) this.finish(id, this.slots[id], Status.DataTransferError);
  }

  private *identify(): Generator<void, string | undefined> {
    const { core } = this.vmm;
    const failed = yield* this.command(Admin.Identify, { prp1: this.scratch, cdw10: 1 });
    if (failed !== undefined) return failed;
    const mdts = core.slice(this.scratch + 77, 1)[0];
    if (mdts !== 0) this.maxTransfer = Math.min(MOST_BYTES, 2 ** mdts * NVME_PAGE);
    const failedToo = yield* this.command(Admin.Identify, { nsid: NAMESPACE, prp1: this.scratch, cdw10: 0 });
    if (failedToo !== undefined) return failedToo;
    const blocks = readU32(core, this.scratch) + readU32(core, this.scratch + 4) * 0x1_0000_0000;
    const format = core.slice(this.scratch + 26, 1)[0] & 0xf;
    this.blockSize = 2 ** core.slice(this.scratch + 128 + format * 4 + 2, 1)[0];
    this.size = blocks * this.blockSize;
    return this.blockSize >= 512 && this.blockSize <= NVME_PAGE ? undefined : `blocks of ${this.blockSize} bytes`;
  }

  /** An admin command, waited for. */
  private *command(opcode: Admin, fields: AdminFields): Generator<void, string | undefined> {
    const { core } = this.vmm;
    const sqe = this.nextEntry(this.admin);
    writeU32(core, sqe, opcode);
    writeU32(core, sqe + 4, fields.nsid ?? 0);
    writeU32(core, sqe + 24, fields.prp1 ?? 0);
    writeU32(core, sqe + 28, Math.floor((fields.prp1 ?? 0) / 0x1_0000_0000));
    writeU32(core, sqe + 40, fields.cdw10);
    writeU32(core, sqe + 44, fields.cdw11 ?? 0);
    this.advance(this.admin);
    this.ring(this.admin);
    let outcome = -1;
    for (;;) {
      this.reap(this.admin, (_, status) => {
        outcome = status;
      });
      if (outcome === Status.Success) return undefined;
      if (outcome >= 0) return `admin command 0x${opcode.toString(16)} ended with 0x${outcome.toString(16)}`;
      if (this.recovery.underWay && !this.isWell()) return LOST;
      yield;
    }
  }

  private writePrps(at: number, list: number, command: DiskCommand): void {
    const { core } = this.vmm;
    const pages = Math.ceil(command.length / NVME_PAGE);
    const page = (i: number) => command.pages?.[i] ?? command.address + i * NVME_PAGE;
    this.writeAddress(at, page(0));
    if (pages === 2) this.writeAddress(at + 8, page(1));
    if (pages <= 2) return;
    this.writeAddress(at + 8, list);
    for (let i = 1; i < pages; i++) {
      writeU32(core, list + (i - 1) * 8, page(i));
      writeU32(core, list + (i - 1) * 8 + 4, Math.floor(page(i) / 0x1_0000_0000));
    }
  }

  private writeAddress(at: number, address: number): void {
    writeU32(this.vmm.core, at, address);
    writeU32(this.vmm.core, at + 4, Math.floor(address / 0x1_0000_0000));
  }

  /** The entry at a queue's tail, zeroed. */
  private nextEntry(queue: Queue): number {
    const sqe = queue.submission + queue.tail * SQE_BYTES;
    for (let at = 0; at < SQE_BYTES; at += 4) writeU32(this.vmm.core, sqe + at, 0);
    return sqe;
  }

  private advance(queue: Queue): void {
    queue.tail = (queue.tail + 1) % queue.entries;
  }

  private ring(queue: Queue): void {
    queue.rung = queue.tail;
    this.counters.doorbells++;
    this.write(DOORBELLS + 2 * queue.id * this.stride, queue.tail);
  }

  /** Calls `each` with command identifier and status (without phase) of every new completion, then frees their entries. */
  private reap(queue: Queue, each: (id: number, status: number) => void): void {
    const { core } = this.vmm;
    let taken = 0;
    for (; taken < queue.entries; taken++) {
      const last = readU32(core, queue.completion + queue.head * CQE_BYTES + 12);
      if (((last >>> 16) & 1) !== queue.phase) break;
      queue.head = (queue.head + 1) % queue.entries;
      if (queue.head === 0) queue.phase ^= 1;
      each(last & 0xffff, last >>> 17);
    }
    if (taken === 0) return;
    this.counters.doorbells++;
    this.write(DOORBELLS + (2 * queue.id + 1) * this.stride, queue.head);
  }

  private broken(why: string): Error {
    return new Error(`NVMe controller ${this.fn.deviceId}: ${why}`);
  }

  private read(register: number): number {
    return this.vmm.mmioRead(this.fn.bar + register, 4);
  }

  private write(register: number, value: number): void {
    this.vmm.mmioWrite(this.fn.bar + register, 4, value >>> 0);
  }

  private write64(register: number, value: number): void {
    this.write(register, value % 0x1_0000_0000);
    this.write(register + 4, Math.floor(value / 0x1_0000_0000));
  }
}

interface AdminFields {
  readonly nsid?: number;
  readonly prp1?: number;
  readonly cdw10: number;
  readonly cdw11?: number;
}

const opcodeOf = { read: Nvm.Read, write: Nvm.Write, flush: Nvm.Flush } satisfies Record<DiskOperation, Nvm>;

function makeQueue(pool: DmaPool, id: number, entries: number): Queue {
  const submission = pool.allocate(entries * SQE_BYTES, NVME_PAGE);
  const completion = pool.allocate(entries * CQE_BYTES, NVME_PAGE);
  return { id, entries, submission, completion, tail: 0, rung: 0, head: 0, phase: 1 };
}
