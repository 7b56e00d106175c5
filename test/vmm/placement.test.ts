import fc from "fast-check";
import { expect, test } from "vitest";
import { RAM_START } from "../../assembly/layout.js";
import { Placement } from "../../src/vmm/memory/placement.js";

fc.configureGlobal({ seed: 82 });

const MIB = 0x10_0000;
const two = () =>
  new Placement({
    guests: [
      { name: "a", ram: 12 * MIB },
      { name: "b", ram: 8 * MIB },
    ],
    chunk: 4 * MIB,
    vmmRam: 16 * MIB,
    top: [{ owner: "free", what: "RAM", bytes: 4 * MIB }],
  });

test("the first chunk of the first guest lies at the bottom, then the VMM, then all guests in turn", () => {
  const owners = two()
    .map()
    .map(({ start, bytes, owner }) => [owner, (start - RAM_START) / MIB, bytes / MIB]);
  expect(owners).toEqual([
    ["a", 0, 4],
    ["vmm", 4, 16],
    ["a", 20, 4],
    ["b", 24, 4],
    ["a", 28, 4],
    ["b", 32, 4],
    ["free", 36, 4],
  ]);
});

test("a guest's bytes are the chunks it was given, merged where they touch", () => {
  const placement = two();
  const at = (mib: number) => RAM_START + mib * MIB;
  expect(placement.runsOf(0, 0, 12 * MIB)).toEqual([
    { hpa: at(0), length: 4 * MIB },
    { hpa: at(20), length: 4 * MIB },
    { hpa: at(28), length: 4 * MIB },
  ]);
  expect(placement.runsOf(0, 4 * MIB - 1, 2)).toEqual([
    { hpa: at(4) - 1, length: 1 },
    { hpa: at(20), length: 1 },
  ]);
  const alone = new Placement({ guests: [{ name: "a", ram: 12 * MIB }], chunk: 4 * MIB, vmmRam: 16 * MIB });
  expect(alone.runsOf(0, 4 * MIB, 8 * MIB)).toEqual([{ hpa: at(20), length: 8 * MIB }]);
});

test("addresses know their owner, and the VMM's what they hold", () => {
  const placement = two();
  const table = placement.allocate(0x1000, 0x1000, "tables");
  expect(placement.ownerOf(table + 0xfff)).toEqual({ owner: "vmm", what: "tables" });
  expect(placement.ownerOf(table + 0x1000)).toEqual({ owner: "vmm", what: "unused" });
  expect(placement.ownerOf(RAM_START - 1)).toEqual({ owner: "nothing", what: "no memory" });
  expect(placement.ownerOf(RAM_START + 40 * MIB).owner).toBe("nothing");
  expect(placement.ownerOf(Number.NaN).owner).toBe("nothing");
});

test("the VMM's memory ends", () => {
  const placement = two();
  placement.allocate(15 * MIB, 0x1000, "much");
  expect(() => placement.allocate(2 * MIB, 0x1000, "more")).toThrow(/vmmRam/);
});

test("split covers a range exactly once, and says of each run what ownerOf says", () => {
  const placement = two();
  placement.allocate(0x3000, 0x1000, "x");
  placement.allocate(0x5000, 0x10_0000, "y");
  const address = fc.integer({ min: RAM_START - MIB, max: RAM_START + 45 * MIB });
  fc.assert(
    fc.property(address, fc.integer({ min: 1, max: 20 * MIB }), (start, bytes) => {
      const runs = placement.split(start, bytes);
      expect(runs[0].start).toBe(start);
      expect(runs.reduce((sum, run) => sum + run.bytes, 0)).toBe(bytes);
      for (const [i, run] of runs.entries()) {
        expect(run.start).toBe(i === 0 ? start : runs[i - 1].start + runs[i - 1].bytes);
        expect(placement.ownerOf(run.start)).toEqual({ owner: run.owner, what: run.what });
        expect(placement.ownerOf(run.start + run.bytes - 1)).toEqual({ owner: run.owner, what: run.what });
      }
    }),
    { numRuns: 200 },
  );
});
