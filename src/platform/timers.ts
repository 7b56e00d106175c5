// What wakes a waiting hart, and when its own timers will. RISC-V Privileged Architecture, "Sstc" extension and "Machine Timer".
import { Interrupt } from "../../assembly/isa/cause.js";
import { Csr } from "../../assembly/isa/csr.js";
import { HART_LINES, HART_MTIMECMP } from "../../assembly/layout.js";
import type { HartState } from "../core/hart.js";

const STCE = 1n << 63n;

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

/** Whether an enabled interrupt but a timer's is pending, whatever mode it goes to and whether that mode takes it now. */
export function interrupted(hart: HartState): boolean {
  const pending = hart.csrLow(Csr.mip) | hart.csrLow(Csr.hvip) | hart.word(HART_LINES);
  return (pending & hart.csrLow(Csr.mie)) !== 0;
}
