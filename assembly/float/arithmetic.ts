// "Single-Precision Floating-Point Computational Instructions" and their double-precision likes: sums, products, quotients, roots
// and fused multiply-adds, by encodings (see format.ts), exact up to one rounding.
import {
  Flag,
  Round,
  exponent,
  infinity,
  isInfinite,
  isNaN,
  isSignaling,
  magnitude,
  ofNaN,
  raise,
  refused,
  round,
  shiftJam,
  sign,
  signBit,
  significand,
} from "./format";
import { mulhu } from "./wide";

const TOP: u64 = 1 << 63;

// @ts-ignore: decorator
@inline
function signed<T>(s: u64, a: u64): u64 {
  return a | (s << (sizeof<T>() * 8 - 1));
}
/** The sum of zeros, or of numbers that cancel: its sign. */
// @ts-ignore: decorator
@inline
function zeroSum<T>(sa: u64, sb: u64, mode: u32): u64 {
  return signed<T>(sa == sb ? sa : u64(mode == Round.RDN), 0);
}

export function add<T>(a: u64, b: u64, mode: u32): u64 {
  if (isNaN<T>(a) || isNaN<T>(b)) return ofNaN<T>(a, b);
  const sa = sign<T>(a);
  const sb = sign<T>(b);
  if (isInfinite<T>(a)) return isInfinite<T>(b) && sa != sb ? refused<T>(Flag.NV) : a;
  if (isInfinite<T>(b)) return b;
  if (!magnitude<T>(a)) return magnitude<T>(b) ? b : zeroSum<T>(sa, sb, mode);
  if (!magnitude<T>(b)) return a;
  if (magnitude<T>(a) < magnitude<T>(b)) {
    const other = a;
    a = b;
    b = other;
  }
  const s = sign<T>(a);
  let e = exponent<T>(a);
  let m = significand<T>(a);
  const n = shiftJam(significand<T>(b), e - exponent<T>(b));
  if (sa == sb) {
    m += n;
    if (m >= TOP) {
      m = shiftJam(m, 1);
      e++;
    }
  } else {
    m -= n;
    if (!m) return zeroSum<T>(sa, sb, mode);
    const up = <i32>clz(m) - 1;
    m <<= up;
    e -= up;
  }
  return round<T>(s, e, m, mode);
}

export function multiply<T>(a: u64, b: u64, mode: u32): u64 {
  if (isNaN<T>(a) || isNaN<T>(b)) return ofNaN<T>(a, b);
  const s = sign<T>(a) ^ sign<T>(b);
  if (isInfinite<T>(a) || isInfinite<T>(b)) {
    return magnitude<T>(a) && magnitude<T>(b) ? signed<T>(s, infinity<T>()) : refused<T>(Flag.NV);
  }
  if (!magnitude<T>(a) || !magnitude<T>(b)) return signed<T>(s, 0);
  let e = exponent<T>(a) + exponent<T>(b);
  const x = significand<T>(a) << 1;
  const y = significand<T>(b) << 1;
  let m = mulhu(x, y) | u64(x * y != 0);
  if (m >= TOP) {
    m = shiftJam(m, 1);
    e++;
  }
  return round<T>(s, e, m, mode);
}

/**
 * The significand whose 53 upper bits are nearest to the true one's, `beyond` positive, negative or zero as that is above, below or
 * equal: it stands for the true one wherever up to 53 bits are kept.
 */
// @ts-ignore: decorator
@inline
function nearest(upper: u64, beyond: i64): u64 {
  return (upper << 10) + (beyond > 0 ? 1 : beyond < 0 ? -1 : 0);
}
/** The 53 bits of a number's significand as an integer. */
// @ts-ignore: decorator
@inline
function integerOf(a: f64): u64 {
  return (reinterpret<u64>(a) & 0xf_ffff_ffff_ffff) | 0x10_0000_0000_0000;
}

export function divide<T>(a: u64, b: u64, mode: u32): u64 {
  if (isNaN<T>(a) || isNaN<T>(b)) return ofNaN<T>(a, b);
  const s = sign<T>(a) ^ sign<T>(b);
  if (isInfinite<T>(a)) return isInfinite<T>(b) ? refused<T>(Flag.NV) : signed<T>(s, infinity<T>());
  if (isInfinite<T>(b)) return signed<T>(s, 0);
  if (!magnitude<T>(b)) {
    if (!magnitude<T>(a)) return refused<T>(Flag.NV);
    raise(Flag.DZ);
    return signed<T>(s, infinity<T>());
  }
  if (!magnitude<T>(a)) return signed<T>(s, 0);
  let e = exponent<T>(a) - exponent<T>(b);
  let x = significand<T>(a) >> 10;
  const y = significand<T>(b) >> 10;
  if (x < y) {
    x <<= 1;
    e--;
  }
  // 1 ≤ x/y < 2, and both are exact as f64: its quotient is the nearest of 53 bits, so the remainder is no more than y/2
  const q = integerOf(<f64>x / <f64>y);
  return round<T>(s, e, nearest(q, (x << 52) - q * y), mode);
}

