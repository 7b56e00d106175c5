// What all families share: registers that programs may spoil, values with corners, statements as text and code.
import { li } from "../code.js";
import * as at from "../layout.js";
import type { Statement } from "../program.js";
import type { Random } from "../random.js";

/** Point into DATA in every program: sp for the compressed forms that need it, s0 and s1 for all others. */
export const [SP, S0, S1] = [2, 8, 9];
const KEPT = [SP, S0, S1, 17, at.SCRATCH, at.LOOP, at.RESUME];
export const FREE = Array.from({ length: 32 }, (_, i) => i).filter((i) => !KEPT.includes(i));
/** Those that compressed instructions of the register formats reach. */
export const FREE_C = FREE.filter((i) => i >= 8 && i < 16);

export const insn = (text: string, ...code: number[]): Statement => ({ text, code });
export const together = (...parts: readonly Statement[]): Statement => ({
  text: parts.map((part) => part.text).join("; "),
  code: parts.flatMap((part) => part.code),
});
export const hex = (value: bigint | number) => (value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);
export const load = (rd: number, value: bigint | number): Statement =>
  insn(`li x${rd}, ${hex(value)}`, ...li(rd, value));

const CORNERS = [
  0n,
  1n,
  2n,
  -1n,
  -2n,
  1n << 63n,
  (1n << 63n) - 1n,
  1n << 31n,
  -(1n << 31n),
  (1n << 31n) - 1n,
  0xffff_ffffn,
];

/** A number of any size, often at an edge. */
export function value(random: Random): bigint {
  const number = random.once(3)
    ? random.pick(CORNERS) + BigInt(random.below(3) - 1)
    : BigInt.asIntN(64, random.u64()) >> BigInt(random.below(64));
  return BigInt.asUintN(64, number);
}

export const bytesOf = (random: Random, length: number) =>
  new Uint8Array(Uint32Array.from({ length: length / 4 }, () => random.bits()).buffer);
