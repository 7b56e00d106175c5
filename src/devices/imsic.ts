// RISC-V Advanced Interrupt Architecture 1.0, "Memory region for an interrupt file": pages of interrupt files as a hart's stores reach
// them. The files themselves are in Wasm.
import { Access, type MmioDevice } from "../platform/ports.js";

/** Pages of interrupt files, one behind the other. */
export class ImsicPages implements MmioDevice {
  /** @param store takes a store of 4 bytes, `offset` bytes behind the first page; where no file is, nothing happens */
  constructor(private readonly store: (offset: number, value: number) => void) {}

  read(_offset: number, size: number): number {
    return size === 4 ? 0 : -1;
  }

  write(offset: number, size: number, value: number): Access {
    if (size !== 4) return Access.Fault;
    this.store(offset, value);
    return Access.Ok;
  }

  reset(): void {}
}
