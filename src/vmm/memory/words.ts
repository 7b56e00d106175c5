// Little-endian words of simulated physical memory, as the VMM reads and writes them.
import { RAM, RAM_START } from "../../../assembly/layout.js";
import type { Core } from "../../core/core.js";

/** What words need of the core. */
export type Words = Pick<Core, "u32" | "u64">;

/** The u32 at a physical address in RAM, a multiple of 4. */
export function readU32(core: Words, address: number): number {
  return core.u32[(address - RAM_START + RAM) >>> 2];
}

export function writeU32(core: Words, address: number, value: number): void {
  core.u32[(address - RAM_START + RAM) >>> 2] = value;
}

/** The u64 at a physical address in RAM, a multiple of 8. */
export function readU64(core: Words, address: number): bigint {
  return core.u64[(address - RAM_START + RAM) >>> 3];
}

export function writeU64(core: Words, address: number, value: bigint): void {
  core.u64[(address - RAM_START + RAM) >>> 3] = value;
}
