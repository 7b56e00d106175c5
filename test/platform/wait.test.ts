// RISC-V Privileged Architecture, "Wait for Interrupt": WFI resumes at once while an enabled interrupt is pending, whatever the global
// enables. Software that waits so spins by itself, inside the core: the machine's loop takes no part in it.
import { expect, test } from "vitest";
import { Csr } from "../../assembly/isa/csr.js";
import { HART_LINES, HART_MTIMECMP, RAM_START } from "../../assembly/layout.js";
import { Core } from "../../src/core/core.js";
import { Machine } from "../../src/platform/machine.js";
import { jal, wfi, zero } from "../support/assembler.js";

const MTIE = 1n << 7n;
const MEIE = 1n << 11n;
const STIE = 1n << 5n;
const STCE = 1n << 63n;

/** Entries into the core within 10 million cycles of a loop of WFI in M-mode, with mstatus.MIE clear. */
function entries(prepare: (core: Core) => void): number {
  const core = new Core(0x40_0000);
  const machine = new Machine({ core });
  core.store(RAM_START, new Uint8Array(Uint32Array.of(wfi, jal(zero, -4)).buffer));
  core.pc = BigInt(RAM_START);
  prepare(core);
  let count = 0;
  machine.execute = (until) => {
    count++;
    return core.run(until);
  };
  expect(machine.run(10_000_000)).toEqual({ kind: "deadline" });
  expect(core.instret).toBeGreaterThan(6_000_000);
  return count;
}

test("a line that is up, and masked, costs the machine one entry", () => {
  const count = entries((core) => {
    core.setCsr(Csr.mie, MEIE);
    core.u32[HART_LINES >>> 2] = Number(MEIE);
  });
  expect(count).toBe(1);
});

test.each([
  ["mtimecmp", MTIE, (core: Core) => core.setNumber(HART_MTIMECMP, 5)],
  ["stimecmp", STIE, (core: Core) => core.setCsr(Csr.stimecmp, 5n)],
] as const)("a timer, %s, costs another for the wait until it is due", (_, enable, arm) => {
  const count = entries((core) => {
    core.setCsr(Csr.menvcfg, STCE);
    core.setCsr(Csr.mie, enable);
    arm(core);
  });
  expect(count).toBe(2);
});
