// What the hart's rooms share: access to registers and CSRs in memory, and the trap or exit under way.
import { Csr } from "../isa/csr";
import { CSRS, F_QUICK, F_ROUND, HART_MODE, HART_VIRT } from "../layout";

// @ts-ignore: decorator
@inline
export function csr(number: u32): u64 {
  return load<u64>(CSRS + number * 8);
}
// @ts-ignore: decorator
@inline
export function setCsr(number: u32, value: u64): void {
  store<u64>(CSRS + number * 8, value);
}
// @ts-ignore: decorator
@inline
export function mode(): u32 {
  return load<u32>(HART_MODE);
}
// @ts-ignore: decorator
@inline
export function virt(): u32 {
  return load<u32>(HART_VIRT);
}

/** Bits of mstatus, sstatus and vsstatus. */
export const enum Status {
  SIE = 1 << 1,
  MIE = 1 << 3,
  SPIE = 1 << 5,
  MPIE = 1 << 7,
  SPP = 1 << 8,
  MPP = 3 << 11,
  FS = 3 << 13,
  MPRV = 1 << 17,
  SUM = 1 << 18,
  MXR = 1 << 19,
  TVM = 1 << 20,
  TW = 1 << 21,
  TSR = 1 << 22,
}
export const STATUS_GVA: u64 = 1 << 38;
export const STATUS_MPV: u64 = 1 << 39;
/** UXL = SXL = 64. */
export const STATUS_XL: u64 = 0xa_0000_0000;

/** Bits of hstatus. */
export const enum Hstatus {
  GVA = 1 << 6,
  SPV = 1 << 7,
  SPVP = 1 << 8,
  HU = 1 << 9,
  VTVM = 1 << 20,
  VTW = 1 << 21,
  VTSR = 1 << 22,
}
export const HSTATUS_VSXL: u64 = 0x2_0000_0000;

/** Fields of menvcfg and henvcfg; senvcfg has the first three. */
export const ENVCFG_CBIE: u64 = 3 << 4;
export const ENVCFG_CBCFE: u64 = 1 << 6;
export const ENVCFG_CBZE: u64 = 1 << 7;
export const ENVCFG_ADUE: u64 = 1 << 61;
export const ENVCFG_PBMTE: u64 = 1 << 62;
export const ENVCFG_STCE: u64 = 1 << 63;

/** Why the interpreter stopped. */
export const enum Leave {
  None = 0,
  /** An exception at HART_PC: see trapCause … */
  Trap = 1,
  /** The exit record is filled. */
  Exit = 2,
  /** Privilege, translation or interrupts may have changed; HART_PC is already the next instruction. */
  Changed = 3,
}

export let leave: u32 = Leave.None;
export let trapCause: u64 = 0;
export let trapTval: u64 = 0;
export let trapGpa: u64 = 0;
/** htinst/mtinst when it is already known (a walk's pseudoinstruction), else 0. */
export let trapTinst: u64 = 0;
/** Encoding of the instruction that stopped (low 16 bits if compressed). */
export let trapInsn: u32 = 0;
/** Cycles that the slow path of an instruction adds. */
export let penalty: i32 = 0;

export function setLeave(reason: u32): void {
  leave = reason;
}
export function setInsn(insn: u32): void {
  trapInsn = insn;
}
export function charge(cycles: i32): void {
  penalty += cycles;
}
export function clearPenalty(): void {
  penalty = 0;
}
/** Raises an exception at the instruction under way. */
export function raise(cause: u64, tval: u64, gpa: u64 = 0, tinst: u64 = 0): void {
  trapCause = cause;
  trapTval = tval;
  trapGpa = gpa;
  trapTinst = tinst;
  leave = Leave.Trap;
}

/** Length in bytes of the instruction that begins with these bits. */
// @ts-ignore: decorator
@inline
export function insnLength(insn: u32): u32 {
  return (insn & 3) == 3 ? 4 : 2;
}

// ---- floating point: what mstatus.FS, vsstatus.FS, frm and fflags let an instruction do

const NX: u64 = 1;

/** "Extension Context Status", "Virtual Supervisor Status Register": whether FS forbids floating point. */
export function floatOff(): bool {
  return !(csr(Csr.mstatus) & Status.FS) || (virt() != 0 && !(csr(Csr.vsstatus) & Status.FS));
}

/** Recomputes F_ROUND and F_QUICK; after any change to mode, V, FS, frm or fflags. They serve only while every FS in effect is dirty. */
export function useFloat(): void {
  const status = csr(Csr.mstatus) & (virt() ? csr(Csr.vsstatus) : -1);
  const frm = csr(Csr.frm);
  const dirty = (status & Status.FS) == Status.FS;
  store<u64>(F_ROUND, dirty ? 0x6_0504_0302_0100 | (frm << 56) : -1);
  store<u64>(F_QUICK, dirty && csr(Csr.fflags) & NX ? 1 | (u64(frm == 0) << 56) : 0);
}

/** The state of floating point has changed. */
export function dirtyFloat(): void {
  setCsr(Csr.mstatus, csr(Csr.mstatus) | Status.FS);
  if (virt()) setCsr(Csr.vsstatus, csr(Csr.vsstatus) | Status.FS);
  useFloat();
}
