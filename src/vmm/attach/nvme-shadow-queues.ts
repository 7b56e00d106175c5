// NVM Express Base Specification 1.4, "Create I/O Completion Queue command", "Create I/O Submission Queue command" and
// their deletions: which queues a guest has, and the device's queue in the VMM's memory behind each.
import { writeU32 } from "../memory/words.js";
import { CQE_BYTES, NVME_PAGE, SQE_BYTES, Status } from "../nvme-registers.js";
import type { GuestMemory, VmmServices } from "../types.js";
import { type AddressGate, GuestRing, type ShadowRing } from "./dma-ring.js";
import { AdminEffect, type NvmeRewriter, type Sqe } from "./nvme-rewriter.js";

/** Entries of the device's queues: more than there are commands under way, whatever size the guest's have. */
const ADMIN_ENTRIES = 32;
const IO_ENTRIES = 256;

export interface CompletionQueue {
  readonly id: number;
  readonly guest: GuestRing;
  guestTail: number;
  guestHead: number;
  guestPhase: number;
  /** Whether the guest wants interrupts of it. */
  readonly interrupts: boolean;
  readonly shadow: ShadowRing;
  shadowHead: number;
  shadowPhase: number;
  /** The device has it. */
  live: boolean;
  /** Completions of commands that the device never saw, until the guest's queue has room. */
  readonly rejected: { sq: SubmissionQueue; cid: number; status: number }[];
}

export interface SubmissionQueue {
  readonly id: number;
  readonly cq: CompletionQueue;
  readonly guest: GuestRing;
  /** Next entry to copy; the guest's doorbell. */
  guestHead: number;
  guestTail: number;
  readonly shadow: ShadowRing;
  /** Where the device reads, as it last said; where we write; what we told it. */
  shadowHead: number;
  shadowTail: number;
  rung: number;
  live: boolean;
}

/** A ring as the guest names it. */
export interface NamedRing {
  readonly lo: number;
  readonly hi: number;
  readonly entries: number;
}

export interface QueueTableConfig {
  readonly memory: GuestMemory;
  /** I/O queues of each kind that the guest may create. */
  readonly queues: number;
  /** CAP.MQES + 1. */
  readonly mostEntries: number;
  /** What the rings hold, for the memory map. */
  readonly what: string;
}

/** The queues of one guest by number; 0 is the admin pair. */
export class QueueTable {
  sqs: (SubmissionQueue | undefined)[] = [];
  cqs: (CompletionQueue | undefined)[] = [];
  /** Rings of the device, kept for the next queue of that number. */
  private readonly submissionRings: (ShadowRing | undefined)[] = [];
  private readonly completionRings: (ShadowRing | undefined)[] = [];

  constructor(
    private readonly vmm: VmmServices,
    private readonly gate: AddressGate,
    private readonly rewriter: NvmeRewriter,
    private readonly config: QueueTableConfig,
  ) {}

  forget(): void {
    this.sqs = [];
    this.cqs = [];
  }

  /** The admin pair; undefined when the guest's rings aren't in its memory. */
  createAdmin(submission: NamedRing, completion: NamedRing): SubmissionQueue | undefined {
    if (submission.entries < 2 || completion.entries < 2) return undefined;
    if (!this.gate.holds(submission.lo, submission.hi, submission.entries * SQE_BYTES)) return undefined;
    if (!this.gate.holds(completion.lo, completion.hi, completion.entries * CQE_BYTES)) return undefined;
    const cq = this.addCompletionQueue(0, completion, true);
    const sq = this.addSubmissionQueue(0, cq, submission);
    cq.live = true;
    sq.live = true;
    return sq;
  }

  /** Rewrites a command that creates or deletes queue `id`; 0, or the status with which it ends at once. */
  rewrite(sqe: Sqe, effect: AdminEffect, id: number): number {
    if (id === 0 || id > this.config.queues) return Status.InvalidQueueIdentifier;
    switch (effect) {
      case AdminEffect.CreateCq:
        return this.createCompletionQueue(sqe, id);
      case AdminEffect.CreateSq:
        return this.createSubmissionQueue(sqe, id);
      case AdminEffect.DeleteCq:
        if (!this.cqs[id]?.live) return Status.InvalidQueueIdentifier;
        return this.sqs.some((sq) => sq?.cq.id === id) ? Status.InvalidQueueDeletion : Status.Success;
      default:
        return this.beginDeletion(id);
    }
  }

  /** What the end of such a command means; the submission queue that is gone, if one is. */
  settle(effect: AdminEffect, id: number, ok: boolean): SubmissionQueue | undefined {
    const sq = this.sqs[id];
    const cq = this.cqs[id];
    switch (effect) {
      case AdminEffect.CreateCq:
        if (ok && cq) cq.live = true;
        else this.cqs[id] = undefined;
        return undefined;
      case AdminEffect.CreateSq:
        if (ok && sq) sq.live = true;
        else this.sqs[id] = undefined;
        return undefined;
      case AdminEffect.DeleteCq:
        if (ok) this.cqs[id] = undefined;
        return undefined;
      case AdminEffect.DeleteSq:
        if (ok) this.sqs[id] = undefined;
        else if (sq) sq.live = true;
        return ok ? sq : undefined;
      default:
        return undefined;
    }
  }

