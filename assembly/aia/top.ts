// RISC-V Advanced Interrupt Architecture 1.0, "Defined major interrupts and default priorities", "Machine top interrupt CSR", "Supervisor
// top interrupt CSR", "Virtual supervisor top interrupt CSR". The iprio arrays of M and S are read-only zero.
import { ALWAYS_DELEGATED, VS_INTERRUPTS, softwareInterrupts } from "../hart/interrupts";
import { csr } from "../hart/state";
import { Interrupt } from "../isa/cause";
import { Csr } from "../isa/csr";
import { guestFile, topei } from "./files";

/** Bits of hvictl. */
export const HVICTL_VTI: u64 = 1 << 30;
const HVICTL_DPR: u64 = 1 << 9;
const HVICTL_IPRIOM: u64 = 1 << 8;
export const HVICTL: u64 = 0x4fff_03ff;

const SSI: u64 = 1 << Interrupt.SupervisorSoftware;
const STI: u64 = 1 << Interrupt.SupervisorTimer;
const SEI: u64 = 1 << Interrupt.SupervisorExternal;
/** Priority number of an external interrupt that no interrupt file supplies. */
const UNKNOWN_PRIORITY: u32 = 256;

/** Highest in default order: MEI MSI MTI SEI SSI STI SGEI VSEI VSSI VSTI. */
function first(bits: u64): u32 {
  if (bits & (1 << Interrupt.MachineExternal)) return Interrupt.MachineExternal;
  if (bits & (1 << Interrupt.MachineSoftware)) return Interrupt.MachineSoftware;
  if (bits & (1 << Interrupt.MachineTimer)) return Interrupt.MachineTimer;
  if (bits & SEI) return Interrupt.SupervisorExternal;
  if (bits & SSI) return Interrupt.SupervisorSoftware;
  if (bits & STI) return Interrupt.SupervisorTimer;
  if (bits & (1 << Interrupt.SupervisorGuestExternal)) return Interrupt.SupervisorGuestExternal;
  if (bits & (1 << Interrupt.VirtualSupervisorExternal)) return Interrupt.VirtualSupervisorExternal;
  if (bits & (1 << Interrupt.VirtualSupervisorSoftware)) return Interrupt.VirtualSupervisorSoftware;
  return Interrupt.VirtualSupervisorTimer;
}

/** IID and IPRIO: with read-only iprio arrays the latter may always be 1. */
function top(bits: u64): u64 {
  return bits ? (first(bits) << 16) | 1 : 0;
}

/** CSR mtopi, given what is pending (mip). */
export function mtopi(pending: u64): u64 {
  return top(pending & csr(Csr.mie) & ~(csr(Csr.mideleg) | ALWAYS_DELEGATED));
}

/** CSR stopi. */
export function stopi(pending: u64): u64 {
  const real = pending & csr(Csr.mie) & (csr(Csr.mideleg) | ALWAYS_DELEGATED);
  return top((real & ~csr(Csr.hideleg)) | (softwareInterrupts() & csr(Csr.sie)));
}

/** Nominal priorities in the order of the table "Effect of the supervisor-level iprio array": the least is the highest. */
function rank(number: u32, above: bool, tie: u32): u32 {
  if (!number) return above ? 0 : 0x1000 + tie;
  return number * 4 + tie;
}

/** CSR vstopi. */
export function vstopi(pending: u64): u64 {
  const bits = (pending & csr(Csr.mie) & csr(Csr.hideleg) & VS_INTERRUPTS) >> 1;
  const control = csr(Csr.hvictl);
  if (!(bits | (control & HVICTL_VTI))) return 0;
  let best: u32 = -1;
  let iid: u32 = 0;
  let number: u32 = 0;
  let above = false;
  if (bits & SEI) {
    iid = Interrupt.SupervisorExternal;
    number = externalPriority(control);
    best = rank(number, false, 1);
  }
  const given = <u32>(control >> 16) & 0xfff;
  if (control & HVICTL_VTI) {
    if (given != Interrupt.SupervisorExternal) {
      const higher = !(control & HVICTL_DPR);
      const p = <u32>control & 0xff;
      const r = rank(p, higher, higher ? 0 : 2);
      if (r < best) {
        best = r;
        iid = given;
        number = p;
        above = higher;
      }
    }
  } else {
    const priorities = csr(Csr.hviprio1);
    if (bits & SSI && rank(<u32>(priorities >> 8) & 0xff, false, 2) < best) {
      iid = Interrupt.SupervisorSoftware;
      number = <u32>(priorities >> 8) & 0xff;
      best = rank(number, false, 2);
    }
    if (bits & STI && rank(<u32>(priorities >> 24) & 0xff, false, 3) < best) {
      iid = Interrupt.SupervisorTimer;
      number = <u32>(priorities >> 24) & 0xff;
      best = rank(number, false, 3);
    }
  }
  if (best == <u32>-1) return 0;
  return (iid << 16) | (control & HVICTL_IPRIOM ? shown(number, above) : 1);
}

/** Priority number of the guest's external interrupt, by the first three candidates of the list in "Virtual supervisor top interrupt CSR". */
function externalPriority(control: u64): u32 {
  const vgein = <u32>(csr(Csr.hstatus) >> 12) & 0x3f;
  const file = guestFile(vgein);
  if (file) {
    const top = <u32>topei(file) & 0xffff;
    return top ? top : UNKNOWN_PRIORITY;
  }
  const p = <u32>control & 0xff;
  return !vgein && p && (<u32>(control >> 16) & 0xfff) == Interrupt.SupervisorExternal ? p : UNKNOWN_PRIORITY;
}

/** IPRIO as it shows a priority number. */
function shown(number: u32, above: bool): u32 {
  if (number > 255) return 255;
  return number || above ? number : 255;
}
