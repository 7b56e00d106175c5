// "Floating-Point Conversion and Move Instructions", "Compare", "Classify", minimum and maximum, by encodings (see format.ts).
import {
  Flag,
  Round,
  canonicalNaN,
  exponent,
  infinity,
  isInfinite,
  isNaN,
  isSignaling,
  magnitude,
  ofNaN,
  raise,
  round,
  shiftJam,
  sign,
  signBit,
  significand,
} from "./format";

/** An integer of 64 bits as a number; `negative`: the integer is `-a`. */
export function fromInteger<T>(a: u64, negative: bool, mode: u32): u64 {
  if (!a) return 0;
  const zeros = <i32>clz(a);
  return round<T>(u64(negative), 63 - zeros, zeros ? a << (zeros - 1) : shiftJam(a, 1), mode);
}

/**
 * "Domains of float-to-integer conversions": the integer nearest to a number in −`below` … `most`, with its sign in two's complement.
 * `below` is 0 or most + 1.
 */
export function toInteger<T>(a: u64, most: u64, below: u64, mode: u32): u64 {
  const s = sign<T>(a);
  if (isNaN<T>(a)) {
    raise(Flag.NV);
    return most;
  }
  if (!magnitude<T>(a)) return 0;
  const bound = s ? below : most;
  let integer: u64 = 0;
  // what is lost, in units of 2^-64, its lowest bit standing for all below
  let lost: u64 = 0;
  const e = exponent<T>(a);
  if (isInfinite<T>(a) || e > 63) {
    raise(Flag.NV);
    return s ? 0 - below : most;
  }
  const m = significand<T>(a);
  if (e >= 62) integer = m << (e - 62);
  else if (e >= -1) {
    integer = m >> (62 - e);
    lost = m << (e + 2);
  } else lost = shiftJam(m, -2 - e);
  const half: u64 = 1 << 63;
  let up: bool;
  switch (mode) {
    case Round.RNE: up = lost > half || (lost == half && (integer & 1) != 0); break;
    case Round.RMM: up = lost >= half; break;
    case Round.RTZ: up = false; break;
    default: up = lost != 0 && mode == (s ? Round.RDN : Round.RUP);
  }
  integer += u64(up);
  if (integer > bound) {
    raise(Flag.NV);
    return s ? 0 - below : most;
  }
  if (lost) raise(Flag.NX);
  return s ? 0 - integer : integer;
}

/** From one format to the other. */
export function toFormat<From, To>(a: u64, mode: u32): u64 {
  if (isNaN<From>(a)) {
    if (isSignaling<From>(a)) raise(Flag.NV);
    return canonicalNaN<To>();
  }
  const s = sign<From>(a);
  const signed: u64 = s ? signBit<To>() : 0;
  if (isInfinite<From>(a)) return signed | infinity<To>();
  if (!magnitude<From>(a)) return signed;
  return round<To>(s, exponent<From>(a), significand<From>(a), mode);
}

/** In two's complement: encodings as numbers to compare, −0 below +0. */
// @ts-ignore: decorator
@inline
function ordered<T>(a: u64): i64 {
  return sign<T>(a) ? -1 - <i64>magnitude<T>(a) : <i64>magnitude<T>(a);
}

/** FMIN and FMAX: minimumNumber and maximumNumber of IEEE 754-2019. */
export function extreme<T>(a: u64, b: u64, largest: bool): u64 {
  if (isSignaling<T>(a) || isSignaling<T>(b)) raise(Flag.NV);
  if (isNaN<T>(a)) return isNaN<T>(b) ? canonicalNaN<T>() : b;
  if (isNaN<T>(b)) return a;
  return ordered<T>(a) < ordered<T>(b) == largest ? b : a;
}

/** FEQ is quiet, FLT and FLE signal whatever NaN they see. */
export function equal<T>(a: u64, b: u64): bool {
  if (!isNaN<T>(a) && !isNaN<T>(b)) return a == b || !(magnitude<T>(a) | magnitude<T>(b));
  ofNaN<T>(a, b);
  return false;
}
export function less<T>(a: u64, b: u64, orEqual: bool): bool {
  if (isNaN<T>(a) || isNaN<T>(b)) {
    raise(Flag.NV);
    return false;
  }
  if (!(magnitude<T>(a) | magnitude<T>(b))) return orEqual;
  return orEqual ? ordered<T>(a) <= ordered<T>(b) : ordered<T>(a) < ordered<T>(b);
}

/** "Format of result of FCLASS": the bit of the class. */
export function classify<T>(a: u64): u64 {
  if (isNaN<T>(a)) return isSignaling<T>(a) ? 1 << 8 : 1 << 9;
  const m = magnitude<T>(a);
  const hidden: u64 = sizeof<T>() == 4 ? 0x80_0000 : 0x10_0000_0000_0000;
  const size = !m ? 3 : m < hidden ? 2 : m < infinity<T>() ? 1 : 0;
  return (<u64>1) << (sign<T>(a) ? size : 7 - size);
}
