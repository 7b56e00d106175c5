// Many computations at once on a hart: a loop that reads operands and fcsr from memory, executes one instruction, and writes both back.
import { Csr } from "../../assembly/isa/csr.js";
import { RAM_START } from "../../assembly/layout.js";
import type { CoreBuild } from "../../src/core/instance.js";
import { a0, a1, a2, a4, addi, bne, csrr, csrw, ebreak, fld, fsd, ld, sd, t0 } from "./assembler.js";
import { bare, type Random } from "./hart.js";
import type { Format } from "./float-model.js";

/** Where the loop has its operands, a2 being the first of them as an integer, and results. */
export const [f1, f2, f3, f4] = [1, 2, 3, 4];
export const [INTEGER, RESULT] = [a2, a4];

/** Three operands, as registers hold them, and fcsr. */
export interface Case {
  operands: readonly bigint[];
  fcsr: number;
}
export interface Outcome {
  /** f4, a4 and fcsr. */
  float: bigint;
  integer: bigint;
  fcsr: number;
}

const TABLE = RAM_START + 0x10_0000;
const ENTRY = 56;
export const FS_DIRTY = 3n << 13n;

/** What `insn`, from f1, f2, f3 or a2 to f4 or a4, makes of each case. */
export function computed(build: CoreBuild, insn: number, cases: readonly Case[]): Outcome[] {
  const body = [
    ...[ld(t0, 24, a0), csrw(Csr.fcsr, t0), ld(a2, 0, a0), fld(f1, 0, a0), fld(f2, 8, a0), fld(f3, 16, a0)],
    ...[insn, csrr(t0, Csr.fcsr), fsd(f4, 32, a0), sd(a4, 40, a0), sd(t0, 48, a0), addi(a0, a0, ENTRY)],
  ];
  const hart = bare([...body, bne(a0, a1, -4 * body.length), ebreak], {
    build,
    csrs: { [Csr.mstatus]: FS_DIRTY },
    x: { [a0]: TABLE, [a1]: TABLE + ENTRY * cases.length },
  });
  const room = new BigUint64Array(cases.length * (ENTRY / 8));
  for (const [i, { operands, fcsr }] of cases.entries()) room.set([...operands, BigInt(fcsr)], i * (ENTRY / 8));
  hart.core.store(TABLE, new Uint8Array(room.buffer));
  hart.run(100_000_000);
  const after = new BigUint64Array(hart.core.slice(TABLE, room.byteLength).slice().buffer);
  return cases.map((_, i) => {
    const [float, integer, fcsr] = after.subarray(i * (ENTRY / 8) + 4, i * (ENTRY / 8) + 7);
    return { float, integer, fcsr: Number(fcsr) };
  });
}

/** As a register holds it: "NaN Boxing of Narrower Values". */
export const boxed = (format: Format, a: bigint) => (format.bits === 32 ? a | 0xffff_ffff_0000_0000n : a);

/** Encodings at which something changes: zeros, the least and most of subnormal and normal numbers, halves of last places, NaNs. */
export function corners(format: Format): bigint[] {
  const { infinity, nan, signBit, precision } = format;
  const hidden = 1n << BigInt(precision - 1);
  const one = (infinity >> 1n) & ~(hidden - 1n);
  const near = (a: bigint) => [a - 1n, a, a + 1n];
  const positive = [
    ...[0n, 1n, 2n, hidden >> 1n, ...near(hidden), 2n * hidden, ...near(one), one + hidden / 2n, one - 2n * hidden],
    ...[one + 3n * hidden, one + BigInt(precision) * hidden, one + 31n * hidden, one + 32n * hidden],
    ...[one + 62n * hidden, ...near(one + 63n * hidden), one + 64n * hidden, infinity - hidden],
    ...[infinity - 1n, infinity, infinity + 1n, nan, nan + 5n],
  ];
  return positive.flatMap((a) => [a, a | signBit]);
}

/** Encodings of all sizes: corners, anything, and numbers whose exponents lie close to 0 or have few bits set. */
export function someNumber(format: Format, random: Random): bigint {
  const { infinity, signBit, precision, bits } = format;
  const any = random.next() >> BigInt(64 - bits);
  const fraction = (1n << BigInt(precision - 1)) - 1n;
  const moderate = (infinity >> 1n) + (BigInt(random.below(12)) - 6n) * (fraction + 1n);
  switch (random.below(6)) {
    case 0:
      return random.pick(corners(format));
    case 1:
      return any;
    case 2: // of few bits
      return (
        (any & signBit) | (moderate & ~fraction) | (any & fraction & (fraction << BigInt(random.below(precision))))
      );
    case 3: // subnormal, or little more
      return any & (signBit | (2n * fraction + 1n));
    default:
      return (any & signBit) | ((moderate & ~fraction) + (any & fraction));
  }
}
