// "B" Extension for Bit Manipulation, version 1.0 (Zba, Zbb, Zbs), Zbc "Extension for Carry-less Multiplication", Zbkb
// "Extension for Bit Manipulation for Cryptography", Zbkx "Extension for Crossbar Permutations".
import { Op } from "./op";
import { record } from "./record";

/** Zba "Extension for Address Generation". */
// @ts-ignore: decorator
@inline
export function addressed(op: Op, a: u64, b: u64): u64 {
  switch (op) {
    case Op.AddUw: return (a & 0xffff_ffff) + b;
    case Op.Sh1add: return (a << 1) + b;
    case Op.Sh2add: return (a << 2) + b;
    case Op.Sh3add: return (a << 3) + b;
    case Op.Sh1addUw: return ((a & 0xffff_ffff) << 1) + b;
    case Op.Sh2addUw: return ((a & 0xffff_ffff) << 2) + b;
    case Op.Sh3addUw: return ((a & 0xffff_ffff) << 3) + b;
    case Op.SlliUw: return (a & 0xffff_ffff) << (b & 63);
    default: return unreachable();
  }
}

/** Zbb "Extension for Basic Bit-Manipulation"; those of one operand take no heed of `b`. */
// @ts-ignore: decorator
@inline
export function basic(op: Op, a: u64, b: u64): u64 {
  switch (op) {
    case Op.Andn: return a & ~b;
    case Op.Orn: return a | ~b;
    case Op.Xnor: return ~(a ^ b);
    case Op.Clz: return clz<u64>(a);
    case Op.Ctz: return ctz<u64>(a);
    case Op.Cpop: return popcnt<u64>(a);
    case Op.Clzw: return <u64>clz<u32>(<u32>a);
    case Op.Ctzw: return <u64>ctz<u32>(<u32>a);
    case Op.Cpopw: return <u64>popcnt<u32>(<u32>a);
    case Op.Min: return <i64>a < <i64>b ? a : b;
    case Op.Minu: return a < b ? a : b;
    case Op.Max: return <i64>a > <i64>b ? a : b;
    case Op.Maxu: return a > b ? a : b;
    case Op.SextB: return <u64>(<i64>(<i8>a));
    case Op.SextH: return <u64>(<i64>(<i16>a));
    case Op.ZextH: return a & 0xffff;
    case Op.Rol: return rotl<u64>(a, b);
    case Op.Ror: return rotr<u64>(a, b);
    case Op.Rolw: return <u64>(<i64>(<i32>rotl<u32>(<u32>a, <u32>b)));
    case Op.Rorw: return <u64>(<i64>(<i32>rotr<u32>(<u32>a, <u32>b)));
    case Op.OrcB: return orcB(a);
    case Op.Rev8: return bswap<u64>(a);
    default: return unreachable();
  }
}

/** Those of Zbkb that Zbb has not, and Zbkx. */
// @ts-ignore: decorator
@inline
export function permuted(op: Op, a: u64, b: u64): u64 {
  switch (op) {
    case Op.Pack: return (b << 32) | (a & 0xffff_ffff);
    case Op.Packh: return ((b & 0xff) << 8) | (a & 0xff);
    case Op.Packw: return <u64>(<i64>(<i32>((b << 16) | (a & 0xffff))));
    case Op.Brev8: return brev8(a);
    case Op.Xperm4: return xperm(a, b, 4);
    case Op.Xperm8: return xperm(a, b, 8);
    default: return unreachable();
  }
}

/** Zbs "Extension for Single-Bit Instructions". */
// @ts-ignore: decorator
@inline
export function singleBit(op: Op, a: u64, b: u64): u64 {
  switch (op) {
    case Op.Bclr: return a & ~(<u64>1 << (b & 63));
    case Op.Bext: return (a >> (b & 63)) & 1;
    case Op.Binv: return a ^ (<u64>1 << (b & 63));
    case Op.Bset: return a | (<u64>1 << (b & 63));
    default: return unreachable();
  }
}

/** Every byte that is not zero becomes 0xff. */
function orcB(a: u64): u64 {
  const low: u64 = 0x7f7f_7f7f_7f7f_7f7f;
  const high = (((a & low) + low) | a) & ~low;
  return (high >> 7) * 0xff;
}

/** Every byte with its bits in reverse. */
function brev8(a: u64): u64 {
  a = ((a & 0x5555_5555_5555_5555) << 1) | ((a >> 1) & 0x5555_5555_5555_5555);
  a = ((a & 0x3333_3333_3333_3333) << 2) | ((a >> 2) & 0x3333_3333_3333_3333);
  return ((a & 0x0f0f_0f0f_0f0f_0f0f) << 4) | ((a >> 4) & 0x0f0f_0f0f_0f0f_0f0f);
}
/** Elements of `width` bits of `a`, chosen by those of `b`; zero where there is none. */
function xperm(a: u64, b: u64, width: u64): u64 {
  const mask = ((<u64>1) << width) - 1;
  let result: u64 = 0;
  for (let at: u64 = 0; at < 64; at += width) {
    const from = ((b >> at) & mask) * width;
    if (from < 64) result |= ((a >> from) & mask) << at;
  }
  return result;
}

