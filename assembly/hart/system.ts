// Instructions that may trap, leave or see the whole state: SYSTEM, fences, A, HLV and HSV. HART_PC, HART_CYCLES and HART_INSTRET are
// exact when `system` is called. All but C.EBREAK are 4 bytes long.
import { swap, verdict } from "../csr/access";
import { readCsr, writeCsr } from "../csr/file";
import { Verdict } from "../csr/verdict";
import { amo } from "../insn/a";
import { Op } from "../insn/op";
import { Cbo } from "../insn/zicbo";
import { imm, op, rs1, rs2, setRd } from "../insn/record";
import { Cause } from "../isa/cause";
import { Cost } from "../isa/cost";
import { Csr } from "../isa/csr";
import { Exit, Host } from "../isa/exit";
import { Mode } from "../isa/privilege";
import { EXIT_PENDING, EXIT_REASON, HART_CYCLES, HART_HOST, HART_INSTRET, HART_PC, HART_RESERVATION, X_REGS } from "../layout";
import { dropStage1, dropStage2 } from "../mmu/filter";
import { tlbFlushStage1, tlbFlushStage2 } from "../mmu/tlb";
import { guestMode, physical } from "../mmu/translate";
import { Walk } from "../mmu/walk";
import { cost } from "../timing/caches";
import { Permission, cboPermission, manageBlock, zeroBlock } from "./cbo";
import { encodingAt, forgetStale } from "./code";
import { interruptPending } from "./interrupts";
import { atomicAddress, guestLoad, guestStore } from "./memory";
import { Hstatus, Leave, Status, charge, csr, leave, mode, raise, setLeave, virt } from "./state";
import { mret, sret } from "./trap";

function illegal(): void {
  raise(Cause.IllegalInstruction, encoding());
}
function virtualInstruction(): void {
  raise(Cause.VirtualInstruction, encoding());
}
function encoding(): u64 {
  return encodingAt(<u32>load<u64>(HART_PC) & 0xfff);
}

/** The instruction is done and the next may run in another context. */
function done(): void {
  store<u64>(HART_PC, load<u64>(HART_PC) + 4);
  setLeave(Leave.Changed);
}

/** Leaves to the host, with nothing to complete. */
function leaveFor(reason: Exit): void {
  store<u32>(EXIT_REASON, reason);
  store<u32>(EXIT_PENDING, 0);
  setLeave(Leave.Exit);
}

/** Executes the record at `dp`. A reason in `leave` stops the interpreter. */
export function system(dp: u32): void {
  const what = op(dp);
  switch (what) {
    case Op.Ecall: {
      const m = mode();
      const cause =
        m == Mode.M ? Cause.EnvironmentCallFromM
        : m == Mode.U ? Cause.EnvironmentCallFromU
        : virt() ? Cause.EnvironmentCallFromVS : Cause.EnvironmentCallFromS;
      raise(cause, 0);
      return;
    }
    case Op.Ebreak:
      if (load<u32>(HART_HOST) & Host.Debug) return leaveFor(Exit.Breakpoint);
      raise(Cause.Breakpoint, load<u64>(HART_PC));
      return;
    case Op.Sret:
      return doSret();
    case Op.Mret:
      if (mode() != Mode.M) return illegal();
      mret();
      charge(cost(Cost.TrapReturn));
      setLeave(Leave.Changed);
      return;
    case Op.Wfi:
      return wfi();
    case Op.FenceI:
      forgetStale();
      return done();
    case Op.SfenceVma:
      return sfenceVma(dp);
    case Op.HfenceVvma:
    case Op.HfenceGvma:
      return hfence(dp, what == Op.HfenceGvma);
    case Op.Csrrw:
    case Op.Csrrs:
    case Op.Csrrc:
      return csrAccess(dp, rs1(dp), what);
    case Op.Csrrwi: return csrAccess(dp, sourceNumber(dp), Op.Csrrw);
    case Op.Csrrsi: return csrAccess(dp, sourceNumber(dp), Op.Csrrs);
    case Op.Csrrci: return csrAccess(dp, sourceNumber(dp), Op.Csrrc);
    case Op.Illegal:
      return illegal();
    case Op.Lr:
      return loadReserved(dp);
    case Op.Sc:
      return storeConditional(dp);
    case Op.Hlv:
      return hlv(dp);
    case Op.Hsv:
      return hsv(dp);
    case Op.Amocas:
      return compareAndSwap(dp);
    case Op.Cbo:
      return cbo(dp);
    case Op.Wrs:
      return waitOnReservationSet(imm(dp) != 0);
    case Op.SfenceInval:
      if (mode() == Mode.U) return virt() ? virtualInstruction() : illegal();
      return;
    default:
      return atomic(dp, what);
  }
}

