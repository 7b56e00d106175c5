// F and D on the hart: who may execute them, NaN boxing ("NaN Boxing of Narrower Values"), registers, flags.
import { add, divide, fused, multiply, squareRoot } from "../float/arithmetic";
import { classify, equal, extreme, fromInteger, less, toFormat, toInteger } from "../float/convert";
import { Round, canonicalNaN, clearFlags, flags, magnitude, signBit } from "../float/format";
import { DOUBLE, Op } from "../insn/op";
import { op, setRd } from "../insn/record";
import { Cause } from "../isa/cause";
import { Csr } from "../isa/csr";
import { F_QUICK, F_REGS, F_ROUND } from "../layout";
import { encodingAt } from "./code";
import { csr, dirtyFloat, floatOff, raise, setCsr } from "./state";

export const BOX: u64 = 0xffff_ffff_0000_0000;

/** Whether every FS in effect is dirty: nothing is to be checked, and nothing to be marked. */
// @ts-ignore: decorator
@inline
export function floatReady(): bool {
  return load<u8>(F_ROUND) == 0;
}

/** Raises an illegal-instruction exception at the record `dp`. */
function illegal(dp: u32): void {
  raise(Cause.IllegalInstruction, encodingAt(load<u16>(dp, 12)));
}
/** For a load or store; false has raised the exception. */
export function floatAllowed(dp: u32): bool {
  if (!floatOff()) return true;
  illegal(dp);
  return false;
}

/** A register as an operand of format T: what isn't boxed is the canonical NaN. */
// @ts-ignore: decorator
@inline
function operand<T>(register: u32): u64 {
  if (sizeof<T>() == 8) return load<u64>(register);
  return load<i32>(register, 4) == -1 ? <u64>load<u32>(register) : canonicalNaN<T>();
}
// @ts-ignore: decorator
@inline
function boxed<T>(a: u64): u64 {
  return sizeof<T>() == 8 ? a : a | BOX;
}
// @ts-ignore: decorator
@inline
function word(a: u64): u64 {
  return <u64>(<i64>(<i32>a));
}
/** A signed integer as a number. */
// @ts-ignore: decorator
@inline
function fromSigned<T>(a: i64, mode: u32): u64 {
  return fromInteger<T>(<u64>(a < 0 ? 0 - a : a), a < 0, mode);
}

/** What the register rd holds after `what`, an operation of F or the like of it in D. */
function result<T>(what: i32, dp: u32, mode: u32): u64 {
  const rs1 = <u32>load<u16>(dp, 4);
  const x = load<u64>(rs1);
  const a = operand<T>(rs1);
  const b = operand<T>(load<u16>(dp, 6));
  const minus = signBit<T>();
  switch (what) {
    case Op.FaddS: return boxed<T>(add<T>(a, b, mode));
    case Op.FsubS: return boxed<T>(add<T>(a, b ^ minus, mode));
    case Op.FmulS: return boxed<T>(multiply<T>(a, b, mode));
    case Op.FdivS: return boxed<T>(divide<T>(a, b, mode));
    case Op.FsqrtS: return boxed<T>(squareRoot<T>(a, mode));
    case Op.FmaddS: return boxed<T>(fused<T>(a, b, operand<T>(load<u16>(dp, 10)), mode));
    case Op.FmsubS: return boxed<T>(fused<T>(a, b, operand<T>(load<u16>(dp, 10)) ^ minus, mode));
    case Op.FnmsubS: return boxed<T>(fused<T>(a ^ minus, b, operand<T>(load<u16>(dp, 10)), mode));
    case Op.FnmaddS: return boxed<T>(fused<T>(a ^ minus, b, operand<T>(load<u16>(dp, 10)) ^ minus, mode));
    case Op.FsgnjS: return boxed<T>(magnitude<T>(a) | (b & minus));
    case Op.FsgnjnS: return boxed<T>(magnitude<T>(a) | (~b & minus));
    case Op.FsgnjxS: return boxed<T>(a ^ (b & minus));
    case Op.FminS: return boxed<T>(extreme<T>(a, b, false));
    case Op.FmaxS: return boxed<T>(extreme<T>(a, b, true));
    case Op.FleS: return u64(less<T>(a, b, true));
    case Op.FltS: return u64(less<T>(a, b, false));
    case Op.FeqS: return u64(equal<T>(a, b));
    case Op.FclassS: return classify<T>(a);
    case Op.FcvtWS: return word(toInteger<T>(a, i32.MAX_VALUE, <u64>i32.MAX_VALUE + 1, mode));
    case Op.FcvtWuS: return word(toInteger<T>(a, u32.MAX_VALUE, 0, mode));
    case Op.FcvtLS: return toInteger<T>(a, i64.MAX_VALUE, <u64>i64.MAX_VALUE + 1, mode);
    case Op.FcvtLuS: return toInteger<T>(a, u64.MAX_VALUE, 0, mode);
    case Op.FcvtSW: return boxed<T>(fromSigned<T>(<i32>x, mode));
    case Op.FcvtSWu: return boxed<T>(fromInteger<T>(<u32>x, false, mode));
    case Op.FcvtSL: return boxed<T>(fromSigned<T>(<i64>x, mode));
    case Op.FcvtSLu: return boxed<T>(fromInteger<T>(x, false, mode));
    case Op.FmvXW: return sizeof<T>() == 4 ? word(x) : x;
    case Op.FmvWX: return boxed<T>(x);
    default: return sizeof<T>() == 4 ? boxed<T>(toFormat<f64, f32>(x, mode)) : toFormat<f32, f64>(operand<f32>(rs1), mode);
  }
}

