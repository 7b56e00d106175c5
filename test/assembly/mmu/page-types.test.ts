// RISC-V Privileged Architecture 1.13, "Svnapot", "Svpbmt", "Machine Environment Configuration Register", "Hypervisor Environment
// Configuration Register".
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import { a0, a1, a2, ebreak, hfenceGvma, jalr, ld, sd, sfenceVma, zero } from "../../support/assembler.js";
import { BUILDS, bare, behind, CODE, DATA, type Hart, MEGAPAGE, PAGE, PageTable, pte } from "../../support/hart.js";

const ADUE = 1n << 61n;
const PBMTE = 1n << 62n;
const N = 1n << 63n;
const KIB_64 = 0x1_0000;
/** Where 64 KiB of RAM lie, aligned, whose page i begins with i. */
const RANGE = DATA;
const EBREAKS = 0x0010_0073_0010_0073n;
const ACCESSES = [ld(a0, 0, a1), sd(a2, 0, a1), jalr(zero, 0, a1)];
const FENCE = CODE + 8 * ACCESSES.length;
const GUEST_FENCE = FENCE + 8;
const FAULTS = [13, 15, 12];
const GUEST_FAULTS = [21, 23, 20];
const WORKS = [3, 3, 3];

interface World {
  hart: Hart;
  first: PageTable;
  second: PageTable;
}
function world(build: CoreBuild, mode: "S" | "VS"): World {
  const hart = bare(
    [...ACCESSES.flatMap((insn) => [insn, ebreak]), sfenceVma(a1, zero), ebreak, hfenceGvma(a1, zero), ebreak],
    { build, mode },
  );
  for (let i = 0; i < 16; i++) hart.program([ebreak, i], RANGE + i * PAGE);
  const first = new PageTable(hart).same("xad", CODE);
  for (const va of [0x10_0000, 0x20_0000]) first.entry(va); // so that the tables above are there
  const second = new PageTable(hart, "Sv39", "second").same("xuad", CODE);
  behind(second, first);
  hart.csrs(mode === "S" ? { [Csr.satp]: first.atp() } : { [Csr.vsatp]: first.atp(), [Csr.hgatp]: second.atp() });
  return { hart, first, second };
}
const cause = (hart: Hart, slot: number, va: number) => {
  hart.registers({ [a1]: va, [a2]: EBREAKS }).runAt(CODE + 8 * slot);
  return Number(hart.exit.cause);
};
/** Causes of a load, a store and a fetch with `entry` in `table` at `va`, which maps there at `shift`. */
function causes({ hart }: World, table: PageTable, entry: bigint, va = 0x10_0000, shift = 12): number[] {
  const at = table.entry(va, shift);
  hart.write64(at, entry);
  hart.core.exports.flushTranslations();
  const result = ACCESSES.map((_, slot) => cause(hart, slot, va));
  hart.write64(at, 0);
  return result;
}
/** A leaf for page number `ppn`. */
const leaf = (ppn: number, letters: string, bits = 0n) => (BigInt(ppn) << 10n) | pte(letters) | bits;
const napotLeaf = (base: number, letters: string) => leaf(base / PAGE + 8, letters, N);
/** The word at offset 4 of the page. */
const seen = (hart: Hart, va: number) => {
  const result = cause(hart, 0, va);
  return result === 3 ? Number(hart.x(a0) >> 32n) : -result;
};

test.each(BUILDS)("a NAPOT page: the low bits of the page number come from the address (%s)", (build) => {
  const { hart, first } = world(build, "S");
  for (let i = 0; i < 16; i++) hart.write64(first.entry(0x10_0000 + i * PAGE), napotLeaf(RANGE, "rwad"));
  expect(Array.from({ length: 16 }, (_, i) => seen(hart, 0x10_0000 + i * PAGE))).toEqual([...Array(16).keys()]);
  // one entry alone serves its own page
  hart.write64(first.entry(0x20_5000), napotLeaf(RANGE, "rwad"));
  expect([seen(hart, 0x20_5000), seen(hart, 0x20_4000)]).toEqual([5, -13]);
});

test.each(BUILDS)("reserved NAPOT encodings are page faults of either stage (%s)", (build) => {
  const ppn = RANGE / PAGE;
  for (const mode of ["S", "VS"] as const) {
    const w = world(build, mode);
    w.second.same("rwxuad", RANGE);
    expect(causes(w, w.first, napotLeaf(RANGE, "rwxad"))).toEqual(WORKS);
    for (const low of [0, 1, 2, 3, 4, 7, 9, 12, 15])
      expect(causes(w, w.first, leaf(ppn + low, "rwxad", N))).toEqual(FAULTS);
    expect(causes(w, w.first, leaf(ppn + 8, "rwxad", N), 16 * MEGAPAGE, 21)).toEqual(FAULTS);
    expect(causes(w, w.first, leaf(RANGE / PAGE, "", N), 16 * MEGAPAGE, 21)).toEqual(FAULTS); // a pointer
  }
  const w = world(build, "VS");
  w.hart.csrs({ [Csr.vsatp]: 0 });
  expect(causes(w, w.second, napotLeaf(RANGE, "rwxuad"))).toEqual(WORKS);
  for (const low of [0, 1, 4, 12, 15]) expect(causes(w, w.second, leaf(ppn + low, "rwxuad", N))).toEqual(GUEST_FAULTS);
  expect(causes(w, w.second, leaf(ppn + 8, "rwxuad", N), 16 * MEGAPAGE, 21)).toEqual(GUEST_FAULTS);
});

