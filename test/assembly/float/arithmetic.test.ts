// RISC-V "F" and "D" version 2.2, "Floating-Point Computational Instructions": results and flags in every rounding mode, against exact
// rationals rounded once. fcsr holds any flags before, so that both the native and the integer arithmetic are compared.
import { describe, expect, test } from "vitest";
import * as asm from "../../support/assembler.js";
import { boxed, type Case, computed, corners, f1, f2, f3, f4, someNumber } from "../../support/float.js";
import {
  DOUBLE,
  DZ,
  type Format,
  FORMATS,
  NV,
  NX,
  OF,
  type Result,
  Rounding,
  SINGLE,
  UF,
} from "../../support/float-model.js";
import { BUILDS, Random } from "../../support/hart.js";

const MODES = [Rounding.RNE, Rounding.RTZ, Rounding.RDN, Rounding.RUP, Rounding.RMM];
type Ternary = (a: bigint, b: bigint, c: bigint, mode: Rounding) => Result;
type Encoder = (format: number) => (...registers: number[]) => number;

const flipped = (f: Format, a: bigint) => (f.unpack(a).kind === "nan" ? a : a ^ f.signBit);
const OPERATIONS: Record<string, [encode: Encoder, registers: number[], means: (f: Format) => Ternary]> = {
  fadd: [asm.fadd, [f1, f2], (f) => (a, b, _, mode) => f.add(a, b, mode)],
  fsub: [asm.fsub, [f1, f2], (f) => (a, b, _, mode) => f.sub(a, b, mode)],
  fmul: [asm.fmul, [f1, f2], (f) => (a, b, _, mode) => f.mul(a, b, mode)],
  fdiv: [asm.fdiv, [f1, f2], (f) => (a, b, _, mode) => f.div(a, b, mode)],
  fsqrt: [asm.fsqrt, [f1], (f) => (a, _b, _c, mode) => f.sqrt(a, mode)],
  fmadd: [asm.fmadd, [f1, f2, f3], (f) => (a, b, c, mode) => f.fused(a, b, c, mode)],
  fmsub: [asm.fmsub, [f1, f2, f3], (f) => (a, b, c, mode) => f.fused(a, b, flipped(f, c), mode)],
  fnmsub: [asm.fnmsub, [f1, f2, f3], (f) => (a, b, c, mode) => f.fused(flipped(f, a), b, c, mode)],
  fnmadd: [asm.fnmadd, [f1, f2, f3], (f) => (a, b, c, mode) => f.fused(flipped(f, a), b, flipped(f, c), mode)],
};

/** Pairs of corners, and as many cases of anything; a third operand that often cancels the product. */
function cases(format: Format, seed: number): Case[] {
  const random = new Random(seed);
  const fcsr = () => (random.pick(MODES) << 5) | (random.below(2) ? NX : random.below(32));
  const third = (a: bigint, b: bigint) =>
    random.below(3) ? someNumber(format, random) : format.mul(a, b, random.pick(MODES)).value ^ format.signBit;
  const made = (a: bigint, b: bigint) => ({ operands: [a, b, third(a, b)].map((x) => boxed(format, x)), fcsr: fcsr() });
  const some = corners(format);
  return [
    ...some.flatMap((a) => some.map((b) => made(a, b))),
    ...Array.from({ length: 2000 }, () => made(someNumber(format, random), someNumber(format, random))),
  ];
}

const hex = (value: bigint) => value.toString(16);
const low = (format: Format, a: bigint) => BigInt.asUintN(format.bits, a);

describe.each(Object.keys(OPERATIONS))("%s", (name) => {
  const [encode, registers, means] = OPERATIONS[name];
  test.each(FORMATS)("$bits bits, frm of any value", (format) => {
    const all = cases(format, name.length + format.bits);
    const model = means(format);
    const insn = encode(FORMATS.indexOf(format))(f4, ...registers);
    const expected = all.map(({ operands: [a, b, c], fcsr }) => {
      const { value, flags } = model(low(format, a), low(format, b), low(format, c), fcsr >> 5);
      return [boxed(format, value), fcsr | flags] as const;
    });
    for (const build of BUILDS) {
      const outcomes = computed(build, insn, all);
      const wrong = all.flatMap(({ operands, fcsr }, i) => {
        const got = [outcomes[i].float, outcomes[i].fcsr];
        return got[0] === expected[i][0] && got[1] === expected[i][1]
          ? []
          : [`${operands.map(hex)} fcsr ${hex(BigInt(fcsr))}: ${got} and not ${expected[i]}`];
      });
      expect(wrong).toEqual([]);
    }
  });
});

test("rm in the instruction takes the place of frm", () => {
  // 1 + 2^-53 in each mode, with another in frm
  const operands = [0x3ff0_0000_0000_0000n, 0x3ca0_0000_0000_0000n, 0n];
  const sums = MODES.map((rm) =>
    computed("flat", asm.fadd(1)(f4, f1, f2, rm), [{ operands, fcsr: ((rm + 1) % 5) << 5 }]).map(({ float }) => float),
  );
  const [one, above] = [0x3ff0_0000_0000_0000n, 0x3ff0_0000_0000_0001n];
  expect(sums.flat()).toEqual([one, one, one, above, above]);
});

