// Shares one physical disk between guests: each sees a range of it, or a file on it, as a block backend. Data pass through
// bounce buffers of the VMM, since a guest's memory is scattered and its addresses are checked where they are copied.
import type { BlockBackend, BlockRequest, BlockStatus, Segment } from "../platform/ports.js";
import type { DmaPool } from "./dma-pool.js";
import { type Extent, ExtentMap } from "./extents.js";
import { FairQueue, type Flow, type FlowCounters, type Share } from "./fair-queue.js";
import type { DiskCommand, DiskOutcome, PhysicalDisk } from "./physical-disk.js";
import type { GuestMemory, VmmServices } from "./types.js";

const DEFAULT_BUFFER = 0x1_0000;
const MOST_BUFFERS = 64;
/** Requests of one guest that may wait; front ends bound theirs by their queue sizes. */
const MOST_WAITING = 4096;
const PAGE = 0x1000;
const BUFFER_ALIGNMENT = PAGE;
/**
 * Commands at the disk while guests share it: more would wait in the controller, where order of arrival decides. As many as
 * the medium has channels by default.
 */
const DEPTH = 16;
/** What a command costs beside its bytes, in bytes: about what the medium moves while it finds a block. Assumed. */
const COMMAND = 0x1000;

/** A guest's part of the disk. */
export interface ClientConfig {
  /** The guest's name. */
  readonly name: string;
  /** Bytes on the disk that are the guest's, in the guest's order; multiples of the disk's block size. */
  readonly extents: readonly Extent[];
  /** Its weight and limits; `pieces` are commands to the disk. */
  readonly share?: Share | undefined;
  readonly readOnly?: boolean;
  /**
   * The guest's RAM, if the disk may reach it: whole pages then go straight to and from it, after the same checks.
   * What isn't made of whole pages is still copied.
   */
  readonly direct?: GuestMemory;
}

export interface BlockServiceOptions {
  /** Bytes of a bounce buffer, a multiple of 4 KiB; larger requests are split. Default 64 KiB or the disk's largest transfer. */
  readonly bufferBytes?: number;
  /** Bounce buffers. Default: what the pool has left, at most 64. */
  readonly buffers?: number;
  /** Commands at the disk at a time while several guests share it; a single guest has all that the disk takes. Default 16. */
  readonly depth?: number | undefined;
}

interface Client extends ClientConfig {
  readonly map: ExtentMap;
  readonly flow: Flow;
  /** Requests that haven't ended. */
  readonly jobs: Set<Job>;
  readonly counters: ClientCounters;
  /** To be called when the disk has nothing of it any more. */
  quiet: (() => void) | undefined;
}

/** A guest's part of the disk, as its front end has it. */
export interface BlockShare extends BlockBackend {
  readonly counters: ClientCounters;
  /** What the scheduler counted: commands, bytes, and cycles that commands waited for their turn. */
  readonly turns: FlowCounters;
  /** Commands of the guest that the disk works on. */
  readonly underway: number;
  /**
   * Forgets all requests of the guest, as its reset or its end asks for: none of them is answered any more, what waits never
   * reaches the disk, and what is under way there ends without a copy to the guest's memory. New requests may follow.
   * @param quiet called when nothing is under way any more, at once if nothing is
   */
  drop(quiet?: () => void): void;
}

/** What was done for one guest. Bytes are those of the disk; `waits` counts requests that found no buffer or no slot. */
export interface ClientCounters {
  requests: number;
  parts: number;
  bytesRead: number;
  bytesWritten: number;
  flushes: number;
  errors: number;
  waits: number;
}

interface Job {
  readonly client: Client;
  readonly request: BlockRequest;
  readonly done: (status: BlockStatus) => void;
  /** Bytes already given to the disk, and where in the segments that is. */
  issued: number;
  segment: number;
  within: number;
  /** Whether nothing more of it is to be given to the disk. */
  all: boolean;
  underway: number;
  ended: boolean;
  /** Whether nobody is to hear of it any more. */
  dropped: boolean;
  status: BlockStatus;
  /** Physical pages of the guest's buffers, if no copy is needed. */
  readonly pages: readonly number[] | undefined;
}

