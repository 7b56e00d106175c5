import fc from "fast-check";
import { expect, test } from "vitest";
import { writtenPattern } from "../../src/scenario/pattern.js";

/** The formula of docs/guide-probe.md, word for word. */
function word(index: bigint, seed: bigint): bigint {
  const x = BigInt.asUintN(64, (index + seed * 0x9e3779b97f4a7c15n) * 0xbf58476d1ce4e5b9n);
  return x ^ (x >> 31n);
}

test("the pattern is the probe's, whatever the seed", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: 1, max: 20 }), (seed, count) => {
      const words = new BigUint64Array(writtenPattern(8 * count, seed).slice().buffer);
      expect([...words]).toEqual(Array.from({ length: count }, (_, i) => word(BigInt(i), BigInt(seed))));
    }),
  );
});
