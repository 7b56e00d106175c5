// RISC-V Unprivileged Architecture, "A Extension for Atomic Instructions".
import { expect, test } from "vitest";
import { Exit } from "../../../assembly/isa/exit.js";
import { RAM, RAM_START } from "../../../assembly/layout.js";
import * as asm from "../../support/assembler.js";
import { a0, a1, a2, a3, addi, ebreak, ecall, lrD, lrW, nop, scD, scW, sd, sw, zero } from "../../support/assembler.js";
import { BUILDS, bare, CODE, DATA, i64, M_VECTOR, Random, ran, stop, u64 } from "../../support/hart.js";

const i32 = (value: bigint) => BigInt.asIntN(32, value);
const u32 = (value: bigint) => BigInt.asUintN(32, value);
/** The one that is less, compared as `by` sees them. */
const less = (a: bigint, b: bigint, by: (value: bigint) => bigint) => (by(a) < by(b) ? a : b);
const greater = (a: bigint, b: bigint, by: (value: bigint) => bigint) => (less(b, a, by) === b ? a : b);
type Binary = (a: bigint, b: bigint) => bigint;

/** What memory holds afterwards, of 64 bits. */
const DOUBLE: Record<string, Binary> = {
  amoswap: (_, b) => b,
  amoadd: (a, b) => u64(a + b),
  amoxor: (a, b) => a ^ b,
  amoand: (a, b) => a & b,
  amoor: (a, b) => a | b,
  amomin: (a, b) => less(a, b, i64),
  amomax: (a, b) => greater(a, b, i64),
  amominu: (a, b) => less(a, b, u64),
  amomaxu: (a, b) => greater(a, b, u64),
};
/** The same of 32 bits. */
const WORD: Record<string, Binary> = {
  ...DOUBLE,
  amomin: (a, b) => less(a, b, i32),
  amomax: (a, b) => greater(a, b, i32),
  amominu: (a, b) => less(a, b, u32),
  amomaxu: (a, b) => greater(a, b, u32),
};
const encode = asm as unknown as Record<string, (rd: number, rs2: number, rs1: number) => number>;
const NAMES = Object.keys(DOUBLE);

function pairs(): [bigint, bigint][] {
  const random = new Random(11);
  const corners = [0n, 1n, u64(-1), 0x8000_0000n, 0x7fff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_7fff_ffffn];
  const any = Array.from({ length: 20 }, (): [bigint, bigint] => [random.next(), random.next()]);
  return [...corners.flatMap((a) => corners.map((b): [bigint, bigint] => [a, b])), ...any];
}

test.each(BUILDS)("AMO*.D (%s)", (build) => {
  const hart = bare(
    NAMES.flatMap((name) => [encode[`${name}D`](a0, a2, a1), ebreak]),
    { build, x: { [a1]: DATA } },
  );
  for (const [i, name] of NAMES.entries()) {
    for (const [a, b] of pairs()) {
      hart.write64(DATA, a);
      hart.registers({ [a2]: b }).runAt(CODE + 8 * i);
      expect([name, hart.x(a0), hart.read64(DATA)]).toEqual([name, a, DOUBLE[name](a, b)]);
    }
  }
});

test.each(BUILDS)("AMO*.W sign-extends what it reads and leaves the neighbouring word alone (%s)", (build) => {
  const hart = bare(
    NAMES.flatMap((name) => [encode[`${name}W`](a0, a2, a1), ebreak]),
    { build },
  );
  for (const [i, name] of NAMES.entries()) {
    for (const [a, b] of pairs()) {
      hart.write64(DATA, a);
      hart.registers({ [a1]: DATA + 4, [a2]: b }).runAt(CODE + 8 * i);
      const after = (u32(WORD[name](a >> 32n, b)) << 32n) | u32(a);
      expect([name, hart.x(a0), hart.read64(DATA)]).toEqual([name, u64(i32(a >> 32n)), after]);
    }
  }
});

test.each(BUILDS)("an AMO may have rd as a source (%s)", (build) => {
  const hart = bare([encode.amoaddD(a1, a1, a1), ebreak], { build, x: { [a1]: DATA } });
  hart.write64(DATA, 5n);
  hart.run();
  expect([hart.x(a1), hart.read64(DATA)]).toEqual([5n, BigInt(DATA + 5)]);
});

