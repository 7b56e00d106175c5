// Types of profile.mjs.
import type { Profiler } from "node:inspector";

type Part = "guest" | "hub" | "devices" | "backends" | "vmm" | "board" | "counting" | "garbage" | "rest";

export declare const PARTS: readonly Part[];
export declare function nameOfRun(wasm: string | URL): string;
export declare function partsOfLines(bundle: string): Part[];
export declare function timesOf(
  profile: Profiler.Profile,
  names: { run: string; bundle: string; parts: readonly Part[] },
  root?: string,
): Record<Part, number>;
export declare function sharesOf(long: Record<Part, number>, short: Record<Part, number>): Record<Part, number>;
