// The interpreter: decoded records and one dense switch, which the compiler makes a jump table. Everything rare goes elsewhere.
import { addressed } from "../insn/b";
import { divide, multiply } from "../insn/m";
import { integer, taken } from "../insn/i";
import { classCycles } from "../insn/decode";
import { Op } from "../insn/op";
import { BLOCK_HEADER, RECORD, TALLY_MASK, TALLY_SHIFT, imm, linkOffset, op, rs1, rs2, setRd } from "../insn/record";
import { Exit } from "../isa/exit";
import {
  EXIT_INSN_LENGTH,
  EXIT_PENDING,
  EXIT_REASON,
  EXIT_TVAL,
  EXIT_VALUE,
  EXIT_WRITE,
  SELECTED_HART_BIT,
  HART_CYCLES,
  HART_INSTRET,
  HART_PC,
} from "../layout";
import { filterEntry, filterTag, loadTable, storeTable } from "../mmu/filter";
import { accessFault, useContext } from "../mmu/translate";
import { Access } from "../mmu/walk";
import { fetchLine } from "../timing/caches";
import { SCRATCH_BLOCK, encodingAt, fetchBlock, fetchOne, generation, knownBlock, nearBlock, pageAddress } from "./code";
import { BOX, floatAllowed, floatReady } from "./float";
import { interruptToTake, nextTimer } from "./interrupts";
import { Load, Pending, finishLoad, slowLoad, slowStore } from "./memory";
import { seldom } from "./seldom";
import { Leave, clearPenalty, dirtyFloat, insnLength, leave, penalty, setInsn, setLeave } from "./state";
import { system } from "./system";
import { INTERRUPT, takeException, takeTrap } from "./trap";

/**
 * Longest stretch between two looks at the clock, in cycles: no more instructions than a tally can count, and short enough that the
 * engine can replace the interpreter by its optimized version.
 */
const SLICE: u64 = 1 << 19;

/** Cycle count at which the budget of the interpreter is used up. */
let limit: u64 = 0;
/** Instructions retired when it began. */
let startInstret: u64 = 0;

/** Whether to stop after one instruction. */
let single: bool = false;

/** Executes one instruction, or takes a trap instead of it; returns enum Exit. */
export function step(): i32 {
  single = true;
  const exit = run(<f64>(load<u64>(HART_CYCLES) + 1));
  single = false;
  return exit;
}

/** Runs until the clock reaches `deadline` or an exit; returns enum Exit. */
export function run(deadline: f64): i32 {
  const end: u64 = deadline >= 9e15 ? <u64>9e15 : deadline <= 0 ? 0 : <u64>deadline;
  if (completeAccess()) {
    const out = takeException();
    if (out) return load<i32>(EXIT_REASON);
    if (single) return deadlineReached();
  }
  while (true) {
    const interrupt = interruptToTake();
    if (interrupt >= 0) {
      setInsn(3);
      if (takeTrap(INTERRUPT | <u64>interrupt, 0, 0, 0)) return load<i32>(EXIT_REASON);
      if (single) return deadlineReached();
    }
    const now = load<u64>(HART_CYCLES);
    if (now >= end) return deadlineReached();
    useContext();
    limit = min(nextTimer(end), now + SLICE);
    execute(<i32>(limit - now));
    if (leave == Leave.Exit) return load<i32>(EXIT_REASON);
    if (leave == Leave.Trap && takeException()) return load<i32>(EXIT_REASON);
  }
}

function deadlineReached(): i32 {
  store<u32>(EXIT_REASON, Exit.Deadline);
  store<u32>(EXIT_PENDING, Pending.None);
  return Exit.Deadline;
}

