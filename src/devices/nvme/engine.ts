// NVM Express Base Specification 1.4, "Controller Architecture", "Command Arbitration", "Interrupt Coalescing": fetches
// commands as doorbells ring, has them executed, and posts their completions.
import type { BlockBackend, BlockRequest, BlockStatus, Clock, DmaPort } from "../../platform/ports.js";
import { GatedDma } from "../gated-dma.js";
import { executeAdmin } from "./admin.js";
import { AsyncEvents, ErrorEvent, EventType } from "./async-events.js";
import { AdminOpcode, type Command, decode, type Prp, slba } from "./command.js";
import { FeatureId, Features } from "./features.js";
import { type Internals, PENDING } from "./internals.js";
import type { Interrupts } from "./interrupts.js";
import { LogPage, LogPages } from "./log-pages.js";
import { executeNvm } from "./nvm.js";
import type { NvmeConfig } from "./parameters.js";
import { entryAddress } from "./prp.js";
import {
  announcedEntries,
  type Complete,
  type Completion,
  type CompletionQueue,
  completionQueue,
  Doorbell,
  distance,
  isFull,
  moveHead,
  moveTail,
  reserve,
  type SubmissionQueue,
  submissionQueue,
} from "./queue.js";
import { CQE_BYTES, SMALLEST_PAGE, SQE_BYTES } from "./registers.js";
import { Status, statusField } from "./status.js";

export interface EnginePorts {
  dma: DmaPort;
  clock: Clock;
  backend: BlockBackend;
  interrupts: Interrupts;
  /** Something happened that only a controller reset mends. */
  fatal(): void;
}

/** What happened since the controller was made. */
export interface NvmeCounters {
  doorbells: number;
  invalidDoorbells: number;
  /** DMA reads of submission queue entries, and entries that they brought. */
  fetches: number;
  commands: number;
  completions: number;
  /** Commands that ended with an error. */
  errors: number;
  resets: number;
}

/** The admin queue pair as AQA, ASQ and ACQ describe it, and CC.MPS in bytes. */
export interface AdminQueues {
  submission: { base: Prp; size: number };
  completion: { base: Prp; size: number };
  pageSize: number;
}

/** Admin commands that are worked on at a time, besides asynchronous event requests. */
const ADMIN_OUTSTANDING = 8;
const NO_QUEUE = 0xffff;

export class Engine implements Internals {
  readonly interrupts: Interrupts;
  readonly features: Features;
  readonly log: LogPages;
  readonly events = new AsyncEvents();
  readonly blocks: number;
  readonly counters: NvmeCounters = {
    doorbells: 0,
    invalidDoorbells: 0,
    fetches: 0,
    commands: 0,
    completions: 0,
    errors: 0,
    resets: 0,
  };
  submissionQueues: (SubmissionQueue | undefined)[] = [];
  completionQueues: (CompletionQueue | undefined)[] = [];
  dma: GatedDma;
  pageSize = SMALLEST_PAGE;
  entrySizes = { submission: 0, completion: 0 };
  /** Whether doorbells count and commands are fetched. */
  running = false;

  /** Grows with each reset: what was scheduled before it is void. */
  private epoch = 0;
  /** Whose turn it is in round robin arbitration. */
  private turn = 0;
  private fetching = false;
  private pumping = false;
  private pumpScheduled = false;
  /** I/O commands fetched whose completions the host can't see yet, and since when there are any. */
  private ioOutstanding = 0;
  private busySince = 0;

  constructor(
    private readonly ports: EnginePorts,
    readonly config: NvmeConfig,
  ) {
    this.interrupts = ports.interrupts;
    this.features = new Features(config, () => ports.interrupts.vectors);
    this.log = new LogPages(config.firmwareRevision, config.temperature, config.writeProtected);
    this.blocks = Math.floor(ports.backend.size / config.blockSize);
    this.dma = new GatedDma(ports.dma);
  }

