// Everything that the host may call.
import { touchedRam } from "./bus/written";
import { hubReset } from "./hub/index";
import { resetHart } from "./hart/reset";
import { dropFilters } from "./mmu/filter";
import { summarizePmp } from "./mmu/pmp";
import { tlbReset } from "./mmu/tlb";
import { look, physical } from "./mmu/translate";
import { ramAddress } from "./bus/ram";

export { setHandler } from "./hart/handlers";
export { run } from "./hart/run";
export { dmaRead, dmaWrite, hubConfigure, iommuRead, iommuWires, iommuWrite } from "./hub/index";

/** Back to power-on: RAM keeps what it holds. */
export function reset(): void {
  resetHart();
  hubReset();
}

/** The host or a device wrote [address, address + length) of this memory. */
export function touched(address: u32, length: u32): void {
  touchedRam(address, length);
}

/** Drops every cached translation of the hart, of both stages, and looks at its PMP registers again. */
export function flushTranslations(): void {
  summarizePmp();
  tlbReset();
  dropFilters();
}

/** Where mode `mode`, V = `virt` would read `va`, PMP aside: an address in this memory, or 0. Without any side effect. */
export function probe(lo: u32, hi: u32, mode: u32, virt: u32): u32 {
  return look((<u64>hi << 32) | lo, mode, virt) ? ramAddress(physical, 1) : 0;
}
