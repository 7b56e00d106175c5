// Guests whose work is interrupted: what they wrote and acknowledged, and what must have become of it.
import { readFileSync } from "node:fs";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { writtenPattern } from "../../src/scenario/pattern.js";
import { run } from "../../src/scenario/run.js";
import type { GuestConfig, GuestResult, RunConfig, RunResult } from "../../src/scenario/types.js";
import { bootargs, defaultWorkload, type Workload } from "../../src/scenario/workload.js";
import type { AttachModeName, DiskName } from "../../src/vmm/types.js";

export const MIB = 0x10_0000;
export const KIB = 0x400;
export const kernel = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));
export const image = generatedBytes(MIB, 7);

/** A probe of 16 MiB. Its requests time out after 80 ms, so that a device that fell silent is soon missed. */
export function guest(
  mode: AttachModeName,
  workload: Partial<Workload> = {},
  more: Partial<GuestConfig> = {},
  extra: readonly string[] = [],
  disk: DiskName = "nvme",
): GuestConfig {
  const all = { ...defaultWorkload, bs: 16 * KIB, qd: 8, ...workload };
  return { kernel, mode, ram: 16 * MIB, bootargs: bootargs(all, mode, ["timeout=80", ...extra], { disk }), ...more };
}

export function runAll(guests: readonly GuestConfig[], config: Partial<RunConfig> = {}): RunResult {
  const disks = [
    { size: MIB, image },
    { size: MIB, image },
  ];
  return run({ guests, disks, core: "flat", baud: 10_000_000, maxCycles: 6e9, keepDisks: true, ...config });
}

/** Blocks from the first on that a journal said to be on the disk. */
export function acknowledged({ console }: GuestResult): number {
  const lines = [...console.matchAll(/yado-ack (\d+)\n/g)];
  return Math.max(0, ...lines.map(([, count]) => Number(count)));
}

/** Bytes from `start` on that hold what a journal of `seed` writes there. */
export function written(disk: Uint8Array, start: number, length: number, seed = 1): number {
  const expected = writtenPattern(length, seed);
  let same = 0;
  while (same < length && disk[start + same] === expected[same]) same++;
  return same;
}
