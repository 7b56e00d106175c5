// RV64I Base Integer Instruction Set, version 2.1.
import { Op } from "./op";
import { record } from "./record";

/** "Integer Computational Instructions". */
// @ts-ignore: decorator
@inline
export function integer(op: Op, a: u64, b: u64): u64 {
  switch (op) {
    case Op.Add: return a + b;
    case Op.Sub: return a - b;
    case Op.Sll: return a << (b & 63);
    case Op.Slt: return u64(<i64>a < <i64>b);
    case Op.Sltu: return u64(a < b);
    case Op.Xor: return a ^ b;
    case Op.Srl: return a >> (b & 63);
    case Op.Sra: return <u64>(<i64>a >> <i64>(b & 63));
    case Op.Or: return a | b;
    case Op.And: return a & b;
    case Op.Addw: return <u64>(<i64>(<i32>(a + b)));
    case Op.Subw: return <u64>(<i64>(<i32>(a - b)));
    case Op.Sllw: return <u64>(<i64>(<i32>a << (<i32>b & 31)));
    case Op.Srlw: return <u64>(<i64>(<i32>(<u32>a >> (<u32>b & 31))));
    case Op.Sraw: return <u64>(<i64>(<i32>a >> (<i32>b & 31)));
    default: return unreachable();
  }
}

/** "Conditional Branches". */
// @ts-ignore: decorator
@inline
export function taken(op: Op, a: u64, b: u64): bool {
  switch (op) {
    case Op.Beq: return a == b;
    case Op.Bne: return a != b;
    case Op.Blt: return <i64>a < <i64>b;
    case Op.Bge: return <i64>a >= <i64>b;
    case Op.Bltu: return a < b;
    case Op.Bgeu: return a >= b;
    default: return unreachable();
  }
}

function registers(dp: u32, insn: u32, op: u32, imm: i32): bool {
  record(dp, op, (insn >> 7) & 31, (insn >> 15) & 31, (insn >> 20) & 31, imm);
  return true;
}

/** Decodes RV64I into the record at `dp`; false if `insn` is none of it. Branch offsets are left relative to the instruction. */
export function decodeI(dp: u32, insn: u32): bool {
  const rd = (insn >> 7) & 31;
  const rs1 = (insn >> 15) & 31;
  const funct3 = (insn >> 12) & 7;
  const funct7 = insn >> 25;
  const immI = <i32>insn >> 20;
  switch ((insn >> 2) & 31) {
    case 0x00: // LOAD
      return funct3 < 7 && registers(dp, insn, Op.Lb + funct3, immI);
    case 0x08: // STORE
      if (funct3 > 3) return false;
      record(dp, Op.Sb + funct3, 0, rs1, (insn >> 20) & 31, ((<i32>insn >> 25) << 5) | rd);
      return true;
    case 0x04: { // OP-IMM
      switch (funct3) {
        case 0:
          return registers(dp, insn, rs1 ? Op.Addi : Op.Li, immI);
        case 1:
          return insn >> 26 == 0 && registers(dp, insn, Op.Slli, immI & 63);
        case 2:
          return registers(dp, insn, Op.Slti, immI);
        case 3:
          return registers(dp, insn, Op.Sltiu, immI);
        case 4:
          return registers(dp, insn, Op.Xori, immI);
        case 5:
          if (insn >> 26 == 0) return registers(dp, insn, Op.Srli, immI & 63);
          return insn >> 26 == 0x10 && registers(dp, insn, Op.Srai, immI & 63);
        case 6:
          return registers(dp, insn, Op.Ori, immI);
        default:
          return registers(dp, insn, Op.Andi, immI);
      }
    }
    case 0x06: { // OP-IMM-32
      if (funct3 == 0) return registers(dp, insn, Op.Addiw, immI);
      if (funct3 == 1) return funct7 == 0 && registers(dp, insn, Op.Slliw, immI & 31);
      if (funct3 != 5) return false;
      if (funct7 == 0) return registers(dp, insn, Op.Srliw, immI & 31);
      return funct7 == 0x20 && registers(dp, insn, Op.Sraiw, immI & 31);
    }
    case 0x0c: { // OP
      if (funct7 == 0x20) {
        if (funct3 == 0) return registers(dp, insn, Op.Sub, 0);
        return funct3 == 5 && registers(dp, insn, Op.Sra, 0);
      }
      if (funct7 != 0) return false;
      switch (funct3) {
        case 0: return registers(dp, insn, Op.Add, 0);
        case 1: return registers(dp, insn, Op.Sll, 0);
        case 2: return registers(dp, insn, Op.Slt, 0);
        case 3: return registers(dp, insn, Op.Sltu, 0);
        case 4: return registers(dp, insn, Op.Xor, 0);
        case 5: return registers(dp, insn, Op.Srl, 0);
        case 6: return registers(dp, insn, Op.Or, 0);
        default: return registers(dp, insn, Op.And, 0);
      }
    }
    case 0x0e: { // OP-32
      if (funct7 == 0x20) {
        if (funct3 == 0) return registers(dp, insn, Op.Subw, 0);
        return funct3 == 5 && registers(dp, insn, Op.Sraw, 0);
      }
      if (funct7 != 0) return false;
      if (funct3 == 0) return registers(dp, insn, Op.Addw, 0);
      if (funct3 == 1) return registers(dp, insn, Op.Sllw, 0);
      return funct3 == 5 && registers(dp, insn, Op.Srlw, 0);
    }
    case 0x0d: // LUI
      return registers(dp, insn, Op.Li, <i32>(insn & 0xffff_f000));
    case 0x05: // AUIPC
      return registers(dp, insn, Op.Auipc, <i32>(insn & 0xffff_f000));
    case 0x18: { // BRANCH
      if (funct3 == 2 || funct3 == 3) return false;
      const offset =
        ((<i32>insn >> 31) << 12) | ((insn & 0x80) << 4) | ((insn >> 20) & 0x7e0) | ((insn >> 7) & 0x1e);
      record(dp, Op.Beq + (funct3 < 2 ? funct3 : funct3 - 2), 0, rs1, (insn >> 20) & 31, offset);
      return true;
    }
    case 0x1b: { // JAL
      const offset = ((<i32>insn >> 31) << 20) | (insn & 0xf_f000) | ((insn >> 9) & 0x800) | ((insn >> 20) & 0x7fe);
      record(dp, Op.Jal, rd, 0, 0, offset);
      return true;
    }
    case 0x19: // JALR
      return funct3 == 0 && registers(dp, insn, Op.Jalr, immI);
    case 0x03: // MISC-MEM: FENCE, FENCE.TSO, PAUSE (reserved fields are to be ignored); FENCE.I is Zifencei's
      return funct3 == 0 && registers(dp, insn, Op.Nop, 0);
    default:
      return false;
  }
}
