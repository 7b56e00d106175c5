// SYSTEM and MISC-MEM opcodes: Zicsr, Zifencei, Zawrs, Svinval, the privileged instructions of M, S and H
// (Privileged Architecture 1.13).
import { Op } from "./op";
import { record } from "./record";

/** Decodes SYSTEM and FENCE.I; false if `insn` is none of it. Zicsr: imm is the CSR, rs2 the immediate's or rs1's number. */
export function decodeSystem(dp: u32, insn: u32): bool {
  const rd = (insn >> 7) & 31;
  const rs1 = (insn >> 15) & 31;
  const rs2 = (insn >> 20) & 31;
  const funct3 = (insn >> 12) & 7;
  const funct7 = insn >> 25;
  const opcode = (insn >> 2) & 31;
  if (opcode == 0x03) {
    if (funct3 != 1) return false;
    record(dp, Op.FenceI, 0, 0, 0, 0);
    return true;
  }
  if (opcode != 0x1c) return false;
  if (funct3 == 0) {
    switch (insn) {
      case 0x0000_0073: record(dp, Op.Ecall, 0, 0, 0, 0); return true;
      case 0x0010_0073: record(dp, Op.Ebreak, 0, 0, 0, 0); return true;
      case 0x1020_0073: record(dp, Op.Sret, 0, 0, 0, 0); return true;
      case 0x3020_0073: record(dp, Op.Mret, 0, 0, 0, 0); return true;
      case 0x1050_0073: record(dp, Op.Wfi, 0, 0, 0, 0); return true;
      case 0x00d0_0073: record(dp, Op.Wrs, 0, 0, 0, 0); return true;
      case 0x01d0_0073: record(dp, Op.Wrs, 0, 0, 0, 1); return true;
      case 0x1800_0073: // SFENCE.W.INVAL
      case 0x1810_0073: record(dp, Op.SfenceInval, 0, 0, 0, 0); return true; // SFENCE.INVAL.IR
    }
    if (rd) return false;
    // imm: bit 0 when rs1 is not x0, bit 1 when rs2 is not x0
    const given = (rs1 ? 1 : 0) | (rs2 ? 2 : 0);
    switch (funct7) {
      case 0x0b: // SINVAL.VMA, which may do at once what a later SFENCE.INVAL.IR would complete; so the others of Svinval
      case 0x09: record(dp, Op.SfenceVma, 0, rs1, rs2, given); return true;
      case 0x13: // HINVAL.VVMA
      case 0x11: record(dp, Op.HfenceVvma, 0, rs1, rs2, given); return true;
      case 0x33: // HINVAL.GVMA
      case 0x31: record(dp, Op.HfenceGvma, 0, rs1, rs2, given); return true;
    }
    return false;
  }
  if (funct3 == 4) return decodeH(dp, rd, rs1, rs2, funct7);
  const op = funct3 < 4 ? Op.Csrrw + funct3 - 1 : Op.Csrrwi + funct3 - 5;
  record(dp, op, rd, rs1, rs1, insn >> 20);
  return true;
}

/** "Hypervisor Virtual-Machine Load and Store Instructions". */
function decodeH(dp: u32, rd: u32, rs1: u32, rs2: u32, funct7: u32): bool {
  if (funct7 < 0x30 || funct7 > 0x37) return false;
  const size = (funct7 - 0x30) >> 1;
  if (funct7 & 1) {
    if (rd) return false;
    record(dp, Op.Hsv, 0, rs1, rs2, size);
    return true;
  }
  const unsigned = rs2 & 1;
  const hlvx = rs2 == 3;
  if (rs2 != 0 && rs2 != 1 && !hlvx) return false;
  if (unsigned && size == 3) return false;
  if (hlvx && size != 1 && size != 2) return false;
  record(dp, Op.Hlv, rd, rs1, 0, size | (unsigned << 2) | (hlvx ? 8 : 0));
  return true;
}
