// RISC-V Privileged Architecture, "Extension Context Status in mstatus Register", "Virtual Supervisor Status (vsstatus) Register";
// Unprivileged Architecture, "Floating-Point Control and Status Register".
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import { Cause } from "../../../assembly/isa/cause.js";
import { F_REGS } from "../../../assembly/layout.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import * as asm from "../../support/assembler.js";
import { a0, a1, a2, c, csrr, csrrs, csrrw, csrrwi, ebreak, s0, zero } from "../../support/assembler.js";
import { BUILDS, bare, DATA, type Hart, type ModeName, ran } from "../../support/hart.js";

const [OFF, INITIAL, CLEAN, DIRTY] = [0, 1, 2, 3];
const SD = 1n << 63n;
const D = 1;
const fs = (state: number) => BigInt(state) << 13n;
const states = (host: number, guest: number) => ({ [Csr.mstatus]: fs(host), [Csr.vsstatus]: fs(guest) });
const fsOf = (hart: Hart, n: number) => Number((hart.csr(n) >> 13n) & 3n);
const f = (hart: Hart, i: number, value?: bigint) => hart.double(F_REGS + 8 * i, value);

/** One of each kind: loads and stores, computations, moves, compressed ones, CSR accesses. */
const EVERYTHING = [
  ...[asm.flw(0, 0, a1), asm.fld(0, 0, a1), asm.fsw(0, 0, a1), asm.fsd(0, 0, a1)],
  ...[asm.fadd(0)(0, 1, 2), asm.fadd(D)(0, 1, 2), asm.fdiv(D)(0, 1, 2), asm.fsqrt(0)(0, 1), asm.fmadd(D)(0, 1, 2, 3)],
  ...[asm.fsgnj(D)(0, 1, 1), asm.fmin(0)(0, 1, 2), asm.feq(D)(a0, 1, 2), asm.fclass(0)(a0, 1), asm.fcvtW(D)(a0, 1)],
  ...[asm.fcvtFromL(D)(0, a0), asm.fcvtSD(0, 1), asm.fmvToX(D)(a0, 1), asm.fmvFromX(0)(0, a0)],
  ...[c.fld(s0, 0, s0), c.fsd(s0, 0, s0), c.fldsp(1, 0), c.fsdsp(1, 0)],
  ...[csrr(a0, Csr.fflags), csrrw(zero, Csr.frm, a0), csrr(a0, Csr.fcsr)],
];

/** What an instruction comes to: its cause and mtval, or the breakpoint behind it. */
function causeOf(build: CoreBuild, insn: number, mode: ModeName, csrs: Record<number, bigint>) {
  const x = { [a1]: DATA, [s0]: DATA, [asm.sp]: DATA };
  const hart = ran([insn, ebreak], { build, mode, csrs, x });
  return [hart.exit.cause, hart.exit.tval];
}

test.each(BUILDS)(
  "FS = Off: everything is an illegal instruction, in vsstatus too, and never a virtual one (%s)",
  (build) => {
    const illegal = EVERYTHING.map((insn) => [BigInt(Cause.IllegalInstruction), BigInt(insn)]);
    const causes = (mode: ModeName, host: number, guest: number) =>
      EVERYTHING.map((insn) => causeOf(build, insn, mode, states(host, guest)));
    for (const mode of ["M", "S", "U"] as const) expect(causes(mode, OFF, DIRTY)).toEqual(illegal);
    for (const mode of ["VS", "VU"] as const) {
      expect(causes(mode, OFF, DIRTY)).toEqual(illegal);
      expect(causes(mode, DIRTY, OFF)).toEqual(illegal);
    }
  },
);

test.each(BUILDS)("any other FS lets everything through (%s)", (build) => {
  for (const [mode, state] of [
    ["U", INITIAL],
    ["VS", CLEAN],
    ["M", DIRTY],
  ] as const) {
    const causes = EVERYTHING.map((insn) => causeOf(build, insn, mode, states(state, state))[0]);
    expect(new Set(causes)).toEqual(new Set([BigInt(Cause.Breakpoint)]));
  }
});

