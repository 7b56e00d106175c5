// RISC-V Privileged Architecture, "Supervisor Trap Vector Base Address Register", "Trap Entry" of the hypervisor
// extension: a trap taken in a higher mode is passed down as if it had been delegated.
import { Csr } from "../../assembly/isa/csr.js";
import { Mode } from "../../assembly/isa/privilege.js";
import { HART_MODE, HART_VIRT } from "../../assembly/layout.js";

/** The part of Core that a redirection touches. */
export interface TrapCore {
  readonly u32: Uint32Array;
  pc: bigint;
  csr(n: number): bigint;
  setCsr(n: number, value: bigint): void;
}

/** A trap: where it came from and what it says. */
export interface Trap {
  cause: bigint;
  /** Address of the trapping instruction. */
  epc: bigint;
  tval: bigint;
  fromMode: Mode;
  fromVirt: boolean;
  /** For HS-mode: guest physical address, transformed instruction. */
  gpa?: bigint;
  tinst?: bigint;
}

const SIE = 1n << 1n;
const SPIE = 1n << 5n;
const SPP = 1n << 8n;
const HSTATUS_GVA = 1n << 6n;
const HSTATUS_SPV = 1n << 7n;
const HSTATUS_SPVP = 1n << 8n;
const INTERRUPT = 1n << 63n;
const VECTORED = 1n;

/** sstatus after a trap from `mode`. */
function stacked(status: bigint, mode: Mode): bigint {
  const cleared = status & ~(SIE | SPIE | SPP);
  return cleared | (status & SIE ? SPIE : 0n) | (mode === Mode.U ? 0n : SPP);
}

function vector(tvec: bigint, cause: bigint): bigint {
  const start = tvec & ~3n;
  const offset = (tvec & 3n) === VECTORED && cause & INTERRUPT ? (cause & ~INTERRUPT) * 4n : 0n;
  return start + offset;
}

/** Enters the trap handler of VS-mode. `cause` is as VS-mode is to see it. */
export function trapToVS(core: TrapCore, trap: Pick<Trap, "cause" | "epc" | "tval" | "fromMode">): void {
  core.setCsr(Csr.vsstatus, stacked(core.csr(Csr.vsstatus), trap.fromMode));
  core.setCsr(Csr.vsepc, trap.epc);
  core.setCsr(Csr.vscause, trap.cause);
  core.setCsr(Csr.vstval, trap.tval);
  enter(core, vector(core.csr(Csr.vstvec), trap.cause), 1);
}

/** Enters the trap handler of S-mode (HS-mode with the hypervisor extension). */
export function trapToS(core: TrapCore, trap: Trap): void {
  const { fromVirt, fromMode } = trap;
  const gva = fromVirt && isAddressFault(trap.cause);
  const hstatus = core.csr(Csr.hstatus) & ~(HSTATUS_SPV | HSTATUS_GVA | (fromVirt ? HSTATUS_SPVP : 0n));
  const spvp = fromVirt && fromMode === Mode.S ? HSTATUS_SPVP : 0n;
  core.setCsr(Csr.hstatus, hstatus | (fromVirt ? HSTATUS_SPV : 0n) | (gva ? HSTATUS_GVA : 0n) | spvp);
  core.setCsr(Csr.mstatus, stacked(core.csr(Csr.mstatus), fromMode));
  core.setCsr(Csr.sepc, trap.epc);
  core.setCsr(Csr.scause, trap.cause);
  core.setCsr(Csr.stval, trap.tval);
  core.setCsr(Csr.htval, (trap.gpa ?? 0n) >> 2n);
  core.setCsr(Csr.htinst, trap.tinst ?? 0n);
  enter(core, vector(core.csr(Csr.stvec), trap.cause), 0);
}

/** Passes down a trap that M-mode got: to VS-mode where HS-mode delegated it, else to HS-mode. */
export function redirect(core: TrapCore, trap: Trap): void {
  const delegated = trap.fromVirt && (core.csr(Csr.hedeleg) >> trap.cause) & 1n;
  if (delegated) trapToVS(core, trap);
  else trapToS(core, trap);
}

/** Whether stval holds an address that the guest used. */
function isAddressFault(cause: bigint): boolean {
  return [0n, 1n, 4n, 5n, 6n, 7n, 12n, 13n, 15n, 20n, 21n, 23n].includes(cause);
}

function enter(core: TrapCore, pc: bigint, virt: number): void {
  core.pc = pc;
  core.u32[HART_MODE >>> 2] = Mode.S;
  core.u32[HART_VIRT >>> 2] = virt;
}