test.each(BUILDS)(
  "atomics outside natural alignment raise misaligned exceptions, AMO and SC those of stores (%s)",
  (build) => {
    const forms = [
      lrW(a0, a1),
      lrD(a0, a1),
      scW(a0, a2, a1),
      scD(a0, a2, a1),
      encode.amoaddW(a0, a2, a1),
      encode.amomaxuD(a0, a2, a1),
    ];
    const hart = bare(
      forms.flatMap((form) => [form, ebreak]),
      { build, x: { [a1]: DATA + 2 } },
    );
    const outcomes = forms.map((_, i) => [hart.runAt(CODE + 8 * i), hart.exit.cause, hart.exit.tval]);
    expect(outcomes).toEqual([4n, 4n, 6n, 6n, 6n, 6n].map((cause) => [Exit.Exception, cause, BigInt(DATA + 2)]));
    hart.registers({ [a1]: DATA + 4 });
    expect([hart.runAt(CODE + 8), hart.exit.cause]).toEqual([Exit.Exception, 4n]);
    expect([hart.runAt(CODE), hart.exit.cause]).toEqual([Exit.Exception, 3n]);
  },
);

test.each(BUILDS)("atomics on a device are access faults (%s)", (build) => {
  const forms = [lrW(a0, a1), scW(a0, a2, a1), encode.amoaddW(a0, a2, a1)];
  const hart = bare(
    forms.flatMap((form) => [form, ebreak]),
    { build, x: { [a1]: 0x1000_0000 } },
  );
  expect(forms.map((_, i) => [hart.runAt(CODE + 8 * i), hart.exit.cause])).toEqual(
    [5n, 7n, 7n].map((c) => [Exit.Exception, c]),
  );
});

test.each(BUILDS)("SC succeeds once after LR, and fails without a reservation or at another address (%s)", (build) => {
  const program = [
    lrD(a0, a1),
    scD(2, a2, a1), // succeeds
    scD(3, zero, a1), // the reservation is gone
    lrW(a0, a1),
    addi(a3, a1, 8),
    scW(4, zero, a3), // another address
    scW(5, zero, a1), // and that one is gone too
    lrW(a0, a1),
    scW(6, a1, a1),
    ebreak,
  ];
  const hart = ran(program, { build, x: { [a1]: DATA, [a2]: 0x1_2345_6789n } });
  expect([2, 3, 4, 5, 6].map((i) => hart.x(i))).toEqual([0n, 1n, 1n, 1n, 0n]);
  expect(hart.read64(DATA)).toBe(0x1_0000_0000n | BigInt(DATA));
  expect(hart.x(a0)).toBe(0x2345_6789n);
});

test.each(BUILDS)("the hart's own stores leave its reservation (%s)", (build) => {
  const hart = ran([lrD(a0, a1), sd(a2, 8, a1), scD(a0, a2, a1), ebreak], { build, x: { [a1]: DATA, [a2]: 9 } });
  expect([hart.x(a0), hart.read64(DATA)]).toEqual([0n, 9n]);
});

test.each(BUILDS)("a trap ends the reservation (%s)", (build) => {
  const hart = bare([lrD(a0, a1), ecall, scD(a0, a2, a1), stop], { build, host: 0, x: { [a1]: DATA } });
  hart.program([asm.csrr(a3, 0x341), addi(a3, a3, 4), asm.csrw(0x341, a3), asm.mret], M_VECTOR);
  hart.run(100_000);
  expect(hart.x(a0)).toBe(1n);
});

// "An SC may succeed only if no write from a device other than a hart to the bytes accessed by the LR …"
test.each(BUILDS)("SC fails after a device wrote what LR read, not when it wrote beside it (%s)", (build) => {
  const hart = bare([lrD(a0, a1), sw(zero, 0, zero), scD(a0, a2, a1), ebreak, nop], { build, x: { [a1]: DATA + 8 } });
  const written = (from: number, length: number) => {
    hart.runAt(CODE);
    hart.core.exports.touched(from - RAM_START + RAM, length);
    hart.answer(3);
    return hart.x(a0);
  };
  expect([written(DATA + 15, 1), written(DATA, 9), written(DATA + 8, 4096)]).toEqual([1n, 1n, 1n]);
  expect([written(DATA, 8), written(DATA + 16, 4096)]).toEqual([0n, 0n]);
});
