// RISC-V IOMMU Architecture 1.0, "Performance-monitoring cycles counter", "… event counters", "… event selectors".
import { HpmEvent, IommuReg, Ipsr } from "../isa/iommu";
import { HART_CYCLES } from "../layout";
import { device, processId, processValid } from "./request";
import { HPM_ACTIVE, HPM_SINCE, REGS, SPACE_GSCID_SHIFT, SPACE_GV, SPACE_PSCV, reg, reg64, setReg } from "./state";

/** iohpmctr1 … iohpmctr7. */
export const EVENT_COUNTERS: u32 = 7;
const OF: u64 = 1 << 63;
const EVENT_ID: u64 = 0x7fff;
const DMASK: u64 = 1 << 15;
const PV_PSCV: u64 = 1 << 60;
const DV_GSCV: u64 = 1 << 61;
const IDT: u64 = 1 << 62;

function selector(i: u32): u32 {
  return REGS + IommuReg.iohpmevt + 8 * (i - 1);
}
function counter(i: u32): u32 {
  return REGS + IommuReg.iohpmctr + 8 * (i - 1);
}

/** Recomputes which counters may count at all; after any write to `iocountinh` or an event selector. */
export function useSelectors(): void {
  let active: u32 = 0;
  for (let i: u32 = 1; i <= EVENT_COUNTERS; ++i) if (load<u64>(selector(i)) & EVENT_ID) active |= 1 << i;
  store<u32>(HPM_ACTIVE, active & ~reg(IommuReg.iocountinh));
}

/** Counts `times` events of the transaction under way, translated in address space `space`. */
export function countEvent(event: u32, space: u64, times: u32): void {
  let active = load<u32>(HPM_ACTIVE);
  while (active) {
    const i = ctz(active);
    active &= active - 1;
    const filter = load<u64>(selector(i));
    if ((<u32>filter & 0x7fff) != event || !passes(filter, event, space)) continue;
    const before = load<u64>(counter(i));
    store<u64>(counter(i), before + times);
    if (before + times < before && !(filter & OF)) {
      store<u64>(selector(i), filter | OF);
      setReg(IommuReg.ipsr, reg(IommuReg.ipsr) | Ipsr.pmip);
    }
  }
}

/** "Filtering options". */
function passes(filter: u64, event: u32, space: u64): bool {
  const id = <u32>(filter >> 16) & 0xf_ffff;
  const wide = <u32>(filter >> 36) & 0xff_ffff;
  const mask = filter & DMASK ? ~(wide ^ (wide + 1)) : 0xff_ffff;
  if (filter & IDT) {
    if (event != HpmEvent.TlbMiss && event < <u32>HpmEvent.FirstStageWalks) return false;
    if (filter & PV_PSCV && (!(space & SPACE_PSCV) || (<u32>space & 0xf_ffff) != id)) return false;
    return (
      !(filter & DV_GSCV) ||
      ((space & SPACE_GV) != 0 && (((<u32>(space >> SPACE_GSCID_SHIFT) & 0xffff) ^ wide) & mask) == 0)
    );
  }
  if (filter & PV_PSCV && (!processValid || processId != id)) return false;
  return !(filter & DV_GSCV) || ((device ^ wide) & mask) == 0;
}

/** Brings `iohpmcycles` up to the clock. An overflow is noticed here, at the next look at these registers. */
export function updateCycles(): void {
  const now = load<u64>(HART_CYCLES);
  const passed = now - load<u64>(HPM_SINCE);
  store<u64>(HPM_SINCE, now);
  if (reg(IommuReg.iocountinh) & 1) return;
  const register = reg64(IommuReg.iohpmcycles);
  const value = (register & ~OF) + passed;
  store<u64>(REGS + IommuReg.iohpmcycles, value | (register & OF));
  if (value & OF && !(register & OF)) setReg(IommuReg.ipsr, reg(IommuReg.ipsr) | Ipsr.pmip);
}

/** `iocountovf`: the OF bits of all counters. */
export function overflows(): u32 {
  let bits = <u32>(reg64(IommuReg.iohpmcycles) >> 63);
  for (let i: u32 = 1; i <= EVENT_COUNTERS; ++i) bits |= (<u32>(load<u64>(selector(i)) >> 63)) << i;
  return bits;
}
