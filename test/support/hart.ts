// A bare hart for tests: programs in simulated RAM, page tables that read like the specification's figures, seeded random numbers.
import type { Cost } from "../../assembly/isa/cost.js";
import type { Counter } from "../../assembly/isa/counter.js";
import { Csr } from "../../assembly/isa/csr.js";
import { Exit, Host } from "../../assembly/isa/exit.js";
import { Mode } from "../../assembly/isa/privilege.js";
import {
  EXIT_CAUSE,
  EXIT_FROM_MODE,
  EXIT_FROM_VIRT,
  EXIT_GPA,
  EXIT_INSN_LENGTH,
  EXIT_PENDING,
  EXIT_ADDRESS,
  EXIT_SIZE,
  EXIT_TINST,
  EXIT_TO_MODE,
  EXIT_TVAL,
  EXIT_VALUE,
  EXIT_WRITE,
  HART_HOST,
  HART_MODE,
  HART_VIRT,
  RAM,
  RAM_SIZE,
  RAM_START,
} from "../../assembly/layout.js";
import { Core } from "../../src/core/core.js";
import type { CoreBuild } from "../../src/core/instance.js";
import { bytes, sw, zero } from "./assembler.js";

export const BUILDS: CoreBuild[] = ["timed", "flat"];
export const PAGE = 4096;
export const MEGAPAGE = 0x20_0000;
export const GIGAPAGE = 0x4000_0000;
/** Where programs lie unless told otherwise, and a page of data that no program touches by accident. */
export const CODE = RAM_START;
export const DATA = RAM_START + 0x1_0000;
/** Trap vectors of M, HS (or S) and VS: pages full of `stop`. */
export const M_VECTOR = RAM_START + 0x2_0000;
export const S_VECTOR = RAM_START + 0x2_1000;
export const VS_VECTOR = RAM_START + 0x2_2000;
/** Page tables are allocated from here on. */
const TABLES = RAM_START + 0x4_0000;
const RAM_BYTES = 0x40_0000;

/** A store to physical address 0, where there is nothing: leaves the hart with Exit.Mmio. */
export const stop = sw(zero, 0, zero);

export type ModeName = "M" | "S" | "U" | "VS" | "VU";
export const MODES: Record<ModeName, { mode: number; virt: number }> = {
  M: { mode: Mode.M, virt: 0 },
  S: { mode: Mode.S, virt: 0 },
  U: { mode: Mode.U, virt: 0 },
  VS: { mode: Mode.S, virt: 1 },
  VU: { mode: Mode.U, virt: 1 },
};

export interface Setup {
  build?: CoreBuild;
  mode?: ModeName;
  /** enum Host; Host.M unless told otherwise, so that an EBREAK leaves. */
  host?: number;
  /** Address of the first instruction; the program goes to physical address `at`. */
  pc?: number | bigint;
  at?: number;
  x?: Record<number, number | bigint>;
  /** CSRs by number, as their storage. */
  csrs?: Record<number, number | bigint>;
  /** Entries of the PMP from the first on; one that allows everything unless told otherwise. */
  pmp?: readonly PmpEntry[];
  ramSize?: number;
}

/** A PMP entry: its configuration, and what its pmpaddr holds. */
export type PmpEntry = readonly [config: number, address: number | bigint];
export const PMP = { r: 1, w: 2, x: 4, rwx: 7, tor: 8, na4: 16, napot: 24, locked: 128 } as const;
/** pmpaddr of the naturally aligned `size` bytes at `base`. */
export const napot = (base: number, size: number) => (BigInt(base) + BigInt(size) / 2n - 1n) >> 2n;
/** pmpaddr of a boundary of a TOR entry, or of the 4 bytes of an NA4 entry. */
export const word = (address: number) => BigInt(address) >> 2n;
/** One entry over all addresses: read, write, execute. */
export const PMP_OPEN: PmpEntry = [PMP.napot | PMP.rwx, (1n << 54n) - 1n];

const cores = new Map<string, Core>();

/** A core as after power-on, with zeroed RAM. Cores are reused: what a test leaves behind is gone with the next `hart`. */
function freshCore(build: CoreBuild, ramSize: number): Core {
  const key = `${build} ${ramSize}`;
  const core = cores.get(key) ?? new Core(ramSize, build);
  cores.set(key, core);
  core.ram.fill(0);
  core.setNumber(RAM_SIZE, ramSize);
  core.exports.reset();
  for (let what = 0; what < 64; what++) core.setCost(what, 0);
  return core;
}

export class Hart {
  readonly core: Core;
  private readonly view: DataView;
  private free = TABLES;

