// The serial line under every mode that it has, with guests that really print.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { UserError } from "../../src/platform/user-error.js";
import type { ModeChoice } from "../../src/scenario/modes.js";
import { run } from "../../src/scenario/run.js";
import type { GuestConfig, RunConfig } from "../../src/scenario/types.js";
import { bootargs, defaultWorkload, typedFor, type Workload } from "../../src/scenario/workload.js";

const kernel = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));
const MIB = 1024 * 1024;
const TOTAL = 512;

function guest(mode: ModeChoice, over: Partial<Workload> = {}, more: Partial<GuestConfig> = {}): GuestConfig {
  const workload: Workload = { ...defaultWorkload, kind: "console", total: TOTAL, ...over };
  const typed = typedFor(workload);
  return {
    ...{ kernel, mode, disk: null, bootargs: bootargs(workload, mode), ram: 8 * MIB },
    ...(typed ? { typed } : {}),
    ...more,
  };
}

const go = (guests: readonly GuestConfig[], more: Partial<RunConfig> = {}) => run({ core: "flat", guests, ...more });
const alone = (mode: ModeChoice, over: Partial<Workload> = {}, more: Partial<RunConfig> = {}) =>
  go([guest(mode, over)], more).guests[0];
const MODES = ["native", "emulated", "assigned", "paravirtual"] as const;

test.each(MODES)("%s: every character leaves, at the line's rate", (mode) => {
  const { stop, result, modes, console, serial } = alone(mode);
  expect(stop).toEqual({ kind: "shutdown", code: 0 });
  expect(modes).toEqual({ serial: mode });
  expect(result).toMatchObject({ bytes: "512", driver: mode === "paravirtual" ? "virtio-console" : "uart" });
  expect(console).toMatch(/abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk\n.*yado-result/s);
  expect(serial).toMatchObject({ baud: 115_200, sent: TOTAL, arrived: TOTAL });
  expect(serial.ofLineRate).toBeCloseTo(1, 3);
});

test("emulated, each character is an exit; assigned, only interrupts are; paravirtual, a buffer is", () => {
  const exits = (mode: ModeChoice) => alone(mode).counters.exits;
  expect(exits("emulated")["mmio:uart"]).toBeGreaterThan(TOTAL);
  expect(exits("assigned")).not.toHaveProperty(["mmio:uart"]);
  expect(exits("paravirtual")).not.toHaveProperty(["mmio:uart"]);
  expect(exits("paravirtual")["mmio:virtio-console"]).toBeLessThan(TOTAL / 8);
});

test("assigned, the line's interrupts are injected and its registers reached without an exit", () => {
  const { counters } = alone("assigned");
  expect(counters.interrupts.injected).toBeGreaterThanOrEqual(TOTAL / 16);
  expect(counters.interrupts.raised).toBe(counters.interrupts.injected);
  expect(counters.directMmio).toBeGreaterThan(TOTAL);
});

test.each(MODES)("%s: without interrupts all of it leaves as well", (mode) => {
  const { serial, result } = alone(mode, { wait: "poll", total: 128 });
  expect(result).toMatchObject({ wait: "poll", errors: "0" });
  expect(serial.ofLineRate).toBeCloseTo(1, 3);
});

test.each(MODES)("%s: what is typed is sent back", (mode) => {
  const { result, serial, console } = alone(mode, { kind: "echo", total: 100 });
  expect(result).toMatchObject({ workload: "echo", bytes: "100", errors: "0" });
  expect(console).toContain(String.fromCharCode(...typedFor({ ...defaultWorkload, kind: "echo", total: 100 })!));
  expect(serial).toMatchObject({ received: 100, sent: 100, arrived: 100 });
  expect(serial.echo!.mean).toBeGreaterThan(2 * (10 / 115_200));
});

test.each([9600, 1_000_000])("%i baud, as the machine has it, in every mode", (baud) => {
  for (const mode of MODES) {
    const { serial } = alone(mode, { total: 200 }, { baud });
    expect(serial.baud).toBe(baud);
    expect(serial.ofLineRate).toBeGreaterThan(0.97);
  }
});

test("two guests share the line, each with its own characters and about half of the rate", () => {
  const { guests } = go([guest("emulated"), guest("paravirtual")]);
  expect(guests.map(({ result }) => result?.bytes)).toEqual(["512", "512"]);
  for (const { serial } of guests) expect(serial.ofLineRate).toBeLessThan(0.7);
  expect(guests.map(({ console }) => console.match(/yado-result/g)?.length)).toEqual([1, 1]);
});

test("lines of their own for guests that need one: each at its own rate", () => {
  const { guests } = go(
    [guest("emulated"), guest("assigned", {}, { serial: 1 }), guest("assigned", {}, { serial: 2 })],
    { serials: [{}, { baud: 57_600 }, { baud: 230_400 }] },
  );
  expect(guests.map(({ result }) => result?.bytes)).toEqual(["512", "512", "512"]);
  expect(guests.map(({ serial }) => serial.baud)).toEqual([115_200, 57_600, 230_400]);
  for (const { serial } of guests) expect(serial.ofLineRate).toBeGreaterThan(0.98);
});

test("a disk's mode and the serial line's don't depend on each other", () => {
  const workload: Workload = { ...defaultWorkload, total: MIB };
  for (const serial of ["emulated", "assigned", "paravirtual"] as const) {
    const mode = { disk: "assigned", serial } as const;
    const { guests } = go([{ kernel, mode, bootargs: bootargs(workload, mode), ram: 8 * MIB }], {
      disks: [{ size: MIB }],
    });
    expect(guests[0].stop).toEqual({ kind: "shutdown", code: 0 });
    expect(guests[0]).toMatchObject({ mode: "assigned", modes: mode });
    expect(guests[0].result).toMatchObject({ errors: "0" });
  }
});

const refusals: [string, readonly GuestConfig[], string][] = [
  ["a service for addresses", [guest("assigned-service")], "no serial line is attached by assigned-service"],
  ["rewriting addresses", [guest({ serial: "assigned-rewrite" })], "it has no DMA"],
  ["raw addresses", [guest("assigned-raw")], "it has no DMA"],
  ["a shared line for one alone", [guest("assigned"), guest("emulated")], "takes serial line 0 for itself"],
  ["a line that isn't there", [guest("emulated", {}, { serial: 1 })], "no serial line 1"],
];

test.each(refusals)("%s is refused", (_what, guests, message) => {
  const start = () => go(guests);
  expect(start).toThrow(UserError);
  expect(start).toThrow(message);
});

test.each([0, 299, 2.5, 1e8])("%f baud is refused", (baud) => {
  expect(() => go([guest("emulated")], { baud })).toThrow(UserError);
});
