// Programs under address translation of one stage: random page-table entries of every size, and accesses of every kind.
import { Csr } from "../../../assembly/isa/csr.js";
import * as asm from "../../support/assembler.js";
import * as at from "../layout.js";
import type { Mode } from "../layout.js";
import { goTo, type Program, type Statement } from "../program.js";
import type { Random } from "../random.js";
import { pteOf, SCHEMES, Space, Tables } from "../tables.js";
import { floatLoad, floatStore } from "./float.js";
import { integer } from "./integer.js";
import { amoAt, loadStore, reservedAt } from "./memory.js";
import { floats, OPEN, registers } from "./plain.js";
import { bytesOf, FREE, insn, load, together } from "./state.js";
import { change, jumpTo, NOWHERE, trapInPlace } from "./system.js";

const { LOOP, RESUME } = at;
export const [R, W, X, U, G, A, D] = [2, 4, 8, 16, 32, 64, 128];
export const KERNEL = 1 | R | W | X | A | D;
export const USER = KERNEL | U;
/** Where U-mode finds the code: S-mode may not execute what U-mode may. */
const USER_CODE = 0x9020_0000n + BigInt(at.CODE - at.WINDOW);
/** Test pages, where no machine has RAM: eight at each, the first four over data, the others over pads. */
const BASES = [0x9060_0000n, 0xffff_ffff_9060_0000n, 0x30_0000_0000n];
/** Test superpages: their frames hold the window. */
const MEGA = 0x9080_0000n;
const GIGA = 0x1_4000_0000n;
const NATURAL = 0x90c0_0000n;
const FIRST_NATURAL = (at.DATA - at.WINDOW) / at.PAGE;
const PER_BASE = 8;

/** A page of virtual addresses whose entry is at random. */
export interface TestPage {
  /** An address in the data or the pads; `room` bytes follow within the same kind of page. */
  va: bigint;
  entry: number;
  shift: number;
  /** Data may be written; pads may be jumped to. */
  pad: boolean;
}

/** The code, its handlers and what they keep, for supervisor and user. */
export function mapHarness(space: Space, user = 0): void {
  space.same(KERNEL | user, at.HANDLERS, at.DESK, at.LOG, at.CODE, at.CODE + at.PAGE);
  for (let i = 0; i < at.DATA_BYTES; i += at.PAGE) space.same(KERNEL | user, at.DATA + i);
  space.same(KERNEL | user, at.PADS, at.PADS + at.PAGE);
}
export function mapUserCode(space: Space): void {
  for (const offset of [0, at.PAGE]) space.map(USER_CODE + BigInt(offset), at.CODE + offset, USER & ~W);
}

/** Flags that usually make sense, with any of them missing at times; not G, for what is global in one address space is so in all. */
export function flags(random: Random): number {
  if (random.once(12)) return random.below(256) & ~G;
  let bits = 1 | R | W | X | A | D | (random.once(2) ? U : 0);
  for (const bit of [R, W, X, A, D, 1]) if (random.once(bit === 1 ? 24 : 6)) bits &= ~bit;
  return bits;
}
const RSW = 3n << 8n;
/** "Svnapot", "Svpbmt": a page of 64 KiB whose frame is the window, or a memory type. Of reserved encodings only those that QEMU knows. */
function withAttributes(random: Random, entry: bigint, page: TestPage): bigint {
  const place = Number((page.va >> 12n) & 15n) - FIRST_NATURAL;
  const natural = page.shift === 12 && place >= 0 && place < 6 && page.pad === place >= 4;
  if (!natural || random.once(4)) return entry | (BigInt(random.below(3)) << 61n);
  const frame = random.once(6) ? BigInt(random.below(16)) : 8n;
  return (entry & 0x3ffn) | (1n << 63n) | (frame === 8n ? 0n : BigInt(A | D)) | pteOf(at.WINDOW, 0) | (frame << 10n);
}
/** An entry of a test page. */
export function randomEntry(random: Random, page: TestPage, attributes: boolean, frames?: readonly bigint[]): bigint {
  // a store that reaches it from the page before is a quirk
  const nowhere = page.shift > 12 || ((page.va >> 12n) & 7n) === 0n;
  let frame: bigint;
  if (page.shift > 12) frame = (BigInt(at.WINDOW) >> BigInt(page.shift)) << BigInt(page.shift);
  else if (frames && random.once(2)) frame = random.pick(frames);
  else frame = page.pad ? BigInt(at.PADS + at.PAGE * random.below(2)) : BigInt(at.DATA + at.PAGE * random.below(4));
  let entry = pteOf(frame, flags(random));
  if (random.once(16)) entry |= random.u64() & RSW;
  // no pointer: what it finds may have the reserved bits that QEMU then ignores
  if (attributes && page.shift > 12) entry |= BigInt(R);
  if (attributes && random.once(2)) return withAttributes(random, entry, page);
  if (!attributes && random.once(24)) entry |= 1n << BigInt(54 + random.below(7));
  if (nowhere && random.once(8)) entry = (entry & 0x3ffn) | pteOf(random.pick(NOWHERE), R);
  // a superpage whose frame is no multiple of its size
  if (page.shift > 12 && random.once(6)) entry |= 1n << BigInt(10 + random.below(page.shift - 12));
  return entry;
}

