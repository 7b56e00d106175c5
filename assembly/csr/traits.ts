// "CSR Listing": which CSRs there are, and which are nothing but storage. Looked up with every access, so kept in a table by number.
import { Csr } from "../isa/csr";
import { CSR_TRAITS } from "../layout";

/** What a CSR number is, looked up with every access. */
export const enum Trait {
  Implemented = 1,
  /** Reads as it is stored; keeps whatever is written, which affects nothing else. */
  PlainRead = 2,
  PlainWrite = 4,
  /** Who may access it also depends on what it selects, or on the state-enable CSRs: see assembly/csr/guard.ts. */
  Guarded = 8,
}

// @ts-ignore: decorator
@inline
export function traits(n: u32): u32 {
  return load<u8>(CSR_TRAITS + n);
}

function keepsAll(n: i32): bool {
  switch (n) {
    case Csr.sscratch: case Csr.scause: case Csr.stval: case Csr.vsscratch: case Csr.vscause: case Csr.vstval:
    case Csr.mscratch: case Csr.mcause: case Csr.mtval: case Csr.mtinst: case Csr.mtval2: case Csr.htval: case Csr.htinst:
      return true;
  }
  return false;
}

function isView(n: i32): bool {
  switch (n) {
    case Csr.sstatus: case Csr.sie: case Csr.sip: case Csr.vsie: case Csr.vsip: case Csr.hie: case Csr.hip: case Csr.mip:
    case Csr.mideleg: case Csr.misa: case Csr.henvcfg: case Csr.mcycle: case Csr.cycle: case Csr.minstret: case Csr.instret:
    case Csr.time: case Csr.mstatus: case Csr.vsstatus: case Csr.fcsr:
    case Csr.mireg: case Csr.sireg: case Csr.vsireg: case Csr.mtopei: case Csr.stopei: case Csr.vstopei:
    case Csr.mtopi: case Csr.stopi: case Csr.vstopi: case Csr.mvip: case Csr.hgeip:
      return true;
  }
  return n >= Csr.hstateen0 && n <= Csr.hstateen0 + 3;
}

/** CSRs of Smaia, Ssaia and Smstateen, and those whose access their bits decide. */
function guarded(n: i32): bool {
  switch (n) {
    case Csr.miselect: case Csr.mireg: case Csr.mtopei: case Csr.mtopi: case Csr.mvien: case Csr.mvip:
    case Csr.siselect: case Csr.sireg: case Csr.stopei: case Csr.stopi:
    case Csr.vsiselect: case Csr.vsireg: case Csr.vstopei: case Csr.vstopi:
    case Csr.hvien: case Csr.hvictl: case Csr.hviprio1: case Csr.hviprio2: case Csr.henvcfg: case Csr.senvcfg:
      return true;
  }
  return n >> 2 == Csr.mstateen0 >> 2 || n >> 2 == Csr.hstateen0 >> 2 || n >> 2 == Csr.sstateen0 >> 2;
}

/** Whether this hart implements CSR `n`. */
function implemented(n: i32): bool {
  if (guarded(n)) return true;
  switch (n) {
    case Csr.fflags: case Csr.frm: case Csr.fcsr:
    case Csr.sstatus: case Csr.sie: case Csr.stvec: case Csr.scounteren: case Csr.senvcfg: case Csr.sscratch:
    case Csr.sepc: case Csr.scause: case Csr.stval: case Csr.sip: case Csr.stimecmp: case Csr.satp:
    case Csr.vsstatus: case Csr.vsie: case Csr.vstvec: case Csr.vsscratch: case Csr.vsepc: case Csr.vscause:
    case Csr.vstval: case Csr.vsip: case Csr.vstimecmp: case Csr.vsatp:
    case Csr.mstatus: case Csr.misa: case Csr.medeleg: case Csr.mideleg: case Csr.mie: case Csr.mtvec:
    case Csr.mcounteren: case Csr.menvcfg: case Csr.mcountinhibit: case Csr.mscratch: case Csr.mepc: case Csr.mcause:
    case Csr.mtval: case Csr.mip: case Csr.mtinst: case Csr.mtval2:
    case Csr.hstatus: case Csr.hedeleg: case Csr.hideleg: case Csr.hie: case Csr.htimedelta: case Csr.hcounteren:
    case Csr.hgeie: case Csr.henvcfg: case Csr.htval: case Csr.hip: case Csr.hvip: case Csr.htinst: case Csr.hgatp:
    case Csr.hgeip: case Csr.mvendorid: case Csr.marchid: case Csr.mimpid: case Csr.mhartid: case Csr.mconfigptr:
    case Csr.mcycle: case Csr.minstret:
      return true;
  }
  if (n >= Csr.cycle && n <= Csr.cycle + 31) return true; // cycle, time, instret, hpmcounter3…31
  if (n >= 0xb03 && n <= 0xb1f) return true; // mhpmcounter3…31
  if (n >= 0x323 && n <= 0x33f) return true; // mhpmevent3…31
  if (n >= Csr.pmpcfg0 && n <= Csr.pmpcfg0 + 15) return !(n & 1); // no PMP entries: read-only zero
  if (n >= Csr.pmpaddr0 && n <= Csr.pmpaddr0 + 63) return true;
  return n >= Csr.tselect && n <= Csr.tselect + 3; // no triggers: read-only zero
}

export function resetTraits(): void {
  for (let n = 0; n < 4096; n++) {
    const trait =
      (implemented(n) ? Trait.Implemented : 0) | (isView(n) ? 0 : Trait.PlainRead) | (keepsAll(n) ? Trait.PlainWrite : 0) |
      (guarded(n) ? Trait.Guarded : 0);
    store<u8>(CSR_TRAITS + n, trait);
  }
}
