// NVM Express Base Specification 1.4, "Command Submission and Completion Mechanism": carries commands from a guest's
// submission queues to the device's, checked and rewritten on the way, and completions back.
import { readU32, writeU32 } from "../memory/words.js";
import { CQE_BYTES, DOORBELLS, SQE_BYTES, Status, STATUS_DNR } from "../nvme-registers.js";
import type { GuestMemory, VmmServices } from "../types.js";
import { AddressGate, type GateCounters } from "./dma-ring.js";
import { AdminEffect, NvmeRewriter, type Sqe } from "./nvme-rewriter.js";
import { type CompletionQueue, type NamedRing, QueueTable, type SubmissionQueue } from "./nvme-shadow-queues.js";

/** Slots for admin commands; slots for all I/O commands together. A slot's number is the device's command identifier. */
const ADMIN_SLOTS = 16;
const IO_SLOTS = 128;
/** Completions of rejected commands that wait for room in a guest's completion queue. */
const MOST_REJECTED = 64;
/** Rejections that are kept for the report. */
const MOST_REPORTED = 64;

/** A command that never reached the device. */
export interface Rejection {
  readonly queue: number;
  readonly opcode: number;
  readonly status: number;
  /** The address at fault, 0 when it wasn't an address. */
  readonly lo: number;
  readonly hi: number;
}

/** What passed through. */
export interface ShadowCounters extends GateCounters {
  commandsRewritten: number;
  commandsRejected: number;
  listBytesCopied: number;
  completionsCopied: number;
  /** Doorbells that named no queue or no entry. */
  badDoorbells: number;
}

export interface ShadowConfig {
  /** The guest's name and RAM. */
  readonly name: string;
  readonly memory: GuestMemory;
  /** Physical address of the device's registers, and bytes from one doorbell to the next. */
  readonly bar: number;
  readonly stride: number;
  readonly mostEntries: number;
  readonly queues: number;
  readonly maxTransfer: number;
}

interface Slot {
  used: boolean;
  cid: number;
  sq: SubmissionQueue | undefined;
  effect: AdminEffect;
  queue: number;
}

/** Commands and completions of one guest. */
export class ShadowCommands {
  readonly counters: ShadowCounters = {
    commandsRewritten: 0,
    addressesRewritten: 0,
    addressesRejected: 0,
    commandsRejected: 0,
    listBytesCopied: 0,
    completionsCopied: 0,
    badDoorbells: 0,
  };
  readonly rejections: Rejection[] = [];
  private readonly table: QueueTable;
  private readonly rewriter: NvmeRewriter;
  private readonly slots: Slot[] = [];
  private readonly freeAdmin: number[] = [];
  private readonly freeIo: number[] = [];
  private readonly entry = new Uint8Array(SQE_BYTES);
  private readonly sqe: Sqe = new Uint32Array(this.entry.buffer);
  private readonly cqe = new Uint32Array(CQE_BYTES / 4);
  private readonly cqeBytes = new Uint8Array(this.cqe.buffer);
  private copied = 0;

  constructor(
    private readonly vmm: VmmServices,
    private readonly config: ShadowConfig,
  ) {
    const { name, memory, maxTransfer, queues, mostEntries } = config;
    const gate = new AddressGate(memory, this.counters);
    const slots = ADMIN_SLOTS + IO_SLOTS;
    const lists = { slots, memory, maxTransfer, what: `rewritten PRP lists of ${name}` };
    this.rewriter = new NvmeRewriter(vmm, gate, this.counters, lists);
    const rings = { memory, queues, mostEntries, what: `shadow queues of ${name}` };
    this.table = new QueueTable(vmm, gate, this.rewriter, rings);
    for (let id = 0; id < slots; id++) {
      this.slots.push({ used: false, cid: 0, sq: undefined, effect: AdminEffect.None, queue: 0 });
    }
    this.forget();
  }

  /** No queue, no command: as after a controller reset. */
  forget(): void {
    this.table.forget();
    this.freeAdmin.length = 0;
    this.freeIo.length = 0;
    for (let id = this.slots.length - 1; id >= 0; id--) this.free(id);
  }

  /** The admin pair behind the guest's; undefined when the guest's rings aren't in its memory. */
  createAdmin(submission: NamedRing, completion: NamedRing): SubmissionQueue | undefined {
    return this.table.createAdmin(submission, completion);
  }

