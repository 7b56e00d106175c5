// Fused sequences (assembly/insn/fuse.ts): whatever records do as one is what their instructions do one by one, wherever a program
// enters and leaves them. Short random programs of what is fused, against the model.
import { expect, test } from "vitest";
import * as asm from "../../support/assembler.js";
import { a0, a1, a2, a3, a4, add, addi, bne, ebreak, slli, zero } from "../../support/assembler.js";
import { BUILDS, bare, CODE, DATA, type Hart, Random } from "../../support/hart.js";
import { Model } from "../../support/model.js";

const REGISTERS = [zero, a0, a1, a2];
/** Holds the address of data. */
const BASE = a4;
const LENGTH = 24;
const SPACE = DATA + 0x8000;
/** Programs and data. */
const RANGE = SPACE + 64 - CODE;

type Make = (random: Random, forward: number) => number;
const reg = (random: Random) => random.pick(REGISTERS);
const offset = (random: Random) => 4 * random.below(8);
const KINDS: Make[] = [
  (r) => slli(reg(r), reg(r), r.pick([1, 2, 3, 32])),
  (r) => asm.srli(reg(r), reg(r), r.pick([1, 30, 32])),
  (r) => add(reg(r), reg(r), reg(r)),
  (r) => asm.sub(reg(r), reg(r), reg(r)),
  (r) => asm.addw(reg(r), reg(r), reg(r)),
  (r) => addi(reg(r), reg(r), r.pick([1, -1, 8, 100])),
  (r) => asm.addiw(reg(r), reg(r), r.pick([0, 1, -1])),
  (r) => asm.andi(reg(r), reg(r), r.pick([1, 7, -8])),
  (r) => asm.lui(reg(r), r.below(0x10_0000)),
  (r) => asm.auipc(reg(r), 0),
  (r) => asm.mul(reg(r), reg(r), reg(r)),
  (r) => asm.lw(reg(r), offset(r), BASE),
  (r) => asm.ld(reg(r), offset(r), BASE),
  (r) => asm.lbu(reg(r), offset(r), BASE),
  (r) => asm.sw(reg(r), offset(r), BASE),
  (r) => asm.sd(reg(r), offset(r), BASE),
  (r, forward) => bne(reg(r), reg(r), forward),
  (r, forward) => asm.beq(reg(r), reg(r), forward),
  (r, forward) => asm.blt(reg(r), reg(r), forward),
  (r, forward) => asm.bltu(reg(r), reg(r), forward),
];

/** Branches go forward, so that every program ends. */
function program(random: Random): number[] {
  return Array.from({ length: LENGTH }, (_, i) =>
    random.pick(KINDS)(random, 4 * (1 + random.below(LENGTH - i))),
  ).concat(ebreak);
}

const registersOf = (hart: Hart) => Array.from({ length: 32 }, (_, i) => hart.x(i));

test.each(BUILDS)("random programs of what is fused leave what the model leaves, entered anywhere (%s)", (build) => {
  const random = new Random(21);
  const hart = bare([], { build });
  const size = 4 * (LENGTH + 1);
  for (let k = 0; k < 600; k++) {
    const at = CODE + k * size;
    hart.program(program(random), at);
    hart.core.store(
      SPACE,
      Uint8Array.from({ length: 64 }, () => random.below(256)),
    );
    for (const start of [at, at + 4 * random.below(LENGTH)]) {
      hart.registers({ [a0]: random.next(), [a1]: random.pick([0n, 1n, random.next()]), [a2]: random.below(9) });
      hart.registers({ [BASE]: SPACE });
      const memory = hart.core.slice(CODE, RANGE).slice();
      const model = new Model(registersOf(hart), start, memory, CODE);
      const retired = hart.core.instret;
      model.run(ebreak, 1000);
      hart.runAt(start);
      const outcome = { x: registersOf(hart), pc: hart.pc, retired: hart.core.instret - retired };
      expect([k, outcome]).toEqual([k, { x: model.x, pc: model.pc, retired: model.retired }]);
      expect(Buffer.compare(memory, hart.core.slice(CODE, RANGE))).toBe(0);
    }
  }
});

test.each(BUILDS)("a loop whose back edge leads into the middle of a sequence (%s)", (build) => {
  const middle = [
    addi(a0, zero, 5),
    slli(a1, a0, 1),
    add(a2, a1, a2),
    addi(a3, a3, 1),
    addi(a0, a0, -1),
    bne(a0, zero, -12),
    ebreak,
  ];
  const hart = bare(middle, { build });
  hart.run();
  expect([hart.x(a1), hart.x(a2), hart.x(a3)]).toEqual([10n, 50n, 5n]);
});
