// "M" Extension for Integer Multiplication and Division, version 2.0.
import { mulhu } from "../float/wide";
import { Op } from "./op";
import { record } from "./record";

/** "Multiplication Operations" and "Division Operations"; overflow and division by zero as their table says. */
// @ts-ignore: decorator
@inline
export function multiply(op: Op, a: u64, b: u64): u64 {
  switch (op) {
    case Op.Mul: return a * b;
    case Op.Mulw: return <u64>(<i64>(<i32>a * <i32>b));
    case Op.Mulhu: return mulhu(a, b);
    case Op.Mulh: return mulhu(a, b) - (<i64>a < 0 ? b : 0) - (<i64>b < 0 ? a : 0);
    case Op.Mulhsu: return mulhu(a, b) - (<i64>a < 0 ? b : 0);
    default: return unreachable();
  }
}

// @ts-ignore: decorator
@inline
export function divide(op: Op, a: u64, b: u64): u64 {
  switch (op) {
    case Op.Div: return b == 0 ? -1 : b == <u64>-1 ? 0 - a : <u64>(<i64>a / <i64>b);
    case Op.Divu: return b == 0 ? -1 : a / b;
    case Op.Rem: return b == 0 ? a : b == <u64>-1 ? 0 : <u64>(<i64>a % <i64>b);
    case Op.Remu: return b == 0 ? a : a % b;
    case Op.Divw: {
      const x = <i32>a;
      const y = <i32>b;
      const quotient: i32 = y == 0 ? -1 : y == -1 ? 0 - x : x / y;
      return <u64>(<i64>quotient);
    }
    case Op.Divuw: {
      const y = <u32>b;
      return y == 0 ? -1 : <u64>(<i64>(<i32>(<u32>a / y)));
    }
    case Op.Remw: {
      const x = <i32>a;
      const y = <i32>b;
      return y == 0 ? <u64>(<i64>x) : y == -1 ? 0 : <u64>(<i64>(x % y));
    }
    case Op.Remuw: {
      const y = <u32>b;
      return <u64>(<i64>(<i32>(y == 0 ? <u32>a : <u32>a % y)));
    }
    default: return unreachable();
  }
}

/** Decodes the M extension; false if `insn` is none of it. */
export function decodeM(dp: u32, insn: u32): bool {
  if (insn >> 25 != 1) return false;
  const funct3 = (insn >> 12) & 7;
  let op: u32;
  switch ((insn >> 2) & 31) {
    case 0x0c:
      op = Op.Mul + funct3;
      break;
    case 0x0e:
      if (funct3 == 0) op = Op.Mulw;
      else if (funct3 < 4) return false;
      else op = Op.Divw + funct3 - 4;
      break;
    default:
      return false;
  }
  record(dp, op, (insn >> 7) & 31, (insn >> 15) & 31, (insn >> 20) & 31, 0);
  return true;
}
