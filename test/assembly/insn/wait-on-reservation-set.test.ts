// RISC-V Unprivileged Architecture, "Zawrs Extension for Wait-on-Reservation-Set instructions".
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import { a0, a1, ebreak, lrW, nop, wrsNto, wrsSto } from "../../support/assembler.js";
import { BUILDS, bare, DATA, type ModeName } from "../../support/hart.js";

const MODES: ModeName[] = ["M", "S", "U", "VS", "VU"];
const TW = { [Csr.mstatus]: 1n << 21n };
const VTW = { [Csr.hstatus]: 1n << 21n };

/** The cause that ends `before` and `wrs`, in cycles too. */
function waited(build: CoreBuild, wrs: number, mode: ModeName, csrs: Record<number, bigint>, before = lrW(a0, a1)) {
  const hart = bare([before, wrs, ebreak], { build, mode, csrs, x: { [a1]: DATA } });
  const from = hart.core.cycles;
  hart.run();
  return { cause: hart.exit.cause, cycles: hart.core.cycles - from };
}

test.each(BUILDS)(
  "a stall lasts a short time; without a reservation, or with an interrupt pending, there is none (%s)",
  (build) => {
    for (const wrs of [wrsNto, wrsSto]) {
      expect(waited(build, wrs, "S", {}).cycles).toBeGreaterThan(100);
      expect(waited(build, wrs, "S", {}, nop).cycles).toBeLessThan(100);
      // locally enabled, whatever the global enable
      expect(waited(build, wrs, "M", { [Csr.mie]: 2n, [Csr.mip]: 2n }).cycles).toBeLessThan(100);
      expect(waited(build, wrs, "M", { [Csr.mie]: 0n, [Csr.mip]: 2n }).cycles).toBeGreaterThan(100);
    }
  },
);

test.each(BUILDS)("WRS.NTO that would stall is subject to TW and VTW, WRS.STO is not (%s)", (build) => {
  const causes = (wrs: number, csrs: Record<number, bigint>, before?: number) =>
    MODES.map((mode) => waited(build, wrs, mode, csrs, before).cause);
  expect(causes(wrsNto, {})).toEqual([3n, 3n, 3n, 3n, 3n]);
  expect(causes(wrsNto, TW)).toEqual([3n, 2n, 2n, 2n, 2n]);
  expect(causes(wrsNto, VTW)).toEqual([3n, 3n, 3n, 22n, 22n]);
  expect(causes(wrsNto, { ...TW, ...VTW })).toEqual([3n, 2n, 2n, 2n, 2n]);
  expect(causes(wrsNto, { ...TW, ...VTW }, nop)).toEqual([3n, 3n, 3n, 3n, 3n]);
  expect(causes(wrsSto, { ...TW, ...VTW })).toEqual([3n, 3n, 3n, 3n, 3n]);
});
