// Everything that the host may call.
import { imsicConfigure, resetFiles, storeToFile } from "./aia/files";
import { readCsr, writeCsr } from "./csr/file";
import { Leave, setLeave } from "./hart/state";
import { X_SINK } from "./layout";
import { touchedRam } from "./bus/written";
import { hubReset } from "./hub/index";
import { resetHart } from "./hart/reset";
import { dropFilters } from "./mmu/filter";
import { summarizePmp } from "./mmu/pmp";
import { tlbDrop } from "./mmu/tlb";
import { look, physical } from "./mmu/translate";
import { ramAddress } from "./bus/ram";

export { setHandler } from "./hart/handlers";
export { forgetStale as fenceI } from "./hart/code";
export { run, step } from "./hart/run";
export { selectHart } from "./hart/select";
export { dmaRead, dmaWrite, hubConfigure, iommuRead, iommuWires, iommuWrite, msiDeliver, msiRoute } from "./hub/index";

/** Back to power-on: RAM keeps what it holds. */
export function reset(): void {
  resetHart();
  resetFiles();
  hubReset();
}

/** IMSICs with `guests` guest interrupt files for the first `harts` harts (0: none), and an IOMMU that fits; all after power-on. */
export function aiaConfigure(harts: u32, guests: u32): u32 {
  if (!imsicConfigure(harts, guests)) return 0;
  hubReset();
  return 1;
}

/** Stores 4 bytes to an IMSIC's page. Returns 1, or 0 where there is none. */
export function imsicWrite(lo: u32, hi: u32, data: u32): u32 {
  return storeToFile((<u64>hi << 32) | lo, data) ? 1 : 0;
}

/** The host or a device wrote [address, address + length) of this memory. */
export function touched(address: u32, length: u32): void {
  touchedRam(address, length);
}

/** Drops every cached translation of the hart, of both stages, and looks at its PMP registers again. */
export function flushTranslations(): void {
  summarizePmp();
  tlbDrop();
  dropFilters();
}

/** Puts what CSR `n` reads as into X_SINK, which means nothing otherwise. For a debugger. */
export function peekCsr(n: u32): void {
  store<u64>(X_SINK, readCsr(n));
}

/** Writes CSR `n` as an instruction would that may. */
export function pokeCsr(n: u32, lo: u32, hi: u32): void {
  writeCsr(n, (<u64>hi << 32) | lo);
  setLeave(Leave.None);
  flushTranslations();
}

/** Where mode `mode`, V = `virt` would read `va`, PMP aside: an address in this memory, or 0. Without any side effect. */
export function probe(lo: u32, hi: u32, mode: u32, virt: u32): u32 {
  return look((<u64>hi << 32) | lo, mode, virt) ? ramAddress(physical, 1) : 0;
}
