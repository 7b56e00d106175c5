// Smstateen and Ssstateen 1.0: the bits of mstateen0 and hstateen0 that this hart has. There is no custom state, no Zfinx and no Zcmt, so
// the sstateen CSRs are read-only zero.
import { hasImsic } from "../aia/files";
import { Csr } from "../isa/csr";

const SE_BIT: u64 = 1 << 63;
const ENVCFG_BIT: u64 = 1 << 62;
const CSRIND_BIT: u64 = 1 << 60;
export const AIA_BIT: u64 = 1 << 59;
export const IMSIC_BIT: u64 = 1 << 58;

/** Writable bits of mstateen CSR or hstateen CSR `n`. */
export function stateenBits(n: i32): u64 {
  if (n & 3) return SE_BIT;
  return SE_BIT | ENVCFG_BIT | CSRIND_BIT | AIA_BIT | (hasImsic() ? IMSIC_BIT : 0);
}

/** Number of the mstateen CSR that guards `n`: mstateen0 but for the other hstateen and sstateen CSRs. */
export function guardOf(n: i32): i32 {
  const which = n & ~3;
  return which == Csr.hstateen0 || which == Csr.sstateen0 ? Csr.mstateen0 + (n & 3) : Csr.mstateen0;
}

/** Its bit that must be set; 0 if none guards `n`. */
export function guardBit(n: i32): u64 {
  switch (n) {
    case Csr.siselect: case Csr.sireg: case Csr.vsiselect: case Csr.vsireg:
      return CSRIND_BIT;
    case Csr.stopi: case Csr.vstopi: case Csr.hvien: case Csr.hvictl: case Csr.hviprio1: case Csr.hviprio2:
      return AIA_BIT;
    case Csr.stopei: case Csr.vstopei:
      return hasImsic() ? IMSIC_BIT : 0;
    case Csr.henvcfg: case Csr.senvcfg:
      return ENVCFG_BIT;
  }
  const which = n & ~3;
  return which == Csr.hstateen0 || which == Csr.sstateen0 ? SE_BIT : 0;
}
