// A guest killed or reset, a device reset, a cable pulled: the run goes on, and the others are left alone.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { checksum } from "../../src/metrics/checksum.js";
import { run } from "../../src/scenario/run.js";
import type { GuestConfig, RunConfig } from "../../src/scenario/types.js";
import { bootargs, defaultWorkload, MODES, SAFE_MODES, type Workload } from "../../src/scenario/workload.js";
import type { AttachModeName } from "../../src/vmm/types.js";

const MIB = 0x10_0000;
const kernel = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));
const image = generatedBytes(2 * MIB, 7);
const HOSTED_MODES = SAFE_MODES.filter((mode) => mode !== "native");

function guest(mode: AttachModeName, workload: Partial<Workload> = {}, more: Partial<GuestConfig> = {}): GuestConfig {
  const all = { ...defaultWorkload, bs: 65536, qd: 8, ...workload };
  return { kernel, mode, ram: 16 * MIB, bootargs: bootargs(all, mode), ...more };
}

function runAll(guests: readonly GuestConfig[], config: Partial<RunConfig> = {}) {
  const disks = [
    { size: 2 * MIB, image },
    { size: 2 * MIB, image },
  ];
  return run({ guests, disks, core: "flat", maxCycles: 3e9, keepDisks: true, ...config });
}

test.each(SAFE_MODES)("%s: a guest that is reset in the middle runs again to its end", async (mode) => {
  const result = runAll([guest(mode)], { events: [{ at: 3e6, guest: 0, action: "reset" }] });
  expect(result.events).toMatchObject([{ guest: 0, action: "reset" }]);
  expect(result.guests[0].stop).toEqual({ kind: "shutdown", code: 0 });
  expect(result.guests[0].checksum).toBe(await checksum("crc32c", image));
  expect(result.guests[0].console.match(/probe: \d+ MiB at/g)).toHaveLength(2);
  expect(result.damage).toEqual([]);
  expect(result.faults).toEqual([]);
});

test.each(HOSTED_MODES)("%s: a guest that is killed leaves its neighbour alone", async (mode) => {
  const victim = guest(mode, {}, { name: "victim" });
  const neighbour = guest("emulated", {}, { name: "other", disk: MODES[mode].shares ? 0 : 1 });
  const result = runAll([victim, neighbour], { events: [{ at: 4e6, guest: 0, action: "kill" }] });
  expect(result.guests[0].stop).toEqual({ kind: "killed" });
  expect(result.guests[1].stop).toEqual({ kind: "shutdown", code: 0 });
  expect(result.damage).toEqual([]);
});