/** Where the data and the pads lie in a page of 64 KiB. */
export function naturalPages(space: Space): TestPage[] {
  return Array.from({ length: 6 }, (_, i) => {
    const va = NATURAL + BigInt((FIRST_NATURAL + i) * at.PAGE);
    return { va, entry: space.entry(va), shift: 12, pad: i >= 4 };
  });
}

export function testPages(space: Space): TestPage[] {
  const pages = naturalPages(space);
  for (const base of BASES) {
    for (let i = 0; i < PER_BASE; i++) {
      const va = base + BigInt(i * at.PAGE);
      pages.push({ va, entry: space.entry(va), shift: 12, pad: i >= PER_BASE / 2 });
    }
  }
  for (const [base, shift] of [
    [MEGA, 21],
    [GIGA, 30],
  ] as const) {
    const frame = (BigInt(at.WINDOW) >> BigInt(shift)) << BigInt(shift);
    for (const pad of [false, true]) {
      const at_ = base + (pad ? 1n << BigInt(shift) : 0n);
      pages.push({ va: at_ + BigInt(pad ? at.PADS : at.DATA) - frame, entry: space.entry(at_, shift), shift, pad });
    }
  }
  return pages;
}

/** Jumps need a place that is not the start of a page; the last halfword of a pad goes on in the next page. */
const landing = (random: Random) => BigInt(random.once(4) ? 4094 : 16 + 2 * random.below(2000));

/** Loads `va` and makes one access; a fault of the walk itself goes on behind it. */
function accessAt(va: bigint, access: Statement): Statement {
  const resume = insn("", asm.auipc(RESUME, 0), asm.addi(RESUME, RESUME, 12));
  return {
    text: `li x${LOOP}, 0x${BigInt.asUintN(64, va).toString(16)}; ${access.text}`,
    code: together(load(LOOP, va), resume, access).code,
  };
}

export function testAccess(
  random: Random,
  pages: readonly TestPage[],
  special?: (pad: boolean) => Statement,
): Statement {
  const page = random.pick(pages);
  const far = random.once(20) ? 1n << BigInt(35 + random.below(29)) : 0n;
  const va = BigInt.asIntN(64, page.va ^ far);
  if (page.pad && random.once(2))
    return jumpTo(random, va + (page.shift === 12 && va % 8n === 0n ? landing(random) : 16n));
  const offset = random.once(3)
    ? (random.once(2) ? 4092n : 0n) + BigInt(random.below(8))
    : BigInt(8 * random.below(510));
  const aligned = offset & ~7n;
  const rd = random.pick(FREE);
  const read = random.pick([
    insn(`ld x${rd}, 0(x${LOOP})`, asm.ld(rd, 0, LOOP)),
    insn(`lhu x${rd}, 0(x${LOOP})`, asm.lhu(rd, 0, LOOP)),
    insn(`lw x${rd}, 0(x${LOOP})`, asm.lw(rd, 0, LOOP)),
  ]);
  if (special && random.once(2)) return accessAt(va + aligned, special(page.pad));
  if (page.pad) return accessAt(va + aligned, read);
  switch (random.below(8)) {
    case 2:
      return accessAt(
        va + offset,
        (random.once(2) ? floatLoad : floatStore)(random.once(2), random.below(32), 0, LOOP),
      );
    case 0:
      return accessAt(va + aligned, amoAt(random, LOOP));
    case 1:
      return accessAt(va + aligned, reservedAt(random, LOOP));
    default:
      return accessAt(va + offset, loadStore(random, LOOP, 0));
  }
}

