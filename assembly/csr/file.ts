// The CSRs themselves: what each reads as, and what of a value written to it stays (WARL, WPRI). No access rules here.
import { Csr } from "../isa/csr";
import { geilen } from "../aia/files";
import { ALWAYS_DELEGATED, SEIP, S_INTERRUPTS, VS_INTERRUPTS, pending, softwareInterrupts, time } from "../hart/interrupts";
import {
  ENVCFG_ADUE,
  ENVCFG_CBCFE,
  ENVCFG_CBIE,
  ENVCFG_CBZE,
  ENVCFG_PBMTE,
  ENVCFG_STCE,
  HSTATUS_VSXL,
  STATUS_GVA,
  STATUS_MPV,
  STATUS_XL,
  Status,
  csr,
  dirtyFloat,
  setCsr,
  virt,
} from "../hart/state";
import { HART_CYCLES, HART_INSTRET } from "../layout";
import { PMP_ENTRIES } from "../mmu/pmp";
import { readAia, writeAia } from "./aia";
import { writePmpAddress, writePmpConfig } from "./pmp";
import { Trait, resetTraits, traits } from "./traits";

/** sstatus and vsstatus: the fields that S-mode sees and may write. */
const SSTATUS: u64 = Status.SIE | Status.SPIE | Status.SPP | Status.FS | Status.SUM | Status.MXR;
const SSTATUS_UXL: u64 = 0x2_0000_0000;
const MSTATUS: u64 =
  SSTATUS | Status.MIE | Status.MPIE | Status.MPP | Status.MPRV | Status.TVM | Status.TW | Status.TSR | STATUS_GVA | STATUS_MPV;
const HSTATUS: u64 = 0x70_03c0; // GVA SPV SPVP HU VTVM VTW VTSR
/** Holds 0 to GEILEN. */
const HSTATUS_VGEIN: u64 = 0x3_f000;
/** FIOM and the controls of CBO instructions: no envcfg register's govern what another's read as. */
const OWN_ENVCFG: u64 = ENVCFG_CBZE | ENVCFG_CBCFE | ENVCFG_CBIE | 1;
const ENVCFG: u64 = ENVCFG_STCE | ENVCFG_PBMTE | ENVCFG_ADUE | OWN_ENVCFG;
const M_INTERRUPTS: u64 = 0x888;
const SSIP: u64 = 2;
const VSSIP: u64 = 4;
const STIP: u64 = 32;
/** RV64IMAFDCBHSU. */
const MISA: u64 = 0x8000_0000_0014_11af;

export function resetCsrs(): void {
  resetTraits();
  setCsr(Csr.mstatus, STATUS_XL);
  setCsr(Csr.vsstatus, SSTATUS_UXL);
  setCsr(Csr.hstatus, HSTATUS_VSXL);
  setCsr(Csr.stimecmp, -1);
  setCsr(Csr.vstimecmp, -1);
}

/** Whether mcountinhibit stops mcycle or minstret. */
// @ts-ignore: decorator
@inline
function inhibited(n: u32): bool {
  return ((csr(Csr.mcountinhibit) >> (n & 31)) & 1) != 0;
}
/** mcycle or minstret: kept as its distance from what it counts, and as it is while it stands still. */
// @ts-ignore: decorator
@inline
function counter(n: u32, counted: u64): u64 {
  return inhibited(n) ? csr(n) : csr(n) + counted;
}
/** A status register with SD: whether FS is dirty. */
// @ts-ignore: decorator
@inline
function summarized(status: u64): u64 {
  return status | (u64((status & Status.FS) == Status.FS) << 63);
}

