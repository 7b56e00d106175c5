// Operations that the interpreter's loop leaves to a call: what programs use seldom, or what a call costs little beside.
import { basic, clmul, clmulr, permuted, singleBit } from "../insn/b";
import { Op } from "../insn/op";
import { imm, op, rs1, rs2, setRd } from "../insn/record";
import { conditional } from "../insn/zicond";
import { float, quick, quickFused } from "./float";

/** Result of a record of B or Zicond, but for Zba. */
function integer(what: Op, dp: u32): u64 {
  const a = rs1(dp);
  switch (what) {
    case Op.Rori: return basic(Op.Ror, a, imm(dp));
    case Op.Roriw: return basic(Op.Rorw, a, imm(dp));
    case Op.Clmul: return clmul(a, rs2(dp));
    case Op.Clmulh: return clmulr(a, rs2(dp)) >> 1;
    case Op.Clmulr: return clmulr(a, rs2(dp));
    case Op.Bclri: return singleBit(Op.Bclr, a, imm(dp));
    case Op.Bexti: return singleBit(Op.Bext, a, imm(dp));
    case Op.Binvi: return singleBit(Op.Binv, a, imm(dp));
    case Op.Bseti: return singleBit(Op.Bset, a, imm(dp));
    default:
  }
  if (what <= Op.Rev8) return basic(what, a, rs2(dp));
  if (what <= Op.Xperm8) return permuted(what, a, rs2(dp));
  if (what <= Op.Bset) return singleBit(what, a, rs2(dp));
  return conditional(what, a, rs2(dp));
}

/** Executes a record of B, Zicond, F or D, but for loads, stores and Zba; true if it trapped. */
export function seldom(dp: u32): bool {
  const what = op(dp);
  if (what <= Op.CzeroNez) {
    setRd(dp, integer(what, dp));
    return false;
  }
  switch (what) {
    case Op.FaddS: return !quick<f32>(Op.FaddS, dp) && float(dp);
    case Op.FsubS: return !quick<f32>(Op.FsubS, dp) && float(dp);
    case Op.FmulS: return !quick<f32>(Op.FmulS, dp) && float(dp);
    case Op.FdivS: return !quick<f32>(Op.FdivS, dp) && float(dp);
    case Op.FaddD: return !quick<f64>(Op.FaddS, dp) && float(dp);
    case Op.FsubD: return !quick<f64>(Op.FsubS, dp) && float(dp);
    case Op.FmulD: return !quick<f64>(Op.FmulS, dp) && float(dp);
    case Op.FdivD: return !quick<f64>(Op.FdivS, dp) && float(dp);
    case Op.FmaddS: return !quickFused<f32>(Op.FmaddS, dp) && float(dp);
    case Op.FmsubS: return !quickFused<f32>(Op.FmsubS, dp) && float(dp);
    case Op.FnmsubS: return !quickFused<f32>(Op.FnmsubS, dp) && float(dp);
    case Op.FnmaddS: return !quickFused<f32>(Op.FnmaddS, dp) && float(dp);
    case Op.FmaddD: return !quickFused<f64>(Op.FmaddS, dp) && float(dp);
    case Op.FmsubD: return !quickFused<f64>(Op.FmsubS, dp) && float(dp);
    case Op.FnmsubD: return !quickFused<f64>(Op.FnmsubS, dp) && float(dp);
    case Op.FnmaddD: return !quickFused<f64>(Op.FnmaddS, dp) && float(dp);
    default: return float(dp);
  }
}
