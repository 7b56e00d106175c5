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
/** N (Svnapot), PBMT (Svpbmt) and bits 60:54: all reserved while those extensions are absent. */
export const PTE_RESERVED: u64 = 0xffc0_0000_0000_0000;

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

/** D, A and U of a pointer to the next level are reserved. */
export function pointerReserved(pte: u64): bool {
  return (pte & (Pte.D | Pte.A | Pte.U)) != 0;
}
