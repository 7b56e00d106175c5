// "CSR Listing": who may touch which CSR. Reading and writing check nothing; all rules stand here.
import { Csr } from "../isa/csr";
import { Mode } from "../isa/privilege";
import { ENVCFG_STCE, Hstatus, Status, csr, floatOff, mode, virt } from "../hart/state";
import { HVICTL_VTI } from "../aia/top";
import { guard } from "./guard";
import { Trait, traits } from "./traits";
import { Verdict } from "./verdict";

/** With V = 1 a supervisor CSR's number means its virtual-supervisor twin. */
export function swap(n: i32): i32 {
  if (!virt()) return n;
  switch (n) {
    case Csr.sstatus: case Csr.sie: case Csr.stvec: case Csr.sscratch: case Csr.sepc: case Csr.scause:
    case Csr.stval: case Csr.sip: case Csr.stimecmp: case Csr.satp:
    case Csr.siselect: case Csr.sireg: case Csr.stopei: case Csr.stopi:
      return n + 0x100;
  }
  return n;
}

function counterVerdict(bit: u64): u32 {
  const m = mode();
  const v = virt();
  if (!(csr(Csr.mcounteren) & bit)) return Verdict.Illegal;
  if (v && !(csr(Csr.hcounteren) & bit)) return Verdict.Virtual;
  if (m == Mode.U && !(csr(Csr.scounteren) & bit)) return v ? Verdict.Virtual : Verdict.Illegal;
  return Verdict.Allowed;
}

/** What an access to CSR `n`, as encoded, by the current mode comes to. */
export function verdict(n: i32, write: bool): u32 {
  if (!(traits(n) & Trait.Implemented)) return Verdict.Illegal;
  if (write && n >> 10 == 3) return Verdict.Illegal;
  if (n <= Csr.fcsr && floatOff()) return Verdict.Illegal;
  if (traits(n) & Trait.Guarded) return guard(n);
  const m = mode();
  if (m == Mode.M) return Verdict.Allowed;
  const level = (n >> 8) & 3;
  if (level == 3) return Verdict.Illegal;
  if (level == 0) return n >= Csr.cycle ? counterVerdict(<u64>1 << <u64>(n & 31)) : Verdict.Allowed;
  if ((n == Csr.stimecmp || n == Csr.vstimecmp) && (!(csr(Csr.mcounteren) & 2) || !(csr(Csr.menvcfg) & ENVCFG_STCE))) {
    return Verdict.Illegal;
  }
  const v = virt();
  if (m == Mode.U) return v ? Verdict.Virtual : Verdict.Illegal;
  if (level == 2 && v) return Verdict.Virtual;
  const status = csr(Csr.mstatus);
  switch (n) {
    case Csr.satp:
      if (v) return csr(Csr.hstatus) & Hstatus.VTVM ? Verdict.Virtual : Verdict.Allowed;
      return status & Status.TVM ? Verdict.Illegal : Verdict.Allowed;
    case Csr.hgatp:
      return status & Status.TVM ? Verdict.Illegal : Verdict.Allowed;
    case Csr.stimecmp:
      if (!v) return Verdict.Allowed;
      if (!(csr(Csr.hcounteren) & 2) || !(csr(Csr.henvcfg) & ENVCFG_STCE)) return Verdict.Virtual;
      return write && csr(Csr.hvictl) & HVICTL_VTI ? Verdict.Virtual : Verdict.Allowed;
    case Csr.sip:
    case Csr.sie:
      return v && csr(Csr.hvictl) & HVICTL_VTI ? Verdict.Virtual : Verdict.Allowed;
  }
  return Verdict.Allowed;
}