/** The value of CSR `n`: no check, no side effect. */
export function readCsr(n: u32): u64 {
  if (traits(n) & Trait.PlainRead) return csr(n);
  switch (n) {
    case Csr.fcsr: return (csr(Csr.frm) << 5) | csr(Csr.fflags);
    case Csr.mstatus:
    case Csr.vsstatus: return summarized(csr(n));
    case Csr.sstatus: return summarized((csr(Csr.mstatus) & SSTATUS) | SSTATUS_UXL);
    case Csr.sie: return (csr(Csr.mie) & csr(Csr.mideleg) & S_INTERRUPTS) | (csr(Csr.sie) & ownEnables());
    case Csr.sip: return (pending() & csr(Csr.mideleg) & S_INTERRUPTS) | softwareInterrupts();
    case Csr.vsie: return (csr(Csr.mie) & csr(Csr.hideleg) & VS_INTERRUPTS) >> 1;
    case Csr.vsip: return (pending() & csr(Csr.hideleg) & VS_INTERRUPTS) >> 1;
    case Csr.hie: return csr(Csr.mie) & ALWAYS_DELEGATED;
    case Csr.hip: return pending() & ALWAYS_DELEGATED;
    case Csr.mip: return pending();
    case Csr.mideleg: return csr(Csr.mideleg) | ALWAYS_DELEGATED;
    case Csr.misa: return MISA;
    case Csr.henvcfg: return csr(Csr.henvcfg) & (csr(Csr.menvcfg) | OWN_ENVCFG);
    case Csr.mcycle:
    case Csr.cycle: return counter(Csr.mcycle, load<u64>(HART_CYCLES));
    case Csr.minstret:
    case Csr.instret: return counter(Csr.minstret, load<u64>(HART_INSTRET));
    case Csr.time: return virt() ? time() + csr(Csr.htimedelta) : time();
    default: return readAia(n);
  }
}

/** Bits of sie that mvien makes bits of its own ("Interrupt filtering and virtual interrupts for supervisor level"). */
function ownEnables(): u64 {
  return csr(Csr.mvien) & ~csr(Csr.mideleg);
}

function writableMip(): u64 {
  let bits = S_INTERRUPTS & ~(csr(Csr.mvien) & SEIP);
  if (csr(Csr.menvcfg) & ENVCFG_STCE) bits &= ~STIP;
  return bits;
}

/** `old` with the bits of `mask` taken from `value`. */
// @ts-ignore: decorator
@inline
export function merge(old: u64, value: u64, mask: u64): u64 {
  return (old & ~mask) | (value & mask);
}

/** CBIE = 2 is reserved: the field stays. */
function legalCbie(old: u64, value: u64): u64 {
  return (value & ENVCFG_CBIE) == 0x20 ? merge(value, old, ENVCFG_CBIE) : value;
}

/** satp, vsatp: a MODE that is not supported leaves the register as it was. */
function writeAtp(n: u32, value: u64): bool {
  const m = <u32>(value >> 60);
  if (m != 0 && (m < 8 || m > 10)) return false;
  setCsr(n, value);
  return true;
}

function writeFcsr(frm: u64, fflags: u64): bool {
  setCsr(Csr.frm, frm & 7);
  setCsr(Csr.fflags, fflags & 31);
  dirtyFloat();
  return false;
}

