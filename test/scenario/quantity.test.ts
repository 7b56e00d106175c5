import { expect, test } from "vitest";
import { parseSize } from "../../src/scenario/quantity.js";

test.each([
  ["512", 512],
  [4096, 4096],
  ["4K", 4096],
  ["4k", 4096],
  ["64KiB", 65536],
  ["1.5M", 1_572_864],
  ["8MB", 8_388_608],
  ["0", 0],
])("%s is %i bytes", (text, bytes) => {
  expect(parseSize(text)).toBe(bytes);
});

test.each(["", "K", "-1", "1.0001K", "4 Kelvin", "0x10", "1e3", "99999999T"])("%j is no size", (text) => {
  expect(parseSize(text)).toBeUndefined();
});
