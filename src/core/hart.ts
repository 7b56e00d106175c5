// The state of one hart, whether it is selected or not.
import {
  AIA_SIGNALS,
  CSRS,
  SELECTED_HART,
  HART_SLOT_SIZE,
  HARTS,
  TIME_DIVIDER,
  X_REGS,
} from "../../assembly/layout.js";

const TWO32 = 0x1_0000_0000;

/** The memory that holds the states of all harts. */
export interface HartMemory {
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
}

/** Registers and CSRs of hart `id`: words by their address in assembly/layout.ts, X_REGS…EXIT_END, and CSR storage. */
export class HartState {
  constructor(
    private readonly core: HartMemory,
    readonly id: number,
  ) {}

  /** Where what lies at `address` for the selected hart lies now for this one. */
  private place(address: number): number {
    const selected = this.core.u32[SELECTED_HART >>> 2] === this.id;
    return selected ? address : HARTS + this.id * HART_SLOT_SIZE + address - X_REGS;
  }

  /** Cycles per tick of `time`, the same for all harts. */
  get timeDivider(): number {
    return this.core.u32[TIME_DIVIDER >>> 2];
  }

  word(address: number): number {
    return this.core.u32[this.place(address) >>> 2];
  }
  setWord(address: number, value: number): void {
    this.core.u32[this.place(address) >>> 2] = value;
  }

  /** A u64 as a number: exact up to 2^53. */
  number(address: number): number {
    const i = this.place(address) >>> 2;
    return this.core.u32[i] + this.core.u32[i + 1] * TWO32;
  }
  setNumber(address: number, value: number): void {
    const i = this.place(address) >>> 2;
    const low = value >>> 0;
    this.core.u32[i] = low;
    this.core.u32[i + 1] = (value - low) / TWO32;
  }

  /** A CSR's storage, without access rules or side effects. */
  csr(n: number): bigint {
    return this.core.u64[this.place(CSRS + n * 8) >>> 3];
  }
  setCsr(n: number, value: bigint): void {
    this.core.u64[this.place(CSRS + n * 8) >>> 3] = value;
  }
  /** The low half of a CSR. */
  csrLow(n: number): number {
    return this.core.u32[this.place(CSRS + n * 8) >>> 2];
  }
  /** The high half of a CSR. */
  csrHigh(n: number): number {
    return this.core.u32[(this.place(CSRS + n * 8) >>> 2) + 1];
  }
  /** A CSR as a number: exact up to 2^53. */
  csrNumber(n: number): number {
    return this.number(CSRS + n * 8);
  }

  /** What its interrupt files signal: MEIP and SEIP as in mip. */
  get signalledMip(): number {
    return this.core.u32[(AIA_SIGNALS >>> 2) + this.id * 2];
  }
  /** The same for hgeip. */
  get hgeip(): number {
    return this.core.u32[(AIA_SIGNALS >>> 2) + this.id * 2 + 1];
  }
}