const FS_DIRTY = 0x6000n;
const SUM_MXR = 0xc_0000n;
/** In M-mode, an access as the mode in MPP would make it. */
function modified(random: Random, pages: readonly TestPage[]): Statement {
  const mprv = 1n << 17n;
  const status = mprv | (BigInt(random.below(2)) << 11n) | (random.u64() & SUM_MXR);
  const set = insn(`mstatus MPRV on`, asm.csrrs(0, Csr.mstatus, LOOP));
  const clear = insn(`mstatus MPRV off`, asm.csrrc(0, Csr.mstatus, LOOP));
  const page = random.pick(pages.filter(({ pad }) => !pad));
  const clearAll = together(load(LOOP, mprv | SUM_MXR | (3n << 11n)), clear);
  return together(
    goTo("M"),
    clearAll,
    load(LOOP, status),
    set,
    accessAt(page.va, loadStore(random, LOOP, 0)),
    clearAll,
    goTo(random.pick(["S", "U"])),
  );
}
/** In M-mode, another entry and a fence of everything. */
export function remap(
  random: Random,
  pages: readonly TestPage[],
  back: readonly Mode[],
  entryOf: (page: TestPage) => bigint,
): Statement {
  const page = random.pick(pages);
  const value = random.pick(FREE);
  return together(
    goTo("M"),
    load(LOOP, page.entry),
    load(value, BigInt.asIntN(64, entryOf(page))),
    insn(`sd x${value}, 0(x${LOOP})`, asm.sd(value, 0, LOOP)),
    insn("fence all", asm.sfenceVma(0, 0), asm.hfenceVvma(0, 0), asm.hfenceGvma(0, 0)),
    goTo(random.pick(back)),
  );
}

export const padBytes = (): Uint8Array => {
  const halves = new Uint16Array((2 * at.PAGE) / 2).fill(asm.c.jr(RESUME));
  const whole = asm.jalr(0, 0, RESUME);
  for (const page of [0, at.PAGE / 2]) {
    halves[page] = whole >>> 16;
    halves[page + at.PAGE / 2 - 1] = whole & 0xffff;
  }
  return new Uint8Array(halves.buffer);
};
export const memoryOf = (random: Random, tables: Tables) => [
  { address: at.DATA, bytes: bytesOf(random, at.DATA_BYTES) },
  { address: at.PADS, bytes: padBytes() },
  { address: at.TABLES, bytes: tables.bytes.slice(0, tables.used * at.PAGE) },
];
const same = BigInt(at.CODE);
export const ALIAS: Record<Mode, bigint> = { M: same, S: same, U: USER_CODE, VS: same, VU: USER_CODE };

/** One stage: two address spaces that differ in their test pages, M, S and U. */
export const paging =
  (attributes: boolean) =>
  (seed: number, random: Random): Program => {
    const tables = new Tables();
    const mode = random.pick(SCHEMES);
    const spaces = [1, 2].map(() => {
      const space = new Space(tables, mode);
      mapHarness(space);
      mapUserCode(space);
      return space;
    });
    const perSpace = spaces.map(testPages);
    for (const page of perSpace.flat()) tables.put(page.entry, randomEntry(random, page, attributes));
    const atps = spaces.map((space, i) => space.atp(i + random.below(3) * 16));
    const pages = perSpace.flat();
    const statements = Array.from({ length: 30 }, () => {
      switch (random.below(16)) {
        case 0:
          return remap(random, pages, ["S", "U", "S", "U", "M"], (page) => randomEntry(random, page, attributes));
        case 1:
          return modified(random, pages);
        case 2:
          return change(random, Csr.sstatus, random.u64() & SUM_MXR, 0x2_0000_0000n);
        case 3:
          return goTo(random.pick(["M", "S", "S", "U", "U"]));
        case 4:
          return together(load(LOOP, random.pick(atps)), insn("csrw satp", asm.csrw(Csr.satp, LOOP)));
        case 5:
          return random.pick([integer, trapInPlace])(random);
        default:
          return testAccess(random, perSpace[0]);
      }
    });
    return {
      seed,
      family: attributes ? "page-attributes" : "page",
      extensions: attributes ? ATTRIBUTES : "",
      mode: random.pick(["S", "U"]),
      statements,
      x: registers(random),
      f: floats(random),
      presets: [
        ...OPEN,
        [Csr.menvcfg, attributes ? PBMTE : ADUE_STCE],
        [Csr.henvcfg, attributes ? PBMTE : ADUE_STCE],
        [Csr.medeleg, random.u64() & 0xb1ffn & ~(1n << 9n)],
        [Csr.satp, random.pick(atps)],
        [Csr.mstatus, (random.u64() & SUM_MXR) | FS_DIRTY],
      ],
      alias: ALIAS,
      memory: memoryOf(random, tables),
      tables: tables.used,
      marks: pages.map(({ va, entry }) => ({ va: BigInt.asUintN(64, va), entry })),
    };
  };
export const ATTRIBUTES = ",svnapot=true,svpbmt=true";
export const ADUE_STCE = 0xa000_0000_0000_0000n;
export const PBMTE = ADUE_STCE | (1n << 62n);
