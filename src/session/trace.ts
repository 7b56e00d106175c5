// A line for each instruction: hart, mode, pc, encoding, and what it wrote to registers or the trap that it met.
//
//   0 S ffffffff80002040 00a50533 x10=0000000000000005
//   0 S ffffffff80002044 trap: load page fault, tval 0000000000001000
import { Csr } from "../../assembly/isa/csr.js";
import { Exit } from "../../assembly/isa/exit.js";
import { Mode } from "../../assembly/isa/privilege.js";
import {
  EXIT_CAUSE,
  EXIT_PENDING,
  EXIT_TVAL,
  F_REGS,
  HART_INSTRET,
  HART_MODE,
  HART_VIRT,
  X_REGS,
} from "../../assembly/layout.js";
import type { Core } from "../core/core.js";
import { exceptionName, interruptName } from "../platform/trap-names.js";
import { type Engine, stepwise } from "./engine.js";

const REGISTERS = 32;
const INTERRUPT = 1n << 63n;
/** By trap-taking mode: the CSRs that tell of the trap. */
const TRAP_CSRS = {
  M: [Csr.mcause, Csr.mtval],
  S: [Csr.scause, Csr.stval],
  VS: [Csr.vscause, Csr.vstval],
} as const;

/** An instruction under way: a device's answer to a load comes before its registers are written. */
interface Begun {
  readonly head: string;
  readonly x: BigUint64Array;
  readonly f: BigUint64Array;
}

/** An engine that writes a line for each instruction that `engine` steps through; `finish` those of unanswered accesses. */
export function traced(core: Core, engine: Engine, write: (line: string) => void): Engine & { finish(): void } {
  const x = core.u64.subarray(X_REGS >>> 3, (X_REGS >>> 3) + REGISTERS);
  const f = core.u64.subarray(F_REGS >>> 3, (F_REGS >>> 3) + REGISTERS);
  const waiting = new Map<number, Begun>();

  const step = (): Exit => {
    const hart = core.selected;
    const begun = waiting.get(hart) ?? {
      head: `${hart} ${modeName(core)} ${wide(core.pc)} `,
      x: x.slice(),
      f: f.slice(),
    };
    const encoding = waiting.delete(hart) ? "" : encodingAt(core, core.pc);
    const before = core.number(HART_INSTRET);
    const exit = engine.step();
    const head = begun.head + encoding;
    if (exit === Exit.Mmio && core.u32[EXIT_PENDING >>> 2] !== 0) waiting.set(hart, { ...begun, head });
    else if (exit === Exit.Deadline || exit === Exit.WaitForInterrupt) {
      const done = core.number(HART_INSTRET) !== before || exit === Exit.WaitForInterrupt;
      write(done ? head + changes("x", begun.x, x) + changes("f", begun.f, f) : `${begun.head}trap: ${taken(core)}`);
    } else write(`${begun.head}trap: ${left(core, exit)}`);
    return exit;
  };
  const finish = (): void => {
    for (const { head } of waiting.values()) write(head);
    waiting.clear();
  };
  return { ...stepwise(core, step), finish };
}

const wide = (value: bigint): string => value.toString(16).padStart(16, "0");

export function modeName(core: Core): "M" | "S" | "U" | "VS" | "VU" {
  const mode = core.u32[HART_MODE >>> 2];
  if (mode === Mode.M) return "M";
  const virtual = core.u32[HART_VIRT >>> 2] !== 0;
  if (mode === Mode.S) return virtual ? "VS" : "S";
  return virtual ? "VU" : "U";
}

function changes(letter: string, before: BigUint64Array, after: BigUint64Array): string {
  let text = "";
  for (let i = 0; i < REGISTERS; i++) if (before[i] !== after[i]) text += ` ${letter}${i}=${wide(after[i])}`;
  return text;
}

/** The instruction at a virtual address in hexadecimal, 4 or 8 digits. */
function encodingAt(core: Core, pc: bigint): string {
  const low = halfAt(core, pc);
  if (low === undefined) return "----";
  if ((low & 3) !== 3) return hex4(low);
  const high = halfAt(core, pc + 2n);
  return high === undefined ? `----${hex4(low)}` : hex4(high) + hex4(low);
}

const hex4 = (half: number): string => half.toString(16).padStart(4, "0");

function halfAt(core: Core, address: bigint): number | undefined {
  const mode = core.u32[HART_MODE >>> 2];
  const virt = core.u32[HART_VIRT >>> 2];
  const [lo, hi] = [Number(address & 0xffff_ffffn), Number(BigInt.asUintN(64, address) >> 32n)];
  const at = core.exports.probe(lo, hi, mode, virt) >>> 0;
  return at === 0 ? undefined : core.u8[at] | (core.u8[at + 1] << 8);
}

/** The trap that a mode of the hart has just taken. */
function taken(core: Core): string {
  const mode = modeName(core);
  const [cause, tval] = TRAP_CSRS[mode === "U" || mode === "VU" ? "S" : mode];
  return named(core.csr(cause), core.csr(tval));
}

/** The trap that the host deals with. */
function left(core: Core, exit: Exit): string {
  if (exit === Exit.Breakpoint) return "breakpoint, to the debugger";
  return `${named(core.u64[EXIT_CAUSE >>> 3], core.u64[EXIT_TVAL >>> 3])}, to the firmware`;
}

function named(cause: bigint, tval: bigint): string {
  const code = Number(cause & ~INTERRUPT);
  return cause & INTERRUPT ? interruptName(code) : `${exceptionName(code)}, tval ${wide(tval)}`;
}