test.each(BUILDS)("a fence at any address of a NAPOT page covers all of it (%s)", (build) => {
  const { hart, first } = world(build, "S");
  const other = hart.allocate(16, KIB_64);
  const map = (base: number) => {
    for (let i = 0; i < 16; i++) hart.write64(first.entry(0x10_0000 + i * PAGE), napotLeaf(base, "rwad"));
  };
  const view = () => [0, 3, 15].map((i) => seen(hart, 0x10_0000 + i * PAGE));
  map(RANGE);
  expect(view()).toEqual([0, 3, 15]);
  map(other);
  expect(view()).toEqual([0, 3, 15]);
  hart.registers({ [a1]: 0x10_7000 }).runAt(FENCE);
  expect(view()).toEqual([0, 0, 0]);
  expect([hart.exit.cause, hart.x(a0)]).toEqual([3n, 0n]);
});

test.each(BUILDS)("HFENCE.GVMA at any address of a NAPOT page of the second stage covers all of it (%s)", (build) => {
  const { hart, second } = world(build, "VS");
  hart.csrs({ [Csr.vsatp]: 0 });
  const other = hart.allocate(16, KIB_64);
  const map = (base: number) => {
    for (let i = 0; i < 16; i++) hart.write64(second.entry(0x10_0000 + i * PAGE), napotLeaf(base, "rwuad"));
  };
  const view = () => [0, 3, 15].map((i) => seen(hart, 0x10_0000 + i * PAGE));
  map(RANGE);
  expect(view()).toEqual([0, 3, 15]);
  map(other);
  expect(view()).toEqual([0, 3, 15]);
  hart.registers({ [a1]: 0x10_7000 / 4 }).runAt(GUEST_FENCE, "S");
  hart.mode = "VS";
  expect(view()).toEqual([0, 0, 0]);
});

test.each(BUILDS)("Svadu sets A and D in the entry of the address alone (%s)", (build) => {
  const { hart, first } = world(build, "S");
  hart.csrs({ [Csr.menvcfg]: ADUE });
  for (const page of [0x10_4000, 0x10_5000]) hart.write64(first.entry(page), napotLeaf(RANGE, "rw"));
  expect(cause(hart, 1, 0x10_4000)).toBe(3);
  expect([0x10_4000, 0x10_5000].map((page) => hart.read64(first.entry(page)) & 0xc0n)).toEqual([0xc0n, 0n]);
});

test.each(BUILDS)(
  "PBMT is reserved unless menvcfg.PBMTE is set, and its value 3 and use in pointers always (%s)",
  (build) => {
    const w = world(build, "S");
    const types = () => [1n, 2n, 3n].map((type) => causes(w, w.first, leaf(DATA / PAGE, "rwxad", type << 61n)));
    expect(types()).toEqual([FAULTS, FAULTS, FAULTS]);
    w.hart.csrs({ [Csr.menvcfg]: PBMTE });
    expect(types()).toEqual([WORKS, WORKS, FAULTS]);
    const pointer = (type: bigint) => {
      w.first.map(0x4000_0000, DATA, "rwxad");
      const entry = w.hart.read64(w.first.entry(0x4000_0000, 21));
      return causes(w, w.first, entry | (type << 61n), 0x4000_0000, 21);
    };
    expect([pointer(0n), pointer(1n), pointer(2n)]).toEqual([WORKS, FAULTS, FAULTS]);
  },
);

test.each(BUILDS)(
  "PBMTE: henvcfg's for VS-stage entries, menvcfg's for G-stage ones and as a condition (%s)",
  (build) => {
    const { hart, first, second } = world(build, "VS");
    first.map(0x10_0000, DATA, "rad").map(0x20_0000, DATA + PAGE, "rad");
    hart.write64(first.entry(0x10_0000), leaf(DATA / PAGE, "rad", 1n << 61n));
    second.same("ruad", DATA);
    hart.write64(second.entry(DATA + PAGE), leaf(DATA / PAGE + 1, "ruad", 2n << 61n));
    const under = (menvcfg: bigint, henvcfg: bigint) => {
      hart.csrs({ [Csr.menvcfg]: menvcfg, [Csr.henvcfg]: henvcfg });
      hart.core.exports.flushTranslations();
      return [cause(hart, 0, 0x10_0000), cause(hart, 0, 0x20_0000)];
    };
    expect(under(0n, 0n)).toEqual([13, 21]);
    expect(under(0n, PBMTE)).toEqual([13, 21]);
    expect(under(PBMTE, 0n)).toEqual([13, 3]);
    expect(under(PBMTE, PBMTE)).toEqual([3, 3]);
  },
);
