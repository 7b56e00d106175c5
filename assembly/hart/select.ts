// Harts take turns in one place: the selected hart's registers and CSRs lie where the interpreter has them, the others' in HARTS.
import { CSRS, EXIT_END, HARTS, SELECTED_HART_BIT, HART_RESERVATION, SELECTED_HART, HART_SLOT_SIZE, HARTS_MAX, X_REGS } from "../layout";
import { selectTlb } from "../mmu/tlb";
import { selectCaches } from "../timing/caches";
import { Csr } from "../isa/csr";

/** Copies `count` CSRs from `first` on between the hart's place (`from` or `to` 0) and a slot. */
// @ts-ignore: decorator
@inline
function copyCsrs(to: u32, from: u32, first: u32, count: u32): void {
  const at = CSRS + first * 8;
  memory.copy(to + at, from + at, count * 8);
}

/** Copies a hart's state: `to` and `from` are what to add to addresses in the place of the selected hart. */
function copyState(to: u32, from: u32): void {
  memory.copy(to + X_REGS, from + X_REGS, EXIT_END - X_REGS);
  copyCsrs(to, from, 0x000, 0x10);
  copyCsrs(to, from, 0x100, 0x90);
  copyCsrs(to, from, 0x200, 0x90);
  copyCsrs(to, from, 0x300, 0x100);
  copyCsrs(to, from, 0x600, 0x90);
  copyCsrs(to, from, 0xb00, 0x20);
  copyCsrs(to, from, Csr.mvendorid, 5);
}

// @ts-ignore: decorator
@inline
function slot(hart: u32): u32 {
  return HARTS + hart * HART_SLOT_SIZE - X_REGS;
}

/**
 * Makes `hart` the one that `run` runs. The reservation of the one before is lost, so that no store by another can come between
 * an LR and its SC.
 */
export function selectHart(hart: u32): void {
  const before = load<u32>(SELECTED_HART);
  if (hart == before || hart >= <u32>HARTS_MAX) return;
  store<u64>(HART_RESERVATION, -1);
  copyState(slot(before), 0);
  copyState(0, slot(hart));
  makeSelected(hart);
}

function makeSelected(hart: u32): void {
  store<u32>(SELECTED_HART, hart);
  store<u32>(SELECTED_HART_BIT, 1 << hart);
  selectTlb(hart);
  selectCaches(hart);
}

/** All harts as the selected one is now, but for their numbers; hart 0 selected. */
export function resetSelection(): void {
  for (let hart: u32 = 0; hart < <u32>HARTS_MAX; hart++) {
    store<u64>(CSRS + Csr.mhartid * 8, hart);
    copyState(slot(hart), 0);
  }
  store<u64>(CSRS + Csr.mhartid * 8, 0);
  makeSelected(0);
}
