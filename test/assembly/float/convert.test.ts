// RISC-V "F" and "D" version 2.2, "Floating-Point Conversion and Move Instructions", "Compare Instructions", "Classify Instruction",
// minimum, maximum and sign injection, against exact rationals.
import { describe, expect, test } from "vitest";
import * as asm from "../../support/assembler.js";
import { boxed, type Case, computed, corners, f1, f2, f4, INTEGER, RESULT, someNumber } from "../../support/float.js";
import { DOUBLE, type Format, FORMATS, NV, NX, type Result, type Rounding, SINGLE } from "../../support/float-model.js";
import { BUILDS, i64, Random, u64 } from "../../support/hart.js";

const low = (format: Format, a: bigint) => BigInt.asUintN(format.bits, a);
const hex = (value: bigint) => value.toString(16);

/** Compares what `insn` leaves in f4 or a4, and fcsr, with what `means` says. */
function compare(insn: number, where: "float" | "integer", cases: Case[], means: (c: Case, mode: Rounding) => Result) {
  const expected = cases.map((one) => means(one, one.fcsr >> 5));
  for (const build of BUILDS) {
    const outcomes = computed(build, insn, cases);
    const wrong = cases.flatMap(({ operands, fcsr }, i) => {
      const [got, want] = [outcomes[i][where], expected[i].value];
      const flags = fcsr | expected[i].flags;
      return got === want && outcomes[i].fcsr === flags
        ? []
        : [`${operands.map(hex)} fcsr ${fcsr}: ${hex(got)} ${outcomes[i].fcsr} and not ${hex(want)} ${flags}`];
    });
    expect(wrong).toEqual([]);
  }
}

const anyFcsr = (random: Random) => (random.below(5) << 5) | random.below(32);
/** Pairs of a format, all corners with all, and others. */
function pairs(format: Format, seed: number): Case[] {
  const random = new Random(seed);
  const made = (a: bigint, b: bigint): Case => ({
    operands: [boxed(format, a), boxed(format, b), 0n],
    fcsr: anyFcsr(random),
  });
  const some = corners(format);
  const any = Array.from({ length: 1000 }, () => made(someNumber(format, random), someNumber(format, random)));
  return [...some.flatMap((a) => some.map((b) => made(a, b))), ...any];
}
/** Single operands; around powers of two, where integers end and halves begin. */
function numbers(format: Format, seed: number): Case[] {
  const random = new Random(seed);
  const hidden = 1n << BigInt(format.precision - 1);
  const one = (format.infinity >> 1n) & ~(hidden - 1n);
  const powers = Array.from({ length: 70 }, (_, i) => one + BigInt(i - 3) * hidden).flatMap((a) => [
    ...[a - 2n, a - 1n, a, a + 1n, a + hidden / 2n],
  ]);
  const all = [...powers, ...powers.map((a) => a | format.signBit), ...corners(format)];
  const any = Array.from({ length: 1500 }, () => someNumber(format, random));
  return [...all, ...all, ...any].map((a) => ({ operands: [boxed(format, a), 0n, 0n], fcsr: anyFcsr(random) }));
}
function integers(seed: number): Case[] {
  const random = new Random(seed);
  const ends = Array.from({ length: 64 }, (_, i) => 1n << BigInt(i)).flatMap((a) => [a - 1n, a, a + 1n, -a, 1n - a]);
  const any = Array.from({ length: 1500 }, () => random.next() >> BigInt(random.below(64)));
  return [...ends, ...any].map((a) => ({ operands: [u64(a), 0n, 0n], fcsr: anyFcsr(random) }));
}