test.each(BUILDS)("what changes a register or the flags makes FS dirty, with V = 1 in both registers (%s)", (build) => {
  const one = 0x3ff0n << 48n;
  /** FS of mstatus and vsstatus after `insn`; f1 holds 1, f2 a signaling NaN. */
  const after = (insn: number, mode: ModeName, host: number, guest: number) => {
    const hart = bare([insn, ebreak], { build, mode, csrs: states(host, guest), x: { [a1]: DATA } });
    f(hart, 1, one);
    f(hart, 2, 0x7ff0_0000_0000_0001n);
    hart.run();
    return [fsOf(hart, Csr.mstatus), fsOf(hart, Csr.vsstatus)];
  };
  const changes = [
    ...[asm.flw(0, 0, a1), asm.fld(0, 0, a1), asm.fadd(D)(0, 1, 1), asm.fsgnj(D)(0, 1, 1), asm.fmvFromX(D)(0, a0)],
    ...[asm.feq(D)(a0, 1, 2), asm.fcvtW(D)(a0, 2), csrrwi(zero, Csr.fflags, 0), csrrw(zero, Csr.frm, zero)],
  ];
  for (const insn of changes) {
    expect(after(insn, "S", INITIAL, CLEAN)).toEqual([DIRTY, CLEAN]);
    expect(after(insn, "VS", CLEAN, INITIAL)).toEqual([DIRTY, DIRTY]);
    expect(after(insn, "VU", DIRTY, CLEAN)).toEqual([DIRTY, DIRTY]);
    expect(after(insn, "VS", CLEAN, DIRTY)).toEqual([DIRTY, DIRTY]);
  }
  const others = [
    ...[asm.fsw(1, 0, a1), asm.fsd(1, 0, a1), asm.feq(D)(a0, 1, 1), asm.fcvtW(D)(a0, 1), asm.fmvToX(D)(a0, 1)],
    ...[asm.fclass(D)(a0, 2), csrr(a0, Csr.fcsr)],
  ];
  for (const insn of others) expect(after(insn, "VS", CLEAN, INITIAL)).toEqual([CLEAN, INITIAL]);
});

test.each(BUILDS)(
  "SD says that FS is dirty, in each status register of its own FS; it can't be written (%s)",
  (build) => {
    const read = (mode: ModeName, n: number, csrs: Record<number, bigint>) =>
      ran([csrr(a0, n), ebreak], { build, mode, csrs }).x(a0) & SD;
    expect([OFF, INITIAL, CLEAN, DIRTY].map((state) => read("M", Csr.mstatus, states(state, OFF)))).toEqual([
      0n,
      0n,
      0n,
      SD,
    ]);
    expect([CLEAN, DIRTY].map((state) => read("S", Csr.sstatus, states(state, OFF)))).toEqual([0n, SD]);
    expect(read("S", Csr.vsstatus, states(CLEAN, DIRTY))).toBe(SD);
    expect(read("VS", Csr.sstatus, states(DIRTY, CLEAN))).toBe(0n);
    const written = ran([csrrs(zero, Csr.sstatus, a1), csrr(a0, Csr.sstatus), ebreak], {
      build,
      mode: "S",
      x: { [a1]: SD },
    });
    expect(written.x(a0) & SD).toBe(0n);
  },
);

test.each(BUILDS)("FS turned on and off takes effect with the next instruction (%s)", (build) => {
  const on = ran([csrrs(zero, Csr.sstatus, a1), asm.fmvFromX(D)(1, a1), ebreak], {
    build,
    mode: "S",
    x: { [a1]: fs(CLEAN) },
  });
  expect([f(on, 1), on.exit.cause]).toEqual([fs(CLEAN), BigInt(Cause.Breakpoint)]);
  const off = asm.csrrc(zero, Csr.sstatus, a1);
  const hart = ran([asm.fmvFromX(D)(1, a1), off, asm.fmvFromX(D)(1, a0), ebreak], {
    ...{ build, mode: "S", csrs: states(DIRTY, OFF), x: { [a1]: fs(DIRTY) } },
  });
  expect([f(hart, 1), hart.exit.cause]).toEqual([fs(DIRTY), BigInt(Cause.IllegalInstruction)]);
});

