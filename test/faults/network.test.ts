// A controller that forgets everything, a cable that is pulled: frames are lost, and then the work goes on.
import { expect, test } from "vitest";
import type { RunEvent } from "../../src/scenario/types.js";
import { SAFE_MODES, type Workload } from "../../src/scenario/workload.js";
import type { AttachModeName } from "../../src/vmm/types.js";
import { guest, runAll } from "./setup.js";

const ECHO = { kind: "netrr", bs: 256, qd: 1, total: 256 * 256, retry: true } as const;
const FROM_PEER = { kind: "netrecv", bs: 1024, qd: 16, total: 1024 * 1024, retry: true } as const;

function interrupted(mode: AttachModeName, workload: Partial<Workload>, events: readonly RunEvent[]) {
  const config = { nics: [{}], disks: [], events };
  return runAll([guest(mode, workload, { nic: 0 }, ["host=15"])], config);
}

test.each(SAFE_MODES)("%s: a controller that loses its state is found out and set up again", (mode) => {
  const whole = interrupted(mode, ECHO, []);
  const result = interrupted(mode, ECHO, [{ at: 4e6, nic: 0, action: "reset" }]);
  const [{ stop, console, checksum }] = result.guests;
  expect(result.events).toBeDefined();
  expect(stop, console).toEqual({ kind: "shutdown", code: 0 });
  expect(checksum).toBe(whole.guests[0].checksum);
  expect(result.cycles).toBeGreaterThan(whole.cycles + 1e6);
});

test.each(SAFE_MODES)("%s: with the cable back in, everything arrives", (mode) => {
  const whole = interrupted(mode, FROM_PEER, []);
  const result = interrupted(mode, FROM_PEER, [
    { at: 4e6, nic: 0, action: "link-down" },
    { at: 60e6, nic: 0, action: "link-up" },
  ]);
  const [{ stop, console, checksum }] = result.guests;
  expect(result.events).toBeDefined();
  expect(stop, console).toEqual({ kind: "shutdown", code: 0 });
  expect(checksum).toBe(whole.guests[0].checksum);
});

test.each(SAFE_MODES)("%s: a guest that is reset finds the interface as it was", (mode) => {
  const whole = interrupted(mode, FROM_PEER, []);
  const result = interrupted(mode, FROM_PEER, [{ at: 4e6, guest: 0, action: "reset" }]);
  const [{ stop, console, checksum }] = result.guests;
  expect(result.events).toBeDefined();
  expect(stop, console).toEqual({ kind: "shutdown", code: 0 });
  expect(checksum).toBe(whole.guests[0].checksum);
});
