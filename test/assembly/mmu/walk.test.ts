// RISC-V Privileged Architecture 1.13, "Sv39: Page-Based 39-bit Virtual-Memory System", "Sv48", "Sv57", "Virtual Address
// Translation Process", "Svade", "Svadu".
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import { a0, a1, a2, ebreak, jalr, ld, sd, zero } from "../../support/assembler.js";
import { BUILDS, bare, CODE, DATA, GIGAPAGE, type Hart, MEGAPAGE, type ModeName, PAGE } from "../../support/hart.js";
import { PageTable, SCHEMES, type Scheme } from "../../support/hart.js";

const SUM = 1n << 18n;
const MXR = 1n << 19n;
const ADUE = 1n << 61n;
/** What stores write, so that the pages remain executable. */
const EBREAKS = 0x0010_0073_0010_0073n;
const LOAD = CODE;
const STORE = CODE + 8;
const FETCH = CODE + 16;
/** CODE as S-mode and as U-mode see it. */
const S_CODE = 0x100_0000;
const U_CODE = 0x200_0000;

interface World {
  hart: Hart;
  table: PageTable;
}
function world(build: CoreBuild, scheme: Scheme = "Sv39"): World {
  const hart = bare([ld(a0, 0, a1), ebreak, sd(a2, 0, a1), ebreak, jalr(zero, 0, a1)], { build, mode: "S" });
  hart.program([ebreak], DATA).program([ebreak], DATA + PAGE);
  const table = new PageTable(hart, scheme).map(S_CODE, CODE, "xad").map(U_CODE, CODE, "xuad");
  hart.csrs({ [Csr.satp]: table.atp() });
  return { hart, table };
}
/** Cause of what `what` at `va` ends in: 3 (EBREAK) when it works. */
function access({ hart }: World, what: number, va: number | bigint, mode: ModeName = "S"): bigint {
  hart.registers({ [a0]: 0, [a1]: va, [a2]: EBREAKS });
  hart.runAt(what - CODE + (mode === "U" ? U_CODE : S_CODE), mode);
  return hart.exit.cause;
}
/** Loads, stores and fetches of a page with `letters`, by S and by U: "rwx" of what works. */
function allowed(build: CoreBuild, letters: string, mstatus = 0n): string[] {
  return (["S", "U"] as const).map((mode) => {
    const w = world(build);
    w.table.map(0x5000, DATA, letters);
    w.hart.csrs({ [Csr.mstatus]: mstatus });
    const works = [LOAD, STORE, FETCH].map((what) => access(w, what, 0x5000, mode) === 3n);
    return works.map((ok, i) => (ok ? "rwx"[i] : "-")).join("");
  });
}

test.each(BUILDS)("permissions and U (%s)", (build) => {
  expect(allowed(build, "rad")).toEqual(["r--", "---"]);
  expect(allowed(build, "rwad")).toEqual(["rw-", "---"]);
  expect(allowed(build, "xad")).toEqual(["--x", "---"]);
  expect(allowed(build, "rxad")).toEqual(["r-x", "---"]);
  expect(allowed(build, "ruad")).toEqual(["---", "r--"]);
  expect(allowed(build, "xuad")).toEqual(["---", "--x"]);
  expect(allowed(build, "rwuad")).toEqual(["---", "rw-"]);
});

test.each(BUILDS)(
  "SUM lets S-mode load and store user pages, never execute them; MXR makes X readable (%s)",
  (build) => {
    expect(allowed(build, "rwxuad", SUM)[0]).toBe("rw-");
    expect(allowed(build, "xad", MXR)).toEqual(["r-x", "---"]);
    expect(allowed(build, "xuad", MXR)).toEqual(["---", "r-x"]);
    expect(allowed(build, "xuad", MXR | SUM)[0]).toBe("r--");
    expect(allowed(build, "xuad", SUM)[0]).toBe("---");
  },
);

test.each(BUILDS)("turning SUM and MXR off again takes effect at once, cached translations or not (%s)", (build) => {
  const w = world(build);
  w.table.map(0x5000, DATA, "ruad").map(0x6000, DATA, "xad");
  const causes = [SUM | MXR, 0n, SUM | MXR].map((mstatus) => {
    w.hart.csrs({ [Csr.mstatus]: mstatus });
    return [access(w, LOAD, 0x5000), access(w, LOAD, 0x6000)];
  });
  expect(causes).toEqual([
    [3n, 3n],
    [13n, 13n],
    [3n, 3n],
  ]);
});

test.each(BUILDS)("encodings that are reserved or invalid are page faults of the access (%s)", (build) => {
  const w = world(build);
  const entry = w.table.entry(0x5000);
  const leaf = (BigInt(DATA / PAGE) << 10n) | 0xcfn;
  const causes = (pte: bigint) => {
    w.hart.write64(entry, pte);
    w.hart.core.exports.flushTranslations();
    return [LOAD, STORE, FETCH].map((what) => access(w, what, 0x5000));
  };
  const faults = [13n, 15n, 12n];
  expect(causes(leaf)).toEqual([3n, 3n, 3n]);
  expect(causes(leaf & ~1n)).toEqual(faults); // V = 0
  expect(causes(leaf & ~2n)).toEqual(faults); // W without R
  expect(causes(leaf & ~0xen)).toEqual(faults); // a pointer at the last level
  for (const bit of [54n, 60n, 61n, 62n, 63n]) expect(causes(leaf | (1n << bit))).toEqual(faults); // reserved, PBMT, N
  expect(causes(leaf | (3n << 8n))).toEqual([3n, 3n, 3n]); // RSW
});

