// Memory that a device model reaches by DMA in tests: flat, with holes, and a record of what was written where.
import type { DmaPort, DmaResult } from "../../src/platform/ports.js";

const STAGING_BYTES = 0x40_0000;
/** Cause that an access to nowhere reports; any number but 0 would do. */
export const NOWHERE = 257;

/** `size` bytes from address `base` on. */
export class FakeMemory implements DmaPort {
  readonly bytes: Uint8Array;
  readonly data: DataView;
  readonly staging = new Uint8Array(STAGING_BYTES);
  readonly view = new DataView(this.staging.buffer);
  readonly holes: { start: number; end: number }[] = [];
  /** Cycles that each call spends on translation. */
  translation: (address: number, length: number) => number = () => 0;
  reads = 0;
  writes = 0;
  readonly writtenTo: { address: number; length: number }[] = [];
  private next: number;

  constructor(
    size = 0x40_0000,
    readonly base = 0x8000_0000,
  ) {
    this.bytes = new Uint8Array(size);
    this.data = new DataView(this.bytes.buffer);
    this.next = base;
  }

  /** Room for `size` bytes, aligned to a page. */
  allocate(size: number, alignment = 0x1000): number {
    const address = Math.ceil(this.next / alignment) * alignment;
    this.next = address + size;
    if (this.next > this.base + this.bytes.length) throw new RangeError("the test's memory is used up");
    return address;
  }

  hole(start: number, length: number): void {
    this.holes.push({ start, end: start + length });
  }

  slice(address: number, length: number): Uint8Array {
    return this.bytes.subarray(address - this.base, address - this.base + length);
  }

  read(lo: number, hi: number, length: number, at = 0): DmaResult {
    this.reads++;
    const address = lo + hi * 0x1_0000_0000;
    const reach = this.reach(address, length);
    this.staging.set(this.slice(address, reach), at);
    return this.result(address, length, reach);
  }

  write(lo: number, hi: number, length: number, at = 0): DmaResult {
    this.writes++;
    const address = lo + hi * 0x1_0000_0000;
    const reach = this.reach(address, length);
    this.slice(address, reach).set(this.staging.subarray(at, at + reach));
    if (reach > 0) this.writtenTo.push({ address, length: reach });
    return this.result(address, length, reach);
  }

  /** Bytes from `address` on that are there. */
  private reach(address: number, length: number): number {
    const end = this.base + this.bytes.length;
    if (address < this.base || address >= end) return 0;
    let reach = Math.min(length, end - address);
    for (const hole of this.holes) {
      if (address >= hole.start && address < hole.end) return 0;
      if (address < hole.start) reach = Math.min(reach, hole.start - address);
    }
    return reach;
  }

  private result(address: number, length: number, reach: number): DmaResult {
    const ok = reach === length;
    return { ok, cause: ok ? 0 : NOWHERE, bytes: reach, cycles: this.translation(address, length) };
  }
}
