// What wakes a waiting hart, and when its own timers will. RISC-V Privileged Architecture, "Sstc" extension and "Machine Timer".
import { Interrupt } from "../../assembly/isa/cause.js";
import { Csr } from "../../assembly/isa/csr.js";
import { HART_CYCLES, HART_LINES, HART_MTIMECMP, TIME_DIVIDER } from "../../assembly/layout.js";

const STCE = 1n << 63n;

/** The part of Core that the timers need. */
export interface TimerCore {
  readonly u32: Uint32Array;
  number(address: number): number;
  csr(n: number): bigint;
}

/** Cycle at which `ticks` of `time` are reached. */
export function cycleOfTick(core: TimerCore, ticks: number): number {
  return ticks * core.u32[TIME_DIVIDER >>> 2];
}

/**
 * The cycle at which the earliest enabled timer fires: mtimecmp, stimecmp, vstimecmp. Infinity when none is armed.
 * A comparator beyond 2^53 ticks counts as not armed.
 */
export function earliestTimer(core: TimerCore): number {
  const enabled = Number(core.csr(Csr.mie) & 0xffffn);
  let ticks = Infinity;
  if (enabled & (1 << Interrupt.MachineTimer)) ticks = core.number(HART_MTIMECMP);
  if (core.csr(Csr.menvcfg) & STCE) {
    if (enabled & (1 << Interrupt.SupervisorTimer)) ticks = Math.min(ticks, Number(core.csr(Csr.stimecmp)));
    if (core.csr(Csr.henvcfg) & STCE && enabled & (1 << Interrupt.VirtualSupervisorTimer)) {
      const hostTicks = BigInt.asUintN(64, core.csr(Csr.vstimecmp) - core.csr(Csr.htimedelta));
      ticks = Math.min(ticks, Number(hostTicks));
    }
  }
  return ticks <= Number.MAX_SAFE_INTEGER ? cycleOfTick(core, ticks) : Infinity;
}

/** Whether an enabled interrupt is pending, whatever mode it goes to and whether that mode takes it now: what ends WFI. */
export function wakes(core: TimerCore): boolean {
  const pending = core.csr(Csr.mip) | core.csr(Csr.hvip) | BigInt(core.u32[HART_LINES >>> 2]);
  if ((pending & core.csr(Csr.mie)) !== 0n) return true;
  return earliestTimer(core) <= core.number(HART_CYCLES);
}