  constructor(readonly setup: Setup) {
    this.core = freshCore(setup.build ?? "timed", setup.ramSize ?? RAM_BYTES);
    this.view = new DataView(this.core.memory.buffer);
    this.word(HART_HOST, setup.host ?? Host.M);
    this.mode = setup.mode ?? "M";
    for (const [vector, tvec] of [
      [M_VECTOR, Csr.mtvec],
      [S_VECTOR, Csr.stvec],
      [VS_VECTOR, Csr.vstvec],
    ]) {
      this.program(new Array(64).fill(stop), vector);
      this.core.setCsr(tvec, BigInt(vector));
    }
    this.registers(setup.x ?? {});
    this.csrs(setup.csrs ?? {});
    this.pmp(...(setup.pmp ?? [PMP_OPEN]));
    this.core.pc = BigInt(setup.pc ?? setup.at ?? CODE);
  }

  set mode(name: ModeName) {
    this.word(HART_MODE, MODES[name].mode);
    this.word(HART_VIRT, MODES[name].virt);
  }
  get mode(): ModeName {
    const [mode, virt] = [this.word(HART_MODE), this.word(HART_VIRT)];
    return (Object.keys(MODES) as ModeName[]).find((name) => MODES[name].mode === mode && MODES[name].virt === virt)!;
  }

  /** Reads, or writes, a u32 of the layout. */
  word(at: number, value?: number): number {
    if (value !== undefined) this.core.u32[at >>> 2] = value;
    return this.core.u32[at >>> 2];
  }
  double(at: number, value?: bigint): bigint {
    if (value !== undefined) this.core.u64[at >>> 3] = value;
    return this.core.u64[at >>> 3];
  }

  program(instructions: readonly number[], at = CODE): this {
    this.core.store(at, bytes(instructions));
    return this;
  }
  registers(values: Record<number, number | bigint>): this {
    for (const [i, value] of Object.entries(values)) this.core.setX(Number(i), BigInt(value));
    return this;
  }
  csrs(values: Record<number, number | bigint>): this {
    for (const [n, value] of Object.entries(values)) this.core.setCsr(Number(n), BigInt.asUintN(64, BigInt(value)));
    return this;
  }
  /** Sets the PMP's entries from the first on, as the host does. */
  pmp(...entries: PmpEntry[]): this {
    const config = (from: number) =>
      entries.slice(from, from + 8).reduce((sum, [byte], i) => sum | (BigInt(byte) << BigInt(8 * i)), 0n);
    this.csrs({ [Csr.pmpcfg0]: config(0), [Csr.pmpcfg2]: config(8) });
    for (const [i, [, address]] of entries.entries()) this.csrs({ [Csr.pmpaddr0 + i]: address });
    this.core.exports.flushTranslations();
    return this;
  }
  costs(values: Partial<Record<Cost, number>>): this {
    for (const [what, cycles] of Object.entries(values)) this.core.setCost(Number(what) as Cost, cycles as number);
    return this;
  }

  /** Runs to an exit; a program that makes none within `cycles` is an error. */
  run(cycles = 1_000_000): Exit {
    const exit = this.core.run(this.core.cycles + cycles);
    if (exit === Exit.Deadline) throw new Error(`no exit within ${cycles} cycles: pc 0x${this.core.pc.toString(16)}`);
    return exit;
  }
  /** Runs from `pc`, whatever exit was under way. */
  runAt(pc: number | bigint, mode?: ModeName): Exit {
    this.core.pc = BigInt(pc);
    if (mode) this.mode = mode;
    return this.answer(0);
  }
  /** Answers the exit under way, and goes on. */
  answer(pending: number, value = 0n): Exit {
    this.word(EXIT_PENDING, pending);
    this.double(EXIT_VALUE, value);
    return this.run();
  }

  x(i: number): bigint {
    return this.core.x(i);
  }
  csr(n: number): bigint {
    return this.core.csr(n);
  }
  counter(what: Counter): number {
    return this.core.counter(what);
  }
  get pc(): number {
    return Number(this.core.pc);
  }
  get exit() {
    return {
      cause: this.double(EXIT_CAUSE),
      tval: this.double(EXIT_TVAL),
      gpa: this.double(EXIT_GPA),
      tinst: this.double(EXIT_TINST),
      address: this.double(EXIT_ADDRESS),
      value: this.double(EXIT_VALUE),
      size: this.word(EXIT_SIZE),
      write: this.word(EXIT_WRITE),
      from: this.word(EXIT_FROM_MODE),
      fromVirt: this.word(EXIT_FROM_VIRT),
      to: this.word(EXIT_TO_MODE),
      length: this.word(EXIT_INSN_LENGTH),
    };
  }