/** Does what the host's answer to the last exit asks for; true when that is an exception. */
function completeAccess(): bool {
  const answer = load<u32>(EXIT_PENDING);
  if (answer == Pending.None) return false;
  store<u32>(EXIT_PENDING, Pending.None);
  setLeave(Leave.None);
  if (answer == Pending.Refused) {
    accessFault(load<u64>(EXIT_TVAL), load<u32>(EXIT_WRITE) ? Access.Write : Access.Read);
    return true;
  }
  if (answer == Pending.Load) finishLoad(load<u64>(EXIT_VALUE));
  store<u64>(HART_PC, load<u64>(HART_PC) + load<u32>(EXIT_INSN_LENGTH));
  store<u64>(HART_INSTRET, load<u64>(HART_INSTRET) + 1);
  store<u64>(HART_CYCLES, load<u64>(HART_CYCLES) + 1);
  return false;
}

/** The budget as the interpreter keeps it: cycles left above TALLY_SHIFT, less the instructions retired; used up when not above 0. */
// @ts-ignore: decorator
@inline
function spend(cycles: i32): i64 {
  return <i64>cycles << TALLY_SHIFT;
}

/** Makes pc, clock and instret exact at `pc`, when `left` is left of the budget. */
function settleAt(pc: u64, left: i64): void {
  const retired = -left & TALLY_MASK;
  store<u64>(HART_PC, pc);
  store<u64>(HART_CYCLES, limit - <u64>((left + retired) >> TALLY_SHIFT));
  store<u64>(HART_INSTRET, startInstret + retired);
}

/** The same before the straight-line record `dp`. */
function settleBefore(dp: u32, left: i64): void {
  const before = <u32>load<u16>(dp, 14);
  settleAt(pageAddress() + load<u16>(dp, 12), left - spend(before >> 6) - (before & 63));
}

/** Notes the encoding of the record `dp` for whoever takes its trap or exit. */
function describe(dp: u32): void {
  const insn = encodingAt(load<u16>(dp, 12));
  setInsn(insn);
  store<u32>(EXIT_INSN_LENGTH, insnLength(insn));
}

/** All that is to be known when the record `dp`, which isn't done, traps or leaves. */
function settle(dp: u32, left: i64): void {
  settleBefore(dp, left);
  describe(dp);
}

/** After `system` stopped the interpreter: pc is as it left it, and the clock stands before the instruction. */
function settleSystem(dp: u32): void {
  let cycles = <u64>penalty;
  if (leave == Leave.Changed) {
    cycles += classCycles(op(dp));
    store<u64>(HART_INSTRET, load<u64>(HART_INSTRET) + 1);
  } else describe(dp);
  store<u64>(HART_CYCLES, load<u64>(HART_CYCLES) + cycles);
}

/** The block at `pc`, new to the fetch filter, with `left` left; 0 after a fault, all settled. Its cost is in `penalty`. */
function find(pc: u64, left: i64): u32 {
  clearPenalty();
  settleAt(pc, left);
  const block = single ? fetchOne(pc) : fetchBlock(pc);
  if (!block) {
    setInsn(3);
    settleAt(pc, left - spend(penalty));
  }
  return block;
}

/** Remembers in the branch `dp` that its target's block is `block`, if both are in the page at `page`. */
// @ts-ignore: decorator
@inline
function link(dp: u32, block: u32, page: u64): void {
  // blocks never cross pages: what is in the page of this block stays reachable from it while it lives
  if (pageAddress() == page && block != SCRATCH_BLOCK && dp != SCRATCH_BLOCK && dp != SCRATCH_BLOCK + RECORD) store<u32>(dp, block, 12);
}