/** One computation of doubles, or of singles, in `mode`: the result and the flags. */
function once(format: Format, insn: number, operands: bigint[], mode = Rounding.RNE): [bigint, number] {
  const padded = [...operands, 0n, 0n].slice(0, 3).map((x) => boxed(format, x));
  const [{ float, fcsr }] = computed("flat", insn, [{ operands: padded, fcsr: mode << 5 }]);
  return [float, fcsr & 31];
}

test("Accrued Exceptions: each flag by its textbook case", () => {
  const [one, zero, inf, max] = [0x3ff0n << 48n, 0n, DOUBLE.infinity, DOUBLE.infinity - 1n];
  const least = 0x0010_0000_0000_0000n;
  expect(once(DOUBLE, asm.fdiv(1)(f4, f1, f2), [one, zero])).toEqual([inf, DZ]);
  expect(once(DOUBLE, asm.fdiv(1)(f4, f1, f2), [zero, zero])).toEqual([DOUBLE.nan, NV]);
  expect(once(DOUBLE, asm.fsub(1)(f4, f1, f2), [inf, inf])).toEqual([DOUBLE.nan, NV]);
  expect(once(DOUBLE, asm.fadd(1)(f4, f1, f2), [max, max])).toEqual([inf, OF | NX]);
  expect(once(DOUBLE, asm.fadd(1)(f4, f1, f2), [max, max], Rounding.RTZ)).toEqual([max, OF | NX]);
  expect(once(DOUBLE, asm.fmul(1)(f4, f1, f2), [least, least])).toEqual([0n, UF | NX]);
  expect(once(DOUBLE, asm.fmul(1)(f4, f1, f2), [least, least], Rounding.RUP)).toEqual([1n, UF | NX]);
  expect(once(DOUBLE, asm.fsqrt(1)(f4, f1), [one | DOUBLE.signBit])).toEqual([DOUBLE.nan, NV]);
  expect(once(DOUBLE, asm.fsqrt(1)(f4, f1), [DOUBLE.signBit])).toEqual([DOUBLE.signBit, 0]);
});

test("Subnormal Arithmetic: tininess is detected after rounding; what is exact doesn't underflow", () => {
  const [half, least] = [0x3fe0n << 48n, 0x0010_0000_0000_0000n];
  // (1 - 2^-53) × 2^-1022 rounds to 2^-1022 with 53 bits and any exponent: not tiny
  expect(once(DOUBLE, asm.fmul(1)(f4, f1, f2), [0x3fef_ffff_ffff_ffffn, least + 1n])).toEqual([least, NX]);
  // with a bit less it is
  expect(once(DOUBLE, asm.fmul(1)(f4, f1, f2), [0x3fef_ffff_ffff_ffffn, least])).toEqual([least, UF | NX]);
  expect(once(DOUBLE, asm.fmul(1)(f4, f1, f2), [half, least])).toEqual([least >> 1n, 0]);
});

test("NaN Generation and Propagation: payloads are lost; a signaling NaN, and ∞ × 0 even with a quiet addend, is invalid", () => {
  const [quiet, signaling] = [SINGLE.nan | 0x8000_1234n, SINGLE.infinity | 0x1234n];
  expect(once(SINGLE, asm.fadd(0)(f4, f1, f2), [quiet, 0n])).toEqual([boxed(SINGLE, SINGLE.nan), 0]);
  expect(once(SINGLE, asm.fadd(0)(f4, f1, f2), [0n, signaling])).toEqual([boxed(SINGLE, SINGLE.nan), NV]);
  expect(once(SINGLE, asm.fmadd(0)(f4, f1, f2, f3), [SINGLE.infinity, 0n, quiet])).toEqual([
    boxed(SINGLE, SINGLE.nan),
    NV,
  ]);
  expect(once(SINGLE, asm.fmadd(0)(f4, f1, f2, f3), [0n, 0n, quiet])).toEqual([boxed(SINGLE, SINGLE.nan), 0]);
});

test("NaN Boxing of Narrower Values: an operand that isn't boxed is the canonical NaN", () => {
  const one = 0x3f80_0000n;
  const sum = (a: bigint, b: bigint) =>
    computed("flat", asm.fadd(0)(f4, f1, f2), [{ operands: [a, b, 0n], fcsr: NX }])[0].float;
  expect(sum(boxed(SINGLE, one), boxed(SINGLE, one))).toBe(boxed(SINGLE, 0x4000_0000n));
  expect(sum(one, boxed(SINGLE, one))).toBe(boxed(SINGLE, SINGLE.nan));
  expect(sum(boxed(SINGLE, one), 0xffff_fffe_0000_0000n | one)).toBe(boxed(SINGLE, SINGLE.nan));
});

test("a product that is too small for its error to be a number is fused all the same", () => {
  const fused = (...operands: bigint[]) =>
    computed("flat", asm.fmadd(1)(f4, f1, f2, f3), [{ operands, fcsr: NX }])[0].float;
  expect(fused(0x41cf_ffff_ffff_f003n, 0x000f_ffff_ffff_ffffn, 0x0010_0000_0000_0000n)).toBe(0x01f0_0000_003f_f801n);
  expect(fused(0x400f_fc00_0000_000en, 0x000f_ffff_ffff_fffen, 0x001f_ffff_ffff_fffen)).toBe(0x0037_fe00_0000_0005n);
});
