// What programs cost: classes of instructions, caches, walks, traps. The clock is exact wherever a program can read it.
import { expect, test } from "vitest";
import { Cost } from "../../../assembly/isa/cost.js";
import { Counter } from "../../../assembly/isa/counter.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit, Host } from "../../../assembly/isa/exit.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import * as asm from "../../support/assembler.js";
import {
  a0,
  a1,
  a2,
  a3,
  add,
  addi,
  beq,
  bne,
  csrr,
  div,
  ecall,
  fenceI,
  jal,
  ld,
  mret,
  mul,
  nop,
  sd,
  zero,
} from "../../support/assembler.js";
import { BUILDS, bare, CODE, DATA, type Hart, M_VECTOR, PAGE, PageTable, stop } from "../../support/hart.js";

const CLASSES = {
  [Cost.Alu]: 1,
  [Cost.BranchTaken]: 1,
  [Cost.Mul]: 3,
  [Cost.Div]: 20,
  [Cost.Csr]: 4,
  [Cost.Fence]: 10,
  [Cost.Amo]: 8,
  [Cost.Load]: 2,
  [Cost.Store]: 5,
  [Cost.TrapEntry]: 30,
  [Cost.TrapReturn]: 25,
};
/** Cycles that `program` takes up to (not including) its exit, when code and data are in L1. */
function cycles(build: CoreBuild, program: number[]): number {
  const hart = bare([...program, stop], { build, x: { [a1]: DATA } }).costs(CLASSES);
  hart.run();
  const before = hart.core.cycles;
  hart.registers({ [a0]: 0 }).runAt(CODE);
  return hart.core.cycles - before;
}

test.each(BUILDS)("classes of instructions (%s)", (build) => {
  expect(cycles(build, [])).toBe(0);
  expect(cycles(build, [nop, addi(a0, a0, 1), add(a0, a0, a0), asm.lui(a0, 1)])).toBe(4);
  expect(cycles(build, [mul(a0, a1, a1), asm.mulhu(a0, a1, a1), asm.mulw(a0, a1, a1)])).toBe(9);
  expect(cycles(build, [div(a0, a1, a1), asm.remuw(a0, a1, a1)])).toBe(40);
  expect(cycles(build, [ld(a0, 0, a1), asm.lbu(a0, 1, a1), sd(a0, 0, a1)])).toBe(9);
  expect(cycles(build, [asm.lrW(a0, a1), asm.scW(a0, a2, a1), asm.amoaddD(a0, a2, a1)])).toBe(24);
  expect(cycles(build, [csrr(a0, Csr.mscratch), asm.csrw(Csr.mscratch, a0), asm.csrw(Csr.mtval, a0)])).toBe(12);
  expect(cycles(build, [fenceI, asm.sfenceVma(zero, zero), asm.fence])).toBe(21);
  expect(cycles(build, [jal(zero, 4), nop, jal(zero, 8), nop])).toBe(5);
  expect(cycles(build, [beq(zero, zero, 8), nop, beq(zero, a1, 8), nop])).toBe(4);
});

test.each(BUILDS)("a loop takes its instructions and a taken branch each time but the last (%s)", (build) => {
  // 1 + 10 × (addi 1 + mul 3 + bne 1) + 9 taken
  expect(cycles(build, [addi(a0, zero, 10), addi(a0, a0, -1), mul(a2, a1, a1), bne(a0, zero, -8)])).toBe(60);
});

test.each(BUILDS)("with all costs 0 an instruction still takes a cycle, a trap too (%s)", (build) => {
  const hart = bare([mul(a0, a1, a1), ld(a0, 0, a1), fenceI, ecall], { build, host: Host.None, x: { [a1]: DATA } });
  hart.run();
  expect([hart.core.cycles, hart.core.instret]).toEqual([4, 3]);
});

test.each(BUILDS)("trap entry and return (%s)", (build) => {
  const hart = bare([ecall, nop, stop], { build, host: Host.None, x: { [a0]: CODE + 4 } }).costs(CLASSES);
  hart.program([asm.csrw(Csr.mepc, a0), mret], M_VECTOR).run();
  expect(hart.core.cycles).toBe(30 + 4 + (1 + 25) + 1);
});

