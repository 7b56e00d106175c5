// The machine's registers as GDB knows them. GDB, "Standard Target Features", "RISC-V Features".
import { Csr } from "../../assembly/isa/csr.js";
import type { Debugger } from "./debugger.js";

export interface GdbRegister {
  readonly name: string;
  /** Bytes. */
  readonly size: 4 | 8;
  readonly type: "int" | "code_ptr" | "data_ptr" | "ieee_double";
  read(target: Debugger, hart: number): bigint;
  write(target: Debugger, hart: number, value: bigint): void;
}

const X_NAMES =
  "zero ra sp gp tp t0 t1 t2 fp s1 a0 a1 a2 a3 a4 a5 a6 a7 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11 t3 t4 t5 t6".split(" ");
const F_NAMES =
  "ft0 ft1 ft2 ft3 ft4 ft5 ft6 ft7 fs0 fs1 fa0 fa1 fa2 fa3 fa4 fa5 fa6 fa7 fs2 fs3 fs4 fs5 fs6 fs7 fs8 fs9 fs10 fs11 ft8 ft9 ft10 ft11".split(
    " ",
  );
const POINTERS = new Set(["sp", "gp", "tp", "fp"]);

/** CSRs to show, by name. */
const CSRS: Readonly<Record<string, Csr>> = {
  cycle: Csr.cycle,
  time: Csr.time,
  instret: Csr.instret,
  sstatus: Csr.sstatus,
  sie: Csr.sie,
  stvec: Csr.stvec,
  scounteren: Csr.scounteren,
  senvcfg: Csr.senvcfg,
  sscratch: Csr.sscratch,
  sepc: Csr.sepc,
  scause: Csr.scause,
  stval: Csr.stval,
  sip: Csr.sip,
  stimecmp: Csr.stimecmp,
  satp: Csr.satp,
  vsstatus: Csr.vsstatus,
  vsie: Csr.vsie,
  vstvec: Csr.vstvec,
  vsscratch: Csr.vsscratch,
  vsepc: Csr.vsepc,
  vscause: Csr.vscause,
  vstval: Csr.vstval,
  vsip: Csr.vsip,
  vsatp: Csr.vsatp,
  mstatus: Csr.mstatus,
  misa: Csr.misa,
  medeleg: Csr.medeleg,
  mideleg: Csr.mideleg,
  mie: Csr.mie,
  mtvec: Csr.mtvec,
  mcounteren: Csr.mcounteren,
  menvcfg: Csr.menvcfg,
  mscratch: Csr.mscratch,
  mepc: Csr.mepc,
  mcause: Csr.mcause,
  mtval: Csr.mtval,
  mip: Csr.mip,
  mtinst: Csr.mtinst,
  mtval2: Csr.mtval2,
  pmpcfg0: Csr.pmpcfg0,
  pmpaddr0: Csr.pmpaddr0,
  hstatus: Csr.hstatus,
  hedeleg: Csr.hedeleg,
  hideleg: Csr.hideleg,
  hie: Csr.hie,
  htimedelta: Csr.htimedelta,
  hcounteren: Csr.hcounteren,
  henvcfg: Csr.henvcfg,
  htval: Csr.htval,
  hip: Csr.hip,
  hvip: Csr.hvip,
  htinst: Csr.htinst,
  hgatp: Csr.hgatp,
  mhartid: Csr.mhartid,
};

/** GDB numbers registers from here on by kind; its own numbers of CSRs are those of the specification. */
const PC = 32;
const F0 = 33;
const CSR0 = 65;
const PRIVILEGE = CSR0 + 0x1000;

const registers = new Map<number, GdbRegister>();

for (const [i, name] of X_NAMES.entries()) {
  registers.set(i, {
    name,
    size: 8,
    type: POINTERS.has(name) ? "data_ptr" : name === "ra" ? "code_ptr" : "int",
    read: (target, hart) => target.x(hart, i),
    write: (target, hart, value) => target.setX(hart, i, value),
  });
}
registers.set(PC, {
  name: "pc",
  size: 8,
  type: "code_ptr",
  read: (target, hart) => target.pc(hart),
  write: (target, hart, value) => target.setPc(hart, value),
});
for (const [i, name] of F_NAMES.entries()) {
  registers.set(F0 + i, {
    name,
    size: 8,
    type: "ieee_double",
    read: (target, hart) => target.f(hart, i),
    write: (target, hart, value) => target.setF(hart, i, value),
  });
}
function addCsr(name: string, n: number, size: 4 | 8): void {
  registers.set(CSR0 + n, {
    name,
    size,
    type: "int",
    read: (target, hart) => target.csr(hart, n),
    write: (target, hart, value) => target.setCsr(hart, n, value),
  });
}
for (const [name, n] of [
  ["fflags", Csr.fflags],
  ["frm", Csr.frm],
  ["fcsr", Csr.fcsr],
] as const) {
  addCsr(name, n, 4);
}
for (const [name, n] of Object.entries(CSRS)) addCsr(name, n, 8);
registers.set(PRIVILEGE, {
  name: "priv",
  size: 8,
  type: "int",
  read: (target, hart) => BigInt(target.privilege(hart)),
  write: () => {},
});

export const GDB_REGISTERS: ReadonlyMap<number, GdbRegister> = registers;
/** x0…x31 and pc: what GDB reads and writes all at once. */
export const GENERAL_REGISTERS = PC + 1;

/** Number of a named register. */
export function gdbRegisterNumber(name: string): number | undefined {
  for (const [number, register] of registers) if (register.name === name) return number;
  return undefined;
}

function feature(name: string, ...ranges: (readonly [first: number, end: number])[]): string {
  const lines = [...registers]
    .filter(([number]) => ranges.some(([first, end]) => number >= first && number < end))
    .map(([n, { name: own, size, type }]) => `<reg name="${own}" bitsize="${size * 8}" type="${type}" regnum="${n}"/>`);
  return `<feature name="org.gnu.gdb.riscv.${name}">${lines.join("")}</feature>`;
}

const FLOAT_STATE = [CSR0 + Csr.fflags, CSR0 + Csr.fcsr + 1] as const;

/** The target description, an XML document. */
export function targetDescription(): string {
  return [
    '<?xml version="1.0"?><!DOCTYPE target SYSTEM "gdb-target.dtd"><target version="1.0">',
    "<architecture>riscv:rv64</architecture>",
    feature("cpu", [0, F0]),
    feature("fpu", [F0, CSR0], FLOAT_STATE),
    feature("csr", [FLOAT_STATE[1], PRIVILEGE]),
    feature("virtual", [PRIVILEGE, PRIVILEGE + 1]),
    "</target>",
  ].join("");
}
