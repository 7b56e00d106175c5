// Shares one physical disk between guests: each sees a range of it as a block backend. Data pass through bounce buffers
// of the VMM, since a guest's memory is scattered and its addresses are checked where they are copied.
import type { BlockBackend, BlockRequest, BlockStatus, Segment, Share } from "../platform/ports.js";
import type { DmaPool } from "./dma-pool.js";
import type { DiskOutcome, PhysicalDisk } from "./nvme-driver.js";
import type { GuestMemory, VmmServices } from "./types.js";

const DEFAULT_BUFFER = 0x1_0000;
const MOST_BUFFERS = 64;
/** Requests of one guest that may wait; front ends bound theirs by their queue sizes. */
const MOST_WAITING = 4096;
const PAGE = 0x1000;
const BUFFER_ALIGNMENT = PAGE;

/** A guest's share of the disk. */
export interface ClientConfig {
  /** The guest's name. */
  readonly name: string;
  /** First byte on the disk, and bytes; multiples of the disk's block size. */
  readonly start: number;
  readonly length: number;
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
}

interface Client extends ClientConfig {
  readonly waiting: Job[];
  readonly counters: ClientCounters;
  /** Commands that the disk has of it; called when there are none any more and the share is closed. */
  underway: number;
  quiet: (() => void) | undefined;
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
  status: BlockStatus;
  /** Physical pages of the guest's buffers, if no copy is needed. */
  readonly pages: readonly number[] | undefined;
}

const OK: BlockStatus = { kind: "ok" };

