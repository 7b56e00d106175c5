// "Machine Interrupt Registers", "Hypervisor Interrupt Registers", Sstc: what is pending, and when a timer will be.
import { Interrupt } from "../isa/cause";
import { Csr } from "../isa/csr";
import { Mode } from "../isa/privilege";
import { HART_CYCLES, HART_LINES, HART_MTIMECMP, TIME_DIVIDER, TIME_LIMIT } from "../layout";
import { ENVCFG_STCE, Status, csr, mode, virt } from "./state";

const STIP: u64 = 1 << Interrupt.SupervisorTimer;
const VSTIP: u64 = 1 << Interrupt.VirtualSupervisorTimer;
const MTIP: u64 = 1 << Interrupt.MachineTimer;
/** Bits of VS-level interrupts, and their distance from the S-level ones. */
export const VS_INTERRUPTS: u64 = 0x444;
export const S_INTERRUPTS: u64 = 0x222;
/** mideleg has these set for good when there is a hypervisor extension. */
export const ALWAYS_DELEGATED: u64 = 0x1444;

/** The clock as `time` follows it, in cycles. */
// @ts-ignore: decorator
@inline
function clock(): u64 {
  return min(load<u64>(HART_CYCLES), load<u64>(TIME_LIMIT));
}
/** CSR `time`: the clock in ticks. */
export function time(): u64 {
  return clock() / load<u32>(TIME_DIVIDER);
}

/** Compares further off than this many ticks count as never: in cycles they would overflow. */
const NEVER: u64 = 1 << 48;

/** Whether `time` has reached `compare`; without a division. */
// @ts-ignore: decorator
@inline
function due(compare: u64): bool {
  return compare < NEVER && clock() >= compare * load<u32>(TIME_DIVIDER);
}
/** The same for a guest's time. */
function guestDue(compare: u64): bool {
  return compare != <u64>-1 && time() + csr(Csr.htimedelta) >= compare;
}

/** mip as it reads. */
export function pending(): u64 {
  let bits = csr(Csr.mip) | <u64>load<u32>(HART_LINES) | csr(Csr.hvip);
  if (due(load<u64>(HART_MTIMECMP))) bits |= MTIP;
  if (csr(Csr.menvcfg) & ENVCFG_STCE) {
    bits = due(csr(Csr.stimecmp)) ? bits | STIP : bits & ~STIP;
    if (csr(Csr.henvcfg) & ENVCFG_STCE && guestDue(csr(Csr.vstimecmp))) bits |= VSTIP;
  }
  return bits;
}

/** The earlier of `limit` and the cycle at which `compare` will be due; one that is due changes nothing. */
// @ts-ignore: decorator
@inline
function sooner(limit: u64, compare: u64): u64 {
  if (compare >= NEVER) return limit;
  const at = compare * load<u32>(TIME_DIVIDER);
  return at > load<u64>(HART_CYCLES) ? min(limit, at) : limit;
}
/** The earlier of `limit` and the cycle at which some timer becomes pending. */
export function nextTimer(limit: u64): u64 {
  limit = sooner(limit, load<u64>(HART_MTIMECMP));
  if (csr(Csr.menvcfg) & ENVCFG_STCE) {
    limit = sooner(limit, csr(Csr.stimecmp));
    const compare = csr(Csr.vstimecmp);
    if (compare != <u64>-1 && csr(Csr.henvcfg) & ENVCFG_STCE) {
      // a guest's time may wrap: what counts is how far off it is
      const now = time();
      const guest = now + csr(Csr.htimedelta);
      if (compare > guest && compare - guest < NEVER) limit = sooner(limit, now + (compare - guest));
    }
  }
  return limit;
}

/** Highest in order of priority: MEI MSI MTI SEI SSI STI SGEI VSEI VSSI VSTI. */
function first(bits: u64): i32 {
  if (bits & (1 << Interrupt.MachineExternal)) return Interrupt.MachineExternal;
  if (bits & (1 << Interrupt.MachineSoftware)) return Interrupt.MachineSoftware;
  if (bits & (1 << Interrupt.MachineTimer)) return Interrupt.MachineTimer;
  if (bits & (1 << Interrupt.SupervisorExternal)) return Interrupt.SupervisorExternal;
  if (bits & (1 << Interrupt.SupervisorSoftware)) return Interrupt.SupervisorSoftware;
  if (bits & (1 << Interrupt.SupervisorTimer)) return Interrupt.SupervisorTimer;
  if (bits & (1 << Interrupt.SupervisorGuestExternal)) return Interrupt.SupervisorGuestExternal;
  if (bits & (1 << Interrupt.VirtualSupervisorExternal)) return Interrupt.VirtualSupervisorExternal;
  if (bits & (1 << Interrupt.VirtualSupervisorSoftware)) return Interrupt.VirtualSupervisorSoftware;
  return Interrupt.VirtualSupervisorTimer;
}

/** Number of the interrupt to take now, or -1. Which level it goes to follows from mideleg and hideleg. */
export function interruptToTake(): i32 {
  const bits = pending() & csr(Csr.mie);
  if (!bits) return -1;
  const m = mode();
  const v = virt();
  const delegated = csr(Csr.mideleg) | ALWAYS_DELEGATED;
  const forM = bits & ~delegated;
  if (forM && (m != Mode.M || csr(Csr.mstatus) & Status.MIE)) return first(forM);
  if (m == Mode.M) return -1;
  const toVS = csr(Csr.hideleg);
  const forHS = bits & delegated & ~toVS;
  if (forHS && (v || m == Mode.U || csr(Csr.mstatus) & Status.SIE)) return first(forHS);
  const forVS = bits & delegated & toVS;
  if (forVS && v && (m == Mode.U || csr(Csr.vsstatus) & Status.SIE)) return first(forVS);
  return -1;
}
