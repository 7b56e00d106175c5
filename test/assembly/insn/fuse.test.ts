// Fused sequences (assembly/insn/fuse.ts): what two or more records do as one is what they do one by one.
import { expect, test } from "vitest";
import { HART_INSTRET } from "../../../assembly/layout.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import * as asm from "../../support/assembler.js";
import { a0, a1, a2, a3, a4, add, addi, addw, andi, auipc, beq, blt, bltu, bne, ebreak } from "../../support/assembler.js";
import { jal, ld, lui, lw, nop, sd, slli, srli, zero } from "../../support/assembler.js";
import { BUILDS, bare, CODE, DATA, type Hart } from "../../support/hart.js";

/** Each ends on its own, by falling through or by a branch over 8 bytes; registers a0…a4 are in use. */
const SEQUENCES: number[][] = [
  [addi(a0, a0, 1), bne(a0, a1, 12)],
  [addi(a0, a0, 1), beq(a0, a1, 12)],
  [addi(a0, a0, -1), blt(a0, a1, 12)],
  [addi(a0, a1, 1), bltu(a1, a0, 12)],
  [addi(a0, a0, -1), bne(a0, zero, 12)],
  [andi(a0, a1, 7), beq(a0, zero, 12)],
  [andi(a0, a1, 7), bne(a2, a0, 12)],
  [slli(a0, a1, 3), add(a0, a0, a2)],
  [slli(a0, a1, 3), add(a2, a2, a0)],
  [slli(a0, a1, 3), add(a2, a3, a4)],
  [slli(a0, a1, 32), srli(a0, a0, 32)],
  [slli(a0, a1, 48), srli(a2, a0, 40)],
  [slli(a1, a1, 3), srli(a2, a4, 1)],
  [slli(zero, a1, 3), add(a0, zero, a2)],
  [addi(zero, a0, 5), beq(zero, a0, 12)],
  [lui(a0, 0x12345), addi(a0, a0, -7)],
  [lui(a0, 0x80000), addi(a1, a2, 3)],
  [auipc(a0, 0), addi(a0, a0, 16)],
  [ld(a0, 0, a3), add(a0, a0, a1), sd(a0, 8, a3)],
  [lw(a0, 4, a3), addi(a0, a0, 1), bne(a0, a2, 12)],
  [addw(a0, a1, a2), add(a0, a0, a0)],
  [add(a0, a1, a2), ld(a1, 0, a3)],
  [addi(a3, a3, 8), ld(a1, 0, a3)],
  [addi(a3, a3, 8), sd(a1, 0, a3), addi(a0, a0, -1), bne(a0, zero, 12)],
];
const VALUES = [
  { [a0]: 1, [a1]: 2, [a2]: 3 },
  { [a0]: -1, [a1]: 0, [a2]: -1 },
  { [a0]: 2, [a1]: 0x8765_4321_8765_4321n, [a2]: 0x7fff_ffff_ffff_ffffn },
  { [a0]: 0, [a1]: 8, [a2]: 0 },
];

interface Outcome {
  x: bigint[];
  data: string;
  pc: number;
  retired: bigint;
}
function outcome(hart: Hart, retired: bigint): Outcome {
  return {
    x: Array.from({ length: 32 }, (_, i) => hart.x(i)),
    data: Buffer.from(hart.core.slice(DATA, 64)).toString("hex"),
    pc: hart.pc,
    retired: hart.double(HART_INSTRET) - retired,
  };
}
function prepared(build: CoreBuild, sequence: number[], values: Record<number, number | bigint>): Hart {
  const hart = bare([...sequence, ebreak, ebreak, ebreak, ebreak], { build, x: { ...values, [a3]: DATA, [a4]: 77 } });
  hart.core.store(DATA, Uint8Array.from({ length: 64 }, (_, i) => 255 - i * 3));
  return hart;
}
/** The sequence with a block's end (a jump to the next instruction) after each: nothing fuses. Branches reach as far. */
const alone = (sequence: number[]) => sequence.flatMap((insn) => [insn, jal(zero, 4)]);

test.each(BUILDS)("a fused sequence and its instructions one by one leave the same state (%s)", (build) => {
  const wrong = SEQUENCES.flatMap((sequence, i) =>
    VALUES.flatMap((values, j) => {
      const together = prepared(build, [nop, ...sequence], values);
      together.run();
      const apart = prepared(build, [nop, ...sequence], values);
      const steps = singleSteps(apart, sequence.length + 1);
      const [a, b] = [outcome(together, 0n), outcome(apart, 0n)];
      return steps && JSON.stringify(a.x.map(String)) === JSON.stringify(b.x.map(String)) && a.data === b.data && a.pc === b.pc
        ? []
        : [`sequence ${i}, values ${j}`];
    }),
  );
  expect(wrong).toEqual([]);
});
