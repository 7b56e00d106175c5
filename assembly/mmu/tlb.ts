// The hart's page TLB: 256 entries, 4 ways, LRU; both stages combined; superpages are held as 4 KiB pieces that know their size, for a
// fence at any address of a superpage must find them all. Tagged by address space, so that a switch of ASID or VMID needs no flush.
// Part of the machine: a miss costs the walk's references.
import { HARTS_MAX, MMU } from "../layout";
import { Pte } from "./pte";

const SETS: u32 = 64;
const WAYS: u32 = 4;
/**
 * Entry: u64 virtual page number, u32 space, u32 Pte R W X U | GLOBAL | log2 of the pages in the leaf of stage 1 << LEAF_SHIFT and of
 * stage 2 << GUEST_LEAF_SHIFT, u64 physical page address, u64 time of last use, u64 guest physical page number.
 */
const ENTRY: u32 = 40;
const SET: u32 = WAYS * ENTRY;
const SIZE: u32 = SETS * SET;
/** One TLB a hart. */
export const TLB_END: u32 = MMU + HARTS_MAX * SIZE;
const GLOBAL: u32 = 1 << 8;
const LEAF_SHIFT: u32 = 16;
const GUEST_LEAF_SHIFT: u32 = 24;
const LEAF_MASK: u32 = 63;

/** Fields of a space: ASID, VMID, V, and whether the (VS) stage is bare. */
const ASID: u32 = 0xffff;
const VMID_SHIFT: u32 = 16;
const VIRT: u32 = 1 << 30;
const BARE: u32 = 1 << 31;

let clock: u64 = 0;
/** The TLB of the selected hart. */
let tlb: u32 = MMU;

export function selectTlb(hart: u32): void {
  tlb = MMU + hart * SIZE;
}

// @ts-ignore: decorator
@inline
function setOf(page: u64): u32 {
  return tlb + (<u32>page & (SETS - 1)) * SET;
}

/** The tag of an address space; `atp` is satp or vsatp, `hgatp` counts only if `virt`. */
export function space(virt: u32, atp: u64, hgatp: u64): u32 {
  const stage1 = atp >> 60 ? <u32>(atp >> 44) & ASID : BARE;
  return virt ? VIRT | ((<u32>(hgatp >> 44) & 0x3fff) << VMID_SHIFT) | stage1 : stage1;
}

/** The entry for `page`, or 0. */
export function tlbFind(page: u64, space: u32): u32 {
  const set = setOf(page);
  for (let entry = set; entry < set + SET; entry += ENTRY) {
    if (load<u64>(entry) != page) continue;
    const differs = load<u32>(entry, 8) ^ space;
    if (differs && ((differs & ~ASID) != 0 || !(load<u32>(entry, 12) & GLOBAL))) continue;
    store<u64>(entry, ++clock, 24);
    return entry;
  }
  return 0;
}
// @ts-ignore: decorator
@inline
export function tlbPerm(entry: u32): u32 {
  return load<u32>(entry, 12) & (Pte.R | Pte.W | Pte.X | Pte.U);
}
// @ts-ignore: decorator
@inline
export function tlbPage(entry: u32): u64 {
  return load<u64>(entry, 16);
}

/** log2 of the bytes that the leaf of stage 1 maps. */
// @ts-ignore: decorator
@inline
export function tlbLeafShift(entry: u32): u32 {
  return ((load<u32>(entry, 12) >> LEAF_SHIFT) & LEAF_MASK) + 12;
}

/** Fills an entry: over one for the same page, else an empty one, else the least recently used. Leaf shifts as tlbLeafShift's, at most 64. */
export function tlbFill(page: u64, space: u32, perm: u32, global: u32, pa: u64, leafShift: u32, gpa: u64, guestLeafShift: u32): void {
  const set = setOf(page);
  let victim = tlbFind(page, space);
  if (!victim) {
    victim = set;
    for (let entry = set; entry < set + SET; entry += ENTRY) {
      if (load<u64>(entry, 24) < load<u64>(victim, 24)) victim = entry;
    }
  }
  store<u64>(victim, page);
  store<u32>(victim, space, 8);
  const leaves = ((leafShift - 12) << LEAF_SHIFT) | ((guestLeafShift - 12) << GUEST_LEAF_SHIFT);
  store<u32>(victim, perm | (global ? GLOBAL : 0) | leaves, 12);
  store<u64>(victim, pa, 16);
  store<u64>(victim, ++clock, 24);
  store<u64>(victim, gpa >> 12, 32);
}

/** Whether both page numbers lie in the same leaf of 2^`shift` pages. */
// @ts-ignore: decorator
@inline
function sameLeaf(a: u64, b: u64, shift: u32): bool {
  return (a ^ b) >> (shift & LEAF_MASK) == 0;
}

function drop(entry: u32): void {
  store<u64>(entry, -1);
  store<u64>(entry, 0, 24);
}

/** Empties the TLB of the selected hart. */
export function tlbDrop(): void {
  for (let entry = tlb; entry < tlb + SIZE; entry += ENTRY) drop(entry);
}
export function tlbReset(): void {
  for (let entry: u32 = MMU; entry < TLB_END; entry += ENTRY) drop(entry);
  clock = 0;
}

/**
 * SFENCE.VMA and HFENCE.VVMA: entries of V = `virt` (and `vmid` then); all addresses unless `byPage`; all ASIDs, globals
 * included, unless `byAsid`.
 */
export function tlbFlushStage1(virt: u32, vmid: u32, byPage: bool, page: u64, byAsid: bool, asid: u32): void {
  for (let entry = tlb; entry < tlb + SIZE; entry += ENTRY) {
    // a superpage is held in pieces: any address of it means them all
    if (byPage && !sameLeaf(load<u64>(entry), page, load<u32>(entry, 12) >> LEAF_SHIFT)) continue;
    const tag = load<u32>(entry, 8);
    if ((tag & VIRT ? 1 : 0) != virt) continue;
    if (virt && ((tag >> VMID_SHIFT) & 0x3fff) != vmid) continue;
    if (byAsid && ((tag & ASID) != asid || load<u32>(entry, 12) & GLOBAL)) continue;
    drop(entry);
  }
}

/** HFENCE.GVMA: entries of V = 1, of one VMID or of all, and of all guest physical addresses unless `byPage`. */
export function tlbFlushStage2(byPage: bool, page: u64, byVmid: bool, vmid: u32): void {
  for (let entry = tlb; entry < tlb + SIZE; entry += ENTRY) {
    const tag = load<u32>(entry, 8);
    if (!(tag & VIRT)) continue;
    if (byPage && !sameLeaf(load<u64>(entry, 32), page, load<u32>(entry, 12) >> GUEST_LEAF_SHIFT)) continue;
    if (byVmid && ((tag >> VMID_SHIFT) & 0x3fff) != vmid) continue;
    drop(entry);
  }
}
