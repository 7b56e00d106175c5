// RISC-V ACLINT Specification 1.0; SiFive test finisher
import { expect, test } from "vitest";
import { Aclint } from "../../src/devices/aclint.js";
import { Finisher } from "../../src/devices/finisher.js";
import { Access } from "../../src/platform/ports.js";

test("ACLINT: MSIP drives the line, mtimecmp is read back, mtime follows the clock", () => {
  const software: boolean[] = [];
  const compare = [0xffff_ffff, 0xffff_ffff];
  const aclint = new Aclint({
    harts: [
      {
        software: { set: (level) => software.push(level) },
        compare: {
          read: (half) => compare[half],
          write: (half, value) => {
            compare[half] = value;
          },
        },
      },
    ],
    ticks: () => 0x3_0000_0007,
  });
  aclint.write(0, 4, 0xffff_ffff);
  expect(aclint.read(0, 4)).toBe(1);
  aclint.write(0, 4, 0);
  expect(software).toEqual([true, false]);
  aclint.write(0x4000, 4, 5);
  aclint.write(0x4004, 4, 6);
  expect([aclint.read(0x4000, 4), aclint.read(0x4004, 4)]).toEqual([5, 6]);
  expect([aclint.read(0xbff8, 4), aclint.read(0xbffc, 4)]).toEqual([7, 3]);
  expect(aclint.write(0x4000, 1, 0)).toBe(Access.Fault);
});

test("finisher: pass is 0, fail is its code and never 0, reset is reset, all else is nothing", () => {
  const outcomes: unknown[] = [];
  const finisher = new Finisher({ finish: (code) => outcomes.push(code), reset: () => outcomes.push("reset") });
  for (const value of [0x5555, 0x3333 | (7 << 16), 0x3333, 0x7777, 0x1234]) finisher.write(0, 4, value);
  expect(outcomes).toEqual([0, 7, 1, "reset"]);
});