test.each(BUILDS)("cycle and instret read mid-block what came before, exactly (%s)", (build) => {
  const program = [
    nop,
    mul(a0, a0, a0),
    csrr(2, Csr.mcycle),
    csrr(3, Csr.minstret),
    ld(a0, 0, a1),
    csrr(4, Csr.mcycle),
    jal(zero, 4),
    csrr(5, Csr.mcycle),
    csrr(6, Csr.minstret),
    stop,
  ];
  const hart = bare(program, { build, x: { [a1]: DATA } }).costs(CLASSES);
  hart.run();
  hart.core.cycles = 0;
  const retired = BigInt(hart.core.instret);
  hart.runAt(CODE);
  expect([2, 4, 5].map((i) => hart.x(i))).toEqual([4n, 14n, 20n]);
  expect([3, 6].map((i) => hart.x(i) - retired)).toEqual([3n, 8n]);
  expect(hart.core.cycles).toBe(28);
});

test.each(BUILDS)("the clock at an exit is that before the instruction that leaves (%s)", (build) => {
  const hart = bare([nop, mul(a0, a0, a0), ld(a0, 0, zero), nop, stop], { build }).costs(CLASSES);
  expect([hart.run(), hart.core.cycles, hart.core.instret]).toEqual([Exit.Mmio, 4, 2]);
  hart.answer(1);
  expect([hart.core.cycles, hart.core.instret]).toEqual([6, 4]);
});

test.each(BUILDS)("a deadline is overrun by no more than a block (%s)", (build) => {
  const body = Array.from({ length: 50 }, () => add(a0, a0, a0));
  const hart = bare([...body, jal(zero, -200)], { build });
  for (let deadline = 100; deadline < 5000; deadline += 37) {
    expect(hart.core.run(deadline)).toBe(Exit.Deadline);
    expect(hart.core.cycles).toBeGreaterThanOrEqual(deadline);
    expect(hart.core.cycles).toBeLessThanOrEqual(deadline + 52);
  }
  const straight = bare(Array.from({ length: 5000 }, () => nop).concat(stop), { build });
  straight.core.run(1000);
  expect(straight.core.cycles).toBeLessThanOrEqual(1061); // a block has at most 60 instructions
});

// ---- caches: 32 KiB, 8 ways, lines of 64 bytes; L2 512 KiB, 8 ways
const MEMORY = { [Cost.L2Hit]: 12, [Cost.Memory]: 150 };
const counted = (hart: Hart) => [Counter.L1dMisses, Counter.L1iMisses, Counter.L2Misses].map((c) => hart.counter(c));
/** Touches `lines` lines, `stride` bytes apart, `times` times round; misses of L1D, cycles beyond what the program alone takes. */
function pattern(lines: number, stride: number, times: number, insn = ld(a0, 0, a1)) {
  const program = [
    add(a1, a2, zero),
    add(a3, 4, zero),
    insn,
    add(a1, a1, 5),
    addi(a3, a3, -1),
    bne(a3, zero, -12),
    addi(6, 6, -1),
    bne(6, zero, -28),
    stop,
  ];
  const hart = bare(program, { x: { [a2]: DATA, 4: lines, 5: stride, 6: times } }).costs(MEMORY);
  hart.run(10_000_000);
  const alone = times * (2 + 4 * lines + 2);
  return { l1d: hart.counter(Counter.L1dMisses), l2: hart.counter(Counter.L2Misses), extra: hart.core.cycles - alone };
}

test("L1D: a working set that fits misses once a line, a larger one every time", () => {
  const [code, l2] = [12 + 150, 12]; // the program's own line comes from memory, too
  expect(pattern(512, 64, 3)).toEqual({ l1d: 512, l2: 513, extra: 512 * (12 + 150) + code });
  // 16 lines of one set: none survives a round of a tree of 8 ways
  const conflict = pattern(16, 4096, 4);
  expect(conflict).toEqual({ l1d: 64, l2: 17, extra: 16 * (12 + 150) + 48 * l2 + code });
  expect(pattern(8, 4096, 4).l1d).toBe(8);
  expect(pattern(8, 8, 4).l1d).toBe(1);
});

test("stores and atomics fill L1D like loads, and what is put out is missed again", () => {
  expect(pattern(64, 64, 3, sd(a0, 0, a1)).l1d).toBe(64);
  expect(pattern(64, 64, 3, asm.amoaddD(a0, a0, a1)).l1d).toBe(64);
  expect(pattern(16, 4096, 4, sd(a0, 0, a1)).l1d).toBe(64);
});

