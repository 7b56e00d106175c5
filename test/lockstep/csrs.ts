// The CSRs that both machines define: what each starts with, and which of their bits are compared at the end.
import { Csr } from "../../assembly/isa/csr.js";

/** Bits that are compared; those left out are told in docs/lockstep.md. */
const COMPARED: [name: string, csr: Csr, bits: bigint][] = [
  ["mstatus", Csr.mstatus, 0x8000_008a_007e_79aan],
  ["medeleg", Csr.medeleg, 0xf0_b7ffn],
  ["mideleg", Csr.mideleg, 0x1666n],
  ["mie", Csr.mie, 0x1eeen],
  ["mtvec", Csr.mtvec, -1n],
  ["mcounteren", Csr.mcounteren, 7n],
  ["mscratch", Csr.mscratch, -1n],
  ["mepc", Csr.mepc, -1n],
  ["mcause", Csr.mcause, -1n],
  ["mip", Csr.mip, 0x666n],
  ["sstatus", Csr.sstatus, 0x8000_0000_000c_6122n],
  ["sie", Csr.sie, -1n],
  ["stvec", Csr.stvec, -1n],
  ["scounteren", Csr.scounteren, 7n],
  ["sscratch", Csr.sscratch, -1n],
  ["sepc", Csr.sepc, -1n],
  ["scause", Csr.scause, -1n],
  ["sip", Csr.sip, 0x222n],
  ["satp", Csr.satp, -1n],
  ["vsstatus", Csr.vsstatus, 0xc_6122n],
  ["vsie", Csr.vsie, -1n],
  ["vstvec", Csr.vstvec, -1n],
  ["vsscratch", Csr.vsscratch, -1n],
  ["vsepc", Csr.vsepc, -1n],
  ["vscause", Csr.vscause, -1n],
  ["vsip", Csr.vsip, 2n],
  ["vsatp", Csr.vsatp, -1n],
  ["hstatus", Csr.hstatus, 0x70_0380n],
  ["hedeleg", Csr.hedeleg, 0xb1ffn],
  ["hideleg", Csr.hideleg, 0x444n],
  ["hie", Csr.hie, 0x444n],
  ["hcounteren", Csr.hcounteren, 7n],
  ["hip", Csr.hip, 0x444n],
  ["hvip", Csr.hvip, 0x444n],
  ["hgatp", Csr.hgatp, -1n],
];

/** Others that programs or their presets mention. */
const NAMED: [name: string, csr: Csr][] = [
  ["menvcfg", Csr.menvcfg],
  ["henvcfg", Csr.henvcfg],
  ["stimecmp", Csr.stimecmp],
  ["vstimecmp", Csr.vstimecmp],
  ["mtval", Csr.mtval],
  ["stval", Csr.stval],
  ["vstval", Csr.vstval],
  ["mtval2", Csr.mtval2],
  ["mtinst", Csr.mtinst],
  ["htval", Csr.htval],
  ["htinst", Csr.htinst],
  ["cycle", Csr.cycle],
  ["time", Csr.time],
  ["instret", Csr.instret],
  ["mhartid", Csr.mhartid],
  ["hgeip", Csr.hgeip],
];

export const dumpedCsrs = () => COMPARED.map(([, csr]) => csr);
export const comparedBits = (i: number) => BigInt.asUintN(64, COMPARED[i][2]);

const NAMES = new Map<number, string>([...COMPARED, ...NAMED].map(([name, csr]) => [csr, name]));
export const csrName = (n: number) => NAMES.get(n) ?? `0x${n.toString(16)}`;