  /** A doorbell, `at` bytes behind the first; false when it names no queue or no entry. */
  doorbell(at: number, value: number): boolean {
    const index = at / this.config.stride;
    const id = Math.floor(index / 2);
    const cq = this.table.cqs[id];
    const sq = this.table.sqs[id];
    if (index % 2 === 1 && cq?.live && isHead(cq, value)) {
      cq.guestHead = value;
      return true;
    }
    if (index % 2 === 0 && sq?.live && value < sq.guest.entries) {
      sq.guestTail = value;
      return true;
    }
    this.counters.badDoorbells++;
    return false;
  }

  /** Carries completions to the guest and commands to the device until neither moves. */
  pump(): void {
    const { table } = this;
    for (let moved = true; moved; ) {
      moved = false;
      // The admin queue comes last: the completion that deletes a queue follows those of the queue.
      for (let id = table.cqs.length - 1; id >= 0; id--) if (this.complete(table.cqs[id])) moved = true;
      for (const sq of table.sqs) if (this.fetch(sq)) moved = true;
    }
    if (this.copied > 0) this.vmm.copied(this.config.name, this.copied);
    this.copied = 0;
  }

  /** Whether the device has completions that the guest's queues cannot take. */
  get waiting(): boolean {
    return this.table.cqs.some((cq) => cq?.live && this.deviceHasPosted(cq));
  }

  /** Whether a completion queue with interrupts has entries that the guest hasn't taken. */
  get interrupting(): boolean {
    return this.table.cqs.some((cq) => cq?.interrupts && cq.guestTail !== cq.guestHead);
  }

  // ---- guest's submission queue → device's

  private fetch(sq: SubmissionQueue | undefined): boolean {
    if (!sq?.live) return false;
    const before = sq.guestHead;
    while (sq.guestHead !== sq.guestTail && this.hasRoom(sq)) {
      if (!sq.guest.read(sq.guestHead, this.entry)) break;
      sq.guestHead = sq.guest.next(sq.guestHead);
      this.copied += SQE_BYTES;
      this.submit(sq);
    }
    if (sq.shadowTail !== sq.rung) {
      sq.rung = sq.shadowTail;
      this.ring(2 * sq.id, sq.rung);
    }
    return sq.guestHead !== before;
  }

  private hasRoom(sq: SubmissionQueue): boolean {
    const { entries } = sq.shadow;
    const free = sq.id === 0 ? this.freeAdmin : this.freeIo;
    return free.length > 0 && (sq.shadowTail + 1) % entries !== sq.shadowHead && sq.cq.rejected.length < MOST_REJECTED;
  }

  /** Checks and rewrites the copied command; gives it to the device, or has it rejected. */
  private submit(sq: SubmissionQueue): void {
    const { sqe } = this;
    const free = sq.id === 0 ? this.freeAdmin : this.freeIo;
    const id = free[free.length - 1];
    const cid = sqe[0] >>> 16;
    const opcode = sqe[0] & 0xff;
    this.vmm.charge("vmm", this.vmm.costs.rewriteCommand);
    const slot = this.slots[id];
    slot.effect = AdminEffect.None;
    slot.queue = 0;
    const status = sq.id === 0 ? this.rewriteAdmin(slot, id) : this.rewriter.io(sqe, id);
    if (status !== Status.Success) {
      this.reject(sq, cid, opcode, status);
      return;
    }
    free.pop();
    slot.used = true;
    slot.cid = cid;
    slot.sq = sq;
    sqe[0] = opcode | (id << 16);
    const at = sq.shadow.base + sq.shadowTail * SQE_BYTES;
    for (let i = 0; i < sqe.length; i++) writeU32(this.vmm.core, at + i * 4, sqe[i]);
    sq.shadowTail = (sq.shadowTail + 1) % sq.shadow.entries;
    this.counters.commandsRewritten++;
  }

  /** Queue creation and deletion are the table's; everything else is a matter of its buffer. */
  private rewriteAdmin(slot: Slot, id: number): number {
    const { sqe, rewriter } = this;
    const status = rewriter.admin(sqe, id);
    slot.effect = rewriter.effect;
    if (status !== Status.Success || slot.effect === AdminEffect.None) return status;
    if (slot.effect === AdminEffect.ClampQueues || slot.effect === AdminEffect.LearnNamespace) return status;
    slot.queue = sqe[10] & 0xffff;
    return this.table.rewrite(sqe, slot.effect, slot.queue);
  }

