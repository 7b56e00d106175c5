// A disk's own buffer, as a backend reaches it: memory of `length` bytes from address 0.
import type { DmaPort, DmaResult, Segment } from "../../platform/ports.js";

const OK: DmaResult = { ok: true, cause: 0, bytes: 0, cycles: 0 };

export class BufferPort implements DmaPort {
  readonly staging: Uint8Array;
  readonly view: DataView;
  readonly segments: readonly Segment[];

  constructor(
    length: number,
    readonly bytes: Uint8Array = new Uint8Array(length),
  ) {
    this.staging = new Uint8Array(length);
    this.view = new DataView(this.staging.buffer);
    this.segments = [{ lo: 0, hi: 0, length }];
  }

  read(lo: number, _hi: number, length: number, at = 0): DmaResult {
    this.staging.set(this.bytes.subarray(lo, lo + length), at);
    return OK;
  }

  write(lo: number, _hi: number, length: number, at = 0): DmaResult {
    this.bytes.set(this.staging.subarray(at, at + length), lo);
    return OK;
  }
}
