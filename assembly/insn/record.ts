// A decoded instruction: 16 bytes. What it says of places is relative to its page, so that one record serves every mapping of it.
//   +0 u16 Op   +2 u16 rd   +4 u16 rs1   +6 u16 rs2 (addresses of registers)   +8 i32 imm
//   Of F and D, but for loads and stores: +8 u16 rm   +10 u16 rs3.
//   +12 u16 offset of the instruction in its page   +14 u16 what precedes it in the block: instructions (low 6 bits), cycles
// Branch, Jal, Next:   +8 u32 tally when taken   +12 i32 link: the target's block, or the target as `unlinked` has it
//   Jal has rd at +4 and its return address at +6 (u16, in the page); Next has neither.
// Jalr:   +2 rd   +4 rs1   +6 i16 imm   +8 u32 tally   +12 u16 return address in the page
// A tally counts what a block did from its start: instructions (low 20 bits) and cycles (the rest).
import { F_REGS, X_REGS, X_SINK } from "../layout";

export const RECORD: u32 = 16;
/** Before a block's first record: u32 L1I_PRESENT of its line, u16 its place in the page. */
export const BLOCK_HEADER: u32 = 16;

// @ts-ignore: decorator
@inline
export function op(dp: u32): i32 {
  return load<u16>(dp);
}
// @ts-ignore: decorator
@inline
export function rs1(dp: u32): u64 {
  return load<u64>(load<u16>(dp, 4));
}
// @ts-ignore: decorator
@inline
export function rs2(dp: u32): u64 {
  return load<u64>(load<u16>(dp, 6));
}
// @ts-ignore: decorator
@inline
export function imm(dp: u32): u64 {
  return <u64>(<i64>load<i32>(dp, 8));
}
// @ts-ignore: decorator
@inline
export function setRd(dp: u32, value: u64): void {
  store<u64>(load<u16>(dp, 2), value);
}

// @ts-ignore: decorator
@inline
export function sourceRegister(i: u32): u32 {
  return X_REGS + i * 8;
}
// @ts-ignore: decorator
@inline
export function targetRegister(i: u32): u32 {
  return i ? X_REGS + i * 8 : X_SINK;
}

// @ts-ignore: decorator
@inline
export function floatRegister(i: u32): u32 {
  return F_REGS + i * 8;
}

export const TALLY_SHIFT: u32 = 20;
export const TALLY_MASK: u32 = (1 << TALLY_SHIFT) - 1;

/** A target that has no link yet: negative, from the target's offset from the start of the page (±1 MiB). */
const UNLINKED: i32 = 1 << 30;
// @ts-ignore: decorator
@inline
export function unlinked(offset: i32): i32 {
  return offset - UNLINKED;
}
// @ts-ignore: decorator
@inline
export function linkOffset(link: i32): u64 {
  return <u64>(<i64>(link + UNLINKED));
}

/** Writes a whole record but for +12 and +14, which depend on the place in the block. */
export function record(dp: u32, op: u32, rd: u32, rs1: u32, rs2: u32, imm: i32): void {
  store<u16>(dp, op);
  store<u16>(dp, targetRegister(rd), 2);
  store<u16>(dp, sourceRegister(rs1), 4);
  store<u16>(dp, sourceRegister(rs2), 6);
  store<i32>(dp, imm, 8);
}
