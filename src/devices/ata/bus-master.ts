// SFF-8038i, "Programming Interface for Bus Master IDE Controller": the registers of one channel and its physical region
// descriptors.
import { type DmaPort, lowAfter, type Segment } from "../../platform/ports.js";
import { GatedDma } from "../gated-dma.js";
import { Bmic, Bmis, BusMaster } from "./registers.js";

const PRD_BYTES = 8;
/** A table doesn't cross such a boundary. */
const TABLE_BOUNDARY = 0x1_0000;
const PRDS_AT_ONCE = 64;
const EOT = 0x8000_0000;
const LARGEST_REGION = 0x1_0000;

/** Regions for a transfer: `rest` says whether the table names more, or less, or as many bytes. */
export interface Regions {
  segments: Segment[];
  bytes: number;
  rest: "more" | "less" | "none";
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
  finished(outcome: "ok" | "error", rest: Regions["rest"]): void {
    if (outcome === "error") this.status |= Bmis.ERROR;
    if (outcome === "error" || rest !== "more") this.status &= ~Bmis.ACTIVE;
  }

  /** The regions for `length` bytes; undefined when the table can't be read. */
  regions(length: number): Regions | undefined {
    const segments: Segment[] = [];
    let bytes = 0;
    const end = (Math.floor(this.table / TABLE_BOUNDARY) + 1) * TABLE_BOUNDARY;
    for (let at = this.table; at < end; ) {
      const count = Math.min(PRDS_AT_ONCE, Math.floor((end - at) / PRD_BYTES));
      if (count === 0) break;
      if (!this.gate.read(at, 0, count * PRD_BYTES).ok) return undefined;
      const table = this.gate.staging.slice(0, count * PRD_BYTES);
      const view = new DataView(table.buffer);
      for (let i = 0; i < count; i++, at += PRD_BYTES) {
        const flags = view.getUint32(i * PRD_BYTES + 4, true);
        const region = flags & 0xfffe || LARGEST_REGION;
        const used = Math.min(region, length - bytes);
        segments.push({ lo: lowAfter(view.getUint32(i * PRD_BYTES, true) & ~1, 0), hi: 0, length: used });
        bytes += used;
        const ends = (flags & EOT) !== 0;
        if (bytes === length) return { segments, bytes, rest: ends && used === region ? "none" : "more" };
        if (ends) return { segments, bytes, rest: "less" };
      }
    }
    return { segments, bytes, rest: "less" };
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
