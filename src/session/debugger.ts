// What a debugger may do with a machine: look at it, change it, stop it where it wants.
import { Exit, Host } from "../../assembly/isa/exit.js";
import { Mode } from "../../assembly/isa/privilege.js";
import { F_REGS, HART_HOST, HART_MODE, HART_VIRT, RAM, RAM_START, X_SINK } from "../../assembly/layout.js";
import type { Core } from "../core/core.js";
import type { Machine } from "../platform/machine.js";
import { type Engine, stepwise } from "./engine.js";

/** Why the machine stands still. */
export interface Stop {
  readonly hart: number;
  readonly reason: "start" | "step" | "software" | "hardware" | "interrupt";
}

/** A software breakpoint in memory. */
interface Patch {
  readonly physical: number;
  readonly original: Uint8Array;
  readonly inserted: Uint8Array;
}

const EBREAK = Uint8Array.of(0x73, 0x00, 0x10, 0x00);
const C_EBREAK = Uint8Array.of(0x02, 0x90);
const PAGE = 4096;

/**
 * Stops a machine at breakpoints and after single steps. Software breakpoints are EBREAK instructions in RAM, found by
 * the translation in force when they are set; hardware breakpoints compare virtual addresses, an instruction at a time.
 */
export class Debugger {
  /** Set while the machine stands still. */
  stop: Stop | undefined = { hart: 0, reason: "start" };
  private machine!: Machine;
  private inner!: Engine;
  private readonly patches = new Map<bigint, Patch>();
  private readonly watched = new Set<bigint>();
  /** The hart that does one instruction. */
  private stepping: number | undefined;
  private interrupted = false;
  /** Harts that were stopped at a hardware breakpoint, and where: they get past it. */
  private readonly passing = new Map<number, bigint>();

  get core(): Core {
    return this.machine.core;
  }
  get harts(): number {
    return this.machine.harts.length;
  }

  /** Takes a machine over, after power-on and after each reboot. */
  attach(machine: Machine, engine: Engine): Engine {
    this.machine = machine;
    this.inner = engine;
    for (const patch of this.patches.values()) this.put(patch.physical, patch.inserted);
    return { run: (until) => this.run(until), step: () => this.inner.step() };
  }

  // ---- going on and standing still

  /** Lets all harts run; with `step`, until that hart has done one instruction. */
  resume(step?: number): void {
    this.stop = undefined;
    this.stepping = step;
  }

  /** Stops the machine at the next chance. */
  interrupt(): void {
    this.interrupted = true;
    this.machine.pause();
  }

  /** Call when the machine paused: notes an interrupt that nothing else explains. */
  settle(): void {
    if (this.interrupted) this.stop ??= { hart: this.core.selected, reason: "interrupt" };
    this.interrupted = false;
  }

  private halt(reason: Stop["reason"]): void {
    this.stop = { hart: this.core.selected, reason };
    this.stepping = undefined;
    this.machine.pause();
  }

  private run(until: number): Exit {
    const { core } = this;
    if (this.stepping === core.selected) return this.single();
    if (this.watched.size > 0)
      return stepwise(
        core,
        () => this.careful(),
        () => this.stop === undefined,
      ).run(until);
    if (this.passing.size > 0 && this.passing.get(core.selected) === core.pc) return this.past(() => this.inner.step());
    this.intercept(this.patches.size > 0);
    return this.answered(this.inner.run(until));
  }

  private single(): Exit {
    const exit = this.past(() => this.inner.step());
    if (exit !== Exit.Mmio) this.halt("step"); // an access to a device is done when its answer is in
    return exit;
  }

  /** One instruction, unless a breakpoint stands before it. */
  private careful(): Exit {
    const { core } = this;
    if (this.watched.has(core.pc) && this.passing.get(core.selected) !== core.pc) {
      this.passing.set(core.selected, core.pc);
      this.halt("hardware");
      return Exit.Deadline;
    }
    if (this.passing.get(core.selected) === core.pc) return this.past(() => this.inner.step());
    this.intercept(this.patches.size > 0);
    return this.answered(this.inner.step());
  }

  /** Does `what` with no breakpoint of ours in the way. */
  private past(what: () => Exit): Exit {
    const { core } = this;
    const patch = this.patchAt(core.pc);
    this.intercept(false);
    if (patch) this.put(patch.physical, patch.original);
    const exit = what();
    if (patch) this.put(patch.physical, patch.inserted);
    if (exit !== Exit.Mmio) this.passing.delete(core.selected);
    return exit;
  }

  /** An EBREAK of ours is a stop; one of the software's own is its own matter. */
  private answered(exit: Exit): Exit {
    if (exit !== Exit.Breakpoint) return exit;
    if (this.patchAt(this.core.pc)) {
      this.passing.set(this.core.selected, this.core.pc);
      this.halt("software");
      return Exit.Deadline;
    }
    return this.past(() => this.inner.step());
  }

  private intercept(on: boolean): void {
    const { u32 } = this.core;
    if (on) u32[HART_HOST >>> 2] |= Host.Debug;
    else u32[HART_HOST >>> 2] &= ~Host.Debug;
  }

  private patchAt(pc: bigint): Patch | undefined {
    if (this.patches.size === 0) return undefined;
    const physical = this.physical(this.core.selected, pc);
    for (const patch of this.patches.values()) if (patch.physical === physical) return patch;
    return undefined;
  }

  /** Writes RAM, where there may be code. */
  private put(physical: number, bytes: Uint8Array): void {
    this.core.store(physical, bytes);
    this.core.exports.fenceI();
  }

  // ---- breakpoints