  read64(pa: number): bigint {
    return this.view.getBigUint64(pa - RAM_START + RAM, true);
  }
  write64(pa: number, value: number | bigint): void {
    this.view.setBigUint64(pa - RAM_START + RAM, BigInt.asUintN(64, BigInt(value)), true);
  }
  /** Physical address of `pages` zeroed pages, aligned to `align`. */
  allocate(pages = 1, align = PAGE): number {
    const at = Math.ceil(this.free / align) * align;
    this.free = at + pages * PAGE;
    return at;
  }
}

/** A hart with `program` loaded. */
export function bare(program: readonly number[], setup: Setup = {}): Hart {
  return new Hart(setup).program(program, setup.at ?? CODE);
}
/** The same, run to its exit. */
export function ran(program: readonly number[], setup: Setup = {}): Hart {
  const hart = bare(program, setup);
  hart.run();
  return hart;
}

// ---- page tables

/** Permissions of a page as letters: "rwx" and "u", "g", "a", "d"; V is implied. */
export function pte(letters: string): bigint {
  const values: Record<string, bigint> = { r: 2n, w: 4n, x: 8n, u: 16n, g: 32n, a: 64n, d: 128n };
  return [...letters].reduce((sum, letter) => sum | values[letter], 1n);
}

const MODE_OF = { Sv39: 8, Sv48: 9, Sv57: 10 };
export type Scheme = keyof typeof MODE_OF;
export const SCHEMES = Object.keys(MODE_OF) as Scheme[];

/** A page table of satp or vsatp, or of hgatp (the x4 modes). Addresses of a VS-stage table are guest physical: map them alike. */
export class PageTable {
  readonly root: number;
  /** Physical addresses of the table's pages. */
  readonly pages: number[] = [];

  constructor(
    readonly hart: Hart,
    readonly scheme: Scheme = "Sv39",
    readonly stage: "first" | "second" = "first",
  ) {
    this.root = stage === "second" ? hart.allocate(4, 4 * PAGE) : hart.allocate();
    this.pages.push(this.root);
  }

  /** satp or vsatp with `id` as ASID, hgatp with `id` as VMID. */
  atp(id = 0): bigint {
    return (BigInt(MODE_OF[this.scheme]) << 60n) | (BigInt(id) << 44n) | BigInt(this.root / PAGE);
  }

  /** Physical address of the entry that maps `va` at `shift`; makes the tables above it. */
  entry(va: number | bigint, shift = 12): number {
    const address = BigInt.asUintN(64, BigInt(va));
    const top = 12 + 9 * (MODE_OF[this.scheme] - 6);
    let table = this.root;
    for (let at = top; ; at -= 9) {
      const mask = this.stage === "second" && at === top ? 2047n : 511n;
      const slot = table + 8 * Number((address >> BigInt(at)) & mask);
      if (at === shift) return slot;
      if ((this.hart.read64(slot) & 1n) === 0n) {
        const next = this.hart.allocate();
        this.pages.push(next);
        this.hart.write64(slot, (BigInt(next / PAGE) << 10n) | 1n);
      }
      table = Number(this.hart.read64(slot) >> 10n) * PAGE;
    }
  }
  map(va: number | bigint, pa: number, letters: string, shift = 12): this {
    this.hart.write64(this.entry(va, shift), (BigInt(pa / PAGE) << 10n) | pte(letters));
    return this;
  }
  /** The page at `va` where it physically lies. */
  same(letters: string, ...pages: number[]): this {
    for (const page of pages) this.map(page, page, letters);
    return this;
  }
}

/** Maps the vectors, CODE and what `table` consists of (for a first stage) through `second`. */
export function behind(second: PageTable, ...firsts: PageTable[]): void {
  for (const first of firsts) second.same("rwuad", ...first.pages);
}

// ---- numbers

export const u64 = (value: number | bigint) => BigInt.asUintN(64, BigInt(value));
export const i64 = (value: number | bigint) => BigInt.asIntN(64, BigInt(value));

/** Numbers that are random in the same way everywhere: xorshift of 64 bits. */
export class Random {
  private state: bigint;

  constructor(seed: number) {
    this.state = u64(BigInt(seed) * 0x9e37_79b9_7f4a_7c15n + 1n);
  }
  next(): bigint {
    let s = this.state;
    s ^= u64(s << 13n);
    s ^= s >> 7n;
    s ^= u64(s << 17n);
    this.state = s;
    return s;
  }
  /** 0 ≤ number < limit. */
  below(limit: number): number {
    return Number(this.next() % BigInt(limit));
  }
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}