/** Does a load if the filter knows its address. */
// @ts-ignore: decorator
@inline
function loaded<T>(dp: u32): bool {
  const va = rs1(dp) + imm(dp);
  const entry = filterEntry(loadTable(), va);
  if (load<u64>(entry) != filterTag(va, sizeof<T>())) return false;
  const at = <u32>va + load<u32>(entry, 8);
  setRd(dp, isSigned<T>() ? <u64>(<i64>load<T>(at)) : <u64>load<T>(at));
  return true;
}
/** Does a store if the filter knows its address. */
// @ts-ignore: decorator
@inline
function stored<T>(dp: u32): bool {
  const va = rs1(dp) + imm(dp);
  const entry = filterEntry(storeTable(), va);
  if (load<u64>(entry) != filterTag(va, sizeof<T>())) return false;
  store<T>(<u32>va + load<u32>(entry, 8), <T>rs2(dp));
  return true;
}
/** The same the slow way; returns what it spends. A reason in `leave` means that it isn't done. */
function missedLoad(dp: u32, kind: u32): i64 {
  clearPenalty();
  const value = slowLoad(rs1(dp) + imm(dp), kind, load<u16>(dp, 2));
  if (!leave) setRd(dp, value);
  return spend(penalty);
}
function missedStore(dp: u32, size: u32): i64 {
  clearPenalty();
  slowStore(rs1(dp) + imm(dp), size, rs2(dp));
  return spend(penalty);
}
/** Loads and stores of floating-point registers, quick only while nothing is to be marked. A single is boxed. */
// @ts-ignore: decorator
@inline
function floatLoaded<T>(dp: u32): bool {
  if (!floatReady()) return false;
  const va = rs1(dp) + imm(dp);
  const entry = filterEntry(loadTable(), va);
  if (load<u64>(entry) != filterTag(va, sizeof<T>())) return false;
  const at = <u32>va + load<u32>(entry, 8);
  setRd(dp, sizeof<T>() == 4 ? <u64>load<T>(at) | BOX : <u64>load<T>(at));
  return true;
}
function missedFloatLoad(dp: u32, kind: u32): i64 {
  clearPenalty();
  if (!floatAllowed(dp)) return 0;
  const value = slowLoad(rs1(dp) + imm(dp), kind, load<u16>(dp, 2));
  if (!leave) {
    setRd(dp, value);
    dirtyFloat();
  }
  return spend(penalty);
}
function missedFloatStore(dp: u32, size: u32): i64 {
  clearPenalty();
  return floatAllowed(dp) ? missedStore(dp, size) : 0;
}

/** What fetching from a line spends; `present` is its entry of L1I_PRESENT. */
// @ts-ignore: decorator
@inline
function entered(present: u32): i64 {
  return load<u8>(present) & load<u32>(SELECTED_HART_BIT) ? 0 : spend(fetchLine(present));
}

