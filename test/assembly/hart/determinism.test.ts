// The same program, cut into stretches of any length by deadlines, is the same to the last digit; both builds compute the same.
import { expect, test } from "vitest";
import { Cost } from "../../../assembly/isa/cost.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit, Host } from "../../../assembly/isa/exit.js";
import { COUNTERS, HART_HOST } from "../../../assembly/layout.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import * as asm from "../../support/assembler.js";
import { a0, a1, a2, a3, add, addi, bne, ecall, jalr, ld, sd, slli, srli, xor, zero } from "../../support/assembler.js";
import { BUILDS, bare, CODE, type Hart, PAGE, PageTable, Random } from "../../support/hart.js";

const COSTS = {
  [Cost.Alu]: 1,
  [Cost.BranchTaken]: 1,
  [Cost.Mul]: 3,
  [Cost.Load]: 2,
  [Cost.L2Hit]: 12,
  [Cost.Memory]: 150,
  [Cost.TrapEntry]: 30,
  [Cost.TrapReturn]: 20,
};
const VA = 0x100_0000;
/** Pages that share one set of the TLB with the code. */
const FAR = 64 * PAGE;

function snapshot(hart: Hart) {
  return {
    x: Array.from({ length: 32 }, (_, i) => hart.x(i)),
    pc: hart.pc,
    cycles: hart.core.cycles,
    instret: hart.core.instret,
    counters: Array.from({ length: 16 }, (_, i) => hart.double(COUNTERS + 8 * i)),
    csrs: [Csr.mstatus, Csr.scause, Csr.sepc].map((n) => hart.csr(n)),
  };
}

/** A walk through data that misses caches and TLB in a pattern that depends on what it read, with calls into another page. */
function wandering(build: CoreBuild): Hart {
  const call = VA + FAR;
  const program = [
    slli(a1, a0, 13), // a0 = xorshift(a0)
    xor(a0, a0, a1),
    srli(a1, a0, 7),
    xor(a0, a0, a1),
    slli(a1, a0, 17),
    xor(a0, a0, a1),
    asm.andi(a2, a0, 7), // one of 8 pages of the set
    slli(a2, a2, 18),
    add(a2, a2, 6),
    ld(a3, 0, a2),
    add(a3, a3, a0),
    sd(a3, 8, a2),
    asm.andi(a3, a0, 64),
    asm.beq(a3, zero, 8),
    jalr(1, 0, 7),
    asm.amoaddD(zero, a0, a2),
    addi(5, 5, -1),
    bne(5, zero, -68),
    ecall,
  ];
  const hart = bare(program, {
    build,
    mode: "S",
    pc: VA,
    x: { [a0]: 88_172_645_463_325_252n, 5: 400, 6: VA + 2 * FAR, 7: call },
  }).costs(COSTS);
  hart.program([asm.mul(a3, a0, a0), asm.csrr(a3, Csr.sscratch), jalr(zero, 0, 1)], CODE + PAGE);
  const table = new PageTable(hart).map(VA, CODE, "xad").map(call, CODE + PAGE, "xad");
  for (let i = 0; i < 8; i++) table.map(VA + (2 + i) * FAR, hart.allocate(), "rwad");
  return hart.csrs({ [Csr.satp]: table.atp() });
}

test.each(BUILDS)("cut anywhere by deadlines, a program runs the same (%s)", (build) => {
  const whole = wandering(build);
  expect(whole.run()).toBe(Exit.EnvironmentCallFromS);
  const expected = snapshot(whole);
  for (const [seed, longest] of [
    [1, 1],
    [2, 30],
    [3, 1000],
  ]) {
    const random = new Random(seed);
    const cut = wandering(build);
    let exit = Exit.Deadline;
    while (exit === Exit.Deadline) exit = cut.core.run(cut.core.cycles + 1 + random.below(longest));
    expect([seed, snapshot(cut)]).toEqual([seed, expected]);
  }
});

test("both builds compute the same", () => {
  const [timed, flat] = BUILDS.map((build) => {
    const hart = wandering(build);
    hart.run();
    const { x, pc, instret, csrs } = snapshot(hart);
    return { x, pc, instret, csrs, ram: Buffer.from(hart.core.ram).toString("base64") };
  });
  expect(flat).toEqual(timed);
});

test.each(BUILDS)("one instruction at a time, a program computes the same (%s)", (build) => {
  const state = ({ x, pc, instret, csrs }: ReturnType<typeof snapshot>) => ({ x, pc, instret, csrs });
  const whole = wandering(build);
  whole.run();
  const stepped = wandering(build);
  let steps = 0;
  while (stepped.core.exports.step() === Exit.Deadline) expect(stepped.core.instret).toBe(++steps);
  expect(state(snapshot(stepped))).toEqual(state(snapshot(whole)));
});

test.each(BUILDS)("EBREAK leaves to a debugger, and is not taken as a trap (%s)", (build) => {
  const hart = bare([addi(a0, a0, 1), asm.ebreak, ecall], { build, host: Host.M | Host.Debug });
  expect([hart.run(), hart.pc, hart.x(a0)]).toEqual([Exit.Breakpoint, CODE + 4, 1n]);
  hart.word(HART_HOST, Host.M);
  hart.run();
  expect(hart.exit.cause).toBe(3n);
});
