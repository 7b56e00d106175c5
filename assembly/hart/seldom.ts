// Operations that the interpreter's loop leaves to a call: what programs use seldom, or what a call costs little beside.
import { basic, clmul, clmulr, permuted, singleBit } from "../insn/b";
import { Op } from "../insn/op";
import { imm, op, rs1, rs2, setRd } from "../insn/record";
import { conditional } from "../insn/zicond";
import { float, quick, quickFused } from "./float";

/** Executes a record of B, Zicond, F or D, but for loads, stores and Zba; true if it trapped. */
export function seldom(dp: u32): bool {
  switch (op(dp)) {
    case Op.Andn: setRd(dp, basic(Op.Andn, rs1(dp), rs2(dp))); return false;
    case Op.Orn: setRd(dp, basic(Op.Orn, rs1(dp), rs2(dp))); return false;
    case Op.Xnor: setRd(dp, basic(Op.Xnor, rs1(dp), rs2(dp))); return false;
    case Op.Clz: setRd(dp, basic(Op.Clz, rs1(dp), rs2(dp))); return false;
    case Op.Ctz: setRd(dp, basic(Op.Ctz, rs1(dp), rs2(dp))); return false;
    case Op.Cpop: setRd(dp, basic(Op.Cpop, rs1(dp), rs2(dp))); return false;
    case Op.Clzw: setRd(dp, basic(Op.Clzw, rs1(dp), rs2(dp))); return false;
    case Op.Ctzw: setRd(dp, basic(Op.Ctzw, rs1(dp), rs2(dp))); return false;
    case Op.Cpopw: setRd(dp, basic(Op.Cpopw, rs1(dp), rs2(dp))); return false;
    case Op.Min: setRd(dp, basic(Op.Min, rs1(dp), rs2(dp))); return false;
    case Op.Minu: setRd(dp, basic(Op.Minu, rs1(dp), rs2(dp))); return false;
    case Op.Max: setRd(dp, basic(Op.Max, rs1(dp), rs2(dp))); return false;
    case Op.Maxu: setRd(dp, basic(Op.Maxu, rs1(dp), rs2(dp))); return false;
    case Op.SextB: setRd(dp, basic(Op.SextB, rs1(dp), rs2(dp))); return false;
    case Op.SextH: setRd(dp, basic(Op.SextH, rs1(dp), rs2(dp))); return false;
    case Op.ZextH: setRd(dp, basic(Op.ZextH, rs1(dp), rs2(dp))); return false;
    case Op.Rol: setRd(dp, basic(Op.Rol, rs1(dp), rs2(dp))); return false;
    case Op.Ror: setRd(dp, basic(Op.Ror, rs1(dp), rs2(dp))); return false;
    case Op.Rolw: setRd(dp, basic(Op.Rolw, rs1(dp), rs2(dp))); return false;
    case Op.Rorw: setRd(dp, basic(Op.Rorw, rs1(dp), rs2(dp))); return false;
    case Op.OrcB: setRd(dp, basic(Op.OrcB, rs1(dp), rs2(dp))); return false;
    case Op.Rev8: setRd(dp, basic(Op.Rev8, rs1(dp), rs2(dp))); return false;
    case Op.Rori: setRd(dp, basic(Op.Ror, rs1(dp), imm(dp))); return false;
    case Op.Roriw: setRd(dp, basic(Op.Rorw, rs1(dp), imm(dp))); return false;
    case Op.Clmul: setRd(dp, clmul(rs1(dp), rs2(dp))); return false;
    case Op.Clmulh: setRd(dp, clmulr(rs1(dp), rs2(dp)) >> 1); return false;
    case Op.Clmulr: setRd(dp, clmulr(rs1(dp), rs2(dp))); return false;
    case Op.Pack: setRd(dp, permuted(Op.Pack, rs1(dp), rs2(dp))); return false;
    case Op.Packh: setRd(dp, permuted(Op.Packh, rs1(dp), rs2(dp))); return false;
    case Op.Packw: setRd(dp, permuted(Op.Packw, rs1(dp), rs2(dp))); return false;
    case Op.Brev8: setRd(dp, permuted(Op.Brev8, rs1(dp), rs2(dp))); return false;
    case Op.Xperm4: setRd(dp, permuted(Op.Xperm4, rs1(dp), rs2(dp))); return false;
    case Op.Xperm8: setRd(dp, permuted(Op.Xperm8, rs1(dp), rs2(dp))); return false;
    case Op.Bclr: setRd(dp, singleBit(Op.Bclr, rs1(dp), rs2(dp))); return false;
    case Op.Bext: setRd(dp, singleBit(Op.Bext, rs1(dp), rs2(dp))); return false;
    case Op.Binv: setRd(dp, singleBit(Op.Binv, rs1(dp), rs2(dp))); return false;
    case Op.Bset: setRd(dp, singleBit(Op.Bset, rs1(dp), rs2(dp))); return false;
    case Op.Bclri: setRd(dp, singleBit(Op.Bclr, rs1(dp), imm(dp))); return false;
    case Op.Bexti: setRd(dp, singleBit(Op.Bext, rs1(dp), imm(dp))); return false;
    case Op.Binvi: setRd(dp, singleBit(Op.Binv, rs1(dp), imm(dp))); return false;
    case Op.Bseti: setRd(dp, singleBit(Op.Bset, rs1(dp), imm(dp))); return false;
    case Op.CzeroEqz: setRd(dp, conditional(Op.CzeroEqz, rs1(dp), rs2(dp))); return false;
    case Op.CzeroNez: setRd(dp, conditional(Op.CzeroNez, rs1(dp), rs2(dp))); return false;
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
