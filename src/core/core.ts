// Typed access to one instance of the core: registers, CSRs, the exit record, RAM. State stays in Wasm memory.
import type { Counter } from "../../assembly/isa/counter.js";
import type { Cost } from "../../assembly/isa/cost.js";
import type { Exit } from "../../assembly/isa/exit.js";
import {
  COSTS,
  COUNTERS,
  CSRS,
  HART_CYCLES,
  HART_INSTRET,
  HART_LINES,
  HART_PC,
  SELECTED_HART,
  RAM,
  RAM_SIZE,
  RAM_START,
  STAGING,
  STAGING_SIZE,
  X_REGS,
} from "../../assembly/layout.js";
import { HartState } from "./hart.js";
import { type CoreBuild, type CoreExports, instantiate } from "./instance.js";

const TWO32 = 0x1_0000_0000;

/** Raises or lowers an interrupt line into a hart's mip (bit number as in mip). */
export function setLine(hart: HartState, bit: number, level: boolean): void {
  const lines = hart.word(HART_LINES);
  hart.setWord(HART_LINES, level ? lines | (1 << bit) : lines & ~(1 << bit));
}

/** Harts, their MMUs, and the hub, over one WebAssembly memory. */
export class Core {
  readonly exports: CoreExports;
  readonly memory: WebAssembly.Memory;
  readonly u8: Uint8Array;
  readonly u32: Uint32Array;
  readonly u64: BigUint64Array;
  /** RAM alone: index = physical address - RAM_START. */
  readonly ram: Uint8Array;
  readonly staging: Uint8Array;

  constructor(
    readonly ramSize: number,
    readonly build: CoreBuild = "timed",
  ) {
    const { exports, memory } = instantiate(build, ramSize);
    this.exports = exports;
    this.memory = memory;
    this.u8 = new Uint8Array(memory.buffer);
    this.u32 = new Uint32Array(memory.buffer);
    this.u64 = new BigUint64Array(memory.buffer);
    this.ram = new Uint8Array(memory.buffer, RAM, ramSize);
    this.staging = new Uint8Array(memory.buffer, STAGING, STAGING_SIZE);
    this.setNumber(RAM_SIZE, ramSize);
    exports.reset();
  }

  /** Runs until the clock reaches `deadline` (cycles) or an exit. */
  run(deadline: number): Exit {
    return this.exports.run(deadline) as Exit;
  }

  /** A u64 of the layout as a number: exact up to 2^53, and beyond that still larger than any valid address. */
  number(address: number): number {
    const i = address >>> 2;
    return this.u32[i] + this.u32[i + 1] * TWO32;
  }
  setNumber(address: number, value: number): void {
    const i = address >>> 2;
    const low = value >>> 0;
    this.u32[i] = low;
    this.u32[i + 1] = (value - low) / TWO32;
  }

  get cycles(): number {
    return this.number(HART_CYCLES);
  }
  set cycles(value: number) {
    this.setNumber(HART_CYCLES, value);
  }
  get instret(): number {
    return this.number(HART_INSTRET);
  }
  get pc(): bigint {
    return this.u64[HART_PC >>> 3];
  }
  set pc(value: bigint) {
    this.u64[HART_PC >>> 3] = value;
  }

  /** Integer register x`i`. */
  x(i: number): bigint {
    return this.u64[(X_REGS >>> 3) + i];
  }
  setX(i: number, value: bigint): void {
    if (i !== 0) this.u64[(X_REGS >>> 3) + i] = BigInt.asUintN(64, value);
  }
  /** The same as a number, for addresses and lengths: see `number`. */
  xNumber(i: number): number {
    return this.number(X_REGS + i * 8);
  }

  /** A CSR's storage, without access rules or side effects. */
  csr(n: number): bigint {
    return this.u64[(CSRS >>> 3) + n];
  }
  setCsr(n: number, value: bigint): void {
    this.u64[(CSRS >>> 3) + n] = value;
  }

  counter(c: Counter): number {
    return this.number(COUNTERS + c * 8);
  }
  setCost(c: Cost, cycles: number): void {
    this.u32[(COSTS >>> 2) + c] = cycles;
  }
  cost(c: Cost): number {
    return this.u32[(COSTS >>> 2) + c];
  }

  /** The hart that `run` runs, and that pc, registers, CSRs, cycles and instret belong to. */
  get selected(): number {
    return this.u32[SELECTED_HART >>> 2];
  }
  select(hart: number): void {
    if (hart !== this.selected) this.exports.selectHart(hart);
  }
  /** The state of a hart, selected or not. */
  hart(id: number): HartState {
    return new HartState(this, id);
  }

  /** Raises or lowers an interrupt line into the mip of the selected hart (bit number as in mip). */
  setLine(bit: number, level: boolean): void {
    setLine(this.hart(this.selected), bit, level);
  }

  /** Whether [address, address + length) is RAM (physical addresses). */
  inRam(address: number, length = 1): boolean {
    return address >= RAM_START && length >= 0 && address + length <= RAM_START + this.ramSize;
  }
  private check(address: number, length: number): void {
    if (!this.inRam(address, length)) throw new RangeError(`0x${address.toString(16)}+${length} is not RAM`);
  }
  /** Physical RAM as bytes; read only, or call `wrote` afterwards. */
  slice(address: number, length: number): Uint8Array {
    this.check(address, length);
    return this.ram.subarray(address - RAM_START, address - RAM_START + length);
  }
  /** Writes RAM on behalf of the host, so that stale decoded instructions are forgotten. */
  store(address: number, bytes: Uint8Array): void {
    this.check(address, bytes.length);
    this.ram.set(bytes, address - RAM_START);
    this.exports.touched(address - RAM_START + RAM, bytes.length);
  }
  /** Copies RAM to RAM on behalf of the host. */
  copy(to: number, from: number, length: number): void {
    this.check(from, length);
    this.check(to, length);
    this.ram.copyWithin(to - RAM_START, from - RAM_START, from - RAM_START + length);
    this.exports.touched(to - RAM_START + RAM, length);
  }
}
