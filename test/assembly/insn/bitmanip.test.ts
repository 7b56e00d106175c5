// RISC-V Unprivileged Architecture, "B Extension for Bit Manipulation", "Zbc Extension for Carry-less Multiplication", "Zbkb",
// "Zbkx", "Zicond Extension for Integer Conditional Operations": every instruction against a model in unlimited integers and strings of bits.
import { expect, test } from "vitest";
import * as asm from "../../support/assembler.js";
import { a0, a1, a2, ebreak } from "../../support/assembler.js";
import { BUILDS, bare, CODE, i64, Random, u64 } from "../../support/hart.js";
import type { Binary } from "../../support/model.js";

const u32 = (value: bigint) => BigInt.asUintN(32, value);
const i32 = (value: bigint) => BigInt.asIntN(32, value);
const bits = (value: bigint, width: number) => value.toString(2).padStart(width, "0");
const leading = (text: string) => BigInt(text.search(/1|$/));
const trailing = (text: string) => leading([...text].reverse().join(""));
const ones = (text: string) => BigInt(text.replaceAll("0", "").length);
const rotated = (value: bigint, left: bigint, width: bigint) =>
  BigInt.asUintN(Number(width), (value << (left % width)) | (value >> (width - (left % width))));
const bytes = (value: bigint) => bits(value, 64).match(/.{8}/g)!;
/** The one that is less, compared as `by` sees them. */
const less = (a: bigint, b: bigint, by: (value: bigint) => bigint) => (by(a) < by(b) ? a : b);
const product = (a: bigint, b: bigint) =>
  Array.from({ length: 64 }, (_, i) => ((b >> BigInt(i)) & 1n) * (a << BigInt(i))).reduce((sum, row) => sum ^ row, 0n);
/** Elements of `a`, named by those of `b`, from the right. */
function chosen(a: bigint, b: bigint, width: number): bigint {
  const elements = (value: bigint) => bits(value, 64).match(new RegExp(`.{${width}}`, "g"))!;
  const of = elements(a).reverse();
  return BigInt(
    `0b${elements(b)
      .map((index) => of[Number(`0b${index}`)] ?? "0".repeat(width))
      .join("")}`,
  );
}

const REGISTERS: Record<string, Binary> = {
  addUw: (a, b) => u32(a) + b,
  sh1add: (a, b) => 2n * a + b,
  sh2add: (a, b) => 4n * a + b,
  sh3add: (a, b) => 8n * a + b,
  sh1addUw: (a, b) => 2n * u32(a) + b,
  sh2addUw: (a, b) => 4n * u32(a) + b,
  sh3addUw: (a, b) => 8n * u32(a) + b,
  andn: (a, b) => a & ~b,
  orn: (a, b) => a | ~b,
  xnor: (a, b) => ~(a ^ b),
  min: (a, b) => less(a, b, i64),
  minu: (a, b) => less(a, b, u64),
  max: (a, b) => (less(a, b, i64) === a ? b : a),
  maxu: (a, b) => (less(a, b, u64) === a ? b : a),
  rol: (a, b) => rotated(a, b % 64n, 64n),
  ror: (a, b) => rotated(a, 64n - (b % 64n), 64n),
  rolw: (a, b) => i32(rotated(u32(a), b % 32n, 32n)),
  rorw: (a, b) => i32(rotated(u32(a), 32n - (b % 32n), 32n)),
  clmul: (a, b) => product(a, b),
  clmulh: (a, b) => product(a, b) >> 64n,
  clmulr: (a, b) => product(a, b) >> 63n,
  pack: (a, b) => (u32(b) << 32n) | u32(a),
  packh: (a, b) => ((b & 255n) << 8n) | (a & 255n),
  packw: (a, b) => i32(((b & 0xffffn) << 16n) | (a & 0xffffn)),
  xperm4: (a, b) => chosen(a, b, 4),
  xperm8: (a, b) => chosen(a, b, 8),
  bclr: (a, b) => a & ~(1n << (b % 64n)),
  bext: (a, b) => (a >> (b % 64n)) & 1n,
  binv: (a, b) => a ^ (1n << (b % 64n)),
  bset: (a, b) => a | (1n << (b % 64n)),
  czeroEqz: (a, b) => (b === 0n ? 0n : a),
  czeroNez: (a, b) => (b === 0n ? a : 0n),
};
const ONE: Record<string, (a: bigint) => bigint> = {
  clz: (a) => leading(bits(a, 64)),
  ctz: (a) => trailing(bits(a, 64)),
  cpop: (a) => ones(bits(a, 64)),
  clzw: (a) => leading(bits(u32(a), 32)),
  ctzw: (a) => trailing(bits(u32(a), 32)),
  cpopw: (a) => ones(bits(u32(a), 32)),
  sextB: (a) => BigInt.asIntN(8, a),
  sextH: (a) => BigInt.asIntN(16, a),
  zextH: (a) => a & 0xffffn,
  orcB: (a) =>
    BigInt(
      `0b${bytes(a)
        .map((byte) => (byte.includes("1") ? "1" : "0").repeat(8))
        .join("")}`,
    ),
  brev8: (a) =>
    BigInt(
      `0b${bytes(a)
        .map((byte) => [...byte].reverse().join(""))
        .join("")}`,
    ),
  rev8: (a) => BigInt(`0b${bytes(a).reverse().join("")}`),
};
const SHIFTS: Record<string, [Binary, number]> = {
  slliUw: [(a, b) => u32(a) << b, 64],
  rori: [REGISTERS.ror, 64],
  roriw: [REGISTERS.rorw, 32],
  bclri: [REGISTERS.bclr, 64],
  bexti: [REGISTERS.bext, 64],
  binvi: [REGISTERS.binv, 64],
  bseti: [REGISTERS.bset, 64],
};
const encode = asm as unknown as Record<string, (rd: number, rs1: number, last?: number) => number>;