/** Number of rs1, which is also the uimm of CSRRWI, CSRRSI and CSRRCI. */
// @ts-ignore: decorator
@inline
function sourceNumber(dp: u32): u32 {
  return (<u32>load<u16>(dp, 6) - <u32>X_REGS) >> 3;
}

/** "CSR Instructions": CSRRS and CSRRC with rs1 = x0 (uimm = 0) do not write. */
function csrAccess(dp: u32, value: u64, what: i32): void {
  const n = <i32>imm(dp) & 0xfff;
  const write = what == Op.Csrrw || sourceNumber(dp) != 0;
  const v = verdict(n, write);
  if (v == Verdict.Illegal) return illegal();
  if (v == Verdict.Virtual) return virtualInstruction();
  const target = swap(n);
  const old = readCsr(target);
  let changed = false;
  if (write) {
    // read-modify-write of mip acts on the stored bits, not on the lines ("Machine Interrupt Registers": SEIP)
    const base = target == Csr.mip ? csr(Csr.mip) | csr(Csr.hvip) : old;
    changed = writeCsr(target, what == Op.Csrrw ? value : what == Op.Csrrs ? base | value : base & ~value);
  }
  setRd(dp, old);
  if (changed) done();
}

function doSret(): void {
  const m = mode();
  const v = virt();
  if (m == Mode.U) return v ? virtualInstruction() : illegal();
  if (v && csr(Csr.hstatus) & Hstatus.VTSR) return virtualInstruction();
  if (!v && m == Mode.S && csr(Csr.mstatus) & Status.TSR) return illegal();
  sret();
  charge(cost(Cost.TrapReturn));
  setLeave(Leave.Changed);
}

/** WFI resumes when an interrupt is pending and enabled at any level, whatever the global enables. */
function wfi(): void {
  const m = mode();
  const v = virt();
  if (m != Mode.M && csr(Csr.mstatus) & Status.TW) return illegal();
  if (m == Mode.U) return v ? virtualInstruction() : illegal();
  if (v && csr(Csr.hstatus) & Hstatus.VTW) return virtualInstruction();
  done();
  if (interruptPending()) return;
  store<u64>(HART_INSTRET, load<u64>(HART_INSTRET) + 1);
  store<u64>(HART_CYCLES, load<u64>(HART_CYCLES) + 1);
  leaveFor(Exit.WaitForInterrupt);
}

/** A stall ends by itself after so many cycles: memory may change, or a deadline come. */
const WRS_STALL: i32 = 256;

/** Zawrs "Extension for Wait-on-Reservation-Set instructions": the bounded time limit of WRS.NTO is none. */
function waitOnReservationSet(short: bool): void {
  if (load<u64>(HART_RESERVATION) == <u64>-1 || interruptPending()) return;
  if (!short) {
    if (mode() != Mode.M && csr(Csr.mstatus) & Status.TW) return illegal();
    if (virt() && csr(Csr.hstatus) & Hstatus.VTW) return virtualInstruction();
  }
  charge(WRS_STALL);
}

function cbo(dp: u32): void {
  const operation = <u32>imm(dp);
  const permission = cboPermission(operation);
  if (permission == Permission.Illegal) return illegal();
  if (permission == Permission.Virtual) return virtualInstruction();
  if (operation == Cbo.Zero) zeroBlock(rs1(dp));
  else manageBlock(rs1(dp));
}

function sfenceVma(dp: u32): void {
  const m = mode();
  const v = virt();
  if (m == Mode.U) return v ? virtualInstruction() : illegal();
  if (v && csr(Csr.hstatus) & Hstatus.VTVM) return virtualInstruction();
  if (!v && m == Mode.S && csr(Csr.mstatus) & Status.TVM) return illegal();
  stage1Fence(dp, v);
}
function stage1Fence(dp: u32, v: u32): void {
  const given = <u32>imm(dp);
  const vmid = <u32>(csr(Csr.hgatp) >> 44) & 0x3fff;
  const byPage = (given & 1) != 0;
  const byAsid = (given & 2) != 0;
  const asid = <u32>rs2(dp) & 0xffff;
  tlbFlushStage1(v, vmid, byPage, rs1(dp) >> 12, byAsid, asid);
  dropStage1(v, vmid, byPage, rs1(dp), byAsid, asid);
  done();
}