  get now(): number {
    return this.ports.clock.now();
  }
  get frequency(): number {
    return this.ports.clock.frequency;
  }

  /** Makes the admin queue pair, after `forget`. */
  begin({ submission, completion, pageSize }: AdminQueues): void {
    this.pageSize = pageSize;
    const cq = completionQueue(0, completion.size, completion.base, true, 0);
    this.completionQueues = [cq];
    this.submissionQueues = [submissionQueue(0, submission.size, submission.base, cq)];
  }

  /** Controller reset: queues, commands and events are gone; nothing that is still under way reaches memory. */
  forget(): void {
    this.halt();
    this.dma = new GatedDma(this.ports.dma);
    this.submissionQueues = [];
    this.completionQueues = [];
    this.fetching = false;
    this.pumpScheduled = false;
    this.turn = 0;
    this.events.reset();
    this.features.reset();
    this.interrupts.reset();
  }

  /** Stops everything for good: whatever was scheduled is void. */
  halt(): void {
    this.accountBusy();
    this.ioOutstanding = 0;
    this.running = false;
    this.epoch++;
    this.dma.shut();
  }

  private fail(): void {
    this.halt();
    this.ports.fatal();
  }

  // ---- doorbells

  /**
   * The head of a completion queue counts at once, so that the line falls before the host's next look at its interrupt
   * controller; the tail of a submission queue counts when the write arrives.
   */
  doorbell(index: number, value: number): void {
    if (!this.running) return;
    this.counters.doorbells++;
    const id = index >>> 1;
    if ((index & 1) === 1) this.completionDoorbell(id, value);
    else this.later(this.cycles(this.config.times.doorbellArrival), () => this.submissionDoorbell(id, value));
  }

  private submissionDoorbell(id: number, tail: number): void {
    const sq = this.submissionQueues[id];
    if (!sq) this.invalidDoorbell(ErrorEvent.InvalidDoorbellRegister);
    else if (moveTail(sq, tail) !== Doorbell.Accepted) this.invalidDoorbell(ErrorEvent.InvalidDoorbellWriteValue);
    else this.pump();
  }

  private completionDoorbell(id: number, head: number): void {
    const cq = this.completionQueues[id];
    if (!cq) this.invalidDoorbell(ErrorEvent.InvalidDoorbellRegister);
    else if (moveHead(cq, head) !== Doorbell.Accepted) this.invalidDoorbell(ErrorEvent.InvalidDoorbellWriteValue);
    else this.makeRoom(cq);
  }

  /** The host has taken completions: those that waited go out, and their queues go on. */
  private makeRoom(cq: CompletionQueue): void {
    this.signal(cq.vector);
    while (cq.waiting.length > 0 && !isFull(cq)) this.issue(cq.waiting.shift()!);
    this.pump();
  }

  private invalidDoorbell(information: ErrorEvent): void {
    this.counters.invalidDoorbells++;
    this.log.error({ sqid: NO_QUEUE, cid: NO_QUEUE, status: Status.Success, lba: 0, nsid: 0 });
    this.events.raise({ type: EventType.Error, information, logPage: LogPage.ErrorInformation });
  }

  // ---- fetching

  /** Starts what can be started, at most `perEvent` commands; one fetch is under way at a time. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    let budget = this.config.perEvent;
    for (let sq = this.arbitrate(); sq; sq = this.arbitrate()) {
      if (budget <= 0) {
        this.pumpSoon();
        break;
      }
      budget -= this.fetch(sq, budget);
    }
    this.pumping = false;
  }

  private pumpSoon(): void {
    if (this.pumpScheduled) return;
    this.pumpScheduled = true;
    this.soon(() => {
      this.pumpScheduled = false;
      this.pump();
    });
  }

  /** "Round Robin Arbitration": the next queue with a command that can be fetched, the admin queue being one of them. */
  private arbitrate(): SubmissionQueue | undefined {
    if (this.fetching || !this.running) return undefined;
    const queues = this.submissionQueues;
    for (let i = 0; i < queues.length; i++) {
      const id = (this.turn + i) % queues.length;
      const sq = queues[id];
      if (!sq || sq.head === sq.tail || sq.drained || sq.cq.waiting.length > 0 || this.slots(sq) <= 0) continue;
      this.turn = id + 1;
      return sq;
    }
    return undefined;
  }