const OK: BlockStatus = { kind: "ok" };

/** Guests that have work get it done by their weights, a command at a time. */
export class BlockService {
  private readonly buffers: number[] = [];
  private readonly bufferBytes: number;
  private readonly depth: number;
  private readonly queue: FairQueue<Job>;
  private underway = 0;
  private pumping = false;

  constructor(
    private readonly vmm: VmmServices,
    private readonly disk: PhysicalDisk,
    pool: DmaPool,
    options: BlockServiceOptions = {},
  ) {
    this.bufferBytes = Math.min(options.bufferBytes ?? DEFAULT_BUFFER, disk.maxTransfer);
    const fit = Math.floor((pool.left - BUFFER_ALIGNMENT) / this.bufferBytes);
    const count = options.buffers ?? Math.min(MOST_BUFFERS, fit);
    if (count < 1) throw new RangeError("the VMM's DMA pool has no room for a bounce buffer");
    for (let i = 0; i < count; i++) this.buffers.push(pool.allocate(this.bufferBytes, BUFFER_ALIGNMENT));
    this.depth = options.depth ?? DEPTH;
    this.queue = new FairQueue(vmm.clock, {
      largest: this.bufferBytes,
      perPiece: COMMAND,
      busy: () => this.underway > 0,
      wake: () => {
        vmm.charge("vmm", vmm.costs.interrupt);
        this.pump();
      },
    });
  }

  /** A guest's part. Throws RangeError when it isn't on the disk or isn't made of whole blocks. */
  open(config: ClientConfig): BlockShare {
    const { disk } = this;
    for (const { start, length } of config.extents) {
      const whole = start % disk.blockSize === 0 && length % disk.blockSize === 0;
      if (!whole || start < 0 || !(length > 0) || start + length > disk.size) {
        throw new RangeError(
          `disk range ${start}+${length} of ${config.name}: must be whole blocks of ${disk.blockSize} bytes within ${disk.size}`,
        );
      }
    }
    const counters = { requests: 0, parts: 0, bytesRead: 0, bytesWritten: 0, flushes: 0, errors: 0, waits: 0 };
    const map = new ExtentMap(config.extents);
    const flow = this.queue.open(config.share);
    const client: Client = { ...config, map, flow, jobs: new Set(), counters, quiet: undefined };
    return {
      size: map.size,
      counters,
      turns: flow.counters,
      get underway() {
        return commandsOf(client);
      },
      submit: (request, done) => this.submit(client, request, done),
      drop: (quiet) => this.drop(client, quiet),
    };
  }

  private drop(client: Client, quiet: (() => void) | undefined): void {
    this.queue.drop(client.flow);
    for (const job of client.jobs) {
      job.all = true;
      job.dropped = true;
      if (job.underway === 0) client.jobs.delete(job);
    }
    client.quiet = quiet;
    this.tellQuiet(client);
  }

  private tellQuiet(client: Client): void {
    const { quiet } = client;
    if (!quiet || commandsOf(client) > 0) return;
    client.quiet = undefined;
    quiet();
  }

  private submit(client: Client, request: BlockRequest, done: (status: BlockStatus) => void): void {
    client.counters.requests++;
    const refusal = this.refuse(client, request);
    const job: Job = {
      client,
      request,
      done,
      issued: 0,
      segment: 0,
      within: 0,
      all: false,
      underway: 0,
      ended: false,
      dropped: false,
      status: refusal ?? OK,
      pages: refusal ? undefined : this.pagesOf(client, request),
    };
    client.jobs.add(job);
    if (refusal) {
      this.end(job, true);
      return;
    }
    this.queue.push(client.flow, job, this.bytesOf(job));
    this.pump();
    if (!job.all) client.counters.waits++;
  }

