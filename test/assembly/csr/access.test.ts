// RISC-V Privileged Architecture 1.13, "CSR Address Mapping Conventions", "Trap Cause Codes" of the Hypervisor Extension (which
// accesses raise a virtual-instruction exception), "Machine Counter-Enable Register", "Hypervisor Counter-Enable Register".
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import {
  a0,
  a1,
  csrr,
  csrrc,
  csrrs,
  csrrsi,
  csrrw,
  ebreak,
  hfenceGvma,
  hfenceVvma,
  hinvalGvma,
  hinvalVvma,
  hlvD,
  hsvD,
  sfenceInvalIr,
  sfenceVma,
  sfenceWInval,
  sinvalVma,
  zero,
} from "../../support/assembler.js";
import { BUILDS, bare, type ModeName } from "../../support/hart.js";

const MODES: ModeName[] = ["M", "S", "U", "VS", "VU"];
const TVM = 1n << 20n;
const VTVM = 1n << 20n;
const HU = 1n << 9n;
const STCE = 1n << 63n;

/** ok, illegal, virtual. */
const OUTCOME: Record<string, string> = { 2: "i", 3: "ok", 22: "v" };
function outcome(build: CoreBuild, mode: ModeName, insn: number, csrs: Record<number, bigint> = {}): string {
  const hart = bare([insn, ebreak], { build, mode, csrs });
  hart.run();
  return OUTCOME[String(hart.exit.cause)];
}
const everywhere = (build: CoreBuild, insn: number, csrs: Record<number, bigint> = {}) =>
  MODES.map((mode) => outcome(build, mode, insn, csrs)).join(" ");

test.each(BUILDS)("CSRs by the level that their number names (%s)", (build) => {
  const read = (n: number) => everywhere(build, csrr(a0, n));
  const write = (n: number) => everywhere(build, csrrw(a0, n, a1));
  for (const n of [Csr.mstatus, Csr.mepc, Csr.mip, Csr.medeleg, Csr.mcycle]) {
    expect([n, read(n), write(n)]).toEqual([n, "ok i i i i", "ok i i i i"]);
  }
  for (const n of [Csr.sstatus, Csr.sie, Csr.stvec, Csr.scounteren, Csr.sepc, Csr.sip, Csr.satp]) {
    expect([n, read(n), write(n)]).toEqual([n, "ok ok i ok v", "ok ok i ok v"]);
  }
  for (const n of [Csr.hstatus, Csr.hgatp, Csr.hvip, Csr.vsstatus, Csr.vsatp, Csr.vsip]) {
    expect([n, read(n), write(n)]).toEqual([n, "ok ok i v v", "ok ok i v v"]);
  }
});

test.each(BUILDS)("read-only CSRs may be read; CSRRS and CSRRC of x0 do not write (%s)", (build) => {
  for (const n of [Csr.mhartid, Csr.mvendorid, Csr.marchid, Csr.mconfigptr, Csr.cycle, Csr.hgeip]) {
    expect(outcome(build, "M", csrr(a0, n))).toBe("ok");
    expect(outcome(build, "M", csrrc(a0, n, zero))).toBe("ok");
    expect(outcome(build, "M", csrrsi(a0, n, 0))).toBe("ok");
    expect(outcome(build, "M", csrrw(zero, n, zero))).toBe("i");
    expect(outcome(build, "M", csrrs(a0, n, a1))).toBe("i");
    expect(outcome(build, "M", csrrsi(a0, n, 1))).toBe("i");
  }
  expect(everywhere(build, csrrw(zero, Csr.hgeip, a1))).toBe("i i i i i");
});

test.each(BUILDS)("CSRs that do not exist are illegal everywhere (%s)", (build) => {
  for (const n of [0x001, 0x015, 0x107, 0x15a, 0x2ff, 0x312, 0x3a1, 0x5a8, 0x614, 0x612, 0x7ff, 0x800, 0xc80, 0xfff]) {
    expect([n, everywhere(build, csrr(a0, n))]).toEqual([n, "i i i i i"]);
  }
});

test.each(BUILDS)("counters: mcounteren, then hcounteren, then scounteren (%s)", (build) => {
  const read = (n: number, m: bigint, h: bigint, s: bigint) =>
    everywhere(build, csrr(a0, n), { [Csr.mcounteren]: m, [Csr.hcounteren]: h, [Csr.scounteren]: s });
  for (const [n, bit] of [
    [Csr.cycle, 1n],
    [Csr.time, 2n],
    [Csr.instret, 4n],
  ] as const) {
    expect(read(n, 0n, 7n, 7n)).toBe("ok i i i i");
    expect(read(n, bit, 0n, 0n)).toBe("ok ok i v v");
    expect(read(n, bit, 0n, bit)).toBe("ok ok ok v v");
    expect(read(n, bit, bit, 0n)).toBe("ok ok i ok v");
    expect(read(n, bit, bit, bit)).toBe("ok ok ok ok ok");
    expect(read(n, 7n & ~bit, 7n, 7n)).toBe("ok i i i i");
  }
  expect(read(0xc03, 7n, 7n, 7n)).toBe("ok i i i i");
  expect(read(0xc1f, 1n << 31n, 1n << 31n, 0n)).toBe("ok ok i ok v");
});