  private reject(sq: SubmissionQueue, cid: number, opcode: number, status: number): void {
    this.counters.commandsRejected++;
    if (this.rejections.length < MOST_REPORTED) {
      const { faultLo: lo, faultHi: hi } = this.rewriter;
      this.rejections.push({ queue: sq.id, opcode, status, lo, hi });
    }
    sq.cq.rejected.push({ sq, cid, status });
  }

  // ---- device's completion queue, and our rejections → guest's

  private complete(cq: CompletionQueue | undefined): boolean {
    if (!cq) return false;
    let moved = false;
    for (let one = cq.rejected[0]; one && hasRoom(cq); one = cq.rejected[0]) {
      cq.rejected.shift();
      this.cqe.fill(0);
      this.post(cq, one.sq, one.cid, one.status | STATUS_DNR);
      moved = true;
    }
    let taken = 0;
    for (; cq.live && hasRoom(cq) && this.deviceHasPosted(cq); taken++) this.take(cq);
    if (taken > 0) this.ring(2 * cq.id + 1, cq.shadowHead);
    return moved || taken > 0;
  }

  private deviceHasPosted(cq: CompletionQueue): boolean {
    const last = readU32(this.vmm.core, cq.shadow.base + cq.shadowHead * CQE_BYTES + 12);
    return ((last >>> 16) & 1) === cq.shadowPhase;
  }

  private take(cq: CompletionQueue): void {
    const { core } = this.vmm;
    const { cqe } = this;
    const at = cq.shadow.base + cq.shadowHead * CQE_BYTES;
    for (let i = 0; i < 4; i++) cqe[i] = readU32(core, at + i * 4);
    cq.shadowHead++;
    if (cq.shadowHead === cq.shadow.entries) {
      cq.shadowHead = 0;
      cq.shadowPhase ^= 1;
    }
    const id = cqe[3] & 0xffff;
    const slot = this.slots[id];
    const sq = slot?.sq;
    if (!slot?.used || !sq || sq.id !== cqe[2] >>> 16) return;
    sq.shadowHead = cqe[2] & 0xffff;
    this.free(id);
    const status = cqe[3] >>> 17;
    const ok = status === Status.Success;
    if (slot.effect === AdminEffect.ClampQueues) this.clampQueues();
    if (slot.effect === AdminEffect.LearnNamespace && ok) this.copied += this.rewriter.learnNamespace(id);
    const gone = this.table.settle(slot.effect, slot.queue, ok);
    if (gone) this.freeCommandsOf(gone);
    this.post(cq, sq, slot.cid, status);
  }

  /** Number of Queues: the guest gets what the device and the VMM both grant. */
  private clampQueues(): void {
    const most = this.config.queues - 1;
    const granted = this.cqe[0];
    this.cqe[0] = Math.min(granted & 0xffff, most) | (Math.min(granted >>> 16, most) << 16);
  }

  private free(id: number): void {
    const slot = this.slots[id];
    slot.used = false;
    slot.sq = undefined;
    (id < ADMIN_SLOTS ? this.freeAdmin : this.freeIo).push(id);
  }

  /** The device has forgotten the queue and its commands. */
  private freeCommandsOf(sq: SubmissionQueue): void {
    for (let id = 0; id < this.slots.length; id++) if (this.slots[id].used && this.slots[id].sq === sq) this.free(id);
  }

  /** Writes an entry into the guest's completion queue; the first two words of `cqe` go along. */
  private post(cq: CompletionQueue, sq: SubmissionQueue, cid: number, status: number): void {
    const { cqe } = this;
    cqe[2] = sq.guestHead | (sq.id << 16);
    cqe[3] = cid | (cq.guestPhase << 16) | (status << 17);
    cq.guest.write(cq.guestTail, this.cqeBytes);
    cq.guestTail = cq.guest.next(cq.guestTail);
    if (cq.guestTail === 0) cq.guestPhase ^= 1;
    this.copied += CQE_BYTES;
    this.counters.completionsCopied++;
  }

  private ring(doorbell: number, value: number): void {
    this.vmm.mmioWrite(this.config.bar + DOORBELLS + doorbell * this.config.stride, 4, value);
  }
}

/** Whether the guest's queue can take another completion. */
function hasRoom(cq: CompletionQueue): boolean {
  return cq.guest.next(cq.guestTail) !== cq.guestHead;
}

/** A head may move up to what has been posted, and no further. */
function isHead(cq: CompletionQueue, value: number): boolean {
  const { guest, guestHead, guestTail } = cq;
  return value < guest.entries && guest.filled(guestHead, value) <= guest.filled(guestHead, guestTail);
}
