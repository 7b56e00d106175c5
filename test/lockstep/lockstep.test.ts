// Programs at random on Yado and on QEMU: whatever both define alike comes out alike, registers, CSRs, memory, page tables, and every
// trap taken on the way. docs/lockstep.md tells what is generated, and where QEMU is not followed.
import { expect, test } from "vitest";
import type { CoreBuild } from "../../src/core/instance.js";
import { firstProblem } from "./check.js";
import { FAMILIES } from "./generate/index.js";
import { qemuVersion } from "./qemu.js";

const version = qemuVersion();
if (version === undefined)
  console.warn("lockstep: skipped, for there is no qemu-system-riscv64 (Debian: qemu-system-misc)");

const PROGRAMS = 256;
const CASES = Object.keys(FAMILIES).map((family, i): [string, CoreBuild] => [family, i % 2 ? "timed" : "flat"]);

test.skipIf(version === undefined).each(CASES)(
  `${PROGRAMS} programs of family %s do on Yado (%s) what they do on QEMU ${version}`,
  async (family, build) => {
    expect(await firstProblem(family, 1, PROGRAMS, build)).toBe("");
  },
);