  private slots(sq: SubmissionQueue): number {
    return sq.id === 0 ? ADMIN_OUTSTANDING - sq.outstanding : this.config.outstanding - this.ioOutstanding;
  }

  /** Fetches an arbitration burst, as far as it lies in one piece; the number of commands. */
  private fetch(sq: SubmissionQueue, most: number): number {
    const NO_LIMIT = 7;
    const burst = this.features.value(FeatureId.Arbitration) & 7;
    const waiting = distance(sq.head, sq.tail, sq.size);
    const count = Math.min(
      waiting,
      sq.size - sq.head,
      this.slots(sq),
      most,
      burst === NO_LIMIT ? Infinity : 2 ** burst,
    );
    const bytes = count * SQE_BYTES;
    const from = entryAddress(sq.base, sq.head, SQE_BYTES);
    const result = this.dma.read(from.lo, from.hi, bytes, 0);
    if (!result.ok) {
      this.fail();
      return count;
    }
    const commands = Array.from({ length: count }, (_, i) => decode(this.dma.view, i * SQE_BYTES));
    sq.head = (sq.head + count) % sq.size;
    this.counters.fetches++;
    this.counters.commands += count;
    for (let i = 0; i < count; i++) this.occupy(sq);
    this.fetching = true;
    this.later(this.readCycles(bytes) + result.cycles, () => {
      this.fetching = false;
      const { epoch } = this;
      for (const command of commands) if (epoch === this.epoch) this.execute(sq, command);
      this.pump();
    });
    return count;
  }

  // ---- executing and completing

  private execute(sq: SubmissionQueue, command: Command): void {
    const { epoch } = this;
    let occupies = true;
    if (sq.id === 0 && command.opcode === AdminOpcode.AsynchronousEventRequest) {
      occupies = false;
      this.release(sq);
    }
    const complete: Complete = (status, result = 0) => {
      if (epoch !== this.epoch) return;
      if (!occupies) this.occupy(sq);
      if (status !== Status.Success) this.recordError(sq, command, status);
      this.post({ sq, cid: command.cid, status: statusField(status), result });
    };
    const outcome = sq.id === 0 ? executeAdmin(this, command, complete) : executeNvm(this, command, complete);
    if (outcome !== PENDING) complete(outcome);
  }

  private recordError(sq: SubmissionQueue, command: Command, status: Status): void {
    this.counters.errors++;
    if (status === Status.UnrecoveredReadError || status === Status.WriteFault) this.log.smart.mediaErrors++;
    const lba = sq.id === 0 ? 0 : slba(command);
    this.log.error({ sqid: sq.id, cid: command.cid, status: statusField(status), lba, nsid: command.nsid });
  }

  private post(completion: Completion): void {
    const { sq } = completion;
    const { cq } = sq;
    if (cq.waiting.length === 0 && !isFull(cq)) this.issue(completion);
    else if (sq.drained) this.release(sq);
    else cq.waiting.push(completion);
  }

  /** Entries are given out in order and take equally long, so the host sees them in order. */
  private issue(completion: Completion): void {
    const { sq } = completion;
    const { cq } = sq;
    const { index, phase } = reserve(cq);
    this.later(this.cycles(this.config.times.dmaWrite), () => {
      const { view } = this.dma;
      view.setUint32(0, completion.result, true);
      view.setUint32(4, 0, true);
      view.setUint32(8, (sq.head | (sq.id << 16)) >>> 0, true);
      view.setUint32(12, (completion.cid | (((completion.status << 1) | phase) << 16)) >>> 0, true);
      const to = entryAddress(cq.base, index, CQE_BYTES);
      const result = this.dma.write(to.lo, to.hi, CQE_BYTES, 0);
      if (!result.ok) {
        this.fail();
        return;
      }
      this.counters.completions++;
      cq.written = (index + 1) % cq.size;
      this.later(result.cycles, () => this.announce(cq));
      this.release(sq);
      this.pump();
    });
  }

