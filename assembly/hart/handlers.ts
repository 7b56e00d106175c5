// Exits of a guest that need no policy: finished here, at the cost that the VMM's profile says, without leaving Wasm.
import { Cost } from "../isa/cost";
import { Counter } from "../isa/counter";
import { Csr } from "../isa/csr";
import { Handler } from "../isa/exit";
import {
  EXIT_INSN_LENGTH,
  EXIT_SIZE,
  HANDLERS,
  HART_CYCLES,
  HART_INSTRET,
  HART_PC,
  SBI_BASE_ANSWERS,
  SHADOW_COUNT,
  SHADOW_REGISTERS,
  SHADOW_REGISTERS_MAX,
  X_REGS,
} from "../layout";
import { cost, count } from "../timing/caches";
import { finishLoad } from "./memory";
import { ENVCFG_STCE, csr, setCsr } from "./state";

/** SBI 2.0, "Base Extension" and "Timer Extension". */
const SBI_BASE: u64 = 0x10;
const SBI_TIME: u64 = 0x5449_4d45;

const A0: u32 = X_REGS + 10 * 8;
const A1: u32 = X_REGS + 11 * 8;
const A6: u32 = X_REGS + 16 * 8;
const A7: u32 = X_REGS + 17 * 8;

/** Guest physical address of the fault under way. */
let address: u64 = 0;

/** Lets Wasm finish exits of `reason` (enum Exit) by `handler` (enum Handler). */
export function setHandler(reason: u32, handler: u32): void {
  let index: u32 = 0;
  if (handler == Handler.Sbi) index = sbi.index;
  else if (handler == Handler.ShadowRead) index = shadowRead.index;
  if (reason < 16) store<u32>(HANDLERS + reason * 4, index);
}

/** True if the exit is done with and the guest goes on. */
export function finishInWasm(reason: u32, gpa: u64): bool {
  const handler = load<u32>(HANDLERS + reason * 4);
  if (!handler) return false;
  address = gpa;
  return call_indirect<bool>(handler);
}

function book(work: Cost): void {
  const exit = <u64>cost(Cost.ExitInWasm);
  const cycles = <u64>cost(work);
  count(Counter.ExitsInWasmExitCycles, exit);
  count(Counter.ExitsInWasmWorkCycles, cycles);
  store<u64>(HART_CYCLES, load<u64>(HART_CYCLES) + exit + cycles);
}

function sbi(): bool {
  const extension = load<u64>(A7);
  const call = load<u64>(A6);
  let value: u64 = 0;
  if (extension == SBI_TIME) {
    if (call != 0 || !(csr(Csr.henvcfg) & csr(Csr.menvcfg) & ENVCFG_STCE)) return false;
    setCsr(Csr.vstimecmp, load<u64>(A0));
  } else {
    // call 3 probes for extensions: policy
    if (extension != SBI_BASE || call > 6 || call == 3) return false;
    value = load<u64>(SBI_BASE_ANSWERS + <u32>call * 8);
  }
  store<u64>(A0, 0);
  store<u64>(A1, value);
  store<u64>(HART_PC, load<u64>(HART_PC) + 4);
  count(Counter.ExitsSbi);
  book(Cost.HypercallInWasm);
  return true;
}

function shadowRead(): bool {
  const size = load<u32>(EXIT_SIZE);
  if (!size) return false;
  const vmid = <u32>(csr(Csr.hgatp) >> 44) & 0x3fff;
  const registers = min(load<u32>(SHADOW_COUNT), <u32>SHADOW_REGISTERS_MAX);
  for (let i: u32 = 0; i < registers; i++) {
    const entry = SHADOW_REGISTERS + i * 16;
    const offset = address - load<u64>(entry);
    if (offset + size > 4 || offset > 3 || load<u32>(entry, 12) != vmid) continue;
    const value = <u64>(load<u32>(entry, 8) >> (<u32>offset * 8));
    finishLoad(value);
    store<u64>(HART_PC, load<u64>(HART_PC) + load<u32>(EXIT_INSN_LENGTH));
    store<u64>(HART_INSTRET, load<u64>(HART_INSTRET) + 1);
    count(Counter.ExitsShadowRead);
    book(Cost.ShadowReadInWasm);
    return true;
  }
  return false;
}