  private createCompletionQueue(sqe: Sqe, id: number): number {
    const named = { lo: sqe[6], hi: sqe[7], entries: (sqe[10] >>> 16) + 1 };
    if (this.cqs[id]) return Status.InvalidQueueIdentifier;
    const status = this.check(sqe, named, CQE_BYTES);
    if (status !== Status.Success) return status;
    // Pin-based interrupts have vector 0 only.
    if (sqe[11] >>> 16 !== 0) return Status.InvalidField;
    const cq = this.addCompletionQueue(id, named, (sqe[11] & 2) !== 0);
    // Interrupts always: they say when to copy completions, even for a guest that polls.
    setRing(sqe, id, cq.shadow, 3);
    return Status.Success;
  }

  private createSubmissionQueue(sqe: Sqe, id: number): number {
    const named = { lo: sqe[6], hi: sqe[7], entries: (sqe[10] >>> 16) + 1 };
    const target = sqe[11] >>> 16;
    const cq = this.cqs[target];
    if (target === 0 || !cq?.live) return Status.CompletionQueueInvalid;
    if (this.sqs[id]) return Status.InvalidQueueIdentifier;
    const status = this.check(sqe, named, SQE_BYTES);
    if (status !== Status.Success) return status;
    const sq = this.addSubmissionQueue(id, cq, named);
    setRing(sqe, id, sq.shadow, (sqe[11] & 0xffff_0007) | 1);
    return Status.Success;
  }

  /** Size, contiguity (PC), alignment and place of a queue that the guest wants to create. */
  private check(sqe: Sqe, { lo, hi, entries }: NamedRing, entryBytes: number): number {
    if (entries < 2 || entries > this.config.mostEntries) return Status.InvalidQueueSize;
    if ((sqe[11] & 1) === 0) return Status.InvalidField;
    if (lo % NVME_PAGE !== 0) return this.rewriter.refuse(Status.PrpOffsetInvalid, lo, hi);
    if (this.gate.holds(lo, hi, entries * entryBytes)) return Status.Success;
    return this.rewriter.refuse(Status.DataTransferError, lo, hi);
  }

  private beginDeletion(id: number): number {
    const sq = this.sqs[id];
    if (!sq?.live) return Status.InvalidQueueIdentifier;
    sq.live = false;
    return Status.Success;
  }

  private addCompletionQueue(id: number, named: NamedRing, interrupts: boolean): CompletionQueue {
    const shadow = this.shadowRing(this.completionRings, id, CQE_BYTES);
    for (let at = 0; at < shadow.entries * CQE_BYTES; at += 4) writeU32(this.vmm.core, shadow.base + at, 0);
    const cq: CompletionQueue = {
      id,
      guest: this.guestRing(named, CQE_BYTES),
      guestTail: 0,
      guestHead: 0,
      guestPhase: 1,
      interrupts,
      shadow,
      shadowHead: 0,
      shadowPhase: 1,
      live: false,
      rejected: [],
    };
    this.cqs[id] = cq;
    return cq;
  }

  private addSubmissionQueue(id: number, cq: CompletionQueue, named: NamedRing): SubmissionQueue {
    const shadow = this.shadowRing(this.submissionRings, id, SQE_BYTES);
    const guest = this.guestRing(named, SQE_BYTES);
    const start = { guestHead: 0, guestTail: 0, shadowHead: 0, shadowTail: 0, rung: 0, live: false };
    const sq: SubmissionQueue = { id, cq, guest, shadow, ...start };
    this.sqs[id] = sq;
    return sq;
  }

  private guestRing({ lo, hi, entries }: NamedRing, entryBytes: number): GuestRing {
    return new GuestRing(this.config.memory, hi * 0x1_0000_0000 + lo, entries, entryBytes);
  }

  private shadowRing(rings: (ShadowRing | undefined)[], id: number, entryBytes: number): ShadowRing {
    const entries = id === 0 ? ADMIN_ENTRIES : Math.min(IO_ENTRIES, this.config.mostEntries);
    rings[id] ??= { base: this.vmm.allocate(entries * entryBytes, NVME_PAGE, this.config.what), entries };
    return rings[id];
  }
}

/** Makes the copied command create our ring instead of the guest's. */
function setRing(sqe: Sqe, id: number, ring: ShadowRing, flags: number): void {
  sqe[6] = ring.base;
  sqe[7] = Math.floor(ring.base / 0x1_0000_0000);
  sqe[10] = ((ring.entries - 1) << 16) | id;
  sqe[11] = flags;
}
