// "F" Extension for Single-Precision, "D" Extension for Double-Precision Floating-Point, version 2.2: encodings. What they mean is in
// assembly/float.
import { DOUBLE, Op } from "./op";
import { floatRegister, sourceRegister, targetRegister } from "./record";


/** Registers by address; `rm` (0 where nothing is rounded) and `rs3` share the place of an immediate. */
function arithmetic(dp: u32, op: u32, rd: u32, rs1: u32, rs2: u32, rm: u32, rs3: u32): bool {
  if (rm == 5 || rm == 6) return false;
  store<u16>(dp, op);
  store<u16>(dp, rd, 2);
  store<u16>(dp, rs1, 4);
  store<u16>(dp, rs2, 6);
  store<u16>(dp, rm, 8);
  store<u16>(dp, rs3, 10);
  return true;
}

/** Decodes F and D; false if `insn` is none of them. */
export function decodeF(dp: u32, insn: u32): bool {
  const rd = (insn >> 7) & 31;
  const rs1 = (insn >> 15) & 31;
  const rs2 = (insn >> 20) & 31;
  const rm = (insn >> 12) & 7;
  const f1 = floatRegister(rs1);
  const f2 = floatRegister(rs2);
  const opcode = (insn >> 2) & 31;
  switch (opcode) {
    case 0x01: // LOAD-FP
      if (rm != 2 && rm != 3) return false;
      arithmetic(dp, Op.Flw + rm - 2, floatRegister(rd), sourceRegister(rs1), 0, 0, 0);
      store<i32>(dp, <i32>insn >> 20, 8);
      return true;
    case 0x09: // STORE-FP
      if (rm != 2 && rm != 3) return false;
      arithmetic(dp, Op.Fsw + rm - 2, 0, sourceRegister(rs1), f2, 0, 0);
      store<i32>(dp, ((<i32>insn >> 25) << 5) | rd, 8);
      return true;
  }
  // fmt: 0 single, 1 double
  const fmt = (insn >> 25) & 3;
  if (opcode < 0x10 || opcode > 0x14 || fmt > 1) return false;
  const wide = fmt ? DOUBLE : 0;
  if (opcode != 0x14) {
    return arithmetic(dp, Op.FmaddS + (opcode & 3) + wide, floatRegister(rd), f1, f2, rm, floatRegister(insn >> 27));
  }
  const toX = targetRegister(rd);
  const toF = floatRegister(rd);
  const x1 = sourceRegister(rs1);
  switch (insn >> 27) {
    case 0x00:
    case 0x01:
    case 0x02:
    case 0x03: return arithmetic(dp, Op.FaddS + (insn >> 27) + wide, toF, f1, f2, rm, 0);
    case 0x0b: return !rs2 && arithmetic(dp, Op.FsqrtS + wide, toF, f1, f1, rm, 0);
    case 0x04: return rm < 3 && arithmetic(dp, Op.FsgnjS + rm + wide, toF, f1, f2, 0, 0);
    case 0x05: return rm < 2 && arithmetic(dp, Op.FminS + rm + wide, toF, f1, f2, 0, 0);
    case 0x08: return rs2 == 1 - fmt && arithmetic(dp, Op.FcvtSD + wide, toF, f1, f1, rm, 0);
    case 0x14: return rm < 3 && arithmetic(dp, Op.FleS + rm + wide, toX, f1, f2, 0, 0);
    case 0x18: return rs2 < 4 && arithmetic(dp, Op.FcvtWS + rs2 + wide, toX, f1, f1, rm, 0);
    case 0x1a: return rs2 < 4 && arithmetic(dp, Op.FcvtSW + rs2 + wide, toF, x1, x1, rm, 0);
    case 0x1c:
      if (rs2 || rm > 1) return false;
      return arithmetic(dp, (rm ? Op.FclassS : Op.FmvXW) + wide, toX, f1, f1, 0, 0);
    case 0x1e: return !rs2 && !rm && arithmetic(dp, Op.FmvWX + wide, toF, x1, x1, 0, 0);
  }
  return false;
}
