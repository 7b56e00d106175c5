// Pieces of machine code for the harness: labels, and constants of any size.
import * as asm from "../support/assembler.js";

type Branch = (from: number, to: number) => number;

/** Four-byte instructions with labels. */
export class Code {
  private readonly items: (number | { label: string; encode: Branch })[] = [];
  private readonly labels = new Map<string, number>();

  emit(...insns: number[]): this {
    this.items.push(...insns);
    return this;
  }
  label(name: string): this {
    this.labels.set(name, this.items.length);
    return this;
  }
  branch(kind: (rs1: number, rs2: number, offset: number) => number, rs1: number, rs2: number, label: string): this {
    this.items.push({ label, encode: (from, to) => kind(rs1, rs2, to - from) });
    return this;
  }
  jump(label: string): this {
    this.items.push({ label, encode: (from, to) => asm.jal(0, to - from) });
    return this;
  }
  /** Bytes so far. */
  get length(): number {
    return 4 * this.items.length;
  }
  words(): number[] {
    return this.items.map((item, i) =>
      typeof item === "number" ? item : item.encode(4 * i, 4 * this.labels.get(item.label)!),
    );
  }
}

/** Loads any constant into `rd`, as an assembler's `li`. */
export function li(rd: number, value: bigint | number): number[] {
  const wanted = BigInt.asIntN(64, BigInt(value));
  const low = Number(BigInt.asIntN(12, wanted));
  if (BigInt.asIntN(32, wanted) === wanted) {
    const high = Number((wanted - BigInt(low)) >> 12n) & 0xf_ffff;
    if (high === 0) return [asm.addi(rd, 0, low)];
    return low === 0 ? [asm.lui(rd, high)] : [asm.lui(rd, high), asm.addiw(rd, rd, low)];
  }
  let rest = BigInt.asIntN(64, wanted - BigInt(low)) >> 12n;
  let shift = 12;
  while ((rest & 1n) === 0n) {
    rest >>= 1n;
    shift++;
  }
  return [...li(rd, rest), asm.slli(rd, rd, shift), ...(low === 0 ? [] : [asm.addi(rd, rd, low)])];
}