/** Writes what `n` keeps of `value`; true when privilege, translation or interrupts may be affected. */
export function writeCsr(n: u32, value: u64): bool {
  if (traits(n) & Trait.PlainWrite) {
    setCsr(n, value);
    return false;
  }
  switch (n) {
    case Csr.fflags:
      return writeFcsr(csr(Csr.frm), value);
    case Csr.frm:
      return writeFcsr(value, csr(Csr.fflags));
    case Csr.fcsr:
      return writeFcsr(value >> 5, value);
    case Csr.sstatus:
      setCsr(Csr.mstatus, merge(csr(Csr.mstatus), value, SSTATUS));
      return true;
    case Csr.vsstatus:
      setCsr(n, merge(csr(n), value, SSTATUS));
      return true;
    case Csr.mstatus: {
      const old = csr(n);
      if (((value >> 11) & 3) == 2) value = merge(value, old, Status.MPP);
      setCsr(n, merge(old, value, MSTATUS));
      return true;
    }
    case Csr.hstatus: {
      const known = <u32>(value >> 12 & 0x3f) <= geilen();
      setCsr(n, merge(csr(n), value, known ? HSTATUS | HSTATUS_VGEIN : HSTATUS));
      return true;
    }
    case Csr.hgeie:
      setCsr(n, value & ((2 << geilen()) - 2));
      return true;
    case Csr.sie:
      setCsr(Csr.mie, merge(csr(Csr.mie), value, csr(Csr.mideleg) & S_INTERRUPTS));
      setCsr(n, merge(csr(n), value, ownEnables()));
      return true;
    case Csr.vsie:
      setCsr(Csr.mie, merge(csr(Csr.mie), value << 1, csr(Csr.hideleg) & VS_INTERRUPTS));
      return true;
    case Csr.hie:
      setCsr(Csr.mie, merge(csr(Csr.mie), value, ALWAYS_DELEGATED));
      return true;
    case Csr.mie:
      setCsr(n, value & (S_INTERRUPTS | M_INTERRUPTS | ALWAYS_DELEGATED));
      return true;
    case Csr.sip:
      setCsr(Csr.mip, merge(csr(Csr.mip), value, csr(Csr.mideleg) & SSIP));
      setCsr(Csr.mvip, merge(csr(Csr.mvip), value, ownEnables() & SSIP));
      return true;
    case Csr.vsip:
      setCsr(Csr.hvip, merge(csr(Csr.hvip), value << 1, csr(Csr.hideleg) & VSSIP));
      return true;
    case Csr.hip:
      setCsr(Csr.hvip, merge(csr(Csr.hvip), value, VSSIP));
      return true;
    case Csr.hvip:
      setCsr(n, value & VS_INTERRUPTS);
      return true;
    case Csr.mip:
      setCsr(n, merge(csr(n), value, writableMip()));
      setCsr(Csr.hvip, merge(csr(Csr.hvip), value, VSSIP));
      return true;
    case Csr.medeleg:
      setCsr(n, value & 0xf0_b7ff);
      return true;
    case Csr.mideleg:
      setCsr(n, value & S_INTERRUPTS);
      return true;
    case Csr.hedeleg:
      setCsr(n, value & 0xb1ff);
      return true;
    case Csr.hideleg:
      setCsr(n, value & VS_INTERRUPTS);
      return true;
    case Csr.mtvec:
    case Csr.stvec:
    case Csr.vstvec:
      setCsr(n, value & ~(<u64>2));
      return false;
    case Csr.mepc:
    case Csr.sepc:
    case Csr.vsepc:
      setCsr(n, value & ~(<u64>1));
      return false;
    case Csr.mcounteren:
    case Csr.scounteren:
    case Csr.hcounteren:
      setCsr(n, value & 0xffff_ffff);
      return false;
    case Csr.menvcfg:
      setCsr(n, legalCbie(csr(n), value) & ENVCFG);
      return true;
    case Csr.henvcfg:
      setCsr(n, legalCbie(csr(n), value) & ENVCFG & (csr(Csr.menvcfg) | OWN_ENVCFG));
      return true;
    case Csr.senvcfg:
      setCsr(n, legalCbie(csr(n), value) & OWN_ENVCFG);
      return false;
    case Csr.satp:
    case Csr.vsatp:
      return writeAtp(n, value);
    case Csr.hgatp: {
      // unlike satp's, a write with an unsupported MODE is not ignored: MODE alone keeps its value
      const m = <u32>(value >> 60);
      if (m != 0 && (m < 8 || m > 10)) value = merge(value, csr(n), 0xf000_0000_0000_0000);
      setCsr(n, value & 0xf3ff_ffff_ffff_fffc);
      return true;
    }
    case Csr.htimedelta:
    case Csr.stimecmp:
    case Csr.vstimecmp:
      setCsr(n, value);
      return true;
    case Csr.mcycle:
      setCsr(n, inhibited(n) ? value : value - load<u64>(HART_CYCLES));
      return false;
    case Csr.minstret:
      // the write takes the place of the instruction's own increment
      setCsr(n, inhibited(n) ? value : value - load<u64>(HART_INSTRET) - 1);
      return false;
    case Csr.pmpcfg0:
    case Csr.pmpcfg2:
      writePmpConfig(n, value);
      return true;
    case Csr.mcountinhibit: {
      // the instruction itself still counts, or doesn't, as before the write
      const cycles = counter(Csr.mcycle, load<u64>(HART_CYCLES));
      const instructions = counter(Csr.minstret, load<u64>(HART_INSTRET)) + u64(!inhibited(Csr.minstret));
      setCsr(n, value & 5);
      setCsr(Csr.mcycle, inhibited(Csr.mcycle) ? cycles : cycles - load<u64>(HART_CYCLES));
      setCsr(Csr.minstret, inhibited(Csr.minstret) ? instructions : instructions - load<u64>(HART_INSTRET) - 1);
      return false;
    }
    default:
      if (n - Csr.pmpaddr0 < PMP_ENTRIES) {
        writePmpAddress(n - Csr.pmpaddr0, value);
        return true;
      }
      return writeAia(n, value); // the rest is read-only zero: PMP beyond its 16 entries, triggers, hpm, misa
  }
}