  private occupy(sq: SubmissionQueue): void {
    sq.outstanding++;
    if (sq.id === 0) return;
    if (this.ioOutstanding++ === 0) this.busySince = this.now;
  }

  private release(sq: SubmissionQueue): void {
    sq.outstanding--;
    if (sq.id !== 0 && this.ioOutstanding === 1) this.accountBusy();
    if (sq.id !== 0) this.ioOutstanding--;
    if (sq.outstanding === 0) sq.drained?.();
  }

  private accountBusy(): void {
    if (this.ioOutstanding > 0) this.log.smart.busyCycles += this.now - this.busySince;
  }

  drain(sq: SubmissionQueue, drained: () => void): void {
    const aborted = sq.cq.waiting.filter((completion) => completion.sq === sq).length;
    sq.cq.waiting = sq.cq.waiting.filter((completion) => completion.sq !== sq);
    for (let i = 0; i < aborted; i++) this.release(sq);
    sq.drained = drained;
    if (sq.outstanding === 0) drained();
  }

  // ---- interrupts

  /** "Interrupt Coalescing": tells the host of new completions now, or with those that follow. */
  private announce(cq: CompletionQueue): void {
    const PER_VECTOR_OFF = 1 << 16;
    const coalescing = this.features.value(FeatureId.InterruptCoalescing);
    const threshold = (coalescing & 0xff) + 1;
    const time = (coalescing >>> 8) & 0xff;
    const off = (this.features.vectorConfiguration(cq.vector) & PER_VECTOR_OFF) !== 0;
    const untold = distance(cq.announced, cq.written, cq.size);
    if (cq.id === 0 || off || time === 0 || untold >= threshold) {
      this.announceNow(cq);
    } else if (!cq.aggregating) {
      cq.aggregating = true;
      const { announcements } = cq;
      this.later(this.cycles(time * 100_000), () => {
        if (cq.announcements === announcements) this.announceNow(cq);
      });
    }
  }

  private announceNow(cq: CompletionQueue): void {
    cq.announced = cq.written;
    cq.announcements++;
    cq.aggregating = false;
    this.signal(cq.vector);
    if (cq.interruptsEnabled) this.interrupts.announce(cq.vector);
  }

  signal(vector: number): void {
    let waits = false;
    for (const cq of this.completionQueues) {
      if (cq?.interruptsEnabled && cq.vector === vector && announcedEntries(cq) > 0) waits = true;
    }
    this.interrupts.pending(vector, waits);
  }

  // ---- time and backend

  /** Nanoseconds as cycles. */
  cycles(nanoseconds: number): number {
    return Math.round((nanoseconds * this.frequency) / 1e9);
  }

  readCycles(bytes: number): number {
    const { dmaRead, linkBandwidth } = this.config.times;
    const FIRST = 64;
    return this.cycles(dmaRead + (Math.max(0, bytes - FIRST) * 8e9) / linkBandwidth);
  }

  later(cycles: number, action: () => void): void {
    if (cycles <= 0) action();
    else this.schedule(cycles, action);
  }

  soon(action: () => void): void {
    this.schedule(0, action);
  }

  private schedule(cycles: number, action: () => void): void {
    const { epoch } = this;
    this.ports.clock.after(cycles, () => {
      if (epoch === this.epoch) action();
    });
  }

  submit(request: Omit<BlockRequest, "dma"> & { dma?: DmaPort }, done: (status: BlockStatus) => void): void {
    const { epoch } = this;
    this.ports.backend.submit({ dma: this.dma, ...request }, (status) => {
      if (epoch === this.epoch) done(status);
    });
  }
}
