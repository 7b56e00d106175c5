// What a guest has been told to be written is in the image, whatever happens to it or to the device afterwards.
import { expect, test } from "vitest";
import { SAFE_MODES } from "../../src/scenario/workload.js";
import { acknowledged, guest, image, KIB, MIB, runAll, written } from "./setup.js";

const journal = { kind: "journal", hash: "none", total: 512 * KIB } as const;

test.each(SAFE_MODES)("%s: a journal that is reset goes on where it was", (mode) => {
  const result = runAll([guest(mode, journal)], { events: [{ at: 3.8e6, guest: 0, action: "reset" }] });
  const [{ stop, result: line, console }] = result.guests;
  expect(stop, console).toEqual({ kind: "shutdown", code: 0 });
  expect(line).toMatchObject({ mismatches: "0", errors: "0" });
  expect(Number(line?.recovered)).toBeGreaterThan(0);
  expect(written(result.disks![0], 0, 512 * KIB)).toBe(512 * KIB);
  expect(Buffer.compare(result.disks![0].subarray(512 * KIB), image.subarray(512 * KIB))).toBe(0);
});

test.each(SAFE_MODES)("%s: what a killed journal acknowledged is in the image", (mode) => {
  const result = runAll([guest(mode, journal)], { events: [{ at: 3.8e6, guest: 0, action: "kill" }] });
  const count = acknowledged(result.guests[0]);
  expect(count).toBeGreaterThan(0);
  expect(written(result.disks![0], 0, 512 * KIB)).toBeGreaterThanOrEqual(count * 16 * KIB);
});

test.each(SAFE_MODES)("%s: a journal whose controller loses its state ends well", (mode) => {
  const result = runAll([guest(mode, journal)], { events: [{ at: 3.8e6, disk: 0, action: "reset" }] });
  const [{ stop, result: line, console }] = result.guests;
  expect(stop, console).toEqual({ kind: "shutdown", code: 0 });
  expect(line).toMatchObject({ mismatches: "0", errors: "0", timeouts: "0" });
  expect(written(result.disks![0], 0, MIB)).toBe(512 * KIB);
});
