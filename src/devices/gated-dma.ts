// A DMA port that can be shut for good: after a reset no request of the time before it reaches memory any more, however
// long a backend still works on it.
import type { DmaPort, DmaResult } from "../platform/ports.js";

const SHUT: DmaResult = { ok: false, cause: 0, bytes: 0, cycles: 0 };

/** Passes everything on until `shut` is called. */
export class GatedDma implements DmaPort {
  private open = true;

  constructor(private readonly port: DmaPort) {}

  get staging(): Uint8Array {
    return this.port.staging;
  }
  get view(): DataView {
    return this.port.view;
  }

  read(lo: number, hi: number, length: number, at = 0): DmaResult {
    return this.open ? this.port.read(lo, hi, length, at) : SHUT;
  }
  write(lo: number, hi: number, length: number, at = 0): DmaResult {
    return this.open ? this.port.write(lo, hi, length, at) : SHUT;
  }

  shut(): void {
    this.open = false;
  }
}