const random = new Random(21);
const CORNERS = [0n, 1n, 63n, 64n, 0x80n, 0x8000n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n]
  .concat([0x8000_0000_0000_0000n, -1n, -2n, -0x8000_0000n, 0x00ff_0001_0000_8000n])
  .map(u64);
const SOURCES = [...CORNERS, ...Array.from({ length: 60 }, (_, i) => random.next() >> BigInt(i % 61))];

/** Compares what `forms` give in a0, of a1 and a2, with their models. */
function expectModels(build: (typeof BUILDS)[number], forms: { insn: number; of: Binary; name: string }[]): void {
  const hart = bare(
    forms.flatMap(({ insn }) => [insn, ebreak]),
    { build },
  );
  for (const [place, { name, of }] of forms.entries()) {
    const wrong = SOURCES.map((a): [bigint, bigint] => [a, random.pick(SOURCES)]).filter(([a, b]) => {
      hart.registers({ [a1]: a, [a2]: b }).runAt(CODE + 8 * place);
      return hart.x(a0) !== u64(of(a, b));
    });
    expect({ [name]: wrong }).toEqual({ [name]: [] });
  }
}

test.each(BUILDS)("instructions of two registers (%s)", (build) => {
  const forms = Object.entries(REGISTERS).map(([name, of]) => ({ insn: encode[name](a0, a1, a2), of, name }));
  expectModels(build, forms);
});

test.each(BUILDS)("instructions of one register (%s)", (build) => {
  expectModels(
    build,
    Object.entries(ONE).map(([name, of]) => ({ insn: encode[name](a0, a1), of, name })),
  );
});

test.each(BUILDS)("instructions of a register and a shift amount (%s)", (build) => {
  const forms = Object.entries(SHIFTS).flatMap(([name, [of, width]]) =>
    Array.from({ length: width }, (_, shamt) => ({
      insn: encode[name](a0, a1, shamt),
      of: (a: bigint) => of(a, BigInt(shamt)),
      name: `${name} ${shamt}`,
    })),
  );
  expectModels(build, forms);
});

test.each(BUILDS)("reserved encodings beside them are illegal (%s)", (build) => {
  const wordsBit5 = [asm.roriw(a0, a1, 0) | (1 << 25), asm.clzw(a0, a1) | (3 << 20), asm.clz(a0, a1) | (3 << 20)];
  const zip = (asm.rev8(a0, a1) & ~(0xfff << 20)) | (0x08f << 20);
  for (const insn of [...wordsBit5, zip]) {
    const hart = bare([insn >>> 0], { build });
    hart.run();
    expect([(insn >>> 0).toString(16), hart.exit.cause]).toEqual([(insn >>> 0).toString(16), 2n]);
  }
});
