// "RV32I/RV64I Base Integer Instruction Set", "M" extension, and the bit manipulation of Zba, Zbb, Zbc and Zbs.
import * as asm from "../../support/assembler.js";
import { LOOP } from "../layout.js";
import type { Statement } from "../program.js";
import type { Random } from "../random.js";
import { FREE, S0, insn } from "./state.js";

/** name opcode funct3 funct7, all in hexadecimal. */
const table = (text: string) =>
  text
    .trim()
    .split("\n")
    .map((line) => {
      const [name, ...fields] = line.trim().split(/\s+/);
      return [name, ...fields.map((field) => Number.parseInt(field, 16))] as [string, ...number[]];
    });

const I_REGISTER = table(`
  add 33 0 00
  sub 33 0 20
  sll 33 1 00
  slt 33 2 00
  sltu 33 3 00
  xor 33 4 00
  srl 33 5 00
  sra 33 5 20
  or 33 6 00
  and 33 7 00
  addw 3b 0 00
  subw 3b 0 20
  sllw 3b 1 00
  srlw 3b 5 00
  sraw 3b 5 20`);
const M_REGISTER = table(`
  mul 33 0 01
  mulh 33 1 01
  mulhsu 33 2 01
  mulhu 33 3 01
  div 33 4 01
  divu 33 5 01
  rem 33 6 01
  remu 33 7 01
  mulw 3b 0 01
  divw 3b 4 01
  divuw 3b 5 01
  remw 3b 6 01
  remuw 3b 7 01`);
const B_REGISTER = table(`
  add.uw 3b 0 04
  sh1add 33 2 10
  sh1add.uw 3b 2 10
  sh2add 33 4 10
  sh2add.uw 3b 4 10
  sh3add 33 6 10
  sh3add.uw 3b 6 10
  andn 33 7 20
  orn 33 6 20
  xnor 33 4 20
  max 33 6 05
  maxu 33 7 05
  min 33 4 05
  minu 33 5 05
  rol 33 1 30
  rolw 3b 1 30
  ror 33 5 30
  rorw 3b 5 30
  clmul 33 1 05
  clmulh 33 3 05
  clmulr 33 2 05
  bclr 33 1 24
  bext 33 5 24
  binv 33 1 34
  bset 33 1 14`);
/** name opcode funct3 imm12 */
const B_UNARY = table(`
  clz 13 1 600
  clzw 1b 1 600
  ctz 13 1 601
  cpop 13 1 602
  cpopw 1b 1 602
  sext.b 13 1 604
  sext.h 13 1 605
  orc.b 13 5 287
  rev8 13 5 6b8`);
/** name opcode funct3 top, shamt of 6 bits. */
const I_SHIFT = table(`
  slli 13 1 000
  srli 13 5 000
  srai 13 5 400`);
const B_SHIFT = table(`
  rori 13 5 600
  slli.uw 1b 1 080
  bclri 13 1 480
  bexti 13 5 480
  binvi 13 1 680
  bseti 13 1 280`);
/** … of 5 bits. */
const I_SHIFT_W = table(`
  slliw 1b 1 000
  srliw 1b 5 000
  sraiw 1b 5 400`);
const B_SHIFT_W = table(`
  roriw 1b 5 600`);
const I_IMMEDIATE = table(`
  addi 13 0
  slti 13 2
  sltiu 13 3
  xori 13 4
  ori 13 6
  andi 13 7
  addiw 1b 0`);

const source = (random: Random) => (random.once(16) ? S0 : random.pick(FREE));

function register(random: Random, rows: typeof I_REGISTER): Statement {
  const [name, opcode, funct3, funct7] = random.pick(rows);
  const [rd, rs1, rs2] = [random.pick(FREE), source(random), source(random)];
  return insn(
    `${name} x${rd}, x${rs1}, x${rs2}`,
    ((funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode) >>> 0,
  );
}
function immediate(
  name: string,
  opcode: number,
  funct3: number,
  imm12: number,
  random: Random,
  operand?: number,
): Statement {
  const [rd, rs1] = [random.pick(FREE), source(random)];
  return insn(
    `${name} x${rd}, x${rs1}${operand === undefined ? "" : `, ${operand}`}`,
    ((imm12 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode) >>> 0,
  );
}
function shifted(random: Random, rows: typeof I_SHIFT, limit: number): Statement {
  const [name, opcode, funct3, top] = random.pick(rows);
  const amount = random.below(limit);
  return immediate(name, opcode, funct3, top | amount, random, amount);
}

export function integer(random: Random): Statement {
  switch (random.below(8)) {
    case 0:
      return shifted(random, I_SHIFT, 64);
    case 1:
      return shifted(random, I_SHIFT_W, 32);
    case 2:
    case 3: {
      const [name, opcode, funct3] = random.pick(I_IMMEDIATE);
      const imm = random.below(4096) - 2048;
      return immediate(name, opcode, funct3, imm & 0xfff, random, imm);
    }
    case 4: {
      const [rd, imm] = [random.pick(FREE), random.below(2 ** 20)];
      const [name, opcode] = random.pick(table("lui 37\nauipc 17"));
      return insn(`${name} x${rd}, 0x${imm.toString(16)}`, ((imm << 12) | (rd << 7) | opcode) >>> 0);
    }
    default:
      return register(random, I_REGISTER);
  }
}

export const multiply = (random: Random) => register(random, M_REGISTER);

export function bits(random: Random): Statement {
  switch (random.below(8)) {
    case 0:
      return shifted(random, B_SHIFT, 64);
    case 1:
      return shifted(random, B_SHIFT_W, 32);
    case 2:
    case 3: {
      const [name, opcode, funct3, imm12] = random.pick(B_UNARY);
      return immediate(name, opcode, funct3, imm12, random);
    }
    case 5: {
      // QEMU counts on beyond bit 31
      const [rd, rs1] = [random.pick(FREE), source(random)];
      return insn(
        `ctzw x${rd}, x${rs1} with bit 31 set`,
        asm.lui(LOOP, 0x8_0000),
        asm.or(LOOP, LOOP, rs1),
        (0x6010_101b | (LOOP << 15) | (rd << 7)) >>> 0,
      );
    }
    case 4: {
      // zext.h is PACKW with rs2 = x0
      const [rd, rs1] = [random.pick(FREE), source(random)];
      return insn(`zext.h x${rd}, x${rs1}`, (0x0800_403b | (rs1 << 15) | (rd << 7)) >>> 0);
    }
    default:
      return register(random, B_REGISTER);
  }
}