test.each(BUILDS)("fflags and frm are the fields of fcsr; nothing else of it exists (%s)", (build) => {
  const read = (...program: number[]) => {
    const hart = ran([...program, csrr(a0, Csr.fcsr), csrr(a1, Csr.fflags), csrr(a2, Csr.frm), ebreak], {
      ...{ build, csrs: states(DIRTY, OFF), x: { [a0]: -1n } },
    });
    return [hart.x(a0), hart.x(a1), hart.x(a2)];
  };
  expect(read(csrrw(zero, Csr.fcsr, a0))).toEqual([0xffn, 0x1fn, 7n]);
  expect(read(csrrw(zero, Csr.fflags, a0))).toEqual([0x1fn, 0x1fn, 0n]);
  expect(read(csrrw(zero, Csr.frm, a0))).toEqual([0xe0n, 0n, 7n]);
  expect(read(csrrwi(zero, Csr.fcsr, 31), asm.csrrci(zero, Csr.fflags, 5), csrrwi(zero, Csr.frm, 2))).toEqual([
    0x5an,
    0x1an,
    2n,
  ]);
});

test.each(BUILDS)(
  "reserved rounding modes are illegal, in rm and in frm, also where nothing is rounded (%s)",
  (build) => {
    const cause = (insn: number, frm: number) =>
      causeOf(build, insn, "U", { ...states(DIRTY, OFF), [Csr.frm]: BigInt(frm) })[0];
    const rounding = [
      ...[(rm: number) => asm.fadd(D)(0, 1, 2, rm), (rm: number) => asm.fsqrt(0)(0, 1, rm)],
      ...[(rm: number) => asm.fmadd(0)(0, 1, 2, 3, rm), (rm: number) => asm.fcvtL(D)(a0, 1, rm)],
      ...[
        (rm: number) => asm.fcvtFromW(D)(0, a0, rm),
        (rm: number) => asm.fcvtDS(0, 1, rm),
        (rm: number) => asm.fcvtSD(0, 1, rm),
      ],
    ];
    const [illegal, fine] = [BigInt(Cause.IllegalInstruction), BigInt(Cause.Breakpoint)];
    for (const encode of rounding) {
      expect([5, 6].map((rm) => cause(encode(rm), 0))).toEqual([illegal, illegal]);
      expect([4, 5, 6, 7].map((frm) => cause(encode(7), frm))).toEqual([fine, illegal, illegal, illegal]);
      expect(cause(encode(1), 7)).toBe(fine);
    }
    expect(cause(asm.feq(D)(a0, 1, 2), 7)).toBe(fine);
  },
);

test.each(BUILDS)("encodings of other formats and of no instruction are illegal (%s)", (build) => {
  const [H, Q] = [2, 3];
  const none = [
    ...[asm.fadd(H)(0, 1, 2), asm.fadd(Q)(0, 1, 2), asm.fmadd(H)(0, 1, 2, 3), asm.fsqrt(D)(0, 1) | (1 << 20)],
    ...[asm.fload(-1)(0, 0, a1), asm.fload(2)(0, 0, a1), asm.fstore(2)(0, 0, a1), asm.fclass(D)(a0, 1) | (1 << 20)],
    ...[asm.fsgnj(D)(0, 1, 2) | (3 << 12), asm.fmin(D)(0, 1, 2) | (2 << 12), asm.feq(D)(a0, 1, 2) | (3 << 12)],
    ...[asm.fcvtW(D)(a0, 1) | (4 << 20), asm.fcvtSD(0, 1) & ~(1 << 20), asm.fcvtDS(0, 1) | (1 << 20)],
  ].map((insn) => insn >>> 0);
  const causes = none.map((insn) => causeOf(build, insn, "M", states(DIRTY, OFF))[0]);
  expect(new Set(causes)).toEqual(new Set([BigInt(Cause.IllegalInstruction)]));
});

test.each(BUILDS)("reset clears registers, fcsr and FS (%s)", (build) => {
  const hart = ran([asm.fmvFromX(D)(1, a1), csrrwi(zero, Csr.fcsr, 31), ebreak], {
    ...{ build, csrs: states(DIRTY, OFF), x: { [a1]: -1n } },
  });
  expect(f(hart, 1)).toBe(0xffff_ffff_ffff_ffffn);
  hart.core.exports.reset();
  expect([f(hart, 1), hart.csr(Csr.fflags), hart.csr(Csr.frm), fsOf(hart, Csr.mstatus)]).toEqual([0n, 0n, 0n, OFF]);
});
