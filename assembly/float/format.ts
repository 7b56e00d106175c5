// IEEE 754-2008 binary32 and binary64 in integers, as "F" and "D" version 2.2 use them: one code for both, T is f32 or f64.
// A number is given by its encoding, in the low bits of a u64. A finite one that isn't zero is sign, exponent and significand:
// ±significand × 2^(exponent - 62), where 2^62 ≤ significand < 2^63, whether it is subnormal or not.

/** "Floating-Point Control and Status Register": the encodings of rounding modes. */
export const enum Round {
  RNE = 0,
  RTZ = 1,
  RDN = 2,
  RUP = 3,
  RMM = 4,
}

/** "Accrued exception flag encoding". */
export const enum Flag {
  NX = 1,
  UF = 2,
  OF = 4,
  DZ = 8,
  NV = 16,
}

/** Exceptions that arose since `clearFlags`. */
export let flags: u32 = 0;

// @ts-ignore: decorator
@inline
export function clearFlags(): void {
  flags = 0;
}
// @ts-ignore: decorator
@inline
export function raise(what: u32): void {
  flags |= what;
}

/** Bits of the fraction. */
// @ts-ignore: decorator
@inline
function fractionBits<T>(): u64 {
  return sizeof<T>() == 4 ? 23 : 52;
}
// @ts-ignore: decorator
@inline
function bias<T>(): i32 {
  return sizeof<T>() == 4 ? 127 : 1023;
}
// @ts-ignore: decorator
@inline
export function signBit<T>(): u64 {
  return <u64>1 << (sizeof<T>() * 8 - 1);
}
// @ts-ignore: decorator
@inline
export function infinity<T>(): u64 {
  return sizeof<T>() == 4 ? 0x7f80_0000 : 0x7ff0_0000_0000_0000;
}
/** "NaN Generation and Propagation". */
// @ts-ignore: decorator
@inline
export function canonicalNaN<T>(): u64 {
  return sizeof<T>() == 4 ? 0x7fc0_0000 : 0x7ff8_0000_0000_0000;
}

/** 0 or 1. */
// @ts-ignore: decorator
@inline
export function sign<T>(a: u64): u64 {
  return a >> (sizeof<T>() * 8 - 1);
}
// @ts-ignore: decorator
@inline
export function magnitude<T>(a: u64): u64 {
  return a & (signBit<T>() - 1);
}
// @ts-ignore: decorator
@inline
export function isNaN<T>(a: u64): bool {
  return magnitude<T>(a) > infinity<T>();
}
// @ts-ignore: decorator
@inline
export function isInfinite<T>(a: u64): bool {
  return magnitude<T>(a) == infinity<T>();
}
// @ts-ignore: decorator
@inline
export function isSignaling<T>(a: u64): bool {
  return isNaN<T>(a) && !(a & ((<u64>1) << (fractionBits<T>() - 1)));
}

/** Of a finite number that isn't zero. */
// @ts-ignore: decorator
@inline
export function exponent<T>(a: u64): i32 {
  const m = magnitude<T>(a);
  const field = <i32>(m >> fractionBits<T>());
  return field ? field - bias<T>() : 64 - bias<T>() - <i32>fractionBits<T>() - <i32>clz(m);
}
// @ts-ignore: decorator
@inline
export function significand<T>(a: u64): u64 {
  const m = magnitude<T>(a);
  const hidden = (<u64>1) << fractionBits<T>();
  return m >= hidden ? ((m & (hidden - 1)) | hidden) << (62 - fractionBits<T>()) : m << (clz(m) - 1);
}

/** The canonical NaN of an operation with `what` as its exceptions. */
// @ts-ignore: decorator
@inline
export function refused<T>(what: u32): u64 {
  flags |= what;
  return canonicalNaN<T>();
}
/** The result where an operand is NaN: NV if one signals. */
export function ofNaN<T>(a: u64, b: u64): u64 {
  return refused<T>(isSignaling<T>(a) || isSignaling<T>(b) ? Flag.NV : 0);
}

/** a >> by, where the lowest bit says too whether anything was lost. */
// @ts-ignore: decorator
@inline
export function shiftJam(a: u64, by: i32): u64 {
  if (by == 0) return a;
  return by < 63 ? (a >> by) | u64(a << (64 - by) != 0) : u64(a != 0);
}

/**
 * Encodes ±significand × 2^(exponent - 62), 2^62 ≤ significand < 2^63, rounded. The lowest bit of `significand` may stand for all that
 * is below it. "Subnormal Arithmetic": tininess is detected after rounding.
 */
export function round<T>(s: u64, e: i32, m: u64, mode: u32): u64 {
  const spare = 62 - fractionBits<T>();
  const rest = ((<u64>1) << spare) - 1;
  const half = (<u64>1) << (spare - 1);
  const up = mode == Round.RNE || mode == Round.RMM ? half : mode == (s ? Round.RDN : Round.RUP) ? rest : 0;
  const largest = 2 * bias<T>();
  const signed = s << (sizeof<T>() * 8 - 1);
  let field = e + bias<T>();
  if (field <= 0) {
    const tiny = field < 0 || m + up < (<u64>1) << 63;
    m = shiftJam(m, 1 - field);
    field = 1;
    if (tiny && m & rest) flags |= Flag.UF;
  } else if (field > largest || (field == largest && m + up >= (<u64>1) << 63)) {
    flags |= Flag.OF | Flag.NX;
    return signed | (infinity<T>() - u64(up == 0));
  }
  const lost = m & rest;
  if (lost) flags |= Flag.NX;
  m = (m + up) >> spare;
  if (lost == half && mode == Round.RNE) m &= ~(<u64>1);
  // the hidden bit, where there is one, makes the field what it is
  return signed | ((<u64>(field - 1) << fractionBits<T>()) + m);
}