/** Interprets from HART_PC until the budget (cycles, > 0) is used up or something in `leave` stops it. */
function execute(budget: i32): void {
  startInstret = load<u64>(HART_INSTRET);
  setLeave(Leave.None);
  let left = spend(budget);
  const pc = load<u64>(HART_PC);
  let dp = single ? 0 : knownBlock(pc);
  if (!dp) {
    dp = find(pc, left);
    if (!dp) return;
    left -= spend(penalty);
  }
  if (isDefined(TIMED)) left -= entered(load<u32>(dp - BLOCK_HEADER));
  while (true) {
    switch (op(dp)) {
      case Op.Line:
        if (isDefined(TIMED)) left -= entered(load<u32>(dp, 8));
        dp += RECORD;
        continue;
      case Op.Li: setRd(dp, imm(dp)); dp += RECORD; continue;
      case Op.Auipc: setRd(dp, pageAddress() + load<u16>(dp, 12) + imm(dp)); dp += RECORD; continue;
      case Op.Addi: setRd(dp, rs1(dp) + imm(dp)); dp += RECORD; continue;
      case Op.Slti: setRd(dp, integer(Op.Slt, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Sltiu: setRd(dp, integer(Op.Sltu, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Xori: setRd(dp, integer(Op.Xor, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Ori: setRd(dp, integer(Op.Or, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Andi: setRd(dp, integer(Op.And, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Slli: setRd(dp, integer(Op.Sll, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Srli: setRd(dp, integer(Op.Srl, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Srai: setRd(dp, integer(Op.Sra, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Addiw: setRd(dp, integer(Op.Addw, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Slliw: setRd(dp, integer(Op.Sllw, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Srliw: setRd(dp, integer(Op.Srlw, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Sraiw: setRd(dp, integer(Op.Sraw, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Add: setRd(dp, integer(Op.Add, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sub: setRd(dp, integer(Op.Sub, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sll: setRd(dp, integer(Op.Sll, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Slt: setRd(dp, integer(Op.Slt, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sltu: setRd(dp, integer(Op.Sltu, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Xor: setRd(dp, integer(Op.Xor, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Srl: setRd(dp, integer(Op.Srl, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sra: setRd(dp, integer(Op.Sra, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Or: setRd(dp, integer(Op.Or, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.And: setRd(dp, integer(Op.And, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Addw: setRd(dp, integer(Op.Addw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Subw: setRd(dp, integer(Op.Subw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sllw: setRd(dp, integer(Op.Sllw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Srlw: setRd(dp, integer(Op.Srlw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sraw: setRd(dp, integer(Op.Sraw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Mul: setRd(dp, multiply(Op.Mul, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Mulh: setRd(dp, multiply(Op.Mulh, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Mulhsu: setRd(dp, multiply(Op.Mulhsu, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Mulhu: setRd(dp, multiply(Op.Mulhu, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Mulw: setRd(dp, multiply(Op.Mulw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Div: setRd(dp, divide(Op.Div, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Divu: setRd(dp, divide(Op.Divu, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Rem: setRd(dp, divide(Op.Rem, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Remu: setRd(dp, divide(Op.Remu, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Divw: setRd(dp, divide(Op.Divw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Divuw: setRd(dp, divide(Op.Divuw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Remw: setRd(dp, divide(Op.Remw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Remuw: setRd(dp, divide(Op.Remuw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.AddUw: setRd(dp, addressed(Op.AddUw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sh1add: setRd(dp, addressed(Op.Sh1add, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sh2add: setRd(dp, addressed(Op.Sh2add, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sh3add: setRd(dp, addressed(Op.Sh3add, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sh1addUw: setRd(dp, addressed(Op.Sh1addUw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sh2addUw: setRd(dp, addressed(Op.Sh2addUw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.Sh3addUw: setRd(dp, addressed(Op.Sh3addUw, rs1(dp), rs2(dp))); dp += RECORD; continue;
      case Op.SlliUw: setRd(dp, addressed(Op.SlliUw, rs1(dp), imm(dp))); dp += RECORD; continue;
      case Op.Nop: dp += RECORD; continue;
      case Op.Flw:
        if (!floatLoaded<u32>(dp)) {
          left -= missedFloatLoad(dp, Load.FW);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Fld:
        if (!floatLoaded<u64>(dp)) {
          left -= missedFloatLoad(dp, Load.FD);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Fsw:
        if (!floatReady() || !stored<u32>(dp)) {
          left -= missedFloatStore(dp, sizeof<u32>());
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Fsd:
        if (!floatReady() || !stored<u64>(dp)) {
          left -= missedFloatStore(dp, sizeof<u64>());
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Lb:
        if (!loaded<i8>(dp)) {
          left -= missedLoad(dp, Load.B);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Lh:
        if (!loaded<i16>(dp)) {
          left -= missedLoad(dp, Load.H);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Lw:
        if (!loaded<i32>(dp)) {
          left -= missedLoad(dp, Load.W);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Ld:
        if (!loaded<i64>(dp)) {
          left -= missedLoad(dp, Load.D);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Lbu:
        if (!loaded<u8>(dp)) {
          left -= missedLoad(dp, Load.BU);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Lhu:
        if (!loaded<u16>(dp)) {
          left -= missedLoad(dp, Load.HU);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Lwu:
        if (!loaded<u32>(dp)) {
          left -= missedLoad(dp, Load.WU);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Sb:
        if (!stored<u8>(dp)) {
          left -= missedStore(dp, sizeof<u8>());
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Sh:
        if (!stored<u16>(dp)) {
          left -= missedStore(dp, sizeof<u16>());
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Sw:
        if (!stored<u32>(dp)) {
          left -= missedStore(dp, sizeof<u32>());
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Sd:
        if (!stored<u64>(dp)) {
          left -= missedStore(dp, sizeof<u64>());
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        continue;
      case Op.Beq: if (taken(Op.Beq, rs1(dp), rs2(dp))) break; dp += RECORD; continue;
      case Op.Bne: if (taken(Op.Bne, rs1(dp), rs2(dp))) break; dp += RECORD; continue;
      case Op.Blt: if (taken(Op.Blt, rs1(dp), rs2(dp))) break; dp += RECORD; continue;
      case Op.Bge: if (taken(Op.Bge, rs1(dp), rs2(dp))) break; dp += RECORD; continue;
      case Op.Bltu: if (taken(Op.Bltu, rs1(dp), rs2(dp))) break; dp += RECORD; continue;
      case Op.Bgeu: if (taken(Op.Bgeu, rs1(dp), rs2(dp))) break; dp += RECORD; continue;
      case Op.SlliAdd:
        setRd(dp, integer(Op.Sll, rs1(dp), imm(dp)));
        setRd(dp + RECORD, rs1(dp + RECORD) + rs2(dp + RECORD));
        dp += 2 * RECORD;
        continue;
      case Op.SlliAddLw:
        setRd(dp, integer(Op.Sll, rs1(dp), imm(dp)));
        setRd(dp + RECORD, rs1(dp + RECORD) + rs2(dp + RECORD));
        dp += 2 * RECORD;
        if (loaded<i32>(dp)) dp += RECORD;
        continue;
      case Op.SlliAddLd:
        setRd(dp, integer(Op.Sll, rs1(dp), imm(dp)));
        setRd(dp + RECORD, rs1(dp + RECORD) + rs2(dp + RECORD));
        dp += 2 * RECORD;
        if (loaded<i64>(dp)) dp += RECORD;
        continue;
      case Op.SlliSrli:
        setRd(dp, integer(Op.Sll, rs1(dp), imm(dp)));
        setRd(dp + RECORD, integer(Op.Srl, rs1(dp + RECORD), imm(dp + RECORD)));
        dp += 2 * RECORD;
        continue;
      case Op.SlliSrliAdd:
        setRd(dp, integer(Op.Sll, rs1(dp), imm(dp)));
        setRd(dp + RECORD, integer(Op.Srl, rs1(dp + RECORD), imm(dp + RECORD)));
        setRd(dp + 2 * RECORD, rs1(dp + 2 * RECORD) + rs2(dp + 2 * RECORD));
        dp += 3 * RECORD;
        continue;
      case Op.AddiAddi:
        setRd(dp, rs1(dp) + imm(dp));
        setRd(dp + RECORD, rs1(dp + RECORD) + imm(dp + RECORD));
        dp += 2 * RECORD;
        continue;
      case Op.AddiBeq:
        setRd(dp, rs1(dp) + imm(dp));
        dp += RECORD;
        if (taken(Op.Beq, rs1(dp), rs2(dp))) break;
        dp += RECORD;
        continue;
      case Op.AddiBne:
        setRd(dp, rs1(dp) + imm(dp));
        dp += RECORD;
        if (taken(Op.Bne, rs1(dp), rs2(dp))) break;
        dp += RECORD;
        continue;
      case Op.AddiBlt:
        setRd(dp, rs1(dp) + imm(dp));
        dp += RECORD;
        if (taken(Op.Blt, rs1(dp), rs2(dp))) break;
        dp += RECORD;
        continue;
      case Op.AddiBltu:
        setRd(dp, rs1(dp) + imm(dp));
        dp += RECORD;
        if (taken(Op.Bltu, rs1(dp), rs2(dp))) break;
        dp += RECORD;
        continue;
      case Op.AndiBeq:
        setRd(dp, rs1(dp) & imm(dp));
        dp += RECORD;
        if (taken(Op.Beq, rs1(dp), rs2(dp))) break;
        dp += RECORD;
        continue;
      case Op.AndiBne:
        setRd(dp, rs1(dp) & imm(dp));
        dp += RECORD;
        if (taken(Op.Bne, rs1(dp), rs2(dp))) break;
        dp += RECORD;
        continue;
      case Op.AddBne:
        setRd(dp, rs1(dp) + rs2(dp));
        dp += RECORD;
        if (taken(Op.Bne, rs1(dp), rs2(dp))) break;
        dp += RECORD;
        continue;
      case Op.AddwBne:
        setRd(dp, integer(Op.Addw, rs1(dp), rs2(dp)));
        dp += RECORD;
        if (taken(Op.Bne, rs1(dp), rs2(dp))) break;
        dp += RECORD;
        continue;
      case Op.AddiwBne:
        setRd(dp, integer(Op.Addw, rs1(dp), imm(dp)));
        dp += RECORD;
        if (taken(Op.Bne, rs1(dp), rs2(dp))) break;
        dp += RECORD;
        continue;
      case Op.AddLbu:
        setRd(dp, rs1(dp) + rs2(dp));
        dp += RECORD;
        if (loaded<u8>(dp)) dp += RECORD;
        continue;
      case Op.AddLw:
        setRd(dp, rs1(dp) + rs2(dp));
        dp += RECORD;
        if (loaded<i32>(dp)) dp += RECORD;
        continue;
      case Op.AddLd:
        setRd(dp, rs1(dp) + rs2(dp));
        dp += RECORD;
        if (loaded<i64>(dp)) dp += RECORD;
        continue;
      case Op.AddSb:
        setRd(dp, rs1(dp) + rs2(dp));
        dp += RECORD;
        if (stored<u8>(dp)) dp += RECORD;
        continue;
      case Op.MulAdd:
        setRd(dp, rs1(dp) * rs2(dp));
        setRd(dp + RECORD, rs1(dp + RECORD) + rs2(dp + RECORD));
        dp += 2 * RECORD;
        continue;
      case Op.MulwAddw:
        setRd(dp, multiply(Op.Mulw, rs1(dp), rs2(dp)));
        setRd(dp + RECORD, integer(Op.Addw, rs1(dp + RECORD), rs2(dp + RECORD)));
        dp += 2 * RECORD;
        continue;
      case Op.AddwBltu:
        setRd(dp, integer(Op.Addw, rs1(dp), rs2(dp)));
        dp += RECORD;
        if (taken(Op.Bltu, rs1(dp), rs2(dp))) break;
        dp += RECORD;
        continue;
      case Op.AddwBgeu:
        setRd(dp, integer(Op.Addw, rs1(dp), rs2(dp)));
        dp += RECORD;
        if (taken(Op.Bgeu, rs1(dp), rs2(dp))) break;
        dp += RECORD;
        continue;
      case Op.LbuAddi:
        if (!loaded<u8>(dp)) {
          left -= missedLoad(dp, Load.BU);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        setRd(dp, rs1(dp) + imm(dp));
        dp += RECORD;
        continue;
      case Op.LwAddi:
        if (!loaded<i32>(dp)) {
          left -= missedLoad(dp, Load.W);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        setRd(dp, rs1(dp) + imm(dp));
        dp += RECORD;
        continue;
      case Op.LdAddi:
        if (!loaded<i64>(dp)) {
          left -= missedLoad(dp, Load.D);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        setRd(dp, rs1(dp) + imm(dp));
        dp += RECORD;
        continue;
      case Op.LwLw:
        if (!loaded<i32>(dp)) {
          left -= missedLoad(dp, Load.W);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        if (loaded<i32>(dp)) dp += RECORD;
        continue;
      case Op.LdLd:
        if (!loaded<i64>(dp)) {
          left -= missedLoad(dp, Load.D);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        if (loaded<i64>(dp)) dp += RECORD;
        continue;
      case Op.LdLdLd:
        if (!loaded<i64>(dp)) {
          left -= missedLoad(dp, Load.D);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        if (!loaded<i64>(dp)) continue;
        dp += RECORD;
        if (loaded<i64>(dp)) dp += RECORD;
        continue;
      case Op.LdLdLdLd:
        if (!loaded<i64>(dp)) {
          left -= missedLoad(dp, Load.D);
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        if (!loaded<i64>(dp)) continue;
        dp += RECORD;
        if (!loaded<i64>(dp)) continue;
        dp += RECORD;
        if (loaded<i64>(dp)) dp += RECORD;
        continue;
      case Op.SwSw:
        if (!stored<u32>(dp)) {
          left -= missedStore(dp, sizeof<u32>());
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        if (stored<u32>(dp)) dp += RECORD;
        continue;
      case Op.SdSd:
        if (!stored<u64>(dp)) {
          left -= missedStore(dp, sizeof<u64>());
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        if (stored<u64>(dp)) dp += RECORD;
        continue;
      case Op.SdSdSd:
        if (!stored<u64>(dp)) {
          left -= missedStore(dp, sizeof<u64>());
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        if (!stored<u64>(dp)) continue;
        dp += RECORD;
        if (stored<u64>(dp)) dp += RECORD;
        continue;
      case Op.SdSdSdSd:
        if (!stored<u64>(dp)) {
          left -= missedStore(dp, sizeof<u64>());
          if (leave) return settle(dp, left);
        }
        dp += RECORD;
        if (!stored<u64>(dp)) continue;
        dp += RECORD;
        if (!stored<u64>(dp)) continue;
        dp += RECORD;
        if (stored<u64>(dp)) dp += RECORD;
        continue;
      case Op.Next: break;
      case Op.Jal: store<u64>(load<u16>(dp, 4), pageAddress() + load<u16>(dp, 6)); break;
      case Op.Jalr: {
        const target = (rs1(dp) + <u64>(<i64>load<i16>(dp, 6))) & ~(<u64>1);
        setRd(dp, pageAddress() + load<u16>(dp, 12));
        left -= <i64>load<u32>(dp, 8);
        if (left <= 0) return settleAt(target, left);
        dp = nearBlock(target);
        if (!dp) {
          dp = find(target, left);
          if (!dp) return;
          left -= spend(penalty);
        }
        if (isDefined(TIMED)) left -= entered(load<u32>(dp - BLOCK_HEADER));
        continue;
      }
      default: {
        if (op(dp) < Op.System) {
          if (seldom(dp)) return settle(dp, left);
          dp += RECORD;
          continue;
        }
        clearPenalty();
        settleBefore(dp, left);
        system(dp);
        if (leave) return settleSystem(dp);
        left -= spend(penalty);
        dp += RECORD;
        continue;
      }
    }
    // a branch that is taken, a jump, or the end of a block
    left -= <i64>load<u32>(dp, 8);
    const next = load<i32>(dp, 12);
    if (next > 0) {
      dp = next;
      if (left <= 0) return settleAt(pageAddress() + load<u16>(dp - BLOCK_HEADER, 4), left);
    } else {
      const page = pageAddress();
      const target = page + linkOffset(next);
      if (left <= 0) return settleAt(target, left);
      const before = generation;
      let block = knownBlock(target);
      if (!block) {
        block = find(target, left);
        if (!block) return;
        left -= spend(penalty);
      }
      if (before == generation) link(dp, block, page);
      dp = block;
    }
    if (isDefined(TIMED)) left -= entered(load<u32>(dp - BLOCK_HEADER));
  }
}