/** Round robin between the guests that have work, one buffer at a time. */
export class BlockService {
  private readonly clients: Client[] = [];
  private readonly buffers: number[] = [];
  private readonly bufferBytes: number;
  private turn = 0;
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
  }

  /** A guest's share. Throws RangeError when it isn't on the disk or isn't made of whole blocks. */
  open(config: ClientConfig): BlockBackend & Share & { readonly counters: ClientCounters } {
    const { disk } = this;
    const whole = config.start % disk.blockSize === 0 && config.length % disk.blockSize === 0;
    if (!whole || config.start < 0 || !(config.length > 0) || config.start + config.length > disk.size) {
      throw new RangeError(
        `disk range ${config.start}+${config.length} of ${config.name}: must be whole blocks of ${disk.blockSize} bytes within ${disk.size}`,
      );
    }
    const counters = { requests: 0, parts: 0, bytesRead: 0, bytesWritten: 0, flushes: 0, errors: 0, waits: 0 };
    const client: Client = { ...config, waiting: [], counters, underway: 0, quiet: undefined };
    this.clients.push(client);
    return {
      size: config.length,
      counters,
      submit: (request, done) => this.submit(client, request, done),
      close: (quiet) => this.close(client, quiet),
    };
  }

  private close(client: Client, quiet: () => void): void {
    client.waiting.length = 0;
    client.quiet = quiet;
    this.clients.splice(this.clients.indexOf(client), 1);
    if (client.underway === 0) quiet();
  }

  private submit(client: Client, request: BlockRequest, done: (status: BlockStatus) => void): void {
    client.counters.requests++;
    const refusal = this.refuse(client, request);
    if (refusal) {
      client.counters.errors++;
      this.vmm.clock.after(0, () => done(refusal));
      return;
    }
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
      status: OK,
      pages: client.direct && this.pagesOf(client.direct, request),
    };
    client.waiting.push(job);
    this.pump();
    if (!job.all) client.counters.waits++;
  }

  private refuse(client: Client, request: BlockRequest): BlockStatus | undefined {
    if (client.quiet || client.waiting.length >= MOST_WAITING) return { kind: "medium-error" };
    if (request.operation === "flush") return undefined;
    const { offset, length } = request;
    const inside = offset >= 0 && length > 0 && offset + length <= client.length;
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

  /** Gives the disk as much as buffers and slots allow. A completion that comes meanwhile leaves it to the outer call. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    for (let client = this.next(); client; client = this.next()) {
      const job = client.waiting[0];
      if (job.request.operation === "flush") this.issueFlush(job);
      else if (job.pages) this.issueDirect(job, job.pages);
      else this.issuePart(job);
      if (job.all && client.waiting[0] === job) client.waiting.shift();
      if (job.all && job.underway === 0) this.end(job);
    }
    this.disk.kick();
    this.pumping = false;
  }

  /** Whose turn it is among the guests whose first request can go on. */
  private next(): Client | undefined {
    if (this.disk.free === 0) return undefined;
    for (let i = 0; i < this.clients.length; i++) {
      const index = (this.turn + i) % this.clients.length;
      const first = this.clients[index].waiting[0];
      if (!first || (first.request.operation !== "flush" && !first.pages && this.buffers.length === 0)) continue;
      this.turn = index + 1;
      return this.clients[index];
    }
    return undefined;
  }

  private issueFlush(job: Job): void {
    job.all = true;
    job.underway = 1;
    job.client.underway++;
    job.client.counters.flushes++;
    this.disk.submit({ operation: "flush", offset: 0, length: 0, address: 0 }, (outcome) =>
      this.partDone(job, outcome, 0),
    );
  }

  /** The physical pages of a request's segments; undefined unless all are whole pages of the guest's RAM. */
  private pagesOf(memory: GuestMemory, request: BlockRequest): number[] | undefined {
    if (request.operation === "flush") return undefined;
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

  private issueDirect(job: Job, pages: readonly number[]): void {
    const { request, client } = job;
    const length = Math.min(this.disk.maxTransfer, request.length - job.issued);
    const offset = client.start + request.offset + job.issued;
    const part = pages.slice(job.issued / PAGE, (job.issued + length) / PAGE);
    job.issued += length;
    job.all = job.issued === request.length;
    job.underway++;
    client.underway++;
    client.counters.parts++;
    const command = { operation: request.operation, offset, length, address: part[0], pages: part };
    this.disk.submit(command, (outcome) => this.partDone(job, outcome, length));
  }

  private issuePart(job: Job): void {
    const { request, client } = job;
    const buffer = this.buffers.pop()!;
    const length = Math.min(this.bufferBytes, request.length - job.issued);
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
    const offset = client.start + request.offset + job.issued;
    job.issued += length;
    job.all = job.issued === request.length;
    job.underway++;
    client.underway++;
    client.counters.parts++;
    const finish = (outcome: DiskOutcome) => {
      if (outcome === "ok" && !writes && job.status === OK && !client.quiet) {
        const cursor = { ...job, ...from };
        job.status = this.walk(cursor, length, (segment, at, bytes) => this.deliver(job, segment, buffer + at, bytes));
      }
      this.buffers.push(buffer);
      this.partDone(job, outcome, length);
    };
    this.disk.submit({ operation: request.operation, offset, length, address: buffer }, finish);
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
    const { client } = job;
    const { counters } = client;
    job.underway--;
    client.underway--;
    if (outcome === "ok") {
      if (job.request.operation === "read") counters.bytesRead += length;
      else counters.bytesWritten += length;
    } else {
      if (job.status === OK) job.status = { kind: outcome };
    }
    if (job.status !== OK) this.abandon(job);
    if (client.quiet) {
      if (client.underway === 0) client.quiet();
    } else if (job.all && job.underway === 0) this.end(job);
    this.pump();
  }

  /** Gives the disk no more of a request that has failed. */
  private abandon(job: Job): void {
    if (job.all) return;
    job.all = true;
    const at = job.client.waiting.indexOf(job);
    if (at >= 0) job.client.waiting.splice(at, 1);
  }

  /** Tells the front end, but never from within its own call of `submit`. */
  private end(job: Job): void {
    if (job.ended) return;
    job.ended = true;
    if (job.status !== OK) job.client.counters.errors++;
    if (this.pumping) this.vmm.clock.after(0, () => job.done(job.status));
    else job.done(job.status);
  }
}

/** `bytes` bytes of a segment from `within` on; the address may carry into the upper half. */
function runIn(segment: Segment, within: number, bytes: number): Segment {
  const lo = segment.lo + within;
  const carry = lo >= 0x1_0000_0000 ? 1 : 0;
  return { lo: lo - carry * 0x1_0000_0000, hi: (segment.hi + carry) >>> 0, length: bytes };
}
