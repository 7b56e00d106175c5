// "C" Extension for Compressed Instructions, version 2.0: each expands to the 32-bit instruction that it stands for.

/** Bits high…low of `c`, moved to begin at `to`. */
// @ts-ignore: decorator
@inline
function bits(c: u32, high: u32, low: u32, to: u32): u32 {
  return ((c >> low) & ((2 << (high - low)) - 1)) << to;
}
// @ts-ignore: decorator
@inline
function sign(c: u32, to: u32): u32 {
  return c & 0x1000 ? ~((<u32>1 << to) - 1) : 0;
}
// @ts-ignore: decorator
@inline
function rTypeOf(funct7: u32, rs2: u32, rs1: u32, funct3: u32, rd: u32, opcode: u32): u32 {
  return (funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;
}
// @ts-ignore: decorator
@inline
function iTypeOf(imm: u32, rs1: u32, funct3: u32, rd: u32, opcode: u32): u32 {
  return (imm << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode;
}
// @ts-ignore: decorator
@inline
function sTypeOf(imm: u32, rs2: u32, rs1: u32, funct3: u32, opcode: u32): u32 {
  return ((imm >> 5) << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | ((imm & 31) << 7) | opcode;
}
function branchOf(c: u32, funct3: u32): u32 {
  const offset =
    sign(c, 8) | bits(c, 11, 10, 3) | bits(c, 6, 5, 6) | bits(c, 4, 3, 1) | bits(c, 2, 2, 5);
  const rs1 = 8 + bits(c, 9, 7, 0);
  return (
    (((offset >> 12) & 1) << 31) | (((offset >> 5) & 63) << 25) | (rs1 << 15) | (funct3 << 12) |
    (((offset >> 1) & 15) << 8) | (((offset >> 11) & 1) << 7) | 0x63
  );
}
function jumpOf(c: u32): u32 {
  const offset =
    sign(c, 11) | bits(c, 11, 11, 4) | bits(c, 10, 9, 8) | bits(c, 8, 8, 10) | bits(c, 7, 7, 6) |
    bits(c, 6, 6, 7) | bits(c, 5, 3, 1) | bits(c, 2, 2, 5);
  return (
    (((offset >> 20) & 1) << 31) | (((offset >> 1) & 0x3ff) << 21) | (((offset >> 11) & 1) << 20) |
    (((offset >> 12) & 0xff) << 12) | 0x6f
  );
}

/** The expansion of `c`, or 0 when it is illegal or reserved (RV64C with D's loads and stores). */
export function expand(c: u32): u32 {
  const rd = bits(c, 11, 7, 0);
  const rs2 = bits(c, 6, 2, 0);
  const rdS = 8 + bits(c, 4, 2, 0);
  const rs1S = 8 + bits(c, 9, 7, 0);
  const imm6 = sign(c, 5) | bits(c, 6, 2, 0);
  const shamt = bits(c, 12, 12, 5) | bits(c, 6, 2, 0);
  const offW = bits(c, 12, 10, 3) | bits(c, 6, 6, 2) | bits(c, 5, 5, 6);
  const offD = bits(c, 12, 10, 3) | bits(c, 6, 5, 6);
  switch (((c & 3) << 3) | (c >> 13)) {
    case 0x00: { // C.ADDI4SPN
      const imm = bits(c, 12, 11, 4) | bits(c, 10, 7, 6) | bits(c, 6, 6, 2) | bits(c, 5, 5, 3);
      return imm ? iTypeOf(imm, 2, 0, rdS, 0x13) : 0;
    }
    case 0x01: return iTypeOf(offD, rs1S, 3, rdS, 0x07); // C.FLD
    case 0x02: return iTypeOf(offW, rs1S, 2, rdS, 0x03); // C.LW
    case 0x03: return iTypeOf(offD, rs1S, 3, rdS, 0x03); // C.LD
    case 0x05: return sTypeOf(offD, rdS, rs1S, 3, 0x27); // C.FSD
    case 0x06: return sTypeOf(offW, rdS, rs1S, 2, 0x23); // C.SW
    case 0x07: return sTypeOf(offD, rdS, rs1S, 3, 0x23); // C.SD
    case 0x08: return iTypeOf(imm6, rd, 0, rd, 0x13); // C.ADDI, C.NOP
    case 0x09: return rd ? iTypeOf(imm6, rd, 0, rd, 0x1b) : 0; // C.ADDIW
    case 0x0a: return iTypeOf(imm6, 0, 0, rd, 0x13); // C.LI
    case 0x0b: {
      if (rd == 2) { // C.ADDI16SP
        const imm = sign(c, 9) | bits(c, 6, 6, 4) | bits(c, 5, 5, 6) | bits(c, 4, 3, 7) | bits(c, 2, 2, 5);
        return imm ? iTypeOf(imm, 2, 0, 2, 0x13) : 0;
      }
      return imm6 ? (imm6 << 12) | (rd << 7) | 0x37 : 0; // C.LUI
    }
    case 0x0c: {
      switch (bits(c, 11, 10, 0)) {
        case 0: return iTypeOf(shamt, rs1S, 5, rs1S, 0x13); // C.SRLI
        case 1: return iTypeOf(shamt | 0x400, rs1S, 5, rs1S, 0x13); // C.SRAI
        case 2: return iTypeOf(imm6, rs1S, 7, rs1S, 0x13); // C.ANDI
        default: {
          switch (bits(c, 12, 12, 2) | bits(c, 6, 5, 0)) {
            case 0: return rTypeOf(0x20, rdS, rs1S, 0, rs1S, 0x33); // C.SUB
            case 1: return rTypeOf(0, rdS, rs1S, 4, rs1S, 0x33); // C.XOR
            case 2: return rTypeOf(0, rdS, rs1S, 6, rs1S, 0x33); // C.OR
            case 3: return rTypeOf(0, rdS, rs1S, 7, rs1S, 0x33); // C.AND
            case 4: return rTypeOf(0x20, rdS, rs1S, 0, rs1S, 0x3b); // C.SUBW
            case 5: return rTypeOf(0, rdS, rs1S, 0, rs1S, 0x3b); // C.ADDW
            default: return 0;
          }
        }
      }
    }
    case 0x0d: return jumpOf(c); // C.J
    case 0x0e: return branchOf(c, 0); // C.BEQZ
    case 0x0f: return branchOf(c, 1); // C.BNEZ
    case 0x10: return iTypeOf(shamt, rd, 1, rd, 0x13); // C.SLLI
    case 0x11: // C.FLDSP
      return iTypeOf(bits(c, 12, 12, 5) | bits(c, 6, 5, 3) | bits(c, 4, 2, 6), 2, 3, rd, 0x07);
    case 0x12: // C.LWSP
      return rd ? iTypeOf(bits(c, 12, 12, 5) | bits(c, 6, 4, 2) | bits(c, 3, 2, 6), 2, 2, rd, 0x03) : 0;
    case 0x13: // C.LDSP
      return rd ? iTypeOf(bits(c, 12, 12, 5) | bits(c, 6, 5, 3) | bits(c, 4, 2, 6), 2, 3, rd, 0x03) : 0;
    case 0x14: {
      if (c & 0x1000) {
        if (rs2) return rTypeOf(0, rs2, rd, 0, rd, 0x33); // C.ADD
        return rd ? iTypeOf(0, rd, 0, 1, 0x67) : 0x0010_0073; // C.JALR, C.EBREAK
      }
      if (rs2) return rTypeOf(0, rs2, 0, 0, rd, 0x33); // C.MV
      return rd ? iTypeOf(0, rd, 0, 0, 0x67) : 0; // C.JR
    }
    case 0x15: return sTypeOf(bits(c, 12, 10, 3) | bits(c, 9, 7, 6), rs2, 2, 3, 0x27); // C.FSDSP
    case 0x16: return sTypeOf(bits(c, 12, 9, 2) | bits(c, 8, 7, 6), rs2, 2, 2, 0x23); // C.SWSP
    case 0x17: return sTypeOf(bits(c, 12, 10, 3) | bits(c, 9, 7, 6), rs2, 2, 3, 0x23); // C.SDSP
    default: return 0;
  }
}
