// A bare machine for benches: one hart that plays every mode itself, RAM, a UART to print to and a finisher.
import { Exit, Host } from "../assembly/isa/exit.js";
import { EXIT_ADDRESS, EXIT_PENDING, EXIT_VALUE, EXIT_WRITE, HART_HOST } from "../assembly/layout.js";
import { Core } from "../src/core/core.js";
import type { CoreBuild } from "../src/core/instance.js";
import { applyCosts, Costs } from "../src/platform/costs.js";

const UART = 0x1000_0000;
const LINE_STATUS = UART + 5;
const LINE_STATUS_EMPTY = 0x60;
const FINISHER = 0x10_0000;
const FINISHER_PASS = 0x5555;

/** Cycles per call of `run`: V8 replaces code by better code only between calls. */
const SLICE = 1_000_000;

/** Loads the PT_LOAD segments of an ELF64 file and sets pc to its entry. */
export function loadElf(core: Core, elf: Uint8Array): void {
  const view = new DataView(elf.buffer, elf.byteOffset, elf.byteLength);
  const u64 = (at: number) => Number(view.getBigUint64(at, true));
  for (let i = 0; i < view.getUint16(56, true); i++) {
    const header = u64(32) + i * view.getUint16(54, true);
    if (view.getUint32(header, true) !== 1) continue;
    const offset = u64(header + 8);
    core.store(u64(header + 24), elf.subarray(offset, offset + u64(header + 32)));
  }
  core.pc = view.getBigUint64(24, true);
}

/** A machine with the default costs and `elf` loaded, at its entry, in M-mode. */
export function bareMachine(build: CoreBuild, elf?: Uint8Array, ramSize = 0x100_0000): Core {
  const core = new Core(ramSize, build);
  applyCosts(core, new Costs());
  core.u32[HART_HOST >>> 2] = Host.None;
  if (elf) loadElf(core, elf);
  return core;
}

/** Runs until the program ends the machine; returns what it printed. */
export function runBare(core: Core): string {
  let output = "";
  for (;;) {
    const exit = core.run(core.cycles + SLICE);
    if (exit === Exit.Deadline) continue;
    if (exit !== Exit.Mmio) throw new Error(`unexpected exit ${exit} at pc 0x${core.pc.toString(16)}`);
    const address = core.number(EXIT_ADDRESS);
    const value = core.number(EXIT_VALUE);
    if (core.u32[EXIT_WRITE >>> 2] === 0) core.setNumber(EXIT_VALUE, address === LINE_STATUS ? LINE_STATUS_EMPTY : 0);
    else if (address === UART) output += String.fromCharCode(value & 0xff);
    else if (address === FINISHER && (value & 0xffff) === FINISHER_PASS) return output.trim();
    else if (address === FINISHER) throw new Error(`the program failed: ${output}`);
    else core.u32[EXIT_PENDING >>> 2] = 2;
  }
}
