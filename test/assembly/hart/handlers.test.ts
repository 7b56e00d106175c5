// Exits that Wasm finishes itself (assembly/hart/handlers.ts): SBI 2.0, "Base Extension" and "Timer Extension"; shadow registers.
import { expect, test } from "vitest";
import { Cost } from "../../../assembly/isa/cost.js";
import { Counter } from "../../../assembly/isa/counter.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit, Handler, Host } from "../../../assembly/isa/exit.js";
import { SBI_BASE_ANSWERS, SHADOW_COUNT, SHADOW_REGISTERS } from "../../../assembly/layout.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import { a0, a1, a6, a7, amoaddW, ecall, lbu, ld, lh, lrW, lw, lwu, sw, zero } from "../../support/assembler.js";
import { BUILDS, bare, CODE, type Hart, PAGE, PageTable } from "../../support/hart.js";

const STCE = 1n << 63n;
const REGISTER = 0x1000_0000;
const VMID = 9;

/** A guest without a first stage: RAM at CODE, registers at REGISTER trap. One of them, at REGISTER + 8, is shadowed. */
function guest(build: CoreBuild, program: number[], x: Record<number, number | bigint> = {}): Hart {
  const hart = bare(program, { build, mode: "VS", host: Host.M | Host.HS, x, csrs: { [Csr.medeleg]: 0xf0_b7ff } });
  const second = new PageTable(hart, "Sv39", "second").same("rwxuad", CODE);
  hart.csrs({ [Csr.hgatp]: second.atp(VMID), [Csr.menvcfg]: STCE, [Csr.henvcfg]: STCE });
  hart.costs({ [Cost.ExitInWasm]: 500, [Cost.HypercallInWasm]: 100, [Cost.ShadowReadInWasm]: 70 });
  hart.core.exports.setHandler(Exit.EnvironmentCallFromVS, Handler.Sbi);
  hart.core.exports.setHandler(Exit.LoadGuestPageFault, Handler.ShadowRead);
  hart.double(SBI_BASE_ANSWERS, 0x200_0000n);
  hart.word(SHADOW_COUNT, 1);
  hart.double(SHADOW_REGISTERS, BigInt(REGISTER + 8));
  hart.word(SHADOW_REGISTERS + 8, 0x8765_4321);
  hart.word(SHADOW_REGISTERS + 12, VMID);
  return hart;
}

test.each(BUILDS)("calls of BASE are answered and charged, and the guest goes on (%s)", (build) => {
  const hart = guest(build, [ecall, sw(zero, 0, zero)], { [a0]: 7, [a7]: 0x10, [a6]: 0 });
  expect([hart.run(), hart.pc]).toEqual([Exit.StoreGuestPageFault, CODE + 4]);
  expect([hart.x(a0), hart.x(a1), hart.counter(Counter.ExitsSbi)]).toEqual([0n, 0x200_0000n, 1]);
  expect([
    hart.core.cycles,
    hart.counter(Counter.ExitsInWasmExitCycles),
    hart.counter(Counter.ExitsInWasmWorkCycles),
  ]).toEqual([600, 500, 100]);
});

test.each(BUILDS)(
  "calls that need policy leave: probing, unknown functions and extensions, a timer without Sstc (%s)",
  (build) => {
    const leaves = (extension: number, call: bigint, csrs: Record<number, bigint> = {}) => {
      const hart = guest(build, [ecall, sw(zero, 0, zero)], { [a7]: extension, [a6]: call }).csrs(csrs);
      return hart.run() === Exit.EnvironmentCallFromVS;
    };
    expect([leaves(0x10, 3n), leaves(0x10, 7n), leaves(0x10, -1n), leaves(0x10, 1n << 32n), leaves(0x11, 0n)]).toEqual([
      true,
      true,
      true,
      true,
      true,
    ]);
    expect([leaves(0x10, 6n), leaves(0x5449_4d45, 0n), leaves(0x5449_4d45, 1n)]).toEqual([false, false, true]);
    expect(leaves(0x5449_4d45, 0n, { [Csr.henvcfg]: 0n })).toBe(true);
  },
);

test.each(BUILDS)("TIME sets vstimecmp (%s)", (build) => {
  const hart = guest(build, [ecall, sw(zero, 0, zero)], { [a7]: 0x5449_4d45, [a0]: 12_345 });
  hart.run();
  expect([hart.csr(Csr.vstimecmp), hart.x(a0)]).toEqual([12_345n, 0n]);
});

test.each(BUILDS)("a shadowed register is read as the load says (%s)", (build) => {
  const value = (insn: number) => {
    const hart = guest(build, [insn, sw(zero, 0, zero)], { [a1]: REGISTER });
    expect([hart.run(), hart.pc]).toEqual([Exit.StoreGuestPageFault, CODE + 4]);
    expect([hart.core.instret, hart.core.cycles, hart.counter(Counter.ExitsShadowRead)]).toEqual([1, 570, 1]);
    return hart.x(a0);
  };
  expect(value(lw(a0, 8, a1))).toBe(0xffff_ffff_8765_4321n);
  expect(value(lwu(a0, 8, a1))).toBe(0x8765_4321n);
  expect(value(lh(a0, 10, a1))).toBe(0xffff_ffff_ffff_8765n);
  expect(value(lbu(a0, 9, a1))).toBe(0x43n);
});

test.each(BUILDS)("what is not a load of that register by that guest leaves (%s)", (build) => {
  const leaves = (insn: number, vmid = VMID, offset = 0) => {
    const hart = guest(build, [insn], { [a1]: REGISTER + offset });
    hart.word(SHADOW_REGISTERS + 12, vmid);
    return hart.run() === Exit.LoadGuestPageFault && hart.pc === CODE;
  };
  expect([
    leaves(lw(a0, 4, a1)),
    leaves(lw(a0, 12, a1)),
    leaves(ld(a0, 8, a1)),
    leaves(lw(a0, 10, a1)),
    leaves(lh(a0, 11, a1)),
  ]).toEqual([true, true, true, true, true]);
  expect([leaves(lw(a0, 8, a1), VMID + 1), leaves(lrW(a0, a1), VMID, 8)]).toEqual([true, true]);
  const atomic = guest(build, [amoaddW(a0, a0, a1)], { [a1]: REGISTER + 8 });
  expect([atomic.run(), atomic.exit.size]).toEqual([Exit.StoreGuestPageFault, 0]);
});

test.each(BUILDS)("a guest's page table among registers is not a read of one (%s)", (build) => {
  const hart = guest(build, [lw(a0, 0, a1)], { [a1]: 0x4020_0000 });
  const first = new PageTable(hart).same("xad", CODE);
  hart.write64(first.entry(0x4020_0000, 30), (BigInt(REGISTER / PAGE) << 10n) | 1n);
  const second = new PageTable(hart, "Sv39", "second").same("rwxuad", CODE, ...first.pages);
  hart.csrs({ [Csr.vsatp]: first.atp(), [Csr.hgatp]: second.atp(VMID) });
  // the entry of the second level is at REGISTER + 8
  expect([hart.run(), hart.exit.tinst, hart.exit.gpa, hart.pc]).toEqual([
    Exit.LoadGuestPageFault,
    0x3000n,
    BigInt(REGISTER + 8),
    CODE,
  ]);
});
