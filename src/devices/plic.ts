// RISC-V Platform-Level Interrupt Controller Specification 1.0.0: "Memory Map", "Interrupt Gateways", "Interrupt Claim
// Process", "Interrupt Completion". Register layout as SiFive's and QEMU's.
import { Access, type IrqLine, type MmioDevice } from "../platform/ports.js";

const enum Reg {
  PRIORITY = 0,
  PENDING = 0x1000,
  ENABLE = 0x2000,
  CONTEXT = 0x20_0000,
}
/** Bytes of a context's enable bits. */
const ENABLE_STRIDE = 0x80;
/** A context's page: threshold, then claim and completion. */
const CONTEXT_STRIDE = 0x1000;
const THRESHOLD = 0;
const CLAIM = 4;

/** Priorities 0 (never) to 7. */
const PRIORITY_MASK = 7;

export interface PlicState {
  /** By source. */
  priority: number[];
  /** By source: level of the wire, claimed and not yet completed. */
  level: boolean[];
  claimed: boolean[];
  /** Bit s % 32 of word s / 32 is that of source s. */
  pending: Uint32Array;
  /** By context: words as of `pending`. */
  enable: Uint32Array[];
  threshold: number[];
}

export interface PlicPorts {
  /** Interrupt sources; their numbers are 1…sources. */
  sources: number;
  contexts: number;
  /** The interrupt notification of a context (2 h is M-mode of hart h, 2 h + 1 its S-mode) changed. */
  output(context: number, level: boolean): void;
}

function resetState(sources: number, contexts: number): PlicState {
  const bySource = <T>(value: T) => new Array<T>(sources + 1).fill(value);
  const bits = () => new Uint32Array(Math.ceil((sources + 1) / 32));
  return {
    priority: bySource(0),
    level: bySource(false),
    claimed: bySource(false),
    pending: bits(),
    enable: Array.from({ length: contexts }, bits),
    threshold: new Array<number>(contexts).fill(0),
  };
}

/** The PLIC, for the board and, as the VMM's software model, for each guest. */
export class Plic implements MmioDevice {
  private s: PlicState;
  private readonly outputs: boolean[];

  constructor(private readonly ports: PlicPorts) {
    this.s = resetState(ports.sources, ports.contexts);
    this.outputs = new Array<boolean>(ports.contexts).fill(false);
  }

  /** The level-triggered wire of a source. */
  line(source: number): IrqLine {
    if (!(source >= 1 && source <= this.ports.sources)) throw new RangeError(`PLIC source ${source}`);
    return { set: (level) => this.setLevel(source, level) };
  }

  setLevel(source: number, level: boolean): void {
    if (this.s.level[source] === level) return;
    this.s.level[source] = level;
    this.forward(source);
    this.notify();
  }

  /** Interrupt claim: the number of the pending source of highest priority, or 0; its pending bit falls. */
  claim(context: number): number {
    const source = this.best(context, 0);
    if (source === 0) return 0;
    this.s.pending[source >>> 5] &= ~(1 << (source & 31));
    this.s.claimed[source] = true;
    this.notify();
    return source;
  }

  /** Interrupt completion; ignored unless the source is enabled for the context. */
  complete(context: number, source: number): void {
    const enabled = (this.s.enable[context][source >>> 5] >>> (source & 31)) & 1;
    if (source > this.ports.sources || !enabled) return;
    this.s.claimed[source] = false;
    this.forward(source);
    this.notify();
  }

  /** Whether a context is being notified. */
  pending(context: number): boolean {
    return this.outputs[context];
  }

  read(offset: number, size: number): number {
    if (size !== 4) return -1;
    if (offset >= Reg.CONTEXT) {
      const context = this.contextAt(offset - Reg.CONTEXT, CONTEXT_STRIDE);
      const register = offset % CONTEXT_STRIDE;
      if (context < 0) return 0;
      if (register === THRESHOLD) return this.s.threshold[context];
      return register === CLAIM ? this.claim(context) : 0;
    }
    if (offset >= Reg.ENABLE) {
      const context = this.contextAt(offset - Reg.ENABLE, ENABLE_STRIDE);
      return context < 0 ? 0 : (this.s.enable[context][(offset % ENABLE_STRIDE) >>> 2] ?? 0);
    }
    if (offset >= Reg.PENDING) return this.s.pending[(offset - Reg.PENDING) >>> 2] ?? 0;
    return this.s.priority[offset >>> 2] ?? 0;
  }

  write(offset: number, size: number, value: number): Access {
    if (size !== 4) return Access.Fault;
    if (offset >= Reg.CONTEXT) {
      const context = this.contextAt(offset - Reg.CONTEXT, CONTEXT_STRIDE);
      const register = offset % CONTEXT_STRIDE;
      if (context >= 0 && register === THRESHOLD) this.s.threshold[context] = value & PRIORITY_MASK;
      if (context >= 0 && register === CLAIM) this.complete(context, value);
    } else if (offset >= Reg.ENABLE) {
      const context = this.contextAt(offset - Reg.ENABLE, ENABLE_STRIDE);
      if (context >= 0) this.setEnables(context, (offset % ENABLE_STRIDE) >>> 2, value);
    } else if (offset < Reg.PENDING) {
      const source = offset >>> 2;
      if (source >= 1 && source <= this.ports.sources) this.s.priority[source] = value & PRIORITY_MASK;
    }
    this.notify();
    return Access.Ok;
  }

  reset(): void {
    const { level } = this.s;
    this.s = resetState(this.ports.sources, this.ports.contexts);
    this.s.level = level;
    for (let source = 1; source <= this.ports.sources; source++) this.forward(source);
    this.notify();
  }

  state(): PlicState {
    return structuredClone(this.s);
  }

  restore(state: PlicState): void {
    const { sources, contexts } = this.ports;
    if (state.priority.length !== sources + 1 || state.enable.length !== contexts) throw new Error("PLIC state: shape");
    this.s = structuredClone(state);
    this.notify();
  }

  /** The gateway lets one request through, and the next only after completion. A request isn't taken back. */
  private forward(source: number): void {
    if (this.s.level[source] && !this.s.claimed[source]) this.s.pending[source >>> 5] |= 1 << (source & 31);
  }

  /** The pending, enabled source of highest priority above `threshold`, the lowest number among equals. */
  private best(context: number, threshold: number): number {
    const { pending, priority } = this.s;
    const enable = this.s.enable[context];
    let best = 0;
    let highest = threshold;
    for (let word = 0; word < pending.length; word++) {
      for (let left = pending[word] & enable[word]; left !== 0; left &= left - 1) {
        const source = word * 32 + 31 - Math.clz32(left & -left);
        if (priority[source] <= highest) continue;
        best = source;
        highest = priority[source];
      }
    }
    return best;
  }

  private notify(): void {
    for (let context = 0; context < this.ports.contexts; context++) {
      const level = this.best(context, this.s.threshold[context]) !== 0;
      if (level === this.outputs[context]) continue;
      this.outputs[context] = level;
      this.ports.output(context, level);
    }
  }

  /** Source 0 and those beyond the last can't be enabled. */
  private setEnables(context: number, word: number, value: number): void {
    const sources = this.ports.sources + 1 - word * 32;
    if (sources <= 0) return;
    const there = sources >= 32 ? 0xffff_ffff : 2 ** sources - 1;
    this.s.enable[context][word] = value & there & (word === 0 ? ~1 : ~0);
  }

  private contextAt(offset: number, stride: number): number {
    const context = Math.floor(offset / stride);
    return context < this.ports.contexts ? context : -1;
  }
}
