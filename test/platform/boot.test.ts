// The whole board with the real core, natively.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { Core } from "../../src/core/core.js";
import { bootBare, bootNative, deviceTree } from "../../src/platform/boot.js";
import { Machine } from "../../src/platform/machine.js";
import { UserError } from "../../src/platform/user-error.js";

const RAM_SIZE = 64 * 1024 * 1024;
/** Two seconds of the machine. */
const LIMIT = 3e9;
const guest = (name: string) => readFileSync(new URL(`../../guests/${name}.elf`, import.meta.url));

function boot(name: string, bootargs = "") {
  const machine = new Machine({ core: new Core(RAM_SIZE) });
  bootNative(machine, { bytes: guest(name), name }, { bootargs, pcie: true });
  return { machine, reason: machine.run(LIMIT) };
}

test("hello prints through the firmware and the serial line, and shuts the board down", () => {
  const { machine, reason } = boot("hello/hello");
  expect(reason).toEqual({ kind: "finished", code: 0 });
  expect(machine.console.lines()).toEqual(["hello by SBI DBCN", "hello by UART", ""]);
});

test("a run repeats to the last cycle, and its places add up to the clock", () => {
  const runs = [0, 1].map(() => {
    const { machine } = boot("hello/hello");
    return { clock: machine.core.cycles, instret: machine.core.instret, cycles: machine.account.cycles() };
  });
  expect(runs[0]).toEqual(runs[1]);
  expect(Object.values(runs[0].cycles).reduce((a, b) => a + b)).toBe(runs[0].clock);
});

test("the serial line takes its time: 14 characters at 115,200 baud", () => {
  const { machine } = boot("hello/hello");
  const line = (13 * 10 * 1.5e9) / 115_200;
  expect(machine.core.cycles).toBeGreaterThan(line - (1.5e9 / 115_200) * 10);
  expect(machine.core.cycles).toBeLessThan(line * 1.1);
});

test("a program for M-mode runs bare and ends by the finisher", () => {
  const machine = new Machine({ core: new Core(RAM_SIZE) });
  bootBare(machine, { bytes: guest("bench/empty"), name: "empty" });
  expect(machine.run(LIMIT)).toEqual({ kind: "finished", code: 0 });
});

test("a command line too long for the device tree is the user's mistake", () => {
  expect(() => deviceTree({ ramSize: RAM_SIZE, bootargs: "x".repeat(70_000) })).toThrow(UserError);
});
