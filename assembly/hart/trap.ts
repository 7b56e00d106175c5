// "Trap Entry", "Trap Return" (Privileged Architecture 1.13, "Traps" of the Hypervisor Extension): who takes a trap, and where to.
import { expand } from "../insn/c";
import { Cause } from "../isa/cause";
import { Counter } from "../isa/counter";
import { Cost } from "../isa/cost";
import { Csr } from "../isa/csr";
import { Exit, Host } from "../isa/exit";
import { Mode } from "../isa/privilege";
import {
  EXIT_CAUSE,
  EXIT_FROM_MODE,
  EXIT_FROM_VIRT,
  EXIT_GPA,
  EXIT_INSN_LENGTH,
  EXIT_PENDING,
  EXIT_REASON,
  EXIT_TINST,
  EXIT_TO_MODE,
  EXIT_TVAL,
  HART_CYCLES,
  HART_HOST,
  HART_MODE,
  HART_PC,
  HART_RESERVATION,
  HART_VIRT,
  X_REGS,
} from "../layout";
import { dataVirt } from "../mmu/translate";
import { cost, count } from "../timing/caches";
import { finishInWasm } from "./handlers";
import { interruptMode, interruptVirt } from "./interrupts";
import { Pending } from "./memory";
import {
  Hstatus,
  STATUS_GVA,
  STATUS_MPV,
  Status,
  csr,
  insnLength,
  mode,
  setCsr,
  trapCause,
  trapGpa,
  trapInsn,
  trapTinst,
  trapTval,
  virt,
} from "./state";

export const INTERRUPT: u64 = 0x8000_0000_0000_0000;

/** How the host's table of exits knows a cause. */
function exitOf(cause: u64): u32 {
  if (cause & INTERRUPT) return Exit.Interrupt;
  switch (<u32>cause) {
    case Cause.EnvironmentCallFromVS: return Exit.EnvironmentCallFromVS;
    case Cause.EnvironmentCallFromS: return Exit.EnvironmentCallFromS;
    case Cause.InstructionGuestPageFault: return Exit.InstructionGuestPageFault;
    case Cause.LoadGuestPageFault: return Exit.LoadGuestPageFault;
    case Cause.StoreGuestPageFault: return Exit.StoreGuestPageFault;
    case Cause.VirtualInstruction: return Exit.VirtualInstruction;
    default: return Exit.Exception;
  }
}

// @ts-ignore: decorator
@inline
function guestPageFault(cause: u64): bool {
  return cause == Cause.InstructionGuestPageFault || cause == Cause.LoadGuestPageFault || cause == Cause.StoreGuestPageFault;
}

/** Misaligned addresses, access faults and page faults of loads, stores and AMOs. */
// @ts-ignore: decorator
@inline
function dataFault(code: i32): bool {
  return (code >= Cause.LoadAddressMisaligned && code <= Cause.StoreAccessFault) || code == Cause.LoadPageFault || code == Cause.StorePageFault;
}

/** HLV, HLVX or HSV: SYSTEM with funct3 4. */
// @ts-ignore: decorator
@inline
function reachesGuest(insn: u32): bool {
  return (insn & 0x707f) == 0x4073;
}

/** tval holds a guest virtual address ("Hypervisor Status Register", GVA). */
function tvalIsGuestVirtual(cause: u64): bool {
  if (cause & INTERRUPT) return false;
  const code = <i32>cause;
  if (guestPageFault(cause)) return true;
  if (!virt()) return dataFault(code) && (dataVirt != 0 || reachesGuest(trapInsn));
  return dataFault(code) || code == Cause.InstructionAddressMisaligned || code == Cause.InstructionAccessFault ||
    code == Cause.InstructionPageFault || code == Cause.Breakpoint;
}

