// RISC-V Advanced Interrupt Architecture 1.0, "Control and Status Registers (CSRs) Added to Harts", and the CSRs of Smstateen: what they
// read as, and what they keep of a value. No access rules here: see guard.ts.
import { M_FILE, S_FILE, claim, guestFile, hasImsic, ownFile, readFile, topei, writeFile } from "../aia/files";
import { HVICTL, mtopi, stopi, vstopi } from "../aia/top";
import { SEIP, S_INTERRUPTS, hgeip, mvip, pending } from "../hart/interrupts";
import { ENVCFG_STCE, csr, setCsr } from "../hart/state";
import { FileRegister } from "../isa/imsic";
import { Csr } from "../isa/csr";
import { merge } from "./file";
import { stateenBits } from "./stateen";

/** Values that miselect, siselect and vsiselect hold. */
const SELECT: u64 = 0x1ff;
const SSIP: u64 = 2;
const STIP: u64 = 32;
/** hviprio1: SSI and STI. */
const HVIPRIO1: u64 = 0xff00_ff00;

/** The selected hart's file that a guest reaches (hstatus.VGEIN), or 0. */
export function ownGuestFile(): u32 {
  return guestFile(<u32>(csr(Csr.hstatus) >> 12) & 0x3f);
}

/** The interrupt file of `m`ireg and `m`topei, `s`…, `vs`…; 0 if there is none. */
export function fileOf(n: u32): u32 {
  switch (n) {
    case Csr.mireg: case Csr.mtopei: return hasImsic() ? ownFile(M_FILE) : 0;
    case Csr.sireg: case Csr.stopei: return hasImsic() ? ownFile(S_FILE) : 0;
    default: return ownGuestFile();
  }
}

/** Value of the CSR that says what the CSR `ireg` is an alias of. */
// @ts-ignore: decorator
@inline
export function selection(ireg: u32): u32 {
  return <u32>csr(ireg - 1);
}

export function readAia(n: u32): u64 {
  switch (n) {
    case Csr.mireg: case Csr.sireg: case Csr.vsireg: {
      const register = selection(n);
      return register >= <u32>FileRegister.eidelivery ? readFile(fileOf(n), register) : 0; // iprio: all read-only zero
    }
    case Csr.mtopei: case Csr.stopei: case Csr.vstopei: return topei(fileOf(n));
    case Csr.mtopi: return mtopi(pending());
    case Csr.stopi: return stopi(pending());
    case Csr.vstopi: return vstopi(pending());
    case Csr.mvip: return mvip();
    case Csr.hgeip: return hgeip();
    case Csr.hstateen0: case Csr.hstateen0 + 1: case Csr.hstateen0 + 2: case Csr.hstateen0 + 3:
      return csr(n) & csr(n - Csr.hstateen0 + Csr.mstateen0);
    default: return unreachable();
  }
}

/** Writes what `n` keeps of `value`; true when interrupts may be affected. CSRs that are read-only zero end here as well. */
export function writeAia(n: u32, value: u64): bool {
  switch (n) {
    case Csr.miselect: case Csr.siselect: case Csr.vsiselect:
      setCsr(n, value & SELECT);
      return false;
    case Csr.mireg: case Csr.sireg: case Csr.vsireg: {
      const register = selection(n);
      if (register >= <u32>FileRegister.eidelivery) writeFile(fileOf(n), register, value);
      return true;
    }
    case Csr.mtopei: case Csr.stopei: case Csr.vstopei:
      claim(fileOf(n));
      return true;
    case Csr.mvien:
      setCsr(n, value & (SSIP | SEIP));
      return true;
    case Csr.mvip: {
      const own = csr(Csr.mvien) & SSIP;
      setCsr(n, merge(csr(n), value, own));
      const shared = csr(Csr.menvcfg) & ENVCFG_STCE ? S_INTERRUPTS & ~STIP : S_INTERRUPTS;
      setCsr(Csr.mip, merge(csr(Csr.mip), value, shared & ~own));
      return true;
    }
    case Csr.hvictl:
      setCsr(n, value & HVICTL);
      return true;
    case Csr.hviprio1:
      setCsr(n, value & HVIPRIO1);
      return true;
    case Csr.mstateen0: case Csr.mstateen0 + 1: case Csr.mstateen0 + 2: case Csr.mstateen0 + 3:
      setCsr(n, value & stateenBits(n));
      return true;
    case Csr.hstateen0: case Csr.hstateen0 + 1: case Csr.hstateen0 + 2: case Csr.hstateen0 + 3:
      setCsr(n, merge(csr(n), value, stateenBits(n) & csr(n - Csr.hstateen0 + Csr.mstateen0)));
      return true;
    default:
      return false;
  }
}
