// The exit record as the handlers see it, and the ways to go on from it.
import {
  EXIT_CAUSE,
  EXIT_GPA,
  EXIT_PENDING,
  EXIT_SIZE,
  EXIT_TINST,
  EXIT_TVAL,
  EXIT_VALUE,
  EXIT_WRITE,
} from "../../../assembly/layout.js";
import type { Core } from "../../core/core.js";

/** EXIT_PENDING: what the next `run` does with the instruction that left. */
const enum Pending {
  Again = 0,
  Load = 1,
  AccessFault = 2,
  SkipStore = 3,
}

/** Everything is read from the exit record: nothing is kept here. Values come from the guest and may be anything. */
export class ExitRecord {
  constructor(private readonly core: Core) {}

  /** Code of the trap, without the interrupt bit. */
  get code(): number {
    return this.core.u32[EXIT_CAUSE >>> 2];
  }
  get tval(): bigint {
    return this.core.u64[EXIT_TVAL >>> 3];
  }
  /** Guest physical address: exact below 2^53, and a guest's has 41 bits. */
  get gpa(): number {
    return this.core.number(EXIT_GPA);
  }
  /** Bytes of the access: 1, 2, 4 or 8 when it can be completed from the record. */
  get size(): number {
    return this.core.u32[EXIT_SIZE >>> 2];
  }
  get write(): boolean {
    return this.core.u32[EXIT_WRITE >>> 2] !== 0;
  }
  /** Bytes [0, 4) and [4, 8) of the value stored. */
  get valueLow(): number {
    return this.core.u32[EXIT_VALUE >>> 2];
  }
  get valueHigh(): number {
    return this.core.u32[(EXIT_VALUE >>> 2) + 1];
  }
  /** The transformed instruction, or a pseudoinstruction for a page walk's own access. */
  get tinst(): number {
    return this.core.u32[EXIT_TINST >>> 2];
  }

  /** Gives a load its value. */
  completeLoad(low: number, high: number): void {
    this.core.u32[EXIT_VALUE >>> 2] = low;
    this.core.u32[(EXIT_VALUE >>> 2) + 1] = high;
    this.core.u32[EXIT_PENDING >>> 2] = Pending.Load;
  }
  completeStore(): void {
    this.core.u32[EXIT_PENDING >>> 2] = Pending.SkipStore;
  }
  /** The instruction doesn't go on by itself: pc was moved, or it runs again. */
  again(): void {
    this.core.u32[EXIT_PENDING >>> 2] = Pending.Again;
  }
}
