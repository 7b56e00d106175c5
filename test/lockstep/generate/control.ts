// Branches, jumps and loops that surely end.
import * as asm from "../../support/assembler.js";
import { LOOP } from "../layout.js";
import type { Statement } from "../program.js";
import type { Random } from "../random.js";
import { FREE, S0, insn } from "./state.js";

const encode = asm as unknown as Record<string, (...operands: number[]) => number>;
const BRANCHES = ["beq", "bne", "blt", "bge", "bltu", "bgeu"];
type Maker = (random: Random) => Statement;

const body = (random: Random, make: Maker) => Array.from({ length: 1 + random.below(4) }, () => make(random));
const sizeOf = (parts: readonly Statement[]) =>
  parts.flatMap((part) => part.code).reduce((sum, code) => sum + ((code & 3) === 3 ? 4 : 2), 0);
const inside = (parts: readonly Statement[]) => parts.map((part) => part.text).join("; ");

/** Over a few statements, or not. */
function branch(random: Random, make: Maker): Statement {
  const [name, rs1, rs2] = [random.pick(BRANCHES), random.pick(FREE), random.pick([...FREE, S0])];
  const parts = body(random, make);
  const code = encode[name](rs1, rs2, 4 + sizeOf(parts));
  return insn(`${name} x${rs1}, x${rs2} { ${inside(parts)} }`, code, ...parts.flatMap((part) => part.code));
}
function loop(random: Random, make: Maker): Statement {
  const parts = body(random, make);
  const times = 1 + random.below(6);
  const size = sizeOf(parts);
  return insn(
    `loop ${times} { ${inside(parts)} }`,
    asm.addi(LOOP, 0, times),
    ...parts.flatMap((part) => part.code),
    asm.addi(LOOP, LOOP, -1),
    asm.bne(LOOP, 0, -4 - size),
  );
}
function jump(random: Random, make: Maker): Statement {
  const parts = body(random, make);
  const rd = random.pick(FREE);
  const over = sizeOf(parts);
  const skipped = parts.flatMap((part) => part.code);
  if (random.once(2)) return insn(`jal x${rd} over { ${inside(parts)} }`, asm.jal(rd, 4 + over), ...skipped);
  // by way of a register: bit 0 of the sum is ignored
  return insn(
    `jalr x${rd} over { ${inside(parts)} }`,
    asm.auipc(LOOP, 0),
    asm.jalr(rd, (8 + over) | random.below(2), LOOP),
    ...skipped,
  );
}

/** Some control flow around what `make` makes; that must not use x30. */
export const control = (random: Random, make: Maker): Statement =>
  random.pick([branch, branch, loop, jump])(random, make);
