// Programs under both stages: VS- and VU-mode over random entries of both tables; HS-, M- and U-mode reaching in with HLV and HSV.
import { Csr } from "../../../assembly/isa/csr.js";
import * as asm from "../../support/assembler.js";
import * as at from "../layout.js";
import type { Mode } from "../layout.js";
import { goTo, type Program, type Statement } from "../program.js";
import type { Random } from "../random.js";
import { SCHEMES, Space, Tables } from "../tables.js";
import { integer } from "./integer.js";
import {
  A,
  G,
  ADUE_STCE,
  ATTRIBUTES,
  PBMTE,
  ALIAS,
  D,
  flags,
  mapHarness,
  mapUserCode,
  memoryOf,
  naturalPages,
  R,
  randomEntry,
  remap,
  testAccess,
  type TestPage,
  U,
  USER,
  W,
  X,
} from "./paging.js";
import { floats, OPEN, registers } from "./plain.js";
import { FREE, insn, together } from "./state.js";
import { change, trapInPlace } from "./system.js";

const { LOOP } = at;
const encode = asm as unknown as Record<string, (x: number, rs1: number) => number>;
const XL = 0x2_0000_0000n;
/** Guest pages: where the guest's tables point to, and where random entries of the G stage lie; the first half over data. */
const GUEST_BASE = 0x9060_0000n;
const GUEST_PAGES = 8;
/** Guest virtual pages over a table whose own page the G stage maps at random. */
const BEHIND = 0x90a0_0000n;
const VIRTUAL_BASES = [0x9060_0000n, 0xffff_ffff_9060_0000n];
/** Identity, for all of the harness. */
const OPEN_GUEST = USER;

function virtualPages(space: Space): TestPage[] {
  const bases = [...VIRTUAL_BASES, BEHIND];
  return [...bases.flatMap((base) => pagesAt(space, base)), ...naturalPages(space)];
}
const guestPages = (space: Space) => [...pagesAt(space, GUEST_BASE), ...naturalPages(space)];
const pagesAt = (space: Space, base: bigint): TestPage[] =>
  Array.from({ length: GUEST_PAGES }, (_, i) => {
    const va = base + BigInt(i * at.PAGE);
    return { va, entry: space.entry(va), shift: 12, pad: i >= GUEST_PAGES / 2 };
  });

/** Pads that HLVX reads are executable if and only if they are readable: QEMU asks for the one, the specification for the other. */
const bothOrNone = (entry: bigint) => (entry & BigInt(R) ? entry | BigInt(X) : entry & ~BigInt(X | W));

const LOADS = ["hlvB", "hlvBu", "hlvH", "hlvHu", "hlvW", "hlvWu", "hlvD"];
const EXECUTES = ["hlvxHu", "hlvxWu"];
const STORES = ["hsvB", "hsvH", "hsvW", "hsvD"];
/** HLV, HLVX or HSV at x30. */
function reach(random: Random, pad: boolean): Statement {
  const x = random.pick(FREE);
  const name = random.pick(pad ? [...LOADS, ...EXECUTES] : [...LOADS, ...STORES, ...STORES]);
  return insn(`${name} x${x}, (x${LOOP})`, encode[name](x, LOOP));
}

/** SUM stays set in vsstatus: QEMU takes it for set in HLV and HSV. */
export const guest =
  (attributes: boolean) =>
  (seed: number, random: Random): Program => {
    const tables = new Tables();
    const bare = random.once(5);
    const host = new Space(tables, random.pick(SCHEMES));
    mapHarness(host);
    mapUserCode(host);
    const second = new Space(tables, random.pick(SCHEMES), true);
    const first = new Space(tables, random.pick(SCHEMES));
    mapHarness(first);
    mapUserCode(first);
    const virtual = bare ? [] : virtualPages(first);
    mapHarness(second, U);
    const guests = guestPages(second);
    const behind = first.entry(BEHIND) & -at.PAGE;
    for (const page of first.pages) second.map(page, page, OPEN_GUEST);
    if (!bare)
      second.map(
        behind,
        behind,
        random.once(2) ? OPEN_GUEST : (flags(random) | A | D | (random.once(3) ? 0 : W)) & 255,
      );
    const frame = (pad: boolean) => guests.filter((page) => page.pad === pad).map((page) => page.va);
    const entryOf = (page: TestPage) => {
      const entry = randomEntry(random, page, attributes, frame(page.pad)) | (random.once(4) ? BigInt(G) : 0n);
      return page.pad ? bothOrNone(entry) : entry;
    };
    for (const page of virtual) tables.put(page.entry, entryOf(page));
    for (const page of guests) {
      const entry = randomEntry(random, page, attributes) | (random.once(8) ? 0n : BigInt(U));
      tables.put(page.entry, page.pad ? bothOrNone(entry) : entry);
    }
    const pages = bare ? guests : virtual;
    const guestFaults = random.once(2) ? 0xb0_0000n : 0n;
    const modes: Mode[] = ["VS", "VS", "VS", "VU", "VU", "S", "M", "U"];
    const statements = Array.from({ length: 30 }, () => {
      switch (random.below(16)) {
        case 0:
          return remap(random, [...virtual, ...guests], modes, entryOf);
        case 1:
          return together(
            goTo(random.pick(["S", "M"])),
            change(random, Csr.hstatus, 0x200n | (random.u64() & 0x100n), XL),
            insn("hfence.gvma", asm.hfenceGvma(0, 0)),
          );
        case 2:
        case 3:
          return goTo(random.pick(modes));
        case 4:
          return random.pick([integer, trapInPlace])(random);
        default:
          return testAccess(random, pages, (pad) => reach(random, pad));
      }
    });
    return {
      seed,
      family: attributes ? "guest-attributes" : "guest",
      extensions: attributes ? ATTRIBUTES : "",
      mode: random.pick(["VS", "VU", "S"]),
      statements,
      x: registers(random),
      f: floats(random),
      presets: [
        ...OPEN,
        [Csr.menvcfg, attributes ? PBMTE : ADUE_STCE],
        [Csr.henvcfg, attributes ? PBMTE : ADUE_STCE],
        [Csr.hstatus, XL | 0x200n | (random.u64() & 0x100n)],
        [Csr.vsstatus, XL | 0x4_6000n],
        [Csr.medeleg, (random.u64() & 0x40_b5ffn & ~(1n << 9n)) | guestFaults],
        [Csr.hedeleg, random.u64() & 0xb1bbn],
        [Csr.satp, bare ? 0n : host.atp(1)],
        [Csr.vsatp, bare ? 0n : first.atp(2)],
        [Csr.hgatp, second.atp(3)],
        [Csr.mstatus, 0x6000n],
      ],
      alias: bare ? { ...ALIAS, U: ALIAS.S, VU: ALIAS.S } : ALIAS,
      memory: memoryOf(random, tables),
      tables: tables.used,
      marks: [...virtual, ...guests].map(({ va, entry }) => ({ va: BigInt.asUintN(64, va), entry })),
    };
  };
