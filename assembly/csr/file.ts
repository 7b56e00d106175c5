// The CSRs themselves: what each reads as, and what of a value written to it stays (WARL, WPRI). No access rules here.
import { Csr } from "../isa/csr";
import { ALWAYS_DELEGATED, S_INTERRUPTS, VS_INTERRUPTS, pending, time } from "../hart/interrupts";
import { ENVCFG_ADUE, ENVCFG_PBMTE, ENVCFG_STCE, HSTATUS_VSXL, STATUS_GVA, STATUS_MPV, STATUS_XL, Status, csr, setCsr } from "../hart/state";
import { HART_CYCLES, HART_INSTRET } from "../layout";
import { PMP_ENTRIES } from "../mmu/pmp";
import { writePmpAddress, writePmpConfig } from "./pmp";
import { Trait, resetTraits, traits } from "./traits";

/** sstatus and vsstatus: the fields that S-mode sees and may write. */
const SSTATUS: u64 = Status.SIE | Status.SPIE | Status.SPP | Status.SUM | Status.MXR;
const SSTATUS_UXL: u64 = 0x2_0000_0000;
const MSTATUS: u64 =
  SSTATUS | Status.MIE | Status.MPIE | Status.MPP | Status.MPRV | Status.TVM | Status.TW | Status.TSR | STATUS_GVA | STATUS_MPV;
const HSTATUS: u64 = 0x70_03c0; // GVA SPV SPVP HU VTVM VTW VTSR
const ENVCFG: u64 = ENVCFG_STCE | ENVCFG_PBMTE | ENVCFG_ADUE | 1; // and FIOM
const M_INTERRUPTS: u64 = 0x888;
const SSIP: u64 = 2;
const VSSIP: u64 = 4;
const STIP: u64 = 32;
/** RV64IMACHSU. */
const MISA: u64 = 0x8000_0000_0014_1185;

export function resetCsrs(): void {
  resetTraits();
  setCsr(Csr.mstatus, STATUS_XL);
  setCsr(Csr.vsstatus, SSTATUS_UXL);
  setCsr(Csr.hstatus, HSTATUS_VSXL);
  setCsr(Csr.stimecmp, -1);
  setCsr(Csr.vstimecmp, -1);
}

/** The value of CSR `n`: no check, no side effect. */
export function readCsr(n: u32): u64 {
  if (traits(n) & Trait.PlainRead) return csr(n);
  switch (n) {
    case Csr.sstatus: return (csr(Csr.mstatus) & SSTATUS) | SSTATUS_UXL;
    case Csr.sie: return csr(Csr.mie) & csr(Csr.mideleg) & S_INTERRUPTS;
    case Csr.sip: return pending() & csr(Csr.mideleg) & S_INTERRUPTS;
    case Csr.vsie: return (csr(Csr.mie) & csr(Csr.hideleg) & VS_INTERRUPTS) >> 1;
    case Csr.vsip: return (pending() & csr(Csr.hideleg) & VS_INTERRUPTS) >> 1;
    case Csr.hie: return csr(Csr.mie) & ALWAYS_DELEGATED;
    case Csr.hip: return pending() & ALWAYS_DELEGATED;
    case Csr.mip: return pending();
    case Csr.mideleg: return csr(Csr.mideleg) | ALWAYS_DELEGATED;
    case Csr.misa: return MISA;
    case Csr.henvcfg: return csr(Csr.henvcfg) & (csr(Csr.menvcfg) | 1);
    case Csr.mcycle:
    case Csr.cycle: return load<u64>(HART_CYCLES) + csr(Csr.mcycle);
    case Csr.minstret:
    case Csr.instret: return load<u64>(HART_INSTRET) + csr(Csr.minstret);
    case Csr.time: return time();
    default: return unreachable();
  }
}

/** `old` with the bits of `mask` taken from `value`. */
// @ts-ignore: decorator
@inline
function merge(old: u64, value: u64, mask: u64): u64 {
  return (old & ~mask) | (value & mask);
}

/** satp, vsatp: a MODE that is not supported leaves the register as it was. */
function writeAtp(n: u32, value: u64): bool {
  const m = <u32>(value >> 60);
  if (m != 0 && (m < 8 || m > 10)) return false;
  setCsr(n, value);
  return true;
}

/** Writes what `n` keeps of `value`; true when privilege, translation or interrupts may be affected. */
export function writeCsr(n: u32, value: u64): bool {
  if (traits(n) & Trait.PlainWrite) {
    setCsr(n, value);
    return false;
  }
  switch (n) {
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
    case Csr.hstatus:
      setCsr(n, merge(csr(n), value, HSTATUS));
      return true;
    case Csr.sie:
      setCsr(Csr.mie, merge(csr(Csr.mie), value, csr(Csr.mideleg) & S_INTERRUPTS));
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
      setCsr(n, merge(csr(n), value, csr(Csr.menvcfg) & ENVCFG_STCE ? S_INTERRUPTS & ~STIP : S_INTERRUPTS));
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
      setCsr(n, value & 7);
      return false;
    case Csr.menvcfg:
      setCsr(n, value & ENVCFG);
      return true;
    case Csr.henvcfg:
      setCsr(n, value & ENVCFG & (csr(Csr.menvcfg) | 1));
      return true;
    case Csr.senvcfg:
      setCsr(n, value & 1);
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
      setCsr(n, value - load<u64>(HART_CYCLES));
      return false;
    case Csr.minstret:
      // the write takes the place of the instruction's own increment
      setCsr(n, value - load<u64>(HART_INSTRET) - 1);
      return false;
    case Csr.pmpcfg0:
    case Csr.pmpcfg2:
      writePmpConfig(n, value);
      return true;
    default:
      if (n - Csr.pmpaddr0 < PMP_ENTRIES) {
        writePmpAddress(n - Csr.pmpaddr0, value);
        return true;
      }
      return false; // read-only zero: PMP beyond its 16 entries, triggers, hpm, misa, hgeie, mcountinhibit
  }
}