/** Executes a record of F or D that isn't a load or store; true if that raised an exception. */
export function float(dp: u32): bool {
  const rm = <u32>load<u16>(dp, 8);
  let mode = <u32>load<u8>(F_ROUND + rm);
  if (mode > <u32>Round.RMM) {
    mode = rm == 7 ? <u32>csr(Csr.frm) : rm;
    if (mode > <u32>Round.RMM || floatOff()) {
      illegal(dp);
      return true;
    }
  }
  clearFlags();
  const what = op(dp);
  setRd(dp, what < Op.FaddD ? result<f32>(what, dp, mode) : result<f64>(what - DOUBLE, dp, mode));
  const raised = csr(Csr.fflags) | flags;
  if (raised != csr(Csr.fflags) || (!floatReady() && (flags || load<u16>(dp, 2) >= <u32>F_REGS))) {
    setCsr(Csr.fflags, raised);
    dirtyFloat();
  }
  return false;
}

// @ts-ignore: decorator
@inline
function native<T>(what: i32, a: T, b: T): T {
  switch (what) {
    case Op.FaddS: return <T>(a + b);
    case Op.FsubS: return <T>(a - b);
    case Op.FmulS: return <T>(a * b);
    default: return <T>(a / b);
  }
}
/** Finite, and at least twice the least normal number. */
// @ts-ignore: decorator
@inline
function ordinary<T>(a: T): bool {
  const least = sizeof<T>() == 4 ? <T>(2 * f32.MIN_NORMAL_VALUE) : <T>(2 * f64.MIN_NORMAL_VALUE);
  const most = sizeof<T>() == 4 ? <T>f32.MAX_VALUE : <T>f64.MAX_VALUE;
  return abs<T>(a) >= least && abs<T>(a) <= most;
}
/** Both operands are of format T. */
// @ts-ignore: decorator
@inline
function areBoxed<T>(rs1: u32, rs2: u32): bool {
  return sizeof<T>() == 8 || (load<i32>(rs1, 4) & load<i32>(rs2, 4)) == -1;
}
// @ts-ignore: decorator
@inline
function setOrdinary<T>(dp: u32, value: T): bool {
  if (!ordinary<T>(value)) return false;
  setRd(dp, sizeof<T>() == 4 ? <u64>reinterpret<u32>(<f32>value) | BOX : reinterpret<u64>(<f64>value));
  return true;
}

/**
 * Executes FADD, FSUB, FMUL or FDIV natively, if it can: WebAssembly rounds to nearest, ties to even. A result that is `ordinary` came
 * from no NaN or infinity, by no overflow, and wasn't tiny before it was rounded; so no flag arises but NX, which is up (F_QUICK).
 */
// @ts-ignore: decorator
@inline
export function quick<T>(what: i32, dp: u32): bool {
  const rs1 = <u32>load<u16>(dp, 4);
  const rs2 = <u32>load<u16>(dp, 6);
  if (!load<u8>(F_QUICK + load<u16>(dp, 8)) || !areBoxed<T>(rs1, rs2)) return false;
  return setOrdinary<T>(dp, native<T>(what, load<T>(rs1), load<T>(rs2)));
}

/** a × b + c rounded to nearest, or NaN where this way can't tell. */
function fusedDouble(a: f64, b: f64, c: f64): f64 {
  const p = a * b;
  // below 2^-916 the error of the product may be too small to be a number
  if (!(abs<f64>(p) >= 1e-270)) return NaN;
  // Dekker: p + e is the product; overflow on the way makes e NaN
  const sa = a * 134217729;
  const ah = sa - (sa - a);
  const al = a - ah;
  const sb = b * 134217729;
  const bh = sb - (sb - b);
  const bl = b - bh;
  const e = ah * bh - p + ah * bl + al * bh + al * bl;
  // Knuth: s + t is p + c
  const s = p + c;
  const d = s - p;
  const t = p - (s - d) + (c - d);
  // what the sum of the errors loses is below 2^-51 of the last place, for t is 0 where much of s is cancelled. So the sum is rounded
  // well unless what is then left over, w, is as close as that to half of the last place (Ziv's test).
  const v = e + t;
  const r = s + v;
  const w = s - r + v;
  return r + w * (1 + 1.0 / 0x100_0000_0000) == r ? r : NaN;
}
/** The same: the product is exact in binary64. Rounding the sum twice errs only where the first result lies half-way for the second. */
// @ts-ignore: decorator
@inline
function fusedSingle(a: f32, b: f32, c: f32): f32 {
  const sum = <f64>a * <f64>b + <f64>c;
  return (reinterpret<u64>(sum) & 0x1fff_ffff) == 0x1000_0000 ? f32.NaN : <f32>sum;
}
/** FMADD and its likes, as `quick`. */
export function quickFused<T>(what: i32, dp: u32): bool {
  const rs1 = <u32>load<u16>(dp, 4);
  const rs2 = <u32>load<u16>(dp, 6);
  const rs3 = <u32>load<u16>(dp, 10);
  if (!load<u8>(F_QUICK + load<u16>(dp, 8)) || !areBoxed<T>(rs1, rs2) || !areBoxed<T>(rs3, rs3)) return false;
  const a = what == Op.FnmsubS || what == Op.FnmaddS ? <T>-load<T>(rs1) : load<T>(rs1);
  const c = what == Op.FmsubS || what == Op.FnmaddS ? <T>-load<T>(rs3) : load<T>(rs3);
  const b = load<T>(rs2);
  return setOrdinary<T>(dp, sizeof<T>() == 4 ? <T>fusedSingle(<f32>a, <f32>b, <f32>c) : <T>fusedDouble(<f64>a, <f64>b, <f64>c));
}
