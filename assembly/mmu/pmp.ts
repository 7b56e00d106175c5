// RISC-V Privileged Architecture 1.13, "Physical Memory Protection": 16 entries, a grain of 4 bytes.
// The entries stand in the CSRs alone; HART_PMP sums up what spares most accesses a look at them.
import { Csr } from "../isa/csr";
import { CSRS, HART_PMP } from "../layout";
import { Pte } from "./pte";

export const PMP_ENTRIES: u32 = 16;
/** What of pmpaddr is kept: bits 55:2 of an address. */
export const PMP_ADDRESS: u64 = 0x3f_ffff_ffff_ffff;

/** Fields of an entry's configuration. */
export const enum Pmp {
  R = 1,
  W = 2,
  X = 4,
  /** A: OFF 0, TOR, NA4, NAPOT. */
  A = 3 << 3,
  TOR = 1 << 3,
  NA4 = 2 << 3,
  NAPOT = 3 << 3,
  L = 1 << 7,
}

/** Whose accesses these are. */
export const enum Agency {
  /** Effective privilege S or U, page walks included. */
  Supervisor = 1,
  Machine = 2,
}

const RWX: u32 = Pte.R | Pte.W | Pte.X;
const CONFIG_RWX: u32 = Pmp.R | Pmp.W | Pmp.X;
/** In HART_PMP, besides bits of Agency that may do everything everywhere: how many entries there are to look at. */
const COUNT_SHIFT: u32 = 8;

/** pmp`i`cfg: eight lie in each even pmpcfg register. */
// @ts-ignore: decorator
@inline
export function pmpConfig(i: u32): u32 {
  return load<u8>(CSRS + <u32>Csr.pmpcfg0 * 8 + (i & 8) * 2 + (i & 7));
}
// @ts-ignore: decorator
@inline
export function pmpAddress(i: u32): u64 {
  return load<u64>(CSRS + (<u32>Csr.pmpaddr0 + i) * 8);
}

/** Address of the first byte of the last match, and of the last one. */
let first: u64 = 0;
let last: u64 = 0;

/** Finds where entry `i` begins and ends; false if it matches nothing. */
function region(i: u32): bool {
  const address = pmpAddress(i) & PMP_ADDRESS;
  switch (pmpConfig(i) & Pmp.A) {
    case Pmp.TOR: {
      const bottom = i ? pmpAddress(i - 1) & PMP_ADDRESS : 0;
      first = bottom << 2;
      last = (address << 2) - 1;
      return bottom < address;
    }
    case Pmp.NA4:
      first = address << 2;
      last = first | 3;
      return true;
    case Pmp.NAPOT:
      first = (address & (address + 1)) << 2;
      last = ((address | (address + 1)) << 2) | 3;
      return true;
    default:
      return false;
  }
}

/**
 * Recomputes HART_PMP; after any change to a PMP register. M-mode has nothing to fear from entries that aren't locked, unless an
 * access may lie astride their ends: none does that astride pages.
 */
export function summarizePmp(): void {
  let open: u32 = Agency.Machine;
  let count: u32 = 0;
  for (let i: u32 = 0; i < PMP_ENTRIES; i++) {
    if (!region(i)) continue;
    const config = pmpConfig(i);
    // the first to match anything matches everything
    if (!count && first == 0 && last >= PMP_ADDRESS << 2 && (config & CONFIG_RWX) == CONFIG_RWX) {
      open = Agency.Supervisor | Agency.Machine;
      break;
    }
    count = i + 1;
    if (config & Pmp.L || (first | (last + 1)) & 0xfff) open = 0;
  }
  store<u32>(HART_PMP, open | (count << COUNT_SHIFT));
}

/** Whether there is nothing to check. */
// @ts-ignore: decorator
@inline
export function pmpOpen(agency: u32): bool {
  return (load<u32>(HART_PMP) & agency) != 0;
}

/** "Priority and Matching Logic": Pte bits R, W, X that are allowed on all `length` bytes at `pa`, as one operation. */
export function pmpRights(pa: u64, length: u32, agency: u32): u32 {
  if (pmpOpen(agency)) return RWX;
  const end = pa + length - 1;
  const count = load<u32>(HART_PMP) >> COUNT_SHIFT;
  for (let i: u32 = 0; i < count; i++) {
    if (!region(i) || end < first || pa > last) continue;
    if (pa < first || end > last) return 0;
    const config = pmpConfig(i);
    if (agency == Agency.Machine && !(config & Pmp.L)) return RWX;
    return (config & CONFIG_RWX) << 1; // the same order as in a page-table entry
  }
  return agency == Agency.Machine ? RWX : 0;
}
