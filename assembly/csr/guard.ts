// RISC-V Advanced Interrupt Architecture 1.0, "Hypervisor and VS CSRs", "Virtual instruction exceptions", "Access control by the
// state-enable CSRs"; "State Enable Extensions" of Smstateen: who may touch the CSRs of both.
import { hasImsic } from "../aia/files";
import { SEIP } from "../hart/interrupts";
import { csr, mode, virt } from "../hart/state";
import { Csr } from "../isa/csr";
import { FileRegister } from "../isa/imsic";
import { Mode } from "../isa/privilege";
import { fileOf, ownGuestFile, selection } from "./aia";
import { AIA_BIT, IMSIC_BIT, guardBit, guardOf } from "./stateen";
import { Verdict } from "./verdict";

const IPRIO0: u32 = 0x30;
const IPRIO15: u32 = 0x3f;

/** What an access to CSR `n`, one with Trait.Guarded, comes to. */
export function guard(n: i32): u32 {
  const m = mode();
  const v = virt();
  const level = (n >> 8) & 3;
  if (m != Mode.M) {
    if (level == 3) return Verdict.Illegal;
    const bit = guardBit(n);
    const by = guardOf(n);
    if (bit & ~csr(by)) return Verdict.Illegal;
    if (m == Mode.U) return v ? Verdict.Virtual : Verdict.Illegal;
    if (v && (level == 2 || bit & ~csr(by - Csr.mstateen0 + Csr.hstateen0))) return Verdict.Virtual;
  }
  switch (n) {
    case Csr.mireg: case Csr.vsireg:
      return indirect(n, m, v);
    case Csr.sireg:
      return indirect(v ? Csr.vsireg : Csr.sireg, m, v);
    case Csr.mtopei:
      return hasImsic() ? Verdict.Allowed : Verdict.Illegal;
    case Csr.stopei:
      if (v) return ownGuestFile() ? Verdict.Allowed : Verdict.Virtual;
      return supervisorFile(m) ? Verdict.Allowed : Verdict.Illegal;
    case Csr.vstopei:
      return ownGuestFile() ? Verdict.Allowed : Verdict.Illegal;
  }
  return Verdict.Allowed;
}

/** Whether mode `m`, V = 0, may reach the supervisor-level interrupt file: not S-mode with mvien.SEIP. */
function supervisorFile(m: u32): bool {
  return hasImsic() && (m == Mode.M || !(csr(Csr.mvien) & SEIP));
}

/** mireg, sireg, vsireg: by the register that the select CSR names. */
function indirect(n: u32, m: u32, v: u32): u32 {
  const refused = v ? Verdict.Virtual : Verdict.Illegal;
  const register = selection(n);
  if (register >= IPRIO0 && register <= IPRIO15) {
    if (n == Csr.vsireg) return refused;
    if (m != Mode.M && !(csr(Csr.mstateen0) & AIA_BIT)) return Verdict.Illegal;
    return register & 1 ? Verdict.Illegal : Verdict.Allowed;
  }
  if (register < <u32>FileRegister.eidelivery || register > <u32>FileRegister.eie63) return refused;
  if (hasImsic() && m != Mode.M) {
    if (!(csr(Csr.mstateen0) & IMSIC_BIT)) return Verdict.Illegal;
    if (v && !(csr(Csr.hstateen0) & IMSIC_BIT)) return Verdict.Virtual;
  }
  const reached = n == Csr.sireg ? supervisorFile(m) : fileOf(n) != 0;
  if (!reached || (register >= <u32>FileRegister.eip0 && register & 1)) return refused;
  return Verdict.Allowed;
}