/** Bits 63…0 of the carry-less product. */
export function clmul(a: u64, b: u64): u64 {
  let product: u64 = 0;
  for (; b; b &= b - 1) product ^= a << ctz<u64>(b);
  return product;
}
/** Bits 126…63 of it. */
export function clmulr(a: u64, b: u64): u64 {
  let product: u64 = 0;
  for (; b; b &= b - 1) product ^= a >> (63 - ctz<u64>(b));
  return product;
}

/** The Op of a register-register instruction, or -1. */
function ofRegisters(place: u32): i32 {
  switch (place) {
    case 0x10 << 3 | 2: return Op.Sh1add;
    case 0x10 << 3 | 4: return Op.Sh2add;
    case 0x10 << 3 | 6: return Op.Sh3add;
    case 0x20 << 3 | 7: return Op.Andn;
    case 0x20 << 3 | 6: return Op.Orn;
    case 0x20 << 3 | 4: return Op.Xnor;
    case 0x05 << 3 | 1: return Op.Clmul;
    case 0x05 << 3 | 2: return Op.Clmulr;
    case 0x05 << 3 | 3: return Op.Clmulh;
    case 0x05 << 3 | 4: return Op.Min;
    case 0x05 << 3 | 5: return Op.Minu;
    case 0x05 << 3 | 6: return Op.Max;
    case 0x05 << 3 | 7: return Op.Maxu;
    case 0x04 << 3 | 4: return Op.Pack;
    case 0x04 << 3 | 7: return Op.Packh;
    case 0x14 << 3 | 2: return Op.Xperm4;
    case 0x14 << 3 | 4: return Op.Xperm8;
    case 0x30 << 3 | 1: return Op.Rol;
    case 0x30 << 3 | 5: return Op.Ror;
    case 0x24 << 3 | 1: return Op.Bclr;
    case 0x24 << 3 | 5: return Op.Bext;
    case 0x34 << 3 | 1: return Op.Binv;
    case 0x14 << 3 | 1: return Op.Bset;
    default: return -1;
  }
}
/** The same of OP-32. */
function ofWords(place: u32, rs2: u32): i32 {
  switch (place) {
    case 0x04 << 3 | 0: return Op.AddUw;
    case 0x10 << 3 | 2: return Op.Sh1addUw;
    case 0x10 << 3 | 4: return Op.Sh2addUw;
    case 0x10 << 3 | 6: return Op.Sh3addUw;
    case 0x30 << 3 | 1: return Op.Rolw;
    case 0x30 << 3 | 5: return Op.Rorw;
    case 0x04 << 3 | 4: return rs2 ? Op.Packw : Op.ZextH;
    default: return -1;
  }
}
/** The Op of an instruction of one register: its place is the whole upper immediate. */
function ofOne(immediate: u32, funct3: u32): i32 {
  if (funct3 == 1) {
    switch (immediate) {
      case 0x600: return Op.Clz;
      case 0x601: return Op.Ctz;
      case 0x602: return Op.Cpop;
      case 0x604: return Op.SextB;
      case 0x605: return Op.SextH;
    }
  } else if (funct3 == 5) {
    if (immediate == 0x287) return Op.OrcB;
    if (immediate == 0x6b8) return Op.Rev8;
    if (immediate == 0x687) return Op.Brev8;
  }
  return -1;
}
/** The Op of a register with a shift amount of 6 bits. */
function ofShift(funct6: u32, funct3: u32): i32 {
  if (funct3 == 1) {
    switch (funct6) {
      case 0x12: return Op.Bclri;
      case 0x1a: return Op.Binvi;
      case 0x0a: return Op.Bseti;
    }
  } else if (funct3 == 5) {
    if (funct6 == 0x12) return Op.Bexti;
    if (funct6 == 0x18) return Op.Rori;
  }
  return -1;
}
/** The Op of OP-IMM-32. */
function ofWordImmediate(immediate: u32, funct3: u32): i32 {
  if (funct3 == 1) {
    if (immediate >> 6 == 0x02) return Op.SlliUw;
    switch (immediate) {
      case 0x600: return Op.Clzw;
      case 0x601: return Op.Ctzw;
      case 0x602: return Op.Cpopw;
    }
  }
  return funct3 == 5 && immediate >> 5 == 0x30 ? Op.Roriw : -1;
}

/** Decodes Zba, Zbb, Zbc, Zbs, Zbkb and Zbkx; false if `insn` is none of them. imm: shift amount. */
export function decodeB(dp: u32, insn: u32): bool {
  const funct3 = (insn >> 12) & 7;
  const place = ((insn >> 25) << 3) | funct3;
  const immediate = insn >> 20;
  const rs2 = immediate & 31;
  let op: i32;
  switch ((insn >> 2) & 31) {
    case 0x0c: op = ofRegisters(place); break;
    case 0x0e: op = ofWords(place, rs2); break;
    case 0x04:
      op = ofOne(immediate, funct3);
      if (op < 0) op = ofShift(immediate >> 6, funct3);
      break;
    case 0x06: op = ofWordImmediate(immediate, funct3); break;
    default: return false;
  }
  if (op < 0) return false;
  record(dp, op, (insn >> 7) & 31, (insn >> 15) & 31, rs2, immediate & 63);
  return true;
}
