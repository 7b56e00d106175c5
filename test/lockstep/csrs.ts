// The CSRs that both machines define: what each starts with, and which of their bits are compared at the end.
import { Csr } from "../../assembly/isa/csr.js";

/** Bits that are compared; those left out are told in docs/lockstep.md. */
const COMPARED: [Csr, bigint][] = [
  [Csr.mstatus, 0x8a_007e_19aan],
  [Csr.medeleg, 0xf0_b7ffn],
  [Csr.mideleg, 0x1666n],
  [Csr.mie, 0x1eeen],
  [Csr.mtvec, -1n],
  [Csr.mcounteren, 7n],
  [Csr.mscratch, -1n],
  [Csr.mepc, -1n],
  [Csr.mcause, -1n],
  [Csr.mtval, -1n],
  [Csr.mip, 0x666n],
  [Csr.sstatus, 0xc_0122n],
  [Csr.sie, -1n],
  [Csr.stvec, -1n],
  [Csr.scounteren, 7n],
  [Csr.sscratch, -1n],
  [Csr.sepc, -1n],
  [Csr.scause, -1n],
  [Csr.stval, -1n],
  [Csr.sip, 0x222n],
  [Csr.satp, -1n],
  [Csr.vsstatus, 0xc_0122n],
  [Csr.vsie, -1n],
  [Csr.vstvec, -1n],
  [Csr.vsscratch, -1n],
  [Csr.vsepc, -1n],
  [Csr.vscause, -1n],
  [Csr.vstval, -1n],
  [Csr.vsip, 0x222n],
  [Csr.vsatp, -1n],
  [Csr.hstatus, 0x70_0380n],
  [Csr.hedeleg, 0xb1ffn],
  [Csr.hideleg, 0x444n],
  [Csr.hie, 0x444n],
  [Csr.hcounteren, 7n],
  [Csr.hip, 0x444n],
  [Csr.hvip, 0x444n],
  [Csr.hgatp, -1n],
];

export const dumpedCsrs = () => COMPARED.map(([csr]) => csr);
export const comparedBits = (i: number) => BigInt.asUintN(64, COMPARED[i][1]);

const NAMES = Csr as unknown as Record<number, string>;
export const csrName = (n: number) => NAMES[n] ?? `0x${n.toString(16)}`;
