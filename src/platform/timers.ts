// What wakes a waiting hart, and when its own timers will. RISC-V Privileged Architecture, "Sstc" extension and "Machine Timer".
import { Interrupt } from "../../assembly/isa/cause.js";
import { Csr } from "../../assembly/isa/csr.js";
import { HART_LINES, HART_MTIMECMP } from "../../assembly/layout.js";
import type { HartState } from "../core/hart.js";

/** In the high half of menvcfg and henvcfg. */
const STCE_HIGH = 1 << 31;
const TWO32 = 0x1_0000_0000;
const SEIP = 1 << Interrupt.SupervisorExternal;
const HVICTL_VTI = 1 << 30;

/**
 * The cycle at which a hart's earliest enabled timer fires: mtimecmp, stimecmp, vstimecmp. Infinity when none is armed; a comparator
 * beyond 2^53 ticks counts as not armed.
 */
export function earliestTimer(hart: HartState): number {
  const enabled = hart.csrLow(Csr.mie);
  let ticks = Infinity;
  if (enabled & (1 << Interrupt.MachineTimer)) ticks = hart.number(HART_MTIMECMP);
  if (hart.csrHigh(Csr.menvcfg) & STCE_HIGH) {
    if (enabled & (1 << Interrupt.SupervisorTimer)) ticks = Math.min(ticks, hart.csrNumber(Csr.stimecmp));
    if (hart.csrHigh(Csr.henvcfg) & STCE_HIGH && enabled & (1 << Interrupt.VirtualSupervisorTimer)) {
      ticks = Math.min(ticks, difference(hart, Csr.vstimecmp, Csr.htimedelta));
    }
  }
  return ticks <= Number.MAX_SAFE_INTEGER ? ticks * hart.timeDivider : Infinity;
}

/** a - b modulo 2^64, of two CSRs. */
function difference(hart: HartState, a: Csr, b: Csr): number {
  const low = hart.csrLow(a) - hart.csrLow(b);
  const high = hart.csrHigh(a) - hart.csrHigh(b) - (low < 0 ? 1 : 0);
  return (low >>> 0) + (high >>> 0) * TWO32;
}

/**
 * Whether an enabled interrupt but a timer's is pending at any level, whatever mode it goes to and whether that mode takes it now: "WFI
 * (Wait for Interrupt) instruction" of the Advanced Interrupt Architecture.
 */
export function interrupted(hart: HartState): boolean {
  const mvien = hart.csrLow(Csr.mvien);
  const stored = hart.csrLow(Csr.mip);
  const pending = (stored & ~(mvien & SEIP)) | hart.csrLow(Csr.hvip) | hart.word(HART_LINES) | messages(hart);
  if ((pending & hart.csrLow(Csr.mie)) !== 0) return true;
  const virtual = (hart.csrLow(Csr.mvip) & ~SEIP) | (stored & SEIP);
  if ((mvien & ~hart.csrLow(Csr.mideleg) & virtual & hart.csrLow(Csr.sie)) !== 0) return true;
  const hvictl = hart.csrLow(Csr.hvictl);
  return (hvictl & HVICTL_VTI) !== 0 && ((hvictl >>> 16) & 0xfff) !== Interrupt.SupervisorExternal;
}

/** What the hart's interrupt files add to mip. */
function messages(hart: HartState): number {
  const { signalledMip: own, hgeip } = hart;
  const guest = (hgeip >>> ((hart.csrLow(Csr.hstatus) >>> 12) & 0x1f)) & 1;
  const any = (hgeip & hart.csrLow(Csr.hgeie)) !== 0;
  return own | (guest << Interrupt.VirtualSupervisorExternal) | (any ? 1 << Interrupt.SupervisorGuestExternal : 0);
}