/** HFENCE.VVMA and HFENCE.GVMA: HS-mode or M-mode only. */
function hfence(dp: u32, gvma: bool): void {
  const m = mode();
  if (virt()) return virtualInstruction();
  if (m == Mode.U || (gvma && m == Mode.S && csr(Csr.mstatus) & Status.TVM)) return illegal();
  if (!gvma) return stage1Fence(dp, 1);
  const given = <u32>imm(dp);
  const byVmid = (given & 2) != 0;
  const vmid = <u32>rs2(dp) & 0x3fff;
  // the address is a guest physical one, shifted right by 2
  tlbFlushStage2((given & 1) != 0, rs1(dp) >> 10, byVmid, vmid);
  dropStage2(byVmid, vmid);
  done();
}

/** HLV, HLVX, HSV: M, HS, and U with hstatus.HU. */
function mayReachGuest(): bool {
  if (virt()) {
    virtualInstruction();
    return false;
  }
  if (mode() == Mode.U && !(csr(Csr.hstatus) & Hstatus.HU)) {
    illegal();
    return false;
  }
  return true;
}
function hlv(dp: u32): void {
  if (!mayReachGuest()) return;
  const kind = <u32>imm(dp);
  const value = guestLoad(rs1(dp), kind & 7, load<u16>(dp, 2), guestMode(), kind & 8 ? Walk.Hlvx : 0);
  if (!leaving()) setRd(dp, value);
}
function hsv(dp: u32): void {
  if (mayReachGuest()) guestStore(rs1(dp), 1 << <u32>imm(dp), rs2(dp), guestMode());
}

// @ts-ignore: decorator
@inline
function sized(value: u64, size: u32): u64 {
  return size == 4 ? <u64>(<i64>(<i32>value)) : value;
}

function loadReserved(dp: u32): void {
  const size: u32 = 1 << <u32>imm(dp);
  const address = atomicAddress(rs1(dp), size, 0);
  if (!address) return;
  store<u64>(HART_RESERVATION, physical);
  setRd(dp, sized(size == 4 ? <u64>load<u32>(address) : load<u64>(address), size));
}

/** Succeeds only on the address of the last LR; either way the reservation is gone. */
function storeConditional(dp: u32): void {
  const size: u32 = 1 << <u32>imm(dp);
  const address = atomicAddress(rs1(dp), size, 1);
  if (!address) return;
  const ok = load<u64>(HART_RESERVATION) == physical;
  store<u64>(HART_RESERVATION, -1);
  if (ok) {
    if (size == 4) store<u32>(address, <u32>rs2(dp));
    else store<u64>(address, rs2(dp));
  }
  setRd(dp, ok ? 0 : 1);
}

function atomic(dp: u32, what: i32): void {
  const size: u32 = 1 << <u32>imm(dp);
  const address = atomicAddress(rs1(dp), size, 1);
  if (!address) return;
  const old = sized(size == 4 ? <u64>load<u32>(address) : load<u64>(address), size);
  const value = amo(what, old, sized(rs2(dp), size));
  if (size == 4) store<u32>(address, <u32>value);
  else store<u64>(address, value);
  setRd(dp, old);
}

/** Register `number`, or beyond x0 its fellow of a pair: both read as zero. */
// @ts-ignore: decorator
@inline
function pairHigh(number: u32): u64 {
  return number ? load<u64>(X_REGS + 8 * (number + 1)) : 0;
}

/** Zacas: "requires write permissions" whether or not it writes. */
function compareAndSwap(dp: u32): void {
  const size: u32 = 1 << (<u32>imm(dp) & 7);
  const rd = <u32>imm(dp) >> 8;
  const address = atomicAddress(rs1(dp), size, 1);
  if (!address) return;
  const compare = load<u64>(X_REGS + 8 * rd);
  if (size == 4) {
    const old = load<u32>(address);
    if (old == <u32>compare) store<u32>(address, <u32>rs2(dp));
    setRd(dp, sized(old, 4));
    return;
  }
  const low = load<u64>(address);
  if (size == 8) {
    if (low == compare) store<u64>(address, rs2(dp));
    setRd(dp, low);
    return;
  }
  const high = load<u64>(address, 8);
  const source = (<u32>load<u16>(dp, 6) - <u32>X_REGS) >> 3;
  if (low == compare && high == pairHigh(rd)) {
    store<u64>(address, rs2(dp));
    store<u64>(address, pairHigh(source), 8);
  }
  if (!rd) return;
  setRd(dp, low);
  store<u64>(X_REGS + 8 * (rd + 1), high);
}

// @ts-ignore: decorator
@inline
function leaving(): bool {
  return leave != Leave.None;
}
