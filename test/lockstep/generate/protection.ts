// "Physical Memory Protection": entries of every matching mode over the data and the pads, beside one that keeps the harness open. None is
// locked, for that would outlast the program. QEMU asks for the rest of the page when it fetches: pads are whole pages to it.
import { Csr } from "../../../assembly/isa/csr.js";
import * as asm from "../../support/assembler.js";
import * as at from "../layout.js";
import type { Mode } from "../layout.js";
import { goTo, type Program, type Statement } from "../program.js";
import type { Random } from "../random.js";
import { integer } from "./integer.js";
import { amoAt } from "./memory.js";
import { padBytes } from "./paging.js";
import { FLAT, floats, OPEN, registers } from "./plain.js";
import { bytesOf, FREE, insn, load, together } from "./state.js";
import { jumpTo } from "./system.js";

const { LOOP } = at;
const [TOR, NA4, NAPOT] = [8, 16, 24];
const [R, W, X] = [1, 2, 4];
const RWX = R | W | X;
/** QEMU takes a violation from V = 1 for a guest-page fault. */
const MODES: Mode[] = ["S", "U", "M"];
/** pmpaddr of an entry for all there is: bits 63:54 are zero. */
const EVERYTHING = 0x3f_ffff_ffff_ffffn;
const ENTRIES = 15;
const encode = asm as unknown as Record<string, (...operands: number[]) => number>;

/** W without R is reserved. */
const rights = (random: Random) => random.pick([0, R, R | W, R | X, RWX, RWX, X]);
const napot = (start: number, size: number) => (BigInt(start) + BigInt(size / 2 - 1)) >> 2n;

/** A place in the data where regions begin and end. */
const edge = (random: Random) =>
  at.DATA + (random.once(3) ? at.PAGE * random.below(5) : 8 * random.below(at.DATA_BYTES / 8));

/** pmpaddr and pmpcfg of one entry. */
function entry(random: Random): [bigint, number] {
  switch (random.below(6)) {
    case 0:
      return [BigInt(edge(random)) >> 2n, 0];
    case 1:
      return [BigInt(edge(random) + 4 * random.below(2)) >> 2n, NA4 | rights(random)];
    case 2:
      return [BigInt(at.PADS + at.PAGE * random.below(3)) >> 2n, random.pick([0, TOR | rights(random)])];
    case 3: {
      const size = 2 ** random.pick([3, 4, 6, 8, 12]);
      return [napot(Math.floor(edge(random) / size) * size, size), NAPOT | rights(random)];
    }
    default:
      return [BigInt(edge(random)) >> 2n, TOR | rights(random)];
  }
}
/** The harness, then `ENTRIES` at random; the last is everything, or nothing. */
function table(random: Random): [number, bigint][] {
  const all: [bigint, number][] = [
    [BigInt(at.WINDOW) >> 2n, 0],
    [BigInt(at.DATA) >> 2n, TOR | RWX],
    ...Array.from({ length: ENTRIES - 2 }, () => entry(random)),
    [EVERYTHING, random.once(3) ? 0 : NAPOT | rights(random)],
  ];
  const config = (from: number) =>
    all.slice(from, from + 8).reduce((sum, [, cfg], i) => sum | (BigInt(cfg) << BigInt(8 * i)), 0n);
  return [
    ...all.map(([address], i): [number, bigint] => [Csr.pmpaddr0 + i, address]),
    [Csr.pmpcfg0, config(0)],
    [Csr.pmpcfg0 + 2, config(8)],
  ];
}

function access(random: Random): Statement {
  const size = random.below(4);
  const wide = edge(random) + random.below(16) - 8;
  const aligned = Math.floor(wide / 2 ** size) * 2 ** size;
  const rd = random.pick(FREE);
  const place = load(LOOP, Math.max(aligned, at.DATA));
  switch (random.below(5)) {
    case 0:
      return together(load(LOOP, Math.max(wide & ~7, at.DATA)), amoAt(random, LOOP));
    case 1:
    case 2: {
      const name = ["sb", "sh", "sw", "sd"][size];
      return together(place, insn(`${name} x${rd}, 0(x${LOOP})`, encode[name](rd, 0, LOOP)));
    }
    default: {
      const name = ["lbu", "lh", "lwu", "ld"][size];
      return together(place, insn(`${name} x${rd}, 0(x${LOOP})`, encode[name](rd, 0, LOOP)));
    }
  }
}

/** Writes one register, and reads another. */
function change(random: Random): Statement {
  const [csr, value] = random.pick(table(random).slice(2));
  const rd = random.pick(FREE);
  return together(
    goTo("M"),
    load(LOOP, BigInt.asIntN(64, value)),
    insn(`csrrw x${rd}, 0x${csr.toString(16)}, x${LOOP}`, asm.csrrw(rd, csr, LOOP)),
    // QEMU sees a new bottom of a TOR entry only when the entry's configuration is written
    ...[Csr.pmpcfg0, Csr.pmpcfg2].map((n) => insn(`rewrite 0x${n.toString(16)}`, asm.csrr(LOOP, n), asm.csrw(n, LOOP))),
    insn("sfence.vma", asm.sfenceVma(0, 0)),
    goTo(random.pick(MODES)),
  );
}

/** In M-mode as another mode would. */
function modified(random: Random): Statement {
  const status = load(LOOP, 0x2_1800);
  const off = insn("mstatus MPRV off", asm.csrrc(0, Csr.mstatus, LOOP));
  const on = insn("mstatus MPRV on", asm.csrrs(0, Csr.mstatus, LOOP));
  return together(
    goTo("M"),
    status,
    off,
    load(LOOP, 0x2_0000),
    on,
    access(random),
    status,
    off,
    goTo(random.pick(["S", "U"])),
  );
}

export function protection(seed: number, random: Random): Program {
  const statements = Array.from({ length: 40 }, () => {
    switch (random.below(12)) {
      case 0:
        return change(random);
      case 1:
        return modified(random);
      case 2:
        return random.once(2) ? integer(random) : goTo(random.pick(MODES));
      case 3:
        return jumpTo(random, BigInt(at.PADS + at.PAGE * random.below(2) + 16 + 2 * random.below(2000)));
      default:
        return access(random);
    }
  });
  return {
    seed,
    family: "pmp",
    mode: random.pick(MODES),
    statements,
    x: registers(random),
    f: floats(random),
    presets: [...OPEN, [Csr.medeleg, random.u64() & 0xb1ffn & ~(1n << 9n)], ...table(random), [Csr.mstatus, 0n]],
    alias: FLAT,
    memory: [
      { address: at.DATA, bytes: bytesOf(random, at.DATA_BYTES) },
      { address: at.PADS, bytes: padBytes() },
    ],
    tables: 0,
    marks: [],
  };
}
