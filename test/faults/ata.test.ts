// The same behind an ATA controller, which knows one command at a time.
import { expect, test } from "vitest";
import type { RunEvent } from "../../src/scenario/types.js";
import { SAFE_MODES } from "../../src/scenario/workload.js";
import type { AttachModeName } from "../../src/vmm/types.js";
import { acknowledged, guest, image, KIB, MIB, runAll, written } from "./setup.js";

const TOTAL = 256 * KIB;
const BLOCK = 16 * KIB;

function interrupted(mode: AttachModeName, events: readonly RunEvent[]) {
  const journal = { kind: "journal", hash: "none", bs: BLOCK, qd: 4, total: TOTAL } as const;
  return runAll([guest(mode, journal, {}, [], "ata")], { disks: [{ size: MIB, image, interface: "ata" }], events });
}

test.each(SAFE_MODES)("%s: a journal that is reset goes on where it was", (mode) => {
  const result = interrupted(mode, [{ at: 5e6, guest: 0, action: "reset" }]);
  const [{ stop, result: line, console }] = result.guests;
  expect(stop, console).toEqual({ kind: "shutdown", code: 0 });
  expect(line).toMatchObject({ mismatches: "0", errors: "0" });
  expect(Number(line?.recovered)).toBeGreaterThan(0);
  expect(written(result.disks![0], 0, MIB)).toBe(TOTAL);
});

test.each(SAFE_MODES)("%s: what a killed journal acknowledged is in the image", (mode) => {
  const result = interrupted(mode, [{ at: 5e6, guest: 0, action: "kill" }]);
  const count = acknowledged(result.guests[0]);
  expect(count).toBeGreaterThan(0);
  expect(written(result.disks![0], 0, TOTAL)).toBeGreaterThanOrEqual(count * BLOCK);
});

/** Cycles at which each mode's journal is at work. */
const AT_WORK = [2.87e6, 4.2e6, 4.39e6, 4.88e6, 5.52e6, 6.22e6];

test.each(SAFE_MODES)("%s: a journal whose controller loses its state ends well, every time", (mode) => {
  const result = interrupted(
    mode,
    AT_WORK.map((at) => ({ at, disk: 0, action: "reset" })),
  );
  const [{ stop, result: line, console }] = result.guests;
  expect(stop, console).toEqual({ kind: "shutdown", code: 0 });
  expect(line).toMatchObject({ mismatches: "0", errors: "0", timeouts: "0" });
  expect(written(result.disks![0], 0, MIB)).toBe(TOTAL);
});
