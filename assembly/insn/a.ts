// "A" Extension for Atomic Instructions, version 2.1.
import { Op } from "./op";
import { record } from "./record";

/** The value that an AMO stores: `old` from memory, `b` from rs2, both sign-extended for .W. */
export function amo(op: i32, old: u64, b: u64): u64 {
  switch (op) {
    case Op.AmoSwap: return b;
    case Op.AmoAdd: return old + b;
    case Op.AmoXor: return old ^ b;
    case Op.AmoAnd: return old & b;
    case Op.AmoOr: return old | b;
    case Op.AmoMin: return <i64>old < <i64>b ? old : b;
    case Op.AmoMax: return <i64>old > <i64>b ? old : b;
    case Op.AmoMinu: return old < b ? old : b;
    default: return old > b ? old : b;
  }
}

/** Decodes the A extension; false if `insn` is none of it. imm: log2 of the size. */
export function decodeA(dp: u32, insn: u32): bool {
  const funct3 = (insn >> 12) & 7;
  if (((insn >> 2) & 31) != 0x0b || (funct3 != 2 && funct3 != 3)) return false;
  const rs2 = (insn >> 20) & 31;
  let op: u32;
  switch (insn >> 27) {
    case 0x02:
      if (rs2) return false;
      op = Op.Lr;
      break;
    case 0x03: op = Op.Sc; break;
    case 0x01: op = Op.AmoSwap; break;
    case 0x00: op = Op.AmoAdd; break;
    case 0x04: op = Op.AmoXor; break;
    case 0x0c: op = Op.AmoAnd; break;
    case 0x08: op = Op.AmoOr; break;
    case 0x10: op = Op.AmoMin; break;
    case 0x14: op = Op.AmoMax; break;
    case 0x18: op = Op.AmoMinu; break;
    case 0x1c: op = Op.AmoMaxu; break;
    default: return false;
  }
  record(dp, op, (insn >> 7) & 31, (insn >> 15) & 31, rs2, funct3);
  return true;
}
