// What wakes a waiting hart, and when its own timers will. RISC-V Privileged Architecture, "Sstc" extension and "Machine Timer".
import { Interrupt } from "../../assembly/isa/cause.js";
import { Csr } from "../../assembly/isa/csr.js";
import { HART_LINES, HART_MTIMECMP } from "../../assembly/layout.js";
import type { HartState } from "../core/hart.js";

const STCE = 1n << 63n;
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
  if (hart.csr(Csr.menvcfg) & STCE) {
    if (enabled & (1 << Interrupt.SupervisorTimer)) ticks = Math.min(ticks, Number(hart.csr(Csr.stimecmp)));
    if (hart.csr(Csr.henvcfg) & STCE && enabled & (1 << Interrupt.VirtualSupervisorTimer)) {
      const hostTicks = BigInt.asUintN(64, hart.csr(Csr.vstimecmp) - hart.csr(Csr.htimedelta));
      ticks = Math.min(ticks, Number(hostTicks));
    }
  }
  return ticks <= Number.MAX_SAFE_INTEGER ? ticks * hart.timeDivider : Infinity;
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
  const [own, hgeip] = hart.signals;
  const guest = (hgeip >>> ((hart.csrLow(Csr.hstatus) >>> 12) & 0x1f)) & 1;
  const any = (hgeip & hart.csrLow(Csr.hgeie)) !== 0;
  return own | (guest << Interrupt.VirtualSupervisorExternal) | (any ? 1 << Interrupt.SupervisorGuestExternal : 0);
}
