// Zacas "Extension for Atomic Compare-and-Swap (CAS) Instructions", version 1.0.
import { Op } from "./op";
import { record } from "./record";

/** Decodes AMOCAS.W, .D and .Q; false if `insn` is none of them. imm: log2 of the size, and the number of rd from bit 8 on. */
export function decodeZacas(dp: u32, insn: u32): bool {
  const size = (insn >> 12) & 7;
  if ((insn & 0x7f) != 0x2f || insn >> 27 != 0x05 || size < 2 || size > 4) return false;
  const rd = (insn >> 7) & 31;
  const rs2 = (insn >> 20) & 31;
  if (size == 4 && (rd | rs2) & 1) return false;
  record(dp, Op.Amocas, rd, (insn >> 15) & 31, rs2, size | (rd << 8));
  return true;
}
