// How a driver looks after a controller: by time alone, with a controller that is nothing but its answers.
import { expect, test } from "vitest";
import { EventQueue } from "../../src/platform/events.js";
import { MOST_RESETS, Recovery } from "../../src/vmm/recovery.js";

const MHZ = 1_000_000;
const LOOK = 10_000;
const TIMEOUT = 100_000;

/** A controller whose oldest command is from cycle 0. */
function controller(answers: { well?: boolean; busy?: boolean; failure?: string | undefined } = {}) {
  let time = 0;
  const events = new EventQueue(() => time, MHZ);
  const state = { well: false, busy: false, failure: undefined as string | undefined, ...answers };
  const counters = { resets: 0, timeouts: 0 };
  const calls: string[] = [];
  const recovery = new Recovery(events, TIMEOUT, {
    counters,
    oldest: () => 0,
    isWell: () => state.well,
    isBusy: () => state.busy,
    *bringUp() {
      yield;
      return state.failure;
    },
    repeat: () => calls.push("repeat"),
    giveUp: () => calls.push("give up"),
  });
  recovery.watch();
  const until = (cycle: number) => {
    while (events.next() <= cycle) {
      time = events.next();
      events.runDue(time);
    }
    time = cycle;
  };
  return { recovery, state, counters, calls, until, idle: () => events.next() === Infinity };
}

test("a controller that is well keeps a command until it is too late, whatever it says", () => {
  const { counters, calls, until } = controller({ well: true });
  until(TIMEOUT - 1);
  expect(counters.resets).toBe(0);
  until(TIMEOUT + LOOK);
  expect(counters.resets).toBe(1);
  expect(calls).toEqual(["repeat"]);
});

test("one that isn't is reset at the first look, and gets its commands again when it is up", () => {
  const { recovery, counters, calls, until } = controller();
  until(LOOK);
  expect([recovery.underWay, counters.resets, calls]).toEqual([true, 1, []]);
  until(LOOK + 100);
  expect([recovery.underWay, counters.resets, calls]).toEqual([false, 1, ["repeat"]]);
});

test("it isn't reset while its registers are being written", () => {
  const { state, counters, until } = controller({ busy: true });
  until(5 * LOOK);
  expect(counters.resets).toBe(0);
  state.busy = false;
  until(6 * LOOK);
  expect(counters.resets).toBe(1);
});

test("one that never comes up is given up once, after so many resets in a row, and left alone", () => {
  const { recovery, counters, calls, until, idle } = controller({ failure: "no answer" });
  until(100 * TIMEOUT);
  expect(counters).toEqual({ resets: MOST_RESETS + 1, timeouts: 1 });
  expect(calls).toEqual(["give up"]);
  expect([recovery.hopeless, recovery.underWay, idle()]).toEqual([true, false, true]);
});

test("a driver without commands has nobody look", () => {
  const { recovery, counters, until, idle } = controller();
  recovery.rest();
  expect(idle()).toBe(true);
  until(10 * TIMEOUT);
  expect(counters.resets).toBe(0);
});
