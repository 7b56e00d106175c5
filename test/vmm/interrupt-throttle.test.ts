// Intel 82574 GbE Controller Family Datasheet 3.4, "Interrupt Moderation": ITR in units of 256 ns, and its value as traffic asks.
import { expect, test } from "vitest";
import { InterruptThrottle, type ThrottleSetting } from "../../src/vmm/interrupt-throttle.js";

const GIGABIT = 1e9;
const none = { frames: 0, bytes: 0 };
const stream = { frames: 20, bytes: 20 * 1514 };
const small = { frames: 60, bytes: 60 * 500 };
const one = { frames: 1, bytes: 60 };

/** Interrupts a second that ITR allows, after its start and then after each interrupt that changed it. */
function rates(setting: ThrottleSetting, interrupts: readonly (typeof none)[], speed = GIGABIT): number[] {
  const written: number[] = [];
  const throttle = new InterruptThrottle(setting, (units) => written.push(units && Math.round(1 / (units * 256e-9))));
  throttle.start();
  for (const received of interrupts) throttle.interrupted(speed, none, received);
  return written;
}

test("a number stays: 4,000 a second are 976 units", () => {
  expect(rates(4000, [stream, one])).toEqual([4002]);
  expect(rates(0, [stream, one])).toEqual([0]);
});

test("a stream brings the rate down at once, few frames bring it up in steps", () => {
  expect(rates("adaptive", [stream])).toEqual([20_032, 4002]);
  expect(rates("adaptive", [stream, one, one, one, one])).toEqual([20_032, 4002, 9001, 14_001, 19_055, 20_032]);
});

test("many small frames are no stream", () => {
  expect(rates("adaptive", [small, small])).toEqual([20_032]);
});

test("below a gigabit there are 4,000 a second", () => {
  expect(rates("adaptive", [one, one], 100e6)).toEqual([20_032, 4002]);
});
