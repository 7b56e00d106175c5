// RISC-V Platform-Level Interrupt Controller Specification 1.0.0
import { expect, test } from "vitest";
import { Plic } from "../../src/devices/plic.js";

const PENDING = 0x1000;
const ENABLE_S = 0x2080;
const THRESHOLD_S = 0x20_1000;
const CLAIM_S = 0x20_1004;

function controller() {
  const notified = [false, false];
  const plic = new Plic({
    sources: 96,
    contexts: 2,
    output: (context, level) => {
      notified[context] = level;
    },
  });
  const enable = (source: number, priority: number) => {
    const word = ENABLE_S + 4 * (source >>> 5);
    plic.write(word, 4, (plic.read(word, 4) | (1 << (source & 31))) >>> 0);
    plic.write(4 * source, 4, priority);
  };
  return { plic, notified, enable };
}

test("a source notifies only when enabled, with a priority above the threshold", () => {
  const { plic, notified, enable } = controller();
  plic.line(10).set(true);
  expect(notified).toEqual([false, false]);
  enable(10, 1);
  expect(notified).toEqual([false, true]);
  plic.write(THRESHOLD_S, 4, 1);
  expect(notified).toEqual([false, false]);
  plic.write(10 * 4, 4, 2);
  expect(notified).toEqual([false, true]);
  plic.write(10 * 4, 4, 0);
  expect(notified).toEqual([false, false]);
});

test("claim gives the highest priority, then the lowest number, and 0 at the end", () => {
  const { plic, notified, enable } = controller();
  for (const [source, priority] of [
    [33, 2],
    [10, 1],
    [96, 2],
  ]) {
    enable(source, priority);
    plic.line(source).set(true);
  }
  expect([0, 1, 2, 3].map(() => plic.read(CLAIM_S, 4))).toEqual([33, 96, 10, 0]);
  expect(notified[1]).toBe(false);
});

test("claiming isn't affected by the threshold ('Interrupt Claim Process')", () => {
  const { plic, enable } = controller();
  enable(5, 1);
  plic.write(THRESHOLD_S, 4, 7);
  plic.line(5).set(true);
  expect(plic.read(CLAIM_S, 4)).toBe(5);
});

test("a level that stays up interrupts again after completion, and not before ('Interrupt Gateways')", () => {
  const { plic, notified, enable } = controller();
  enable(10, 1);
  plic.line(10).set(true);
  plic.read(CLAIM_S, 4);
  expect(notified[1]).toBe(false);
  expect(plic.read(PENDING, 4)).toBe(0);
  plic.write(CLAIM_S, 4, 10);
  expect(notified[1]).toBe(true);
  plic.read(CLAIM_S, 4);
  plic.line(10).set(false);
  plic.write(CLAIM_S, 4, 10);
  expect(notified[1]).toBe(false);
});

test("a request that the gateway forwarded stays pending when the level falls", () => {
  const { plic, enable } = controller();
  enable(40, 1);
  plic.line(40).set(true);
  plic.line(40).set(false);
  expect(plic.read(PENDING + 4, 4)).toBe(1 << 8);
  expect(plic.read(CLAIM_S, 4)).toBe(40);
});

test("completion of a source that isn't enabled for the context is ignored ('Interrupt Completion')", () => {
  const { plic, notified, enable } = controller();
  enable(10, 1);
  plic.line(10).set(true);
  plic.read(CLAIM_S, 4);
  plic.write(0x20_0004, 4, 10);
  expect(notified[1]).toBe(false);
  plic.write(CLAIM_S, 4, 0xffff_ffff);
  expect(notified[1]).toBe(false);
});

test("source 0, reserved registers and other contexts read zero and ignore writes", () => {
  const { plic } = controller();
  for (const offset of [0, ENABLE_S - 0x80, 0x3000, 0x20_2000, 0x20_2004, 0x5f_fffc, 97 * 4, PENDING + 0x10]) {
    plic.write(offset, 4, 0xffff_ffff);
  }
  expect([0, 0x3000, 0x20_2000, 0x20_2004, 0x5f_fffc, 97 * 4].map((offset) => plic.read(offset, 4))).toEqual([
    0, 0, 0, 0, 0, 0,
  ]);
  expect(plic.read(ENABLE_S - 0x80, 4)).toBe(0xffff_fffe);
  expect(plic.read(0, 1)).toBe(-1);
});

test("state can be saved and restored; reset keeps the wires", () => {
  const { plic, notified, enable } = controller();
  enable(10, 1);
  plic.line(10).set(true);
  const state = plic.state();
  plic.reset();
  expect(notified[1]).toBe(false);
  plic.restore(state);
  expect(notified[1]).toBe(true);
});
