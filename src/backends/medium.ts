// The physical disk behind its controller: when its bytes move, and through which DMA requests.
//
// A read occupies one of `channels` for `readAccess`, then its bytes go out through the DMA engine, which all requests
// share and serve in the order in which their data are ready. A write's bytes come in through the same engine, `dmaRead`
// after it is started, and are then programmed on a channel for `writeAccess`. The engine moves one piece of a segment
// after the other; a piece of n bytes takes
//
//   max(link(n), n / bandwidth, latency · n / (outstandingLines · lineBytes)) + translation / outstandingTranslations
//
// where link(n) counts packet headers, latency is that of a DMA read or write, and translation is what the IOMMU reports
// for the piece: a miss stalls the engine, as far as translations can't overlap.
import {
  type BlockBackend,
  type BlockRequest,
  type BlockStatus,
  type Clock,
  highAfter,
  lowAfter,
} from "../platform/ports.js";

/** The contents. `read` and `write` return false where the medium fails. */
export interface MediumContents {
  /** Bytes, a multiple of 512. */
  readonly size: number;
  readonly readOnly: boolean;
  read(offset: number, target: Uint8Array): boolean;
  write(offset: number, bytes: Uint8Array): boolean;
}

export interface MediumParameters {
  /** ns until the first byte of a read is there. */
  readonly readAccess: number;
  /** ns until a write is done, once its bytes have arrived. */
  readonly writeAccess: number;
  /** ns of a flush. */
  readonly flush: number;
  /** Accesses that go on at a time. */
  readonly channels: number;
  /** bytes/s that the medium delivers or takes, all channels together. */
  readonly bandwidth: number;
  /** bit/s of the PCIe link after its data-link layer. */
  readonly linkBandwidth: number;
  /** Bytes that one packet carries at most, and of its header. */
  readonly linkPayload: number;
  readonly linkHeader: number;
  /** ns of a DMA read of a line, and until a DMA write is seen by the host. */
  readonly dmaRead: number;
  readonly dmaWrite: number;
  /** Lines under way at the root port, and bytes of each. */
  readonly outstandingLines: number;
  readonly lineBytes: number;
  /** Translations that the device's requests wait for at a time. */
  readonly outstandingTranslations: number;
  /** Bytes of one piece. */
  readonly pieceBytes: number;
}

/**
 * A fast NVMe disk: a 4 KiB read takes 7 µs from doorbell to completion (FAST'12: 4.4 µs polled, 7.6 µs with interrupt).
 * PCIe gen3 ×8: 57.88 Gb/s after the data-link layer, payload 256, header 24 bytes (Neugebauer, SIGCOMM'18); DMA read
 * 550 ns (the same), write 260 ns (RAMCloud); 100 lines outstanding at the root port (F&S, SOSP'24). The rest is assumed.
 */
export const FAST_MEDIUM: MediumParameters = {
  readAccess: 5_100,
  writeAccess: 5_100,
  flush: 5_000,
  channels: 16,
  bandwidth: 7e9,
  linkBandwidth: 57.88e9,
  linkPayload: 256,
  linkHeader: 24,
  dmaRead: 550,
  dmaWrite: 260,
  outstandingLines: 100,
  lineBytes: 64,
  outstandingTranslations: 1,
  pieceBytes: 0x1_0000,
};

/** NAND flash: 80 µs for a 4 KiB read; writes end in a buffer. The times, 64 dies and 3.2 GB/s are assumed. */
export const NAND_MEDIUM: MediumParameters = {
  ...FAST_MEDIUM,
  readAccess: 77_460,
  writeAccess: 10_000,
  flush: 500_000,
  channels: 64,
  bandwidth: 3.2e9,
};

/** A request whose bytes are under way. */
interface Transfer {
  request: BlockRequest;
  done: (status: BlockStatus) => void;
  /** Where the next piece begins. */
  segment: number;
  within: number;
  moved: number;
}

export interface MediumCounters {
  reads: number;
  writes: number;
  flushes: number;
  bytesRead: number;
  bytesWritten: number;
  /** Requests that ended otherwise than well. */
  errors: number;
  /** Cycles during which the DMA engine moved bytes, and for which translations held it up. */
  transferCycles: number;
  stallCycles: number;
}

const OK: BlockStatus = { kind: "ok" };

export class Medium implements BlockBackend {
  readonly size: number;
  readonly parameters: MediumParameters;
  readonly counters: MediumCounters = {
    reads: 0,
    writes: 0,
    flushes: 0,
    bytesRead: 0,
    bytesWritten: 0,
    errors: 0,
    transferCycles: 0,
    stallCycles: 0,
  };
  /** Cycle from which on a channel is free. */
  private readonly channels: number[];
  private readonly transfers: Transfer[] = [];

  constructor(
    private readonly clock: Clock,
    private readonly contents: MediumContents,
    parameters: Partial<MediumParameters> = {},
  ) {
    this.size = contents.size;
    this.parameters = { ...FAST_MEDIUM, ...parameters };
    this.channels = new Array<number>(this.parameters.channels).fill(0);
  }

