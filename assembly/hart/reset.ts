// "Reset": M-mode, V = 0, everything else zero.
import { resetCsrs } from "../csr/file";
import { Mode } from "../isa/privilege";
import {
  CSRS,
  COUNTERS,
  COUNTERS_END,
  DMA_END,
  HART_MODE,
  HART_MTIMECMP,
  HART_PC,
  HART_RESERVATION,
  L1I_PRESENT,
  L1I_PRESENT_END,
  RAM_START,
  SHADOW_END,
  TIME_DIVIDER,
  TIME_LIMIT,
  X_REGS,
} from "../layout";
import { resetFilters } from "../mmu/filter";
import { summarizePmp } from "../mmu/pmp";
import { tlbReset } from "../mmu/tlb";
import { resetCaches } from "../timing/caches";
import { resetCode, startCode } from "./code";
import { resetSelection } from "./select";

export function resetHart(): void {
  // the divider of a memory that has been reset is never 0: where it is, the large tables are still all zero, and stay untouched
  const fresh = load<u32>(TIME_DIVIDER) == 0;
  memory.fill(X_REGS, 0, DMA_END - X_REGS);
  memory.fill(COUNTERS, 0, COUNTERS_END - COUNTERS);
  memory.fill(CSRS, 0, SHADOW_END - CSRS);
  if (!fresh) memory.fill(L1I_PRESENT, 0, L1I_PRESENT_END - L1I_PRESENT);
  store<u64>(HART_PC, RAM_START);
  store<u32>(HART_MODE, Mode.M);
  store<u64>(HART_RESERVATION, -1);
  store<u64>(HART_MTIMECMP, -1);
  store<u32>(TIME_DIVIDER, 150);
  store<u64>(TIME_LIMIT, -1);
  resetCsrs();
  summarizePmp();
  resetSelection();
  resetCaches();
  resetFilters(fresh);
  if (fresh) startCode();
  else resetCode();
  tlbReset();
}
