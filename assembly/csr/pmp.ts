// RISC-V Privileged Architecture 1.13, "Physical Memory Protection CSRs", "Locking and Privilege Mode": what is kept of a write.
import { Csr } from "../isa/csr";
import { csr, setCsr } from "../hart/state";
import { dropFilters } from "../mmu/filter";
import { PMP_ADDRESS, PMP_ENTRIES, Pmp, pmpConfig, summarizePmp } from "../mmu/pmp";

const FIELDS: u32 = Pmp.R | Pmp.W | Pmp.X | Pmp.A | Pmp.L;

/** R = 0 with W = 1 is reserved: W is not kept. */
function legal(config: u32): u32 {
  return config & (config & Pmp.R ? FIELDS : FIELDS & ~<u32>Pmp.W);
}

/** pmpcfg0 or pmpcfg2: the entries that are locked keep their configuration. */
export function writePmpConfig(n: u32, value: u64): void {
  const old = csr(n);
  let kept: u64 = 0;
  for (let shift: u64 = 0; shift < 64; shift += 8) {
    const before = <u32>(old >> shift) & 0xff;
    kept |= <u64>(before & Pmp.L ? before : legal(<u32>(value >> shift))) << shift;
  }
  setCsr(n, kept);
  changed();
}

/** pmpaddr`i`: ignored if the entry is locked, or if it is the bottom of a locked TOR entry. */
export function writePmpAddress(i: u32, value: u64): void {
  if (pmpConfig(i) & Pmp.L) return;
  const above = i + 1 < PMP_ENTRIES ? pmpConfig(i + 1) : 0;
  if (above & Pmp.L && (above & Pmp.A) == Pmp.TOR) return;
  setCsr(<u32>Csr.pmpaddr0 + i, value & PMP_ADDRESS);
  changed();
}

function changed(): void {
  summarizePmp();
  dropFilters();
}
