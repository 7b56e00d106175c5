// RISC-V Privileged Architecture, "Physical Memory Protection": without an entry, S- and U-mode may reach nothing.
import { Csr } from "../../assembly/isa/csr.js";
import type { Core } from "../core/core.js";

const ALL_ADDRESSES = (1n << 54n) - 1n;
const NAPOT_RWX = 0x1fn;

/** Opens all memory to all modes of the selected hart, as one naturally aligned region. */
export function openMemory(core: Core): void {
  core.setCsr(Csr.pmpaddr0, ALL_ADDRESSES);
  core.setCsr(Csr.pmpcfg0, NAPOT_RWX);
}
