// RISC-V Privileged Architecture 1.13, "Sv39: Page-Based 39-bit Virtual-Memory System": page-table entries.

/** Bits of a page-table entry. */
export const enum Pte {
  V = 1,
  R = 2,
  W = 4,
  X = 8,
  U = 16,
  G = 32,
  A = 64,
  D = 128,
}
export const PTE_PPN_SHIFT: u64 = 10;
export const PTE_PPN_MASK: u64 = 0xfff_ffff_ffff;
/** Bits 60:54: reserved. */
const PTE_RESERVED: u64 = 0x1fc0_0000_0000_0000;
/** "Page-Based Memory Types", above the reserved bits; then N of "NAPOT Translation Contiguity". */
const PBMT_SHIFT: u64 = 61;
const PBMT_RESERVED: u32 = 3;
const N: u64 = 1 << 63;
/** The one size that Svnapot has: 64 KiB, with ppn[3:0] = 1000. */
export const NAPOT_SHIFT: u32 = 16;
const NAPOT_PPN: u64 = 8;

/** Physical address of the page or table that `pte` names. */
export function pteAddress(pte: u64): u64 {
  return ((pte >> PTE_PPN_SHIFT) & PTE_PPN_MASK) << 12;
}

/** Step 3 of "Virtual Address Translation Process": neither absent, nor writable without being readable, nor with reserved bits. */
export function pteValid(pte: u64): bool {
  return (pte & (PTE_RESERVED | Pte.V)) == Pte.V && (pte & (Pte.R | Pte.W)) != Pte.W;
}

export function pteLeaf(pte: u64): bool {
  return (pte & (Pte.R | Pte.X)) != 0;
}

/** N, PBMT, D, A and U of a pointer to the next level are reserved. */
export function pointerReserved(pte: u64): bool {
  return (pte & (Pte.D | Pte.A | Pte.U)) != 0 || pte >> PBMT_SHIFT != 0;
}

/** Whether a leaf at a level of pages of 2^`shift` bytes uses N or PBMT in a way that is reserved; `pbmt`: Svpbmt is enabled. */
// @ts-ignore: decorator
@inline
export function leafReserved(pte: u64, shift: u32, pbmt: u32): bool {
  return pte >> PBMT_SHIFT != 0 && highBitsReserved(pte, shift, pbmt);
}
function highBitsReserved(pte: u64, shift: u32, pbmt: u32): bool {
  const type = pteMemoryType(pte);
  if (type && (!pbmt || type == PBMT_RESERVED)) return true;
  return (pte & N) != 0 && (shift != 12 || ((pte >> PTE_PPN_SHIFT) & 15) != NAPOT_PPN);
}

/** PBMT of a leaf: 0 as the physical memory attributes say, 1 NC, 2 IO. */
// @ts-ignore: decorator
@inline
export function pteMemoryType(pte: u64): u32 {
  return <u32>(pte >> PBMT_SHIFT) & 3;
}

/** log2 of the size of the page that a leaf at a level of 2^`shift` bytes maps. */
// @ts-ignore: decorator
@inline
export function leafShift(pte: u64, shift: u32): u32 {
  return pte & N ? NAPOT_SHIFT : shift;
}
