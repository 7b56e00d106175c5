// Programming Interface for Bus Master IDE Controller 1.0 (SFF-8038i), "Physical Region Descriptor Table", "Bus Master IDE
// Registers", "Status Bit Interpretation": the registers of one channel and its physical region descriptors.
import type { DmaPort, Segment } from "../../platform/ports.js";
import { GatedDma } from "../gated-dma.js";
import { Bmic, Bmis, BusMaster } from "./registers.js";

const PRD_BYTES = 8;
/** A table doesn't cross such a boundary. */
const TABLE_BOUNDARY = 0x1_0000;
/** Bytes that the table is read by. */
const LINE_BYTES = 64;
const EOT = 0x8000_0000;
const LARGEST_REGION = 0x1_0000;

/** Whether a table names more bytes than a transfer has, or fewer, or as many. */
export type Rest = "more" | "less" | "none";

/** Regions for a transfer. */
export interface Regions {
  segments: Segment[];
  bytes: number;
  rest: Rest;
  /** Lines of the table that were read, and cycles that their translation took. */
  lines: number;
  cycles: number;
}

export class BusMasterChannel {
  private command = 0;
  private status = 0;
  private table = 0;
  private gate: GatedDma;

  /** @param started the start bit was set */
  constructor(
    private readonly dma: DmaPort,
    private readonly started: () => void,
  ) {
    this.gate = new GatedDma(dma);
  }

  get running(): boolean {
    return (this.command & Bmic.START) !== 0;
  }
  get toMemory(): boolean {
    return (this.command & Bmic.TO_MEMORY) !== 0;
  }
  /** DMA until software stops it. */
  get port(): DmaPort {
    return this.gate;
  }

  read(at: number): number {
    switch (at) {
      case BusMaster.COMMAND:
        return this.command;
      case BusMaster.STATUS:
        return this.status;
      default:
        return at >= BusMaster.PRD_TABLE ? (this.table >>> (8 * (at - BusMaster.PRD_TABLE))) & 0xff : 0;
    }
  }

  /** Writes a byte. */
  write(at: number, value: number): void {
    if (at === BusMaster.COMMAND) this.writeCommand(value);
    else if (at === BusMaster.STATUS) {
      const kept = this.status & ~(value & (Bmis.ERROR | Bmis.INTERRUPT)) & ~Bmis.DMA_CAPABLE;
      this.status = kept | (value & Bmis.DMA_CAPABLE);
    } else if (at >= BusMaster.PRD_TABLE) {
      const shift = 8 * (at - BusMaster.PRD_TABLE);
      this.table = (((this.table & ~(0xff << shift)) | (value << shift)) & ~3) >>> 0;
    }
  }

  private writeCommand(value: number): void {
    const before = this.running;
    // the direction stands while the engine runs
    this.command = before
      ? (this.command & Bmic.TO_MEMORY) | (value & Bmic.START)
      : value & (Bmic.START | Bmic.TO_MEMORY);
    if (this.running === before) return;
    if (before) {
      this.status &= ~Bmis.ACTIVE;
      this.release();
    } else {
      this.status |= Bmis.ACTIVE;
      this.started();
    }
  }

  interrupted(): void {
    this.status |= Bmis.INTERRUPT;
  }

  /** The transfer is over: active stays while the table names more. */
  finished(outcome: "ok" | "error", rest: Rest): void {
    if (outcome === "error") this.status |= Bmis.ERROR;
    if (outcome === "error" || rest !== "more") this.status &= ~Bmis.ACTIVE;
  }

  /** The regions for `length` bytes; undefined when the table can't be read. */
  regions(length: number): Regions | undefined {
    const regions: Regions = { segments: [], bytes: 0, rest: "less", lines: 0, cycles: 0 };
    const end = (Math.floor(this.table / TABLE_BOUNDARY) + 1) * TABLE_BOUNDARY;
    for (let at = this.table; at < end; ) {
      const line = Math.min(LINE_BYTES - (at % LINE_BYTES), end - at);
      const whole = line - (line % PRD_BYTES) || Math.min(PRD_BYTES, end - at);
      if (whole < PRD_BYTES) break;
      const result = this.gate.read(at, 0, whole);
      if (!result.ok) return undefined;
      regions.lines++;
      regions.cycles += result.cycles;
      for (let i = 0; i < whole; i += PRD_BYTES) {
        if (this.take(regions, length, this.gate.view.getUint32(i, true), this.gate.view.getUint32(i + 4, true))) {
          return regions;
        }
      }
      at += whole;
    }
    return regions;
  }

  /** Adds the region that a descriptor names; whether there is no need of another, or none. */
  private take(regions: Regions, length: number, base: number, flags: number): boolean {
    const region = flags & 0xfffe || LARGEST_REGION;
    const used = Math.min(region, length - regions.bytes);
    const ends = (flags & EOT) !== 0;
    regions.segments.push({ lo: (base & ~1) >>> 0, hi: 0, length: used });
    regions.bytes += used;
    const complete = regions.bytes === length;
    if (complete) regions.rest = ends && used === region ? "none" : "more";
    return complete || ends;
  }

  /** Ends what is under way. */
  release(): void {
    this.gate.shut();
    this.gate = new GatedDma(this.dma);
  }

  reset(): void {
    this.release();
    this.command = 0;
    this.status = 0;
    this.table = 0;
  }
}
