import { expect, test } from "vitest";
import { brief, bytes, grouped, list, percent, printable, ratio } from "../../src/metrics/format.js";

test("thousands are grouped by commas, in every locale", () => {
  expect(grouped(1234567.891)).toBe("1,234,568");
  expect(grouped(1234567.891, 2)).toBe("1,234,567.89");
  expect(grouped(999)).toBe("999");
  expect(grouped(-1234)).toBe("-1,234");
  expect(grouped(-0.2)).toBe("0");
  expect(grouped(Number.NaN)).toBe("–");
});

test("figures carry three significant digits, and whole numbers from a hundred on", () => {
  expect([0, 0.0004, 0.1234, 4.567, 45.67, 456.7, 7890.4].map(brief)).toEqual([
    "0",
    "<0.001",
    "0.123",
    "4.57",
    "45.7",
    "457",
    "7,890",
  ]);
});

test("ratios begin with a cross, and are empty without a baseline", () => {
  expect([0.43712, 1, 12.345, undefined].map(ratio)).toEqual(["×0.437", "×1.00", "×12.3", ""]);
});

test("bytes are written in powers of 1024", () => {
  expect([0, 512, 65536, 8 * 2 ** 20, 1.5 * 2 ** 20].map(bytes)).toEqual([
    "0 B",
    "512 B",
    "64 KiB",
    "8 MiB",
    "1.50 MiB",
  ]);
});

test("percentages never round to nothing or to all", () => {
  expect([0, 0.0001, 0.034, 0.5, 0.995, 0.9999, 1].map(percent)).toEqual([
    "0 %",
    "< 0.1 %",
    "3.4 %",
    "50 %",
    "99.5 %",
    "> 99.9 %",
    "100 %",
  ]);
});

test("words are joined as in a sentence", () => {
  expect([[], ["a"], ["a", "b"], ["a", "b", "c"]].map(list)).toEqual(["", "a", "a and b", "a, b and c"]);
});

test("what a guest says can't steer a terminal", () => {
  expect(printable("\u001b[2Jgone\n")).toBe("·[2Jgone·");
  expect(printable("x".repeat(500))).toHaveLength(120);
});
