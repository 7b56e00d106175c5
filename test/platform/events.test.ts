import { expect, test } from "vitest";
import { EventQueue } from "../../src/platform/events.js";

function agenda() {
  const clock = { now: 0 };
  const ran: string[] = [];
  const queue = new EventQueue(() => clock.now, 1e9);
  const note = (name: string) => () => ran.push(`${name}@${queue.now()}`);
  return { clock, ran, queue, note };
}

test("events run by cycle, and in the order of scheduling within one", () => {
  const { queue, ran, note } = agenda();
  for (const [name, cycles] of [
    ["c", 30],
    ["a", 10],
    ["d", 30],
    ["b", 20],
  ] as const) {
    queue.after(cycles, note(name));
  }
  expect(queue.next()).toBe(10);
  queue.runDue(29);
  expect(ran).toEqual(["a@10", "b@20"]);
  queue.runDue(30);
  expect(ran.slice(2)).toEqual(["c@30", "d@30"]);
  expect(queue.next()).toBe(Infinity);
});

test("a late event counts from its own time, so device time doesn't drift", () => {
  const { clock, queue, ran, note } = agenda();
  queue.after(10, () => queue.after(10, note("second")));
  clock.now = 1000;
  queue.runDue(1000);
  expect(ran).toEqual(["second@20"]);
  expect(queue.now()).toBe(1000);
});

test("a cancelled event doesn't run and doesn't count as next; cancelling twice does nothing", () => {
  const { queue, ran, note } = agenda();
  const handles = [5, 3, 8, 1, 9, 2].map((cycles) => queue.after(cycles, note(String(cycles))));
  handles[3].cancel();
  handles[3].cancel();
  handles[0].cancel();
  expect(queue.next()).toBe(2);
  queue.runDue(100);
  handles[1].cancel();
  expect(ran).toEqual(["2@2", "3@3", "8@8", "9@9"]);
});

test("an event in the past or at no time is our bug", () => {
  const { queue } = agenda();
  expect(() => queue.after(-1, () => {})).toThrow(RangeError);
  expect(() => queue.after(Number.NaN, () => {})).toThrow(RangeError);
});