  submit(request: BlockRequest, done: (status: BlockStatus) => void): void {
    const { parameters } = this;
    const { operation, length } = request;
    if (operation === "flush") {
      this.counters.flushes++;
      this.after(this.cycles(parameters.flush), () => done(OK));
      return;
    }
    const finish = (status: BlockStatus) => {
      if (status.kind !== "ok") this.counters.errors++;
      else if (operation === "read") this.counters.bytesRead += length;
      else this.counters.bytesWritten += length;
      done(status);
    };
    const refusal = this.refuse(request);
    if (refusal) {
      this.after(0, () => finish(refusal));
    } else if (operation === "read") {
      this.counters.reads++;
      const transfer = { request, done: finish, segment: 0, within: 0, moved: 0 };
      this.after(this.access(parameters.readAccess), () => this.enqueue(transfer));
    } else {
      this.counters.writes++;
      const program = (status: BlockStatus) => {
        if (status.kind === "ok") this.after(this.access(parameters.writeAccess), () => finish(OK));
        else finish(status);
      };
      const transfer = { request, done: program, segment: 0, within: 0, moved: 0 };
      this.after(this.cycles(parameters.dmaRead), () => this.enqueue(transfer));
    }
  }

  private refuse({ operation, offset, length }: BlockRequest): BlockStatus | undefined {
    if (!(offset >= 0 && length >= 0 && offset + length <= this.size)) return { kind: "out-of-range" };
    return operation === "write" && this.contents.readOnly ? { kind: "read-only" } : undefined;
  }

  /** Takes the channel that is free first; cycles from now until the access is over. */
  private access(nanoseconds: number): number {
    const now = this.clock.now();
    const { channels } = this;
    let free = 0;
    for (let i = 1; i < channels.length; i++) if (channels[i] < channels[free]) free = i;
    channels[free] = Math.max(now, channels[free]) + this.cycles(nanoseconds);
    return channels[free] - now;
  }

  private enqueue(transfer: Transfer): void {
    this.transfers.push(transfer);
    if (this.transfers.length === 1) this.moveNext();
  }

  /** Moves the next piece of the first transfer. One piece an event, so that no request holds up the machine. */
  private readonly moveNext = (): void => {
    const transfer = this.transfers[0];
    const bytes = this.pieceOf(transfer);
    if (bytes === 0) {
      const complete = transfer.moved === transfer.request.length;
      this.end(transfer, complete ? OK : { kind: "medium-error" });
      return;
    }
    const outcome = this.movePiece(transfer, bytes);
    if (typeof outcome !== "number") {
      this.end(transfer, outcome);
      return;
    }
    const moving = this.transferCycles(bytes, transfer.request.operation === "read");
    const stall = Math.ceil(outcome / this.parameters.outstandingTranslations);
    this.counters.transferCycles += moving;
    this.counters.stallCycles += stall;
    this.after(moving + stall, this.moveNext);
  };

  /** Bytes of the next piece; 0 when no segment or nothing of the request is left. */
  private pieceOf(transfer: Transfer): number {
    const { segments, length, dma } = transfer.request;
    while (transfer.segment < segments.length && segments[transfer.segment].length === transfer.within) {
      transfer.segment++;
      transfer.within = 0;
    }
    if (transfer.segment === segments.length) return 0;
    const inSegment = segments[transfer.segment].length - transfer.within;
    return Math.min(inSegment, length - transfer.moved, this.parameters.pieceBytes, dma.staging.length);
  }

  /** Moves a piece: the cycles that its translation took, or how it failed. */
  private movePiece(transfer: Transfer, bytes: number): number | BlockStatus {
    const { request } = transfer;
    const { dma } = request;
    const segment = request.segments[transfer.segment];
    const lo = lowAfter(segment.lo, transfer.within);
    const hi = highAfter(segment.lo, segment.hi, transfer.within);
    const at = request.offset + transfer.moved;
    const piece = dma.staging.subarray(0, bytes);
    const reads = request.operation === "read";
    if (reads && !this.contents.read(at, piece)) return { kind: "medium-error" };
    const result = reads ? dma.write(lo, hi, bytes, 0) : dma.read(lo, hi, bytes, 0);
    if (!result.ok) {
      const fault = { lo: lowAfter(lo, result.bytes), hi: highAfter(lo, hi, result.bytes) };
      return { kind: "dma-fault", cause: result.cause, ...fault };
    }
    if (!reads && !this.contents.write(at, piece)) return { kind: "medium-error" };
    transfer.moved += bytes;
    transfer.within += bytes;
    return result.cycles;
  }

  private end(transfer: Transfer, status: BlockStatus): void {
    this.transfers.shift();
    if (this.transfers.length > 0) this.after(0, this.moveNext);
    transfer.done(status);
  }

  /** Cycles for which a piece occupies the DMA engine, without translation. */
  private transferCycles(bytes: number, reads: boolean): number {
    const p = this.parameters;
    const onLink = bytes + Math.ceil(bytes / p.linkPayload) * p.linkHeader;
    const link = (onLink * 8e9) / p.linkBandwidth;
    const medium = (bytes * 1e9) / p.bandwidth;
    const latency = reads ? p.dmaWrite : p.dmaRead;
    const root = (latency * bytes) / (p.outstandingLines * p.lineBytes);
    return this.cycles(Math.max(link, medium, root));
  }

  private cycles(nanoseconds: number): number {
    return Math.ceil((nanoseconds * this.clock.frequency) / 1e9);
  }

  private after(cycles: number, action: () => void): void {
    this.clock.after(cycles, action);
  }
}