export function squareRoot<T>(a: u64, mode: u32): u64 {
  if (isNaN<T>(a)) return ofNaN<T>(a, a);
  if (!magnitude<T>(a)) return a;
  if (sign<T>(a)) return refused<T>(Flag.NV);
  if (isInfinite<T>(a)) return a;
  const e = exponent<T>(a);
  const x = (significand<T>(a) >> 10) << (e & 1);
  // 2^52 ≤ x < 2^54, exact as f64: its root, times 2^26, is the nearest of 53 bits, so the remainder is no more than it
  const r = integerOf(sqrt<f64>(<f64>x));
  return round<T>(0, e >> 1, nearest(r, (x << 52) - r * r), mode);
}

/** a × b + c, rounded once. */
export function fused<T>(a: u64, b: u64, c: u64, mode: u32): u64 {
  const sp = sign<T>(a) ^ sign<T>(b);
  const sc = sign<T>(c);
  const zeroProduct = !magnitude<T>(a) || !magnitude<T>(b);
  const infinite = isInfinite<T>(a) || isInfinite<T>(b);
  if (isNaN<T>(a) || isNaN<T>(b) || isNaN<T>(c)) {
    // ∞ × 0 is invalid even when the addend is a quiet NaN
    if ((infinite && zeroProduct) || isSignaling<T>(c)) raise(Flag.NV);
    return ofNaN<T>(a, b);
  }
  if (infinite) return zeroProduct || (isInfinite<T>(c) && sp != sc) ? refused<T>(Flag.NV) : signed<T>(sp, infinity<T>());
  if (isInfinite<T>(c)) return c;
  if (zeroProduct) return magnitude<T>(c) ? c : zeroSum<T>(sp, sc, mode);
  // both as hi:lo × 2^(e - 125), 2^125 ≤ hi:lo < 2^126; the product loses nothing, for its lowest bits are zero
  let e = exponent<T>(a) + exponent<T>(b);
  const x = significand<T>(a) << 1;
  const y = significand<T>(b);
  let hi = mulhu(x, y);
  let lo = x * y;
  if (hi >= TOP >> 1) {
    lo = (lo >> 1) | (hi << 63);
    hi >>= 1;
    e++;
  }
  if (!magnitude<T>(c)) return round<T>(sp, e, (hi << 1) | u64(lo != 0), mode);
  const m = significand<T>(c);
  const ec = exponent<T>(c);
  let otherHi = m >> 1;
  let otherLo = m << 63;
  let s = sp;
  let by = e - ec;
  if (by < 0 || (by == 0 && (otherHi > hi || (otherHi == hi && otherLo > lo)))) {
    // the larger comes first
    let swapped = hi;
    hi = otherHi;
    otherHi = swapped;
    swapped = lo;
    lo = otherLo;
    otherLo = swapped;
    s = sc;
    e = ec;
    by = -by;
  }
  if (by >= 64) {
    otherLo = shiftJam(otherHi, min(by - 64, 63)) | u64(otherLo != 0);
    otherHi = 0;
  } else if (by) {
    otherLo = (otherHi << (64 - by)) | shiftJam(otherLo, by);
    otherHi >>= by;
  }
  if (sp == sc) {
    lo += otherLo;
    hi += otherHi + u64(lo < otherLo);
  } else {
    hi -= otherHi + u64(lo < otherLo);
    lo -= otherLo;
    if (!(hi | lo)) return zeroSum<T>(sp, sc, mode);
    if (!hi) {
      hi = lo;
      lo = 0;
      e -= 64;
    }
  }
  const up = <i32>clz(hi) - 1;
  if (up > 0) {
    hi = (hi << up) | (lo >> (64 - up));
    lo <<= up;
  } else if (up < 0) {
    lo |= hi & 1;
    hi >>= 1;
  }
  return round<T>(s, e + 1 - up, hi | u64(lo != 0), mode);
}