test("what loads put out is missed by stores, and the other way", () => {
  const misses = (first: typeof ld, others: typeof ld) => {
    const bases = Array.from({ length: 9 }, (_, i) => 11 + i);
    const program = [
      first(zero, 0, 11),
      ...bases.slice(1).map((base) => others(zero, 0, base)),
      first(zero, 0, 11),
      stop,
    ];
    const hart = bare(program, { x: Object.fromEntries(bases.map((base, i) => [base, DATA + i * PAGE])) });
    hart.run();
    return hart.counter(Counter.L1dMisses);
  };
  expect([misses(ld, sd), misses(sd, ld), misses(ld, ld), misses(sd, sd)]).toEqual([10, 10, 10, 10]);
});

test("a misaligned access touches both its lines", () => {
  const hart = bare([ld(a0, 60, a1), ld(a0, 60, a1), stop], { x: { [a1]: DATA } });
  hart.run();
  expect(counted(hart)).toEqual([2, 1, 3]);
});

test("L1I: a line of code misses once while it stays, and jumps through nine lines of one set always do", () => {
  const straight = bare([...Array.from({ length: 64 }, () => nop), addi(a0, a0, -1), bne(a0, zero, -260), stop], {
    x: { [a0]: 5 },
  });
  straight.costs(MEMORY).run();
  expect(counted(straight)).toEqual([0, 5, 5]);
  expect(straight.core.cycles).toBe(5 * 66 + 5 * 162);

  const ring = bare([], { x: { [a0]: 10 } }).costs(MEMORY);
  for (let i = 0; i < 15; i++) ring.program([jal(zero, PAGE)], CODE + i * PAGE);
  ring.program([addi(a0, a0, -1), beq(a0, zero, 8), asm.jalr(zero, 0, a1), stop], CODE + 15 * PAGE);
  ring.registers({ [a1]: CODE }).run();
  expect(ring.counter(Counter.L1iMisses)).toBe(160);
  expect(ring.counter(Counter.L2Misses)).toBe(16);
});

test("a walk references one entry a level, two-stage Sv39 fifteen, and the TLB remembers", () => {
  const references = (mode: "S" | "VS", scheme: "Sv39" | "Sv48" | "Sv57") => {
    const program = [asm.sfenceVma(zero, zero), ld(a0, 0, a1), ld(a0, 0, a1), ecall];
    const hart = bare(program, { mode, x: { [a1]: 0x5000 } });
    const table = new PageTable(hart, scheme).map(0x5000, DATA, "rad").same("xad", CODE);
    const second = new PageTable(hart, scheme, "second").same("rxuad", CODE, DATA, ...table.pages);
    hart.csrs({ [Csr.satp]: table.atp(), [Csr.vsatp]: table.atp(), [Csr.hgatp]: second.atp() });
    hart.run();
    return [hart.counter(Counter.TlbMisses), hart.counter(Counter.WalkReferences)];
  };
  // the code's page before and after the fence, and the data's
  expect(references("S", "Sv39")).toEqual([3, 9]);
  expect(references("S", "Sv48")).toEqual([3, 12]);
  expect(references("S", "Sv57")).toEqual([3, 15]);
  expect(references("VS", "Sv39")).toEqual([3, 45]);
  expect(references("VS", "Sv48")).toEqual([3, 72]);
});

test("the TLB has 64 sets of 4 ways, replaced least recently used first", () => {
  const misses = (pages: number, rounds: number) => {
    const hart = bare([], { mode: "S" });
    const table = new PageTable(hart).map(0x10_0000, CODE, "xad");
    const vas = Array.from({ length: pages }, (_, i) => 0x100_1000 + i * 64 * PAGE);
    for (const va of vas) table.map(va, DATA, "rad");
    hart.csrs({ [Csr.satp]: table.atp() });
    const program = Array.from({ length: rounds }, (_, round) =>
      vas.map((_, i) => asm.lb(a0, 64 * (i + 8 * round), 11 + i)),
    ).flat();
    hart.program([...program, ecall]).registers(Object.fromEntries(vas.map((va, i) => [11 + i, va])));
    hart.runAt(0x10_0000);
    return hart.counter(Counter.TlbMisses) - 1; // the code's
  };
  expect([misses(4, 3), misses(5, 3)]).toEqual([4, 15]);
});