  private refuse(client: Client, request: BlockRequest): BlockStatus | undefined {
    if (client.flow.length >= MOST_WAITING) return { kind: "medium-error" };
    if (request.operation === "flush") return undefined;
    const { offset, length } = request;
    const inside = offset >= 0 && length > 0 && offset + length <= client.map.size;
    const whole = offset % this.disk.blockSize === 0 && length % this.disk.blockSize === 0;
    if (!inside || !whole) return { kind: "out-of-range" };
    if (request.operation === "write" && client.readOnly) return { kind: "read-only" };
    let described = 0;
    for (const segment of request.segments) {
      if (!(segment.length >= 0)) return { kind: "medium-error" };
      described += segment.length;
    }
    return described === length ? undefined : { kind: "medium-error" };
  }

  /** Bytes of a request's next command: what a buffer, an extent and the guest's limit let pass at once. */
  private bytesOf({ client, request, issued, pages }: Job): number {
    if (request.operation === "flush") return 0;
    const { blockSize, maxTransfer } = this.disk;
    const most = Math.min(pages ? maxTransfer : this.bufferBytes, client.flow.most);
    const unit = pages ? PAGE : blockSize;
    const here = client.map.find(request.offset + issued).length;
    return Math.min(most - (most % unit), here, request.length - issued);
  }

  /** Gives the disk as much as buffers and slots allow. A completion that comes meanwhile leaves it to the outer call. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    for (let job = this.next(); job; job = this.next()) {
      if (job.request.operation === "flush") this.issueFlush(job);
      else this.issuePart(job);
      if (!job.all) this.queue.putBack(job.client.flow, job, this.bytesOf(job));
      else if (job.underway === 0) this.end(job);
    }
    this.disk.kick();
    this.pumping = false;
  }

  private next(): Job | undefined {
    if (this.disk.free === 0 || this.buffers.length === 0) return undefined;
    if (this.queue.size > 1 && this.underway >= this.depth) return undefined;
    return this.queue.next();
  }

  private issueFlush(job: Job): void {
    job.all = true;
    job.client.counters.flushes++;
    this.give(job, { operation: "flush", offset: 0, length: 0, address: 0 });
  }

  /** @param finish what is to be done with its end first */
  private give(job: Job, command: DiskCommand, finish: (outcome: DiskOutcome) => void = () => {}): void {
    job.underway++;
    this.underway++;
    this.disk.submit(command, (outcome) => {
      this.underway--;
      finish(outcome);
      this.partDone(job, outcome, command.length);
      this.tellQuiet(job.client);
    });
  }

  /** The physical pages of a request's segments; undefined unless all are whole pages of the guest's RAM and of each extent. */
  private pagesOf({ direct: memory, extents }: Client, request: BlockRequest): number[] | undefined {
    if (!memory || request.operation === "flush") return undefined;
    const whole = request.offset % PAGE === 0 && extents.slice(0, -1).every(({ length }) => length % PAGE === 0);
    if (extents.length > 1 && !whole) return undefined;
    const pages: number[] = [];
    for (const { lo, hi, length } of request.segments) {
      if (lo % PAGE !== 0 || length % PAGE !== 0) return undefined;
      const pieces = memory.pieces(hi * 0x1_0000_0000 + lo, length);
      if (!pieces) return undefined;
      for (const piece of pieces) {
        for (let at = 0; at < piece.length; at += PAGE) pages.push(piece.hpa + at);
      }
    }
    const { guestBuffer, rewriteAddress } = this.vmm.costs;
    this.vmm.charge("vmm", request.segments.length * guestBuffer + pages.length * rewriteAddress);
    return pages;
  }

  private issuePart(job: Job): void {
    const { request, client, pages } = job;
    const length = this.bytesOf(job);
    const begin = job.issued;
    const offset = client.map.find(request.offset + begin).start;
    if (client.extents.length > 1) this.vmm.charge("vmm", this.vmm.costs.extentLookup);
    const command = { operation: request.operation, offset, length };
    if (pages) {
      const part = pages.slice(begin / PAGE, Math.ceil((begin + length) / PAGE));
      this.issued(job, length);
      this.give(job, { ...command, address: part[0], pages: part });
      return;
    }
    const buffer = this.buffers.pop()!;
    const from = { segment: job.segment, within: job.within };
    const writes = request.operation === "write";
    const status = this.walk(
      job,
      length,
      writes ? (segment, at, bytes) => this.fetch(job, segment, buffer + at, bytes) : undefined,
    );
    if (status !== OK) {
      job.status = status;
      job.all = true;
      this.buffers.push(buffer);
      return;
    }
    this.issued(job, length);
    this.give(job, { ...command, address: buffer }, (outcome) => {
      if (outcome === "ok" && !writes && job.status === OK && !job.dropped) {
        const cursor = { ...job, ...from };
        job.status = this.walk(cursor, length, (segment, at, bytes) => this.deliver(job, segment, buffer + at, bytes));
      }
      this.buffers.push(buffer);
    });
  }

