// RISC-V Privileged Architecture, "Sstc" extension, "Hypervisor Time Delta Register"
import { expect, test } from "vitest";
import { Interrupt } from "../../assembly/isa/cause.js";
import { Csr } from "../../assembly/isa/csr.js";
import { HART_MTIMECMP } from "../../assembly/layout.js";
import { earliestTimer } from "../../src/platform/timers.js";
import { fakeCore } from "../support/fake-core.js";

const STCE = 1n << 63n;
const enable = (...interrupts: Interrupt[]) => interrupts.reduce((bits, i) => bits | (1n << BigInt(i)), 0n);

function hart(csrs: [Csr, bigint][], mtimecmp = 0) {
  const core = fakeCore([]);
  for (const [csr, value] of csrs) core.setCsr(csr, value);
  core.setNumber(HART_MTIMECMP, mtimecmp);
  return core.hart(0);
}

test("a timer counts only when its interrupt is enabled", () => {
  expect(earliestTimer(hart([], 10))).toBe(Infinity);
  expect(earliestTimer(hart([[Csr.mie, enable(Interrupt.MachineTimer)]], 10))).toBe(1500);
});

test("stimecmp counts with menvcfg.STCE, and not when it is infinitely far", () => {
  const armed = (menvcfg: bigint, stimecmp: bigint) =>
    earliestTimer(
      hart([
        [Csr.mie, enable(Interrupt.SupervisorTimer)],
        [Csr.menvcfg, menvcfg],
        [Csr.stimecmp, stimecmp],
      ]),
    );
  expect(armed(0n, 4n)).toBe(Infinity);
  expect(armed(STCE, 4n)).toBe(600);
  expect(armed(STCE, 0xffff_ffff_ffff_ffffn)).toBe(Infinity);
});

test("vstimecmp counts in the guest's time, to the tick", () => {
  const guest = hart([
    [Csr.mie, enable(Interrupt.VirtualSupervisorTimer)],
    [Csr.menvcfg, STCE],
    [Csr.henvcfg, STCE],
    [Csr.vstimecmp, 5n],
    [Csr.htimedelta, BigInt.asUintN(64, -1001n)],
  ]);
  expect(earliestTimer(guest)).toBe(1006 * 150);
});
