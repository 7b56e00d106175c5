// A program: its statements, the state that it starts with, and the window that holds it all.
import { Csr } from "../../assembly/isa/csr.js";
import * as asm from "../support/assembler.js";
import { li } from "./code.js";
import { fld, handlers, VECTORS } from "./harness.js";
import * as at from "./layout.js";
import { Desk, MODES, type Mode } from "./layout.js";

/** Instructions that belong together, and how a person reads them. */
export interface Statement {
  text: string;
  code: readonly number[];
}

export interface Program {
  seed: number;
  family: string;
  mode: Mode;
  statements: readonly Statement[];
  /** x0…x31, f0…f31. */
  x: readonly bigint[];
  f: readonly bigint[];
  /** CSRs to be written before the start, in order. */
  presets: readonly (readonly [number, bigint])[];
  /** Where each mode finds the code. */
  alias: Readonly<Record<Mode, bigint>>;
  /** What the window holds beyond code: data, pads, page tables. */
  memory: readonly { address: number; bytes: Uint8Array }[];
  /** Pages of tables in use. */
  tables: number;
  /** What QEMU must have beyond its usual extensions, for this family. */
  extensions?: string;
  /** Addresses of interest, and where their page-table entries lie. */
  marks: readonly { va: bigint; entry: number }[];
}

const MPV = 1n << 39n;
const STATUS: Record<Mode, bigint> = { M: 3n << 11n, S: 1n << 11n, U: 0n, VS: MPV | (1n << 11n), VU: MPV };

/** Asks the harness, and goes on at the next instruction if it does. */
export function request(n: number): number[] {
  const rest = [...li(asm.a7, (at.REQUEST << 8) | n), asm.ecall];
  return [asm.auipc(at.RESUME, 0), asm.addi(at.RESUME, at.RESUME, 8 + 4 * rest.length), ...rest];
}
export const goTo = (mode: Mode): Statement => ({ text: `go to ${mode}-mode`, code: request(MODES.indexOf(mode)) });

export const codeOf = (program: Program) =>
  asm.bytes([...program.statements.flatMap((s) => s.code), ...request(at.END)]);

const FS = 3 << 13;
const POOL = at.PROLOGUE + 0x800;

/** Writes the presets, loads the registers, leaves to the program. */
function prologue(presets: Program["presets"]): Uint8Array {
  const base = at.SCRATCH;
  const words = [...li(base, at.DESK), ...li(asm.t0, FS), asm.csrrs(0, Csr.mstatus, asm.t0)];
  for (let f = 0; f < 32; f++) words.push(fld(f, Desk.F + 8 * f, base));
  words.push(asm.csrw(Csr.fcsr, 0), ...li(base, POOL));
  for (const [i, [csr]] of presets.entries()) words.push(asm.ld(asm.t0, 8 * i, base), asm.csrw(csr, asm.t0));
  words.push(...li(base, at.DESK));
  for (let x = 1; x < 32; x++) if (x !== base) words.push(asm.ld(x, Desk.X + 8 * x, base));
  words.push(asm.mret);
  const page = new Uint8Array(at.PAGE);
  page.set(asm.bytes(words));
  const pool = new BigUint64Array(page.buffer, POOL - at.PROLOGUE);
  for (const [i, [, value]] of presets.entries()) pool[i] = BigInt.asUintN(64, value);
  return page;
}

/** What every program starts with: handlers in place, nothing in the way. */
const presetsOf = (program: Program): [number, bigint][] => [
  [Csr.mtvec, BigInt(VECTORS[0])],
  [Csr.stvec, BigInt(VECTORS[1])],
  [Csr.vstvec, BigInt(VECTORS[2])],
  [Csr.mepc, program.alias[program.mode]],
  ...program.presets.map(([csr, value]): [number, bigint] =>
    csr === Csr.mstatus ? [csr, value | STATUS[program.mode]] : [csr, value],
  ),
];

const HANDLERS = asm.bytes(handlers());

/** The window as the program finds it. */
export function windowOf(program: Program): Uint8Array {
  const window = new Uint8Array(at.TABLES - at.WINDOW + program.tables * at.PAGE);
  const put = (address: number, bytes: Uint8Array) => window.set(bytes, address - at.WINDOW);
  const desk = new BigUint64Array(window.buffer, at.DESK - at.WINDOW, at.PAGE / 8);
  put(at.HANDLERS, HANDLERS);
  desk[Desk.LogPointer / 8] = BigInt(at.LOG);
  desk[Desk.LogLeft / 8] = BigInt(at.LOG_MAX);
  for (const [i, mode] of MODES.entries()) {
    desk[Desk.Alias / 8 + i] = program.alias[mode];
    desk[Desk.Status / 8 + i] = STATUS[mode];
  }
  for (let i = 0; i < 32; i++) {
    desk[Desk.X / 8 + i] = program.x[i];
    desk[Desk.F / 8 + i] = program.f[i];
  }
  put(at.PROLOGUE, prologue(presetsOf(program)));
  put(at.CODE, codeOf(program));
  for (const { address, bytes } of program.memory) put(address, bytes);
  return window;
}