  private issued(job: Job, length: number): void {
    job.issued += length;
    job.all = job.issued === job.request.length;
    job.client.counters.parts++;
  }

  /** Moves a cursor over `length` bytes of the segments and lets `move` copy each run; stops at the first refusal. */
  private walk(
    cursor: { request: BlockRequest; segment: number; within: number },
    length: number,
    move: ((run: Segment, at: number, bytes: number) => BlockStatus) | undefined,
  ): BlockStatus {
    const { segments } = cursor.request;
    for (let at = 0; at < length; ) {
      const segment = segments[cursor.segment];
      const bytes = Math.min(segment.length - cursor.within, length - at);
      if (bytes > 0 && move) {
        const status = move(runIn(segment, cursor.within, bytes), at, bytes);
        if (status !== OK) return status;
      }
      at += bytes;
      cursor.within += bytes;
      if (cursor.within === segment.length) {
        cursor.segment++;
        cursor.within = 0;
      }
    }
    return OK;
  }

  /** Guest → bounce buffer. */
  private fetch(job: Job, run: Segment, to: number, bytes: number): BlockStatus {
    const { dma } = job.request;
    const result = dma.read(run.lo, run.hi, bytes, 0);
    if (!result.ok) return { kind: "dma-fault", cause: result.cause, lo: run.lo, hi: run.hi };
    this.vmm.core.store(to, dma.staging.subarray(0, bytes));
    return OK;
  }

  /** Bounce buffer → guest. */
  private deliver(job: Job, run: Segment, from: number, bytes: number): BlockStatus {
    const { dma } = job.request;
    dma.staging.set(this.vmm.core.slice(from, bytes));
    const result = dma.write(run.lo, run.hi, bytes, 0);
    return result.ok ? OK : { kind: "dma-fault", cause: result.cause, lo: run.lo, hi: run.hi };
  }

  private partDone(job: Job, outcome: DiskOutcome, length: number): void {
    const { counters } = job.client;
    job.underway--;
    if (outcome === "ok") {
      if (job.request.operation === "read") counters.bytesRead += length;
      else counters.bytesWritten += length;
    } else {
      if (job.status === OK) job.status = { kind: outcome };
    }
    if (job.status !== OK) this.abandon(job);
    if (job.all && job.underway === 0) this.end(job);
    this.pump();
  }

  /** Gives the disk no more of a request that has failed. */
  private abandon(job: Job): void {
    if (job.all) return;
    job.all = true;
    this.queue.drop(job.client.flow, (other) => other === job);
  }

  /** Tells the front end, but never from within its own call of `submit`. */
  private end(job: Job, later = this.pumping): void {
    if (job.ended) return;
    job.ended = true;
    if (job.status !== OK) job.client.counters.errors++;
    const tell = () => {
      job.client.jobs.delete(job);
      if (!job.dropped) job.done(job.status);
    };
    if (later) this.vmm.clock.after(0, tell);
    else tell();
  }
}

/** Commands that the disk has of a guest. */
function commandsOf({ jobs }: Client): number {
  let sum = 0;
  for (const job of jobs) sum += job.underway;
  return sum;
}

/** `bytes` bytes of a segment from `within` on; the address may carry into the upper half. */
function runIn(segment: Segment, within: number, bytes: number): Segment {
  const lo = segment.lo + within;
  const carry = lo >= 0x1_0000_0000 ? 1 : 0;
  return { lo: lo - carry * 0x1_0000_0000, hi: (segment.hi + carry) >>> 0, length: bytes };
}