  /** Sets a breakpoint; false where there is no memory for a software one. */
  insert(kind: "software" | "hardware", address: bigint, length: number, hart: number): boolean {
    if (kind === "hardware") {
      this.watched.add(address);
      return true;
    }
    if (this.patches.has(address)) return true;
    const physical = this.physical(hart, address);
    const inserted = length === 2 ? C_EBREAK : EBREAK;
    if (physical === undefined || !this.core.inRam(physical, inserted.length)) return false;
    const original = this.core.slice(physical, inserted.length).slice();
    this.put(physical, inserted);
    this.patches.set(address, { physical, original, inserted });
    return true;
  }

  remove(kind: "software" | "hardware", address: bigint): void {
    if (kind === "hardware") {
      this.watched.delete(address);
      return;
    }
    const patch = this.patches.get(address);
    if (!patch) return;
    this.patches.delete(address);
    const { physical, original, inserted } = patch;
    const now = this.core.slice(physical, inserted.length);
    if (inserted.every((byte, i) => byte === now[i])) this.put(physical, original);
  }

  /** Takes every breakpoint away and lets the machine run. */
  detach(): void {
    for (const address of [...this.patches.keys()]) this.remove("software", address);
    this.watched.clear();
    this.passing.clear();
    this.machine.harts.forEach(({ state }) => {
      state.setWord(HART_HOST, state.word(HART_HOST) & ~Host.Debug);
    });
    this.interrupted = false;
    this.resume();
  }

  // ---- state

  /** Does `what` with `hart` selected. */
  private as<T>(hart: number, what: (core: Core) => T): T {
    const { core } = this;
    const selected = core.selected;
    core.select(hart);
    const result = what(core);
    core.select(selected);
    return result;
  }

  x(hart: number, i: number): bigint {
    return this.as(hart, (core) => core.x(i));
  }
  setX(hart: number, i: number, value: bigint): void {
    this.as(hart, (core) => core.setX(i, value));
  }
  f(hart: number, i: number): bigint {
    return this.as(hart, (core) => core.u64[(F_REGS >>> 3) + i]);
  }
  setF(hart: number, i: number, value: bigint): void {
    this.as(hart, (core) => {
      core.u64[(F_REGS >>> 3) + i] = value;
    });
  }
  pc(hart: number): bigint {
    return this.as(hart, (core) => core.pc);
  }
  setPc(hart: number, value: bigint): void {
    this.passing.delete(hart);
    this.as(hart, (core) => {
      core.pc = value;
    });
  }
  /** Privilege mode in bits 1:0, V in bit 2. */
  privilege(hart: number): number {
    return this.as(hart, ({ u32 }) => u32[HART_MODE >>> 2] | (u32[HART_VIRT >>> 2] << 2));
  }
  csr(hart: number, n: number): bigint {
    return this.as(hart, (core) => {
      core.exports.peekCsr(n);
      return core.u64[X_SINK >>> 3];
    });
  }
  setCsr(hart: number, n: number, value: bigint): void {
    this.as(hart, (core) => core.exports.pokeCsr(n, Number(value & 0xffff_ffffn), Number(value >> 32n)));
  }
  /** What a hart does, in words. */
  status(hart: number): string {
    return this.machine.harts[hart].status;
  }

  /** Bytes of memory as the hart would read them, as many as there are up to `length`; without our breakpoints. */
  read(hart: number, address: bigint, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let done = 0;
    for (const { physical, size } of this.pieces(hart, address, length)) {
      bytes.set(this.core.slice(physical, size), done);
      for (const patch of this.patches.values()) {
        patch.original.forEach((byte, i) => {
          const at = patch.physical + i - physical;
          if (at >= 0 && at < size) bytes[done + at] = byte;
        });
      }
      done += size;
    }
    return bytes.subarray(0, done);
  }

  /** Writes memory, all of it or nothing. */
  write(hart: number, address: bigint, bytes: Uint8Array): boolean {
    const pieces = [...this.pieces(hart, address, bytes.length)];
    if (pieces.reduce((sum, { size }) => sum + size, 0) < bytes.length) return false;
    let done = 0;
    for (const { physical, size } of pieces) {
      this.put(physical, bytes.subarray(done, done + size));
      done += size;
    }
    return true;
  }

  /** The pages of a piece of the hart's memory, up to the first that isn't RAM. */
  private *pieces(hart: number, start: bigint, length: number): Generator<{ physical: number; size: number }> {
    for (let done = 0; done < length; ) {
      const address = BigInt.asUintN(64, start + BigInt(done));
      const size = Math.min(length - done, PAGE - Number(address & 0xfffn));
      const physical = this.physical(hart, address);
      if (physical === undefined || !this.core.inRam(physical, size)) return;
      yield { physical, size };
      done += size;
    }
  }

  /** Where an address leads by the hart's translation, or else as a physical one. */
  private physical(hart: number, address: bigint): number | undefined {
    const [lo, hi] = [Number(address & 0xffff_ffffn), Number(BigInt.asUintN(64, address) >> 32n)];
    return this.as(hart, ({ exports, u32 }) => {
      const mode = u32[HART_MODE >>> 2];
      const virt = u32[HART_VIRT >>> 2];
      let at = exports.probe(lo, hi, mode, virt) >>> 0;
      if (at === 0 && mode === Mode.S) at = exports.probe(lo, hi, Mode.U, virt) >>> 0; // a page of U-mode's
      if (at !== 0) return at - RAM + RAM_START;
      const plain = Number(address);
      return this.core.inRam(plain) ? plain : undefined;
    });
  }
}