test.each(BUILDS)("a pointer with D, A or U is reserved (%s)", (build) => {
  for (const letters of ["a", "d", "u"]) {
    const w = world(build);
    w.table.map(GIGAPAGE, DATA, "rad");
    const pointer = w.table.entry(GIGAPAGE, 21);
    expect(access(w, LOAD, GIGAPAGE)).toBe(3n);
    w.hart.write64(pointer, w.hart.read64(pointer) | { a: 64n, d: 128n, u: 16n }[letters]!);
    w.hart.core.exports.flushTranslations();
    expect(access(w, LOAD, GIGAPAGE)).toBe(13n);
  }
});

const LEVELS = BUILDS.flatMap((build) => SCHEMES.map((scheme) => ({ build, scheme })));
const TOP: Record<Scheme, number> = { Sv39: 30, Sv48: 39, Sv57: 48 };

test.each(LEVELS)(
  "$scheme: pages at either end of the address space, and superpages of every size ($build)",
  ({ build, scheme }) => {
    const w = world(build, scheme);
    const bits = BigInt(TOP[scheme] + 9);
    const high = (1n << 64n) - (1n << (bits - 1n)); // the lowest of the upper half
    const low = (1n << (bits - 1n)) - BigInt(PAGE); // the last page of the lower half
    w.hart.write64(DATA + 0x18, 0x77);
    w.table.map(high, DATA, "rad").map(low, DATA, "rad");
    for (const va of [high, low]) expect([access(w, LOAD, va + 0x18n), w.hart.x(a0)]).toEqual([3n, 0x77n]);
    expect([access(w, LOAD, high - 1n), access(w, STORE, low + BigInt(PAGE)), access(w, FETCH, high - 8n)]).toEqual([
      13n,
      15n,
      12n,
    ]);

    for (let shift = 21; shift <= TOP[scheme]; shift += 9) {
      const size = 2 ** shift;
      const base = Math.floor(CODE / size) * size;
      const va = size * 5;
      w.table.map(va, base, "rad", shift);
      expect([shift, access(w, LOAD, va + (DATA + 0x18 - base)), w.hart.x(a0)]).toEqual([shift, 3n, 0x77n]);
    }
  },
);

test.each(BUILDS)("a misaligned superpage is a page fault (%s)", (build) => {
  const w = world(build);
  const at = CODE + MEGAPAGE;
  w.table
    .map(4 * GIGAPAGE, at, "rwxad", 30)
    .map(MEGAPAGE * 256, at, "rwxad", 21)
    .map(MEGAPAGE * 257, at + PAGE, "rwxad", 21);
  expect(access(w, LOAD, 4 * GIGAPAGE + 8)).toBe(13n);
  expect(access(w, STORE, MEGAPAGE * 257)).toBe(15n);
  expect(access(w, LOAD, MEGAPAGE * 256 + 16)).toBe(3n);
});

test.each(BUILDS)(
  "Svade: without ADUE an access that needs A or D set is a page fault, and sets nothing (%s)",
  (build) => {
    const w = world(build);
    w.table.map(0x5000, DATA, "rwx").map(0x6000, DATA, "rwxa").map(0x7000, DATA, "rwxd");
    const causes = (va: number) => [LOAD, STORE, FETCH].map((what) => access(w, what, va));
    expect(causes(0x5000)).toEqual([13n, 15n, 12n]);
    expect(causes(0x6000)).toEqual([3n, 15n, 3n]);
    expect(causes(0x7000)).toEqual([13n, 15n, 12n]);
    expect(w.hart.read64(w.table.entry(0x5000)) & 0xc0n).toBe(0n);
  },
);

test.each(BUILDS)("Svadu: with ADUE a load sets A, a store A and D, also after loads filled the TLB (%s)", (build) => {
  const w = world(build);
  w.hart.csrs({ [Csr.menvcfg]: ADUE });
  w.table.map(0x5000, DATA, "rwx").map(0x6000, DATA, "rx").map(0x7000, DATA, "r");
  const bits = (va: number) => w.hart.read64(w.table.entry(va)) & 0xc0n;
  expect([access(w, LOAD, 0x5000), bits(0x5000)]).toEqual([3n, 0x40n]);
  expect([access(w, STORE, 0x5000), bits(0x5000)]).toEqual([3n, 0xc0n]);
  expect([access(w, FETCH, 0x6000), bits(0x6000)]).toEqual([3n, 0x40n]);
  expect([access(w, STORE, 0x7000), bits(0x7000)]).toEqual([15n, 0n]); // not allowed: nothing is set
});

test.each(BUILDS)("a table outside RAM is an access fault of the access (%s)", (build) => {
  const w = world(build);
  w.hart.write64(w.table.entry(GIGAPAGE, 30), ((0x1000_0000n >> 12n) << 10n) | 1n);
  expect([access(w, LOAD, GIGAPAGE), access(w, STORE, GIGAPAGE)]).toEqual([5n, 7n]);
});
