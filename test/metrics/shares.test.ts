// Tables of shared devices: what stands in them, and what when guests never were at work at the same time.
import { expect, test } from "vitest";
import { sharesText } from "../../src/metrics/shares.js";
import type { RunReport } from "../../src/scenario/scenario.js";
import type { GuestShare } from "../../src/scenario/types.js";

const FREQUENCY = 1e9;

function guest(name: string, more: Partial<GuestShare> = {}): GuestShare {
  const counts = { pieces: 1000, bytes: 4_096_000, commonBytes: 0, waited: 5_000_000, longest: 90_000 };
  return { name, weight: 1, rate: null, iops: null, ...counts, ...more };
}

function text(shares: RunReport["shares"]): string[] {
  const configuration = { costs: [{ name: "core-frequency", value: FREQUENCY }] };
  return sharesText({ shares, configuration } as unknown as RunReport, { width: 200 }).split("\n");
}

test("a disk: parts by weight and in fact, MB/s of the common time, limits, waiting in µs", () => {
  const lines = text([
    {
      device: "disk",
      name: "d",
      begin: 0,
      end: FREQUENCY / 2,
      guests: [
        guest("a", { commonBytes: 25e6, rate: 50e6, iops: 2000 }),
        guest("b", { weight: 3, commonBytes: 75e6, pieces: 0 }),
      ],
    },
  ]);
  expect(lines[0]).toMatch(/^disk d +is to have +had, with all at work +waited for its turn, µs$/);
  expect(lines[3].split(/ {2,}/)).toEqual([
    "a",
    "1.00",
    "25 %",
    "50.0 MB/s, 2,000 IOPS",
    "25 %",
    "50.0",
    "5.00",
    "90.0",
  ]);
  expect(lines[4].split(/ {2,}/)).toEqual(["b", "3.00", "75 %", "–", "75 %", "150", "–", "90.0"]);
});

test("a network interface: Mb/s, also of its limit", () => {
  const lines = text([
    { device: "nic", name: "n", begin: 0, end: FREQUENCY, guests: [guest("a", { commonBytes: 1.25e6, rate: 2.5e6 })] },
  ]);
  expect(lines[3].split(/ {2,}/)).toEqual(["a", "1.00", "100 %", "20.0 Mb/s", "100 %", "10.0", "5.00", "90.0"]);
});

test("guests that never were at work together had no share of anything", () => {
  const lines = text([{ device: "disk", name: "d", begin: 7, end: 5, guests: [guest("a"), guest("b")] }]);
  expect(lines[3].split(/ {2,}/)).toEqual(["a", "1.00", "50 %", "–", "–", "–", "5.00", "90.0"]);
});

test("nothing shared, no table", () => {
  expect(text([])).toEqual([""]);
});
