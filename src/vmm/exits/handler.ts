// What a handler of an exit may use: the guest that left, and the record that says why.
import type { Cause } from "../../../assembly/isa/cause.js";
import type { VmmCosts } from "../costs.js";
import type { Place } from "../types.js";
import type { ExitRecord } from "./record.js";

/** Outcome of an access to a register that traps; undefined when no device is there or it refuses. */
export interface RegisterAccess {
  readonly low: number;
  readonly high: number;
}

/** The guest as the handlers see it: tests pass a made-up one. */
export interface ExitGuest {
  readonly costs: VmmCosts;
  charge(place: Place, cycles: number): void;
  /** Counts the exit under a reason of the report. */
  count(reason: string): void;
  /** Reads or writes the guest's trapped registers; charges the work and counts `mmio:<device>`. */
  readRegister(gpa: number, size: number): RegisterAccess | undefined;
  writeRegister(gpa: number, size: number, low: number, high: number): boolean;
  /** The guest takes an exception in VS-mode; pc is that of the instruction. */
  inject(cause: Cause, tval: bigint): void;
  /** An SBI call: registers in, registers out. */
  sbi(): void;
  /** Steps over the instruction that left. */
  step(bytes: number): void;
  /** WFI: the guest waits for an interrupt. */
  wait(): void;
  /** The physical interrupt controller has something for HS-mode. */
  externalInterrupt(): void;
  /** The VMM's own timer: the time slice is over. */
  sliceOver(): void;
  /** Stops the guest for good. */
  crash(what: string): void;
}

export type ExitHandler = (guest: ExitGuest, exit: ExitRecord) => void;
