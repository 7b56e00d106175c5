// "Machine Interrupt Registers", "Hypervisor Interrupt Registers", Sstc, Smaia: what is pending, and when a timer will be.
import { hgeipOf, signals } from "../aia/files";
import { HVICTL_VTI, mtopi, stopi, vstopi } from "../aia/top";
import { Interrupt } from "../isa/cause";
import { Csr } from "../isa/csr";
import { Mode } from "../isa/privilege";
import { HART_CYCLES, HART_LINES, HART_MTIMECMP, TIME_DIVIDER, TIME_LIMIT } from "../layout";
import { ENVCFG_STCE, Status, csr, mode, virt } from "./state";

const STIP: u64 = 1 << Interrupt.SupervisorTimer;
const VSTIP: u64 = 1 << Interrupt.VirtualSupervisorTimer;
const MTIP: u64 = 1 << Interrupt.MachineTimer;
const SSIP: u64 = 1 << Interrupt.SupervisorSoftware;
export const SEIP: u64 = 1 << Interrupt.SupervisorExternal;
const VSEIP: u64 = 1 << Interrupt.VirtualSupervisorExternal;
const SGEIP: u64 = 1 << Interrupt.SupervisorGuestExternal;
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

/** CSR hgeip. */
export function hgeip(): u64 {
  return hgeipOf(signals());
}

/** mip as it reads. With mvien.SEIP the software-writable SEIP is a bit of mvip alone. */
export function pending(): u64 {
  let bits = (csr(Csr.mip) & ~(csr(Csr.mvien) & SEIP)) | <u64>load<u32>(HART_LINES) | csr(Csr.hvip);
  const files = signals();
  if (files) {
    bits |= files & 0xffff_ffff;
    const guests = hgeipOf(files);
    if (guests & csr(Csr.hgeie)) bits |= SGEIP;
    if ((guests >> ((csr(Csr.hstatus) >> 12) & 0x3f)) & 1) bits |= VSEIP;
  }
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

/** CSR mvip: bit 9 is the software-writable SEIP; bits 1 and 5 are those of mip while they can be. */
export function mvip(): u64 {
  const stored = csr(Csr.mip);
  const ssip = csr(Csr.mvien) & SSIP ? csr(Csr.mvip) : stored;
  return (stored & SEIP) | (ssip & SSIP) | (csr(Csr.menvcfg) & ENVCFG_STCE ? 0 : stored & STIP);
}

/** Interrupts that mvien takes from mvip instead of mip, as they are pending at supervisor level. */
export function softwareInterrupts(): u64 {
  const instead = csr(Csr.mvien) & ~csr(Csr.mideleg);
  return instead ? instead & mvip() : 0;
}

/** Whether an interrupt is pending and enabled at any level: "WFI (Wait for Interrupt) instruction". */
export function interruptPending(): bool {
  const bits = pending();
  return (bits & csr(Csr.mie)) != 0 || (softwareInterrupts() & csr(Csr.sie)) != 0 || vstopi(bits) != 0;
}

/** Mode and V that the interrupt of `interruptToTake` goes to. */
export let interruptMode: u32 = 0;
export let interruptVirt: u32 = 0;

/** Number of the interrupt to take now, or -1. */
export function interruptToTake(): i32 {
  const bits = pending();
  if (!(bits & csr(Csr.mie)) && !((csr(Csr.hvictl) & HVICTL_VTI) | csr(Csr.mvien))) return -1;
  const m = mode();
  if (m != Mode.M || csr(Csr.mstatus) & Status.MIE) {
    const top = mtopi(bits);
    if (top) return taken(top, Mode.M, 0);
  }
  if (m == Mode.M) return -1;
  const v = virt();
  if (v || m == Mode.U || csr(Csr.mstatus) & Status.SIE) {
    const top = stopi(bits);
    if (top) return taken(top, Mode.S, 0);
  }
  if (v && (m == Mode.U || csr(Csr.vsstatus) & Status.SIE)) {
    const top = vstopi(bits);
    if (top) return taken(top, Mode.S, 1);
  }
  return -1;
}

function taken(top: u64, mode: u32, virt: u32): i32 {
  interruptMode = mode;
  interruptVirt = virt;
  return <i32>(top >> 16);
}
