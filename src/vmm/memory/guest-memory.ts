// A guest's RAM through the VMM's eyes, and the DMA port of the VMM's software models over it.
import { RAM_START } from "../../../assembly/layout.js";
import type { Core } from "../../core/core.js";
import type { DmaPort, DmaResult } from "../../platform/ports.js";
import type { GuestMemory, Piece } from "../types.js";
import type { Placement } from "./placement.js";

/** RAM of one guest, scattered over the chunks that placement gave it. */
export class PlacedMemory implements GuestMemory {
  readonly start = RAM_START;

  constructor(
    private readonly core: Core,
    private readonly placement: Placement,
    private readonly guest: number,
    readonly size: number,
  ) {}

  contains(gpa: number, length: number): boolean {
    const offset = gpa - this.start;
    return (
      Number.isSafeInteger(gpa) &&
      Number.isSafeInteger(length) &&
      length >= 0 &&
      offset >= 0 &&
      offset + length <= this.size
    );
  }

  /** Where [gpa, gpa + length) lies if it is one piece, as most are; else -1. */
  private physical(gpa: number, length: number): number {
    if (length === 0 || !this.contains(gpa, length)) return -1;
    return this.placement.inOneChunk(this.guest, gpa - this.start, length);
  }

  pieces(gpa: number, length: number): Piece[] | undefined {
    if (!this.contains(gpa, length)) return undefined;
    return this.placement.runsOf(this.guest, gpa - this.start, length);
  }

  read(gpa: number, into: Uint8Array): boolean {
    const hpa = this.physical(gpa, into.length);
    if (hpa >= 0) {
      into.set(this.core.slice(hpa, into.length));
      return true;
    }
    const pieces = this.pieces(gpa, into.length);
    if (!pieces) return false;
    let at = 0;
    for (const piece of pieces) {
      into.set(this.core.slice(piece.hpa, piece.length), at);
      at += piece.length;
    }
    return true;
  }

  write(gpa: number, from: Uint8Array): boolean {
    const hpa = this.physical(gpa, from.length);
    if (hpa >= 0) {
      this.core.store(hpa, from);
      return true;
    }
    const pieces = this.pieces(gpa, from.length);
    if (!pieces) return false;
    let at = 0;
    for (const piece of pieces) {
      this.core.store(piece.hpa, from.subarray(at, at + piece.length));
      at += piece.length;
    }
    return true;
  }
}

/** What a software model's transfers tell the VMM: bytes that it copied. */
export type OnCopy = (bytes: number) => void;

/** CAUSE of a refused transfer, as the hub would report it: read or write access fault. */
const READ_ACCESS_FAULT = 5;
const WRITE_ACCESS_FAULT = 7;
const TWO32 = 0x1_0000_0000;

/** DMA of a software model, its result object reused: read it before the next request. Addresses are guest-physical, and only the guest's own RAM answers. */
export class GuestDmaPort implements DmaPort {
  readonly view: DataView;
  private readonly result = { ok: true, cause: 0, bytes: 0, cycles: 0 };

  constructor(
    private readonly memory: GuestMemory,
    private readonly onCopy: OnCopy,
    readonly staging: Uint8Array = new Uint8Array(0x40_0000),
  ) {
    this.view = new DataView(staging.buffer, staging.byteOffset, staging.byteLength);
  }

  read(lo: number, hi: number, length: number, at = 0): DmaResult {
    const ok = this.fits(length, at) && this.memory.read(hi * TWO32 + lo, this.staging.subarray(at, at + length));
    return this.outcome(ok, length, READ_ACCESS_FAULT);
  }

  write(lo: number, hi: number, length: number, at = 0): DmaResult {
    const ok = this.fits(length, at) && this.memory.write(hi * TWO32 + lo, this.staging.subarray(at, at + length));
    return this.outcome(ok, length, WRITE_ACCESS_FAULT);
  }

  private fits(length: number, at: number): boolean {
    return length >= 0 && at >= 0 && at + length <= this.staging.length;
  }

  private outcome(ok: boolean, length: number, cause: number): DmaResult {
    if (ok) this.onCopy(length);
    const { result } = this;
    result.ok = ok;
    result.cause = ok ? 0 : cause;
    result.bytes = ok ? length : 0;
    return result;
  }
}