test.each(BUILDS)("satp and hgatp: TVM and VTVM (%s)", (build) => {
  const tvm = { [Csr.mstatus]: TVM };
  expect(everywhere(build, csrr(a0, Csr.satp), tvm)).toBe("ok i i ok v");
  expect(everywhere(build, csrr(a0, Csr.hgatp), tvm)).toBe("ok i i v v");
  expect(everywhere(build, csrr(a0, Csr.vsatp), tvm)).toBe("ok ok i v v");
  expect(everywhere(build, csrr(a0, Csr.satp), { [Csr.hstatus]: VTVM })).toBe("ok ok i v v");
});

test.each(BUILDS)("fences and guest accesses by mode, TVM, VTVM and HU (%s)", (build) => {
  const tvm = { [Csr.mstatus]: TVM };
  const vtvm = { [Csr.hstatus]: VTVM };
  expect(everywhere(build, sfenceVma(zero, zero))).toBe("ok ok i ok v");
  expect(everywhere(build, sfenceVma(zero, zero), tvm)).toBe("ok i i ok v");
  expect(everywhere(build, sfenceVma(zero, zero), vtvm)).toBe("ok ok i v v");
  expect(everywhere(build, hfenceVvma(zero, zero), tvm)).toBe("ok ok i v v");
  expect(everywhere(build, hfenceGvma(zero, zero))).toBe("ok ok i v v");
  expect(everywhere(build, hfenceGvma(zero, zero), tvm)).toBe("ok i i v v");
  // "Svinval": as the fences that they are parts of; those that only order are free of TVM and VTVM
  expect(everywhere(build, sinvalVma(zero, zero), tvm)).toBe("ok i i ok v");
  expect(everywhere(build, sinvalVma(zero, zero), vtvm)).toBe("ok ok i v v");
  expect(everywhere(build, hinvalVvma(zero, zero), tvm)).toBe("ok ok i v v");
  expect(everywhere(build, hinvalGvma(zero, zero), tvm)).toBe("ok i i v v");
  for (const ordering of [sfenceWInval, sfenceInvalIr]) {
    expect(everywhere(build, ordering, { ...tvm, ...vtvm })).toBe("ok ok i ok v");
  }
  const modes = (csrs: Record<number, bigint>, insn: number) =>
    MODES.map((mode) => {
      const hart = bare([insn, ebreak], { build, mode, csrs, x: { [a1]: 0x8001_0000 } });
      hart.run();
      return OUTCOME[String(hart.exit.cause)];
    }).join(" ");
  expect([modes({}, hlvD(a0, a1)), modes({}, hsvD(a0, a1))]).toEqual(["ok ok i v v", "ok ok i v v"]);
  expect([modes({ [Csr.hstatus]: HU }, hlvD(a0, a1)), modes({ [Csr.hstatus]: HU }, hsvD(a0, a1))]).toEqual([
    "ok ok ok v v",
    "ok ok ok v v",
  ]);
});

test.each(BUILDS)("Sstc: stimecmp and vstimecmp by menvcfg, henvcfg and the TM bits (%s)", (build) => {
  const access = (n: number, menvcfg: bigint, m: bigint, henvcfg: bigint, h: bigint) =>
    everywhere(build, csrr(a0, n), {
      [Csr.menvcfg]: menvcfg,
      [Csr.mcounteren]: m,
      [Csr.henvcfg]: henvcfg,
      [Csr.hcounteren]: h,
    });
  expect(access(Csr.stimecmp, 0n, 2n, STCE, 2n)).toBe("ok i i i i");
  expect(access(Csr.stimecmp, STCE, 0n, STCE, 2n)).toBe("ok i i i i");
  expect(access(Csr.stimecmp, STCE, 2n, 0n, 2n)).toBe("ok ok i v v");
  expect(access(Csr.stimecmp, STCE, 2n, STCE, 0n)).toBe("ok ok i v v");
  expect(access(Csr.stimecmp, STCE, 2n, STCE, 2n)).toBe("ok ok i ok v");
  expect(access(Csr.vstimecmp, 0n, 2n, STCE, 2n)).toBe("ok i i i i");
  expect(access(Csr.vstimecmp, STCE, 2n, 0n, 0n)).toBe("ok ok i v v");
});

test.each(BUILDS)("what an illegal access leaves: rd as it was, the instruction in tval (%s)", (build) => {
  const hart = bare([csrrw(a0, Csr.mscratch, a1)], { build, mode: "S", x: { [a0]: 5, [a1]: 6 } });
  hart.run();
  expect([hart.x(a0), hart.csr(Csr.mscratch), hart.exit.tval]).toEqual([5n, 0n, BigInt(csrrw(a0, Csr.mscratch, a1))]);
});
