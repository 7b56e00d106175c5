// RISC-V Unprivileged Architecture, "Zacas Extension for Atomic Compare-and-Swap (CAS) Instructions".
import { expect, test } from "vitest";
import * as asm from "../../support/assembler.js";
import { a0, a1, a2, a3, amocasD, amocasQ, amocasW, ebreak, zero } from "../../support/assembler.js";
import { BUILDS, bare, CODE, DATA, PAGE, PageTable, u64 } from "../../support/hart.js";

const OLD = 0xfedc_ba98_8765_4321n;
const NEW = 0x1122_3344_5566_7788n;

test.each(BUILDS)("AMOCAS.W compares and stores 32 bits, and sign-extends what it read (%s)", (build) => {
  const hart = bare([amocasW(a0, a2, a1), ebreak], { build, x: { [a1]: DATA, [a2]: NEW } });
  const after = (compare: bigint) => {
    hart.write64(DATA, OLD);
    hart.registers({ [a0]: compare }).runAt(CODE);
    return [hart.x(a0), hart.read64(DATA)];
  };
  expect(after(0xdead_0000_8765_4321n)).toEqual([0xffff_ffff_8765_4321n, 0xfedc_ba98_5566_7788n]);
  expect(after(0x8765_4320n)).toEqual([0xffff_ffff_8765_4321n, OLD]);
});

test.each(BUILDS)("AMOCAS.D compares and stores 64 bits; x0 compares as zero and takes nothing (%s)", (build) => {
  const program = [amocasD(a0, a2, a1), ebreak, amocasD(zero, a2, a1), ebreak];
  const hart = bare(program, { build, x: { [a1]: DATA, [a2]: NEW } });
  const after = (old: bigint, compare: bigint, at = CODE) => {
    hart.write64(DATA, old);
    hart.registers({ [a0]: compare }).runAt(at);
    return [hart.x(a0), hart.read64(DATA), hart.x(zero)];
  };
  expect(after(OLD, OLD)).toEqual([OLD, NEW, 0n]);
  expect(after(OLD, OLD ^ (1n << 63n))).toEqual([OLD, OLD, 0n]);
  expect(after(0n, 5n, CODE + 8)).toEqual([5n, NEW, 0n]);
  expect(after(OLD, OLD, CODE + 8)).toEqual([OLD, OLD, 0n]);
});

test.each(BUILDS)("AMOCAS.Q works on pairs of registers, both zero where the first is x0 (%s)", (build) => {
  const [low, high] = [OLD, u64(~OLD)];
  const forms = [amocasQ(a0, a2, 16), amocasQ(a0, zero, 16), amocasQ(zero, a2, 16)];
  const hart = bare(
    forms.flatMap((form) => [form, ebreak]),
    { build },
  );
  const after = (form: number, old: bigint[], compare: bigint[]) => {
    hart.write64(DATA, old[0]);
    hart.write64(DATA + 8, old[1]);
    hart.registers({ 1: 77n, 16: DATA, [a0]: compare[0], [a1]: compare[1], [a2]: NEW, [a3]: 9n });
    hart.runAt(CODE + 8 * form);
    return [hart.x(a0), hart.x(a1), hart.read64(DATA), hart.read64(DATA + 8), hart.x(1)];
  };
  expect(after(0, [low, high], [low, high])).toEqual([low, high, NEW, 9n, 77n]);
  expect(after(0, [low, high], [low, low])).toEqual([low, high, low, high, 77n]);
  expect(after(0, [low, high], [high, high])).toEqual([low, high, low, high, 77n]);
  expect(after(1, [low, high], [low, high])).toEqual([low, high, 0n, 0n, 77n]);
  expect(after(2, [0n, 0n], [1n, 2n])).toEqual([1n, 2n, NEW, 9n, 77n]);
  expect(after(2, [0n, 77n], [1n, 2n])).toEqual([1n, 2n, 0n, 77n, 77n]);
});

test.each(BUILDS)("odd registers of AMOCAS.Q are reserved; addresses must be aligned to the operand (%s)", (build) => {
  const forms = [
    amocasQ(a1, a2, a0),
    amocasQ(a0, a3, 16),
    amocasW(a0, a2, 16),
    amocasD(a0, a2, 16),
    amocasQ(a0, a2, 16),
  ];
  const hart = bare(
    forms.flatMap((form) => [form, ebreak]),
    { build },
  );
  const cause = (form: number, address: number) => {
    hart.registers({ 16: address }).runAt(CODE + 8 * form);
    return hart.exit.cause;
  };
  expect([cause(0, DATA), cause(1, DATA)]).toEqual([2n, 2n]);
  expect([cause(2, DATA + 2), cause(3, DATA + 4), cause(4, DATA + 8)]).toEqual([6n, 6n, 6n]);
  expect([cause(2, DATA + 4), cause(3, DATA + 8), cause(4, DATA + 16)]).toEqual([3n, 3n, 3n]);
});

test.each(BUILDS)("write permission is required even if nothing is stored (%s)", (build) => {
  const hart = bare([amocasD(a0, a2, a1), ebreak], { build, mode: "S", x: { [a0]: 1, [a1]: DATA } });
  const table = new PageTable(hart).same("rwxad", CODE).same("ra", DATA);
  hart.csrs({ 384: table.atp() });
  hart.run();
  expect([hart.exit.cause, hart.exit.tval, hart.x(a0)]).toEqual([15n, BigInt(DATA), 1n]);
  hart.write64(table.entry(DATA), (BigInt(DATA / PAGE) << 10n) | 0xc7n);
  hart.program([asm.sfenceVma(zero, zero), amocasD(a0, a2, a1), ebreak], CODE + PAGE);
  table.same("rwxad", CODE + PAGE);
  hart.runAt(CODE + PAGE, "S");
  expect(hart.exit.cause).toBe(3n);
});
