// Zicond "Extension for Integer Conditional Operations", version 1.0.
import { Op } from "./op";
import { record } from "./record";

// @ts-ignore: decorator
@inline
export function conditional(op: Op, a: u64, b: u64): u64 {
  switch (op) {
    case Op.CzeroEqz: return b ? a : 0;
    case Op.CzeroNez: return b ? 0 : a;
    default: return unreachable();
  }
}

/** Decodes Zicond; false if `insn` is none of it. */
export function decodeZicond(dp: u32, insn: u32): bool {
  if (insn >> 25 != 7 || (insn & 0x7f) != 0x33) return false;
  const funct3 = (insn >> 12) & 7;
  if (funct3 != 5 && funct3 != 7) return false;
  record(dp, funct3 == 5 ? Op.CzeroEqz : Op.CzeroNez, (insn >> 7) & 31, (insn >> 15) & 31, (insn >> 20) & 31, 0);
  return true;
}