/** "Transformed Instruction": immediate offsets cleared, rs1 replaced by how far into the access the faulting address is. */
function transformed(cause: u64, tval: u64): u64 {
  if (cause != Cause.LoadGuestPageFault && cause != Cause.StoreGuestPageFault) return 0;
  const insn = trapInsn;
  const compressed: u32 = insnLength(insn) == 2 ? 2 : 0;
  const full = compressed ? expand(insn) : insn;
  const rs1 = (full >> 15) & 31;
  let address = load<u64>(X_REGS + rs1 * 8);
  let value: u32;
  switch (full & 0x7f) {
    case 0x03:
    case 0x07: // loads keep funct3, rd, opcode
      value = full & 0x0000_7fff;
      address += <u64>(<i64>(<i32>full >> 20));
      break;
    case 0x23:
    case 0x27: // stores keep rs2, funct3, opcode
      value = full & 0x01f0_707f;
      address += <u64>(<i64>(((<i32>full >> 25) << 5) | ((full >> 7) & 31)));
      break;
    default: // atomic instructions, HLV, HLVX, HSV and CBO keep all but rs1
      value = full & ~(<u32>31 << 15);
  }
  return (value | (<u32>(tval - address) & 31) << 15) & ~compressed;
}

/** Takes the exception described in state.ts, or interrupt `cause`. True if it must leave to the host. */
export function takeTrap(cause: u64, tval: u64, gpa: u64, tinst: u64): bool {
  const interrupt = (cause & INTERRUPT) != 0;
  const bit = <u64>1 << (cause & 63);
  const m = mode();
  const v = virt();
  let target: u32 = Mode.M;
  let toVirt: u32 = 0;
  if (interrupt) {
    target = interruptMode;
    toVirt = interruptVirt;
  } else if (m != Mode.M && csr(Csr.medeleg) & bit) {
    target = Mode.S;
    if (v && csr(Csr.hedeleg) & bit) toVirt = 1;
  }
  store<u64>(HART_RESERVATION, -1);
  const host = load<u32>(HART_HOST);
  if ((target == Mode.M && host & Host.M) || (target == Mode.S && !toVirt && v && host & Host.HS)) {
    const exit = exitOf(cause);
    if (target == Mode.S && !tinst && finishInWasm(exit, gpa)) return false; // nothing implicit: those are no accesses of a register
    store<u32>(EXIT_REASON, exit);
    store<u64>(EXIT_CAUSE, cause);
    store<u64>(EXIT_TVAL, tval);
    store<u64>(EXIT_GPA, gpa);
    store<u64>(EXIT_TINST, tinst ? tinst : transformed(cause, tval));
    store<u32>(EXIT_FROM_MODE, m);
    store<u32>(EXIT_FROM_VIRT, v);
    store<u32>(EXIT_TO_MODE, target);
    store<u32>(EXIT_PENDING, Pending.None);
    store<u32>(EXIT_INSN_LENGTH, insnLength(trapInsn));
    return true;
  }
  store<u64>(HART_CYCLES, load<u64>(HART_CYCLES) + <u64>max(cost(Cost.TrapEntry), 1));
  if (toVirt) {
    enterVS(cause, tval, m);
    vector(Csr.vstvec, cause);
  } else if (target == Mode.S) {
    enterHS(cause, tval, gpa, tinst, m, v);
    vector(Csr.stvec, cause);
  } else {
    enterM(cause, tval, gpa, tinst, m, v);
    vector(Csr.mtvec, cause);
  }
  return false;
}

function vector(tvec: u32, cause: u64): void {
  const base = csr(tvec) & ~(<u64>3);
  store<u64>(HART_PC, csr(tvec) & 1 && cause & INTERRUPT ? base + 4 * (cause & 0xfff) : base);
}

/** SIE → SPIE, SIE = 0, SPP = the mode left. */
function stackSupervisor(status: u64, m: u32): u64 {
  const spie: u64 = status & Status.SIE ? Status.SPIE : 0;
  return (status & ~<u64>(Status.SIE | Status.SPIE | Status.SPP)) | spie | (m == Mode.U ? 0 : <u64>Status.SPP);
}

function enterVS(cause: u64, tval: u64, m: u32): void {
  count(Counter.TrapsToVS);
  setCsr(Csr.vsstatus, stackSupervisor(csr(Csr.vsstatus), m));
  setCsr(Csr.vsepc, load<u64>(HART_PC));
  setCsr(Csr.vscause, cause);
  setCsr(Csr.vstval, tval);
  store<u32>(HART_MODE, Mode.S);
}

