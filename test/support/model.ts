// A slow and plain RV64IM: RISC-V Unprivileged Architecture, "RV64I Base Integer Instruction Set" and "M Extension". Unlimited
// integers, one instruction at a time, no page tables, no traps: what the interpreter is compared with.
import { i64, u64 } from "./hart.js";

const i32 = (value: bigint) => BigInt.asIntN(32, value);
const u32 = (value: bigint) => BigInt.asUintN(32, value);
const flag = (condition: boolean) => (condition ? 1n : 0n);

/** Quotient and remainder rounded towards zero, with the table "Semantics for division by zero and division overflow". */
const quotient = (a: bigint, b: bigint) => (b === 0n ? -1n : a / b);
const remainder = (a: bigint, b: bigint) => (b === 0n ? a : a % b);

export type Binary = (a: bigint, b: bigint) => bigint;

/** Register-register operations of unsigned operands. Results are given before they wrap to 64 bits. */
export const REGISTER = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  sll: (a, b) => a << (b & 63n),
  slt: (a, b) => flag(i64(a) < i64(b)),
  sltu: (a, b) => flag(a < u64(b)),
  xor: (a, b) => a ^ b,
  srl: (a, b) => a >> (b & 63n),
  sra: (a, b) => i64(a) >> (b & 63n),
  or: (a, b) => a | b,
  and: (a, b) => a & b,
  addw: (a, b) => i32(a + b),
  subw: (a, b) => i32(a - b),
  sllw: (a, b) => i32(a << (b & 31n)),
  srlw: (a, b) => i32(u32(a) >> (b & 31n)),
  sraw: (a, b) => i32(a) >> (b & 31n),
  mul: (a, b) => a * b,
  mulh: (a, b) => (i64(a) * i64(b)) >> 64n,
  mulhsu: (a, b) => (i64(a) * b) >> 64n,
  mulhu: (a, b) => (a * b) >> 64n,
  mulw: (a, b) => i32(a * b),
  div: (a, b) => quotient(i64(a), i64(b)),
  divu: (a, b) => quotient(a, b),
  rem: (a, b) => remainder(i64(a), i64(b)),
  remu: (a, b) => remainder(a, b),
  divw: (a, b) => i32(quotient(i32(a), i32(b))),
  divuw: (a, b) => i32(quotient(u32(a), u32(b))),
  remw: (a, b) => i32(remainder(i32(a), i32(b))),
  remuw: (a, b) => i32(remainder(u32(a), u32(b))),
} satisfies Record<string, Binary>;

export const CONDITIONS = {
  beq: (a, b) => a === b,
  bne: (a, b) => a !== b,
  blt: (a, b) => i64(a) < i64(b),
  bge: (a, b) => i64(a) >= i64(b),
  bltu: (a, b) => a < b,
  bgeu: (a, b) => a >= b,
} satisfies Record<string, (a: bigint, b: bigint) => boolean>;

const { add, sub, sll, slt, sltu, xor, srl, sra, or, and, addw, subw, sllw, srlw, sraw } = REGISTER;
const { mul, mulh, mulhsu, mulhu, mulw, div, divu, rem, remu, divw, divuw, remw, remuw } = REGISTER;
/** By funct7, then funct3. */
const OP: Record<number, Record<number, Binary>> = {
  0: [add, sll, slt, sltu, xor, srl, or, and],
  1: [mul, mulh, mulhsu, mulhu, div, divu, rem, remu],
  32: { 0: sub, 5: sra },
};
const OP_32: Record<number, Record<number, Binary>> = {
  0: { 0: addw, 1: sllw, 5: srlw },
  1: { 0: mulw, 4: divw, 5: divuw, 6: remw, 7: remuw },
  32: { 0: subw, 5: sraw },
};
const { beq, bne, blt, bge, bltu, bgeu } = CONDITIONS;
const BRANCH: Record<number, (a: bigint, b: bigint) => boolean> = { 0: beq, 1: bne, 4: blt, 5: bge, 6: bltu, 7: bgeu };

/** Registers, pc and memory; runs until the encoding at pc is `until`. */
export class Model {
  readonly x: bigint[];
  retired = 0;
  private readonly view: DataView;

  constructor(
    x: bigint[],
    public pc: number,
    /** Memory from `base` on. */
    readonly memory: Uint8Array,
    readonly base: number,
  ) {
    this.x = x;
    this.view = new DataView(memory.buffer, memory.byteOffset, memory.length);
  }

  run(until: number, most: number): void {
    for (; this.retired < most; this.retired++) {
      const insn = this.view.getUint32(this.pc - this.base, true);
      if (insn === until) return;
      this.step(insn);
    }
  }

  private step(insn: number): void {
    const [rd, rs1, rs2] = [(insn >>> 7) & 31, (insn >>> 15) & 31, (insn >>> 20) & 31];
    const [funct3, funct7] = [(insn >>> 12) & 7, insn >>> 25];
    const [a, b] = [this.x[rs1], this.x[rs2]];
    const immediate = BigInt(insn | 0) >> 20n;
    let next = this.pc + 4;
    let value: bigint | undefined;
    switch (insn & 0x7f) {
      case 0x33:
        value = OP[funct7][funct3](a, b);
        break;
      case 0x3b:
        value = OP_32[funct7][funct3](a, b);
        break;
      case 0x13:
        value = OP[funct3 === 5 ? funct7 & 0x20 : 0][funct3](a, u64(immediate));
        break;
      case 0x1b:
        value = OP_32[funct3 === 5 ? funct7 : 0][funct3](a, u64(immediate));
        break;
      case 0x37:
        value = BigInt(insn & ~0xfff);
        break;
      case 0x17:
        value = BigInt(this.pc) + BigInt(insn & ~0xfff);
        break;
      case 0x03:
        value = this.load(Number(u64(a + immediate)), funct3);
        break;
      case 0x23:
        this.store(Number(u64(a + BigInt(((insn >> 25) << 5) | rd))), funct3, b);
        break;
      case 0x63:
        if (BRANCH[funct3](a, b)) next = this.pc + branchOffset(insn);
        break;
      case 0x6f:
        value = BigInt(next);
        next = this.pc + jumpOffset(insn);
        break;
      case 0x67:
        value = BigInt(next);
        next = Number(u64(a + immediate) & ~1n);
        break;
    }
    if (value !== undefined && rd !== 0) this.x[rd] = u64(value);
    this.pc = next;
  }

  private load(address: number, funct3: number): bigint {
    const at = address - this.base;
    const bytes = 1 << (funct3 & 3);
    let value = 0n;
    for (let i = 0; i < bytes; i++) value |= BigInt(this.view.getUint8(at + i)) << BigInt(8 * i);
    return funct3 & 4 ? value : BigInt.asIntN(8 * bytes, value);
  }
  private store(address: number, funct3: number, value: bigint): void {
    for (let i = 0; i < 1 << funct3; i++) {
      this.view.setUint8(address - this.base + i, Number((value >> BigInt(8 * i)) & 255n));
    }
  }
}

const field = (insn: number, high: number, low: number, to: number) =>
  ((insn >>> low) & (2 ** (high - low + 1) - 1)) << to;
function branchOffset(insn: number): number {
  return ((insn >> 31) << 12) | field(insn, 7, 7, 11) | field(insn, 30, 25, 5) | field(insn, 11, 8, 1);
}
function jumpOffset(insn: number): number {
  return ((insn >> 31) << 20) | field(insn, 19, 12, 12) | field(insn, 20, 20, 11) | field(insn, 30, 21, 1);
}