describe.each(FORMATS)("$bits bits", (format) => {
  const fmt = FORMATS.indexOf(format);
  const other = FORMATS[1 - fmt];
  const first = ({ operands }: Case) => low(format, operands[0]);

  test.each([
    ["fcvt.w", asm.fcvtW, 32, true],
    ["fcvt.wu", asm.fcvtWu, 32, false],
    ["fcvt.l", asm.fcvtL, 64, true],
    ["fcvt.lu", asm.fcvtLu, 64, false],
  ] as const)("%s rounds by rm, clips, and sign-extends from its width", (_name, encode, width, signed) => {
    compare(encode(fmt)(RESULT, f1), "integer", numbers(format, width), (one, mode) =>
      format.toInteger(first(one), width, signed, mode),
    );
  });

  test.each([
    ["w", asm.fcvtFromW, (a: bigint) => BigInt.asIntN(32, a)],
    ["wu", asm.fcvtFromWu, (a: bigint) => BigInt.asUintN(32, a)],
    ["l", asm.fcvtFromL, i64],
    ["lu", asm.fcvtFromLu, u64],
  ] as const)("fcvt from %s rounds by rm", (_name, encode, value) => {
    compare(encode(fmt)(f4, INTEGER), "float", integers(7), ({ operands }, mode) => {
      const result = format.fromInteger(value(operands[0]), mode);
      return { ...result, value: boxed(format, result.value) };
    });
  });

  test("fcvt to the other format", () => {
    compare(fmt ? asm.fcvtSD(f4, f1) : asm.fcvtDS(f4, f1), "float", numbers(format, 9), (one, mode) => {
      const result = other.from(format, first(one), mode);
      return { ...result, value: boxed(other, result.value) };
    });
  });

  test.each([
    ["fmin", asm.fmin, -1],
    ["fmax", asm.fmax, 1],
  ] as const)("%s: the number where one is NaN, −0 below +0, NV for a signaling NaN", (_name, encode, wanted) => {
    compare(encode(fmt)(f4, f1, f2), "float", pairs(format, 3), ({ operands: [a, b] }) => {
      const result = format.extreme(low(format, a), low(format, b), wanted);
      return { ...result, value: boxed(format, result.value) };
    });
  });

  test.each([
    ["feq", asm.feq, [0], true],
    ["flt", asm.flt, [-1], false],
    ["fle", asm.fle, [-1, 0], false],
  ] as const)("%s: 0 for whatever is unordered; FEQ is quiet", (_name, encode, accepted, quiet) => {
    compare(encode(fmt)(RESULT, f1, f2), "integer", pairs(format, 4), ({ operands }) => {
      const [a, b] = operands.map((x) => low(format, x));
      const order = format.compare(a, b);
      const signals = order === undefined && (!quiet || format.isSignaling(a) || format.isSignaling(b));
      const holds = (accepted as readonly (number | undefined)[]).includes(order);
      return { value: holds ? 1n : 0n, flags: signals ? NV : 0 };
    });
  });

  test("sign injection changes the sign and nothing else, of NaNs too, and raises nothing", () => {
    const sign = format.signBit;
    const injections = [
      [asm.fsgnj, (_: bigint, b: bigint) => b],
      [asm.fsgnjn, (_: bigint, b: bigint) => ~b],
      [asm.fsgnjx, (a: bigint, b: bigint) => a ^ b],
    ] as const;
    for (const [encode, of] of injections) {
      compare(encode(fmt)(f4, f1, f2), "float", pairs(format, 5), ({ operands }) => {
        const [a, b] = operands.map((x) => low(format, x));
        return { value: boxed(format, (a & ~sign) | (u64(of(a, b)) & sign)), flags: 0 };
      });
    }
  });

  test("fclass: one bit of ten", () => {
    const { infinity, nan, signBit } = format;
    const normal = 1n << BigInt(format.precision - 1);
    const classes = [
      infinity | signBit,
      normal | signBit,
      1n | signBit,
      signBit,
      0n,
      1n,
      normal,
      infinity,
      infinity + 1n,
      nan,
    ];
    const cases: Case[] = classes.map((a) => ({ operands: [boxed(format, a), 0n, 0n], fcsr: 0 }));
    compare(asm.fclass(fmt)(RESULT, f1), "integer", cases, (one) => ({
      value: 1n << BigInt(cases.indexOf(one)),
      flags: 0,
    }));
  });

  test("moves keep all bits: from an integer boxed, to one sign-extended", () => {
    const cases = integers(11);
    compare(asm.fmvFromX(fmt)(f4, INTEGER), "float", cases, ({ operands: [a] }) => ({
      value: boxed(format, low(format, a)),
      flags: 0,
    }));
    compare(asm.fmvToX(fmt)(RESULT, f1), "integer", cases, ({ operands: [a] }) => ({
      value: u64(BigInt.asIntN(format.bits, a)),
      flags: 0,
    }));
  });
});

test("Domains of float-to-integer conversions: what is out of range, infinite or NaN", () => {
  const [nan, inf, minusInf, minusOne] = [
    DOUBLE.nan,
    DOUBLE.infinity,
    DOUBLE.infinity | DOUBLE.signBit,
    0xbff0n << 48n,
  ];
  const outcome = (insn: number, a: bigint) => {
    const [{ integer, fcsr }] = computed("flat", insn, [{ operands: [a, 0n, 0n], fcsr: 0 }]);
    return [i64(integer), fcsr];
  };
  const W = asm.fcvtW(1)(RESULT, f1);
  expect([nan, inf, minusInf].map((a) => outcome(W, a))).toEqual([
    [0x7fff_ffffn, NV],
    [0x7fff_ffffn, NV],
    [-0x8000_0000n, NV],
  ]);
  const WU = asm.fcvtWu(1)(RESULT, f1);
  expect([nan, inf, minusOne].map((a) => outcome(WU, a))).toEqual([
    [-1n, NV],
    [-1n, NV],
    [0n, NV],
  ]);
  // −0.25 rounds to 0, which is in range; −2^63 is
  expect(outcome(WU, 0xbfd0n << 48n)).toEqual([0n, NX]);
  expect(outcome(asm.fcvtL(1)(RESULT, f1), 0xc3e0n << 48n)).toEqual([-(1n << 63n), 0]);
});

test("NaN Boxing of Narrower Values: FMV.X.W and FSGNJ.S of a double", () => {
  const double = 0x400921fb_54442d18n;
  const [moved] = computed("flat", asm.fmvToX(0)(RESULT, f1), [{ operands: [double, 0n, 0n], fcsr: 0 }]);
  expect(moved.integer).toBe(0x5444_2d18n);
  const [injected] = computed("flat", asm.fsgnj(0)(f4, f1, f1), [{ operands: [double, 0n, 0n], fcsr: 0 }]);
  expect(injected.float).toBe(boxed(SINGLE, SINGLE.nan));
});