function enterHS(cause: u64, tval: u64, gpa: u64, tinst: u64, m: u32, v: u32): void {
  count(Counter.TrapsToS);
  let h = csr(Csr.hstatus) & ~<u64>(Hstatus.GVA | Hstatus.SPV);
  if (tvalIsGuestVirtual(cause)) h |= Hstatus.GVA;
  if (v) {
    h |= Hstatus.SPV;
    h = m == Mode.U ? h & ~<u64>Hstatus.SPVP : h | Hstatus.SPVP;
  }
  setCsr(Csr.hstatus, h);
  setCsr(Csr.mstatus, stackSupervisor(csr(Csr.mstatus), m));
  setCsr(Csr.sepc, load<u64>(HART_PC));
  setCsr(Csr.scause, cause);
  setCsr(Csr.stval, tval);
  setCsr(Csr.htval, gpa >> 2);
  setCsr(Csr.htinst, tinst ? tinst : transformed(cause, tval));
  store<u32>(HART_MODE, Mode.S);
  store<u32>(HART_VIRT, 0);
}

function enterM(cause: u64, tval: u64, gpa: u64, tinst: u64, m: u32, v: u32): void {
  count(Counter.TrapsToM);
  const status = csr(Csr.mstatus);
  let next = status & ~(<u64>(Status.MIE | Status.MPIE | Status.MPP) | STATUS_GVA | STATUS_MPV);
  if (status & Status.MIE) next |= Status.MPIE;
  next |= <u64>m << 11;
  if (v) next |= STATUS_MPV;
  if (tvalIsGuestVirtual(cause)) next |= STATUS_GVA;
  setCsr(Csr.mstatus, next);
  setCsr(Csr.mepc, load<u64>(HART_PC));
  setCsr(Csr.mcause, cause);
  setCsr(Csr.mtval, tval);
  setCsr(Csr.mtval2, gpa >> 2);
  setCsr(Csr.mtinst, tinst ? tinst : transformed(cause, tval));
  store<u32>(HART_MODE, Mode.M);
  store<u32>(HART_VIRT, 0);
}

/** The exception raised by the instruction at HART_PC. */
export function takeException(): bool {
  return takeTrap(trapCause, trapTval, trapGpa, trapTinst);
}

export function mret(): void {
  const status = csr(Csr.mstatus);
  const to = <u32>(status >> 11) & 3;
  const v: u32 = to != Mode.M && status & STATUS_MPV ? 1 : 0;
  let next = status & ~(<u64>(Status.MIE | Status.MPP) | STATUS_MPV);
  if (status & Status.MPIE) next |= Status.MIE;
  next |= Status.MPIE;
  if (to != Mode.M) next &= ~<u64>Status.MPRV;
  setCsr(Csr.mstatus, next);
  resume(csr(Csr.mepc), to, v);
}

/** SPIE → SIE, SPIE = 1, SPP = U. */
function unstackSupervisor(status: u64): u64 {
  const sie: u64 = status & Status.SPIE ? Status.SIE : 0;
  return (status & ~<u64>(Status.SIE | Status.SPP)) | sie | Status.SPIE;
}

/** SRET in HS-mode (or M-mode), or in VS-mode. */
export function sret(): void {
  if (virt()) {
    const status = csr(Csr.vsstatus);
    setCsr(Csr.vsstatus, unstackSupervisor(status));
    resume(csr(Csr.vsepc), status & Status.SPP ? Mode.S : Mode.U, 1);
    return;
  }
  const status = csr(Csr.mstatus);
  const h = csr(Csr.hstatus);
  setCsr(Csr.mstatus, unstackSupervisor(status) & ~<u64>Status.MPRV);
  setCsr(Csr.hstatus, h & ~<u64>Hstatus.SPV);
  resume(csr(Csr.sepc), status & Status.SPP ? Mode.S : Mode.U, h & Hstatus.SPV ? 1 : 0);
}

function resume(pc: u64, m: u32, v: u32): void {
  store<u64>(HART_PC, pc);
  store<u32>(HART_MODE, m);
  store<u32>(HART_VIRT, v);
}
