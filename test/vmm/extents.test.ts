// Files as extents of a disk.
import fc from "fast-check";
import { expect, test } from "vitest";
import { ExtentMap, layOut } from "../../src/vmm/extents.js";

fc.configureGlobal({ seed: 85 });

test("files take extents in turn; the last, alone, grows on in one", () => {
  expect(layOut([3000, 1000, 5000], 1000)).toEqual([
    [
      { start: 0, length: 1000 },
      { start: 3000, length: 1000 },
      { start: 5000, length: 1000 },
    ],
    [{ start: 1000, length: 1000 }],
    [
      { start: 2000, length: 1000 },
      { start: 4000, length: 1000 },
      { start: 6000, length: 3000 },
    ],
  ]);
});

test("a byte is found in its extent, with what follows there", () => {
  const map = new ExtentMap([
    { start: 5000, length: 100 },
    { start: 200, length: 50 },
    { start: 9000, length: 1 },
  ]);
  expect(map.size).toBe(151);
  expect([0, 99, 100, 149, 150].map((at) => map.find(at))).toEqual([
    { start: 5000, length: 100 },
    { start: 5099, length: 1 },
    { start: 200, length: 50 },
    { start: 249, length: 1 },
    { start: 9000, length: 1 },
  ]);
});

test("whatever the sizes: each file has its bytes, no byte of the disk is two files', none is left out", () => {
  const sizes = fc.array(fc.nat(40), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 9 }), (blocks, unit) => {
      const maps = layOut(blocks, unit).map((extents) => new ExtentMap(extents));
      expect(maps.map(({ size }) => size)).toEqual(blocks);
      const places = maps.flatMap((map) => Array.from({ length: map.size }, (_, at) => map.find(at).start));
      const total = blocks.reduce((sum, size) => sum + size, 0);
      expect([...places].sort((a, b) => a - b)).toEqual(Array.from({ length: total }, (_, i) => i));
    }),
  );
});
