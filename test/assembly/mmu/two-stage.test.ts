// RISC-V Privileged Architecture 1.13, "Two-Stage Address Translation", "Guest Physical Address Translation", "Guest-Page Faults",
// "Hypervisor Virtual-Machine Load and Store Instructions".
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import { Host } from "../../../assembly/isa/exit.js";
import { HART_HOST } from "../../../assembly/layout.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import * as asm from "../../support/assembler.js";
import { a0, a1, a2, ebreak, hlvD, hlvxHu, hlvxWu, hsvD, jalr, ld, sd, zero } from "../../support/assembler.js";
import { BUILDS, bare, behind, CODE, DATA, type Hart, MEGAPAGE, type ModeName, PAGE } from "../../support/hart.js";
import { PageTable, SCHEMES, type Scheme, u64 } from "../../support/hart.js";

const SUM = 1n << 18n;
const MXR = 1n << 19n;
const ADUE = 1n << 61n;
const SPVP = 1n << 8n;
/** What stores write, so that the pages remain executable. */
const EBREAKS = 0x0010_0073_0010_0073n;
const LOAD = CODE;
const STORE = CODE + 8;
const FETCH = CODE + 16;

interface World {
  hart: Hart;
  first: PageTable;
  second: PageTable;
}
/** A guest whose CODE is mapped at 0x100000 (for VS) and 0x200000 (for VU), all its tables readable and writable. */
function world(build: CoreBuild, scheme: Scheme = "Sv39"): World {
  const hart = bare([ld(a0, 0, a1), ebreak, sd(a2, 0, a1), ebreak, jalr(zero, 0, a1)], { build, mode: "VS" });
  hart.program([ebreak], DATA);
  const first = new PageTable(hart, scheme)
    .map(0x10_0000, CODE, "xad")
    .map(0x20_0000, CODE, "xuad")
    .map(0x5000, DATA, "rwxad");
  const second = new PageTable(hart, scheme, "second").same("xuad", CODE);
  behind(second, first);
  hart.csrs({ [Csr.vsatp]: first.atp(), [Csr.hgatp]: second.atp() });
  return { hart, first, second };
}
function access({ hart }: World, what: number, va: number | bigint, mode: ModeName = "VS"): bigint {
  hart.registers({ [a0]: 0, [a1]: va, [a2]: EBREAKS });
  hart.core.exports.flushTranslations();
  hart.runAt(what - CODE + (mode === "VU" ? 0x20_0000 : 0x10_0000), mode);
  return hart.exit.cause;
}
const all = (w: World, va: number | bigint) => [LOAD, STORE, FETCH].map((what) => access(w, what, va));

test.each(BUILDS)("permissions of the second stage are guest-page faults; U must be set (%s)", (build) => {
  const w = world(build);
  const causes = (letters: string) => {
    w.second.same(letters, DATA);
    return all(w, 0x5000);
  };
  expect(causes("rwxuad")).toEqual([3n, 3n, 3n]);
  expect(causes("ruad")).toEqual([3n, 23n, 20n]);
  expect(causes("rwuad")).toEqual([3n, 3n, 20n]);
  expect(causes("xuad")).toEqual([21n, 23n, 3n]);
  expect(causes("rwxad")).toEqual([21n, 23n, 20n]);
  expect(causes("rwxu")).toEqual([21n, 23n, 20n]);
  expect(causes("rwxua")).toEqual([3n, 23n, 3n]);
});

test.each(BUILDS)(
  "htval and mtval2 hold the guest physical address shifted right by 2, tval the guest virtual one (%s)",
  (build) => {
    const { hart, first } = world(build);
    first.map(0x5000, 0x1234_5000, "rwxad");
    hart.word(HART_HOST, Host.None);
    hart.registers({ [a1]: 0x5678 }).runAt(0x10_0000, "VS");
    expect([Csr.mcause, Csr.mtval, Csr.mtval2].map((n) => hart.csr(n))).toEqual([21n, 0x5678n, 0x1234_5678n >> 2n]);
    hart.csrs({ [Csr.medeleg]: 1 << 23 }).runAt(0x10_0008, "VS");
    expect([Csr.scause, Csr.stval, Csr.htval].map((n) => hart.csr(n))).toEqual([23n, 0x5678n, 0x1234_5678n >> 2n]);
    expect(hart.csr(Csr.htinst)).toBe(BigInt(sd(a2, 0, zero)));
  },
);

test.each(BUILDS)("the first stage's fault comes before the second's (%s)", (build) => {
  const w = world(build);
  w.first.map(0x5000, 0x1234_5000, "rad");
  expect(all(w, 0x5000)).toEqual([21n, 15n, 12n]);
  expect(w.hart.exit.gpa).toBe(0n);
  expect([access(w, LOAD, 0x5678), w.hart.exit.tval, w.hart.exit.gpa]).toEqual([21n, 0x5678n, 0x1234_5678n]);
});

test.each(BUILDS)("MXR of the guest holds for its own stage, that of the hypervisor for both (%s)", (build) => {
  const cause = (first: string, second: string, csrs: Record<number, bigint>) => {
    const w = world(build);
    w.first.map(0x5000, DATA, first);
    w.second.same(second, DATA);
    w.hart.csrs(csrs);
    return access(w, LOAD, 0x5000);
  };
  const guest = { [Csr.vsstatus]: MXR };
  const host = { [Csr.mstatus]: MXR };
  expect([cause("xad", "rxuad", {}), cause("xad", "rxuad", guest), cause("xad", "rxuad", host)]).toEqual([13n, 3n, 3n]);
  expect([cause("rxad", "xuad", {}), cause("rxad", "xuad", guest), cause("rxad", "xuad", host)]).toEqual([
    21n,
    21n,
    3n,
  ]);
});

test.each(BUILDS)("SUM of the guest is vsstatus's alone (%s)", (build) => {
  const w = world(build);
  w.first.map(0x5000, DATA, "rwuad");
  w.second.same("rwuad", DATA);
  expect([access(w, LOAD, 0x5000), access(w, LOAD, 0x5000, "VU")]).toEqual([13n, 3n]);
  w.hart.csrs({ [Csr.mstatus]: SUM });
  expect(access(w, LOAD, 0x5000)).toBe(13n);
  w.hart.csrs({ [Csr.mstatus]: 0, [Csr.vsstatus]: SUM });
  expect(access(w, LOAD, 0x5000)).toBe(3n);
});

test.each(BUILDS)("ADUE: menvcfg's for the second stage, henvcfg's for the first (%s)", (build) => {
  const w = world(build);
  w.first.map(0x5000, DATA, "rw");
  w.second.same("rwu", DATA);
  const bits = () => [w.hart.read64(w.first.entry(0x5000)) & 0xc0n, w.hart.read64(w.second.entry(DATA)) & 0xc0n];
  w.hart.csrs({ [Csr.menvcfg]: ADUE });
  expect([access(w, LOAD, 0x5000), ...bits()]).toEqual([13n, 0n, 0n]);
  w.hart.csrs({ [Csr.henvcfg]: ADUE });
  expect([access(w, LOAD, 0x5000), ...bits()]).toEqual([3n, 0x40n, 0x40n]);
  expect([access(w, STORE, 0x5000), ...bits()]).toEqual([3n, 0xc0n, 0xc0n]);
});

const LEVELS = BUILDS.flatMap((build) => SCHEMES.map((scheme) => ({ build, scheme })));
const WIDTH: Record<Scheme, bigint> = { Sv39: 41n, Sv48: 50n, Sv57: 59n };

test.each(LEVELS)(
  "$scheme×4: two more bits of guest physical address, then a guest-page fault ($build)",
  ({ build, scheme }) => {
    const w = world(build, scheme);
    w.hart.csrs({ [Csr.vsatp]: 0 });
    w.hart.write64(DATA + 8, 0x55);
    const last = (1n << WIDTH[scheme]) - BigInt(PAGE);
    w.second.map(last, DATA, "ruad").map(0x10_0000, CODE, "xuad");
    expect([access(w, LOAD, last + 8n), w.hart.x(a0)]).toEqual([3n, 0x55n]);
    expect([access(w, LOAD, 1n << WIDTH[scheme]), w.hart.exit.tval, w.hart.exit.gpa]).toEqual([
      21n,
      1n << WIDTH[scheme],
      1n << WIDTH[scheme],
    ]);
    expect(access(w, STORE, u64(-8))).toBe(23n);
  },
);

test.each(BUILDS)("superpages of either stage, the smaller one counts (%s)", (build) => {
  const w = world(build);
  const base = Math.floor(CODE / MEGAPAGE) * MEGAPAGE;
  w.hart.write64(DATA, 1);
  w.hart.write64(DATA + PAGE, 2);
  w.first.map(8 * MEGAPAGE, base, "rwad", 21);
  w.second.same("ruad", DATA).map(DATA + PAGE, DATA, "ruad");
  const at = (page: number) => 8 * MEGAPAGE + (page - base);
  expect([access(w, LOAD, at(DATA)), w.hart.x(a0)]).toEqual([3n, 1n]);
  expect([access(w, LOAD, at(DATA + PAGE)), w.hart.x(a0)]).toEqual([3n, 1n]);
  expect([access(w, LOAD, at(DATA + 2 * PAGE)), w.hart.exit.gpa]).toEqual([21n, BigInt(DATA + 2 * PAGE)]);
});

test.each(BUILDS)("a misaligned superpage of the second stage is a guest-page fault (%s)", (build) => {
  const w = world(build);
  w.first.map(8 * MEGAPAGE, 16 * MEGAPAGE, "rwad", 21);
  w.second.map(16 * MEGAPAGE, DATA, "rwuad", 21);
  expect([access(w, LOAD, 8 * MEGAPAGE), access(w, STORE, 8 * MEGAPAGE)]).toEqual([21n, 23n]);
});

test.each(BUILDS)("HLV and HSV access as the guest in the mode of SPVP (%s)", (build) => {
  const w = world(build);
  const { hart } = w;
  w.second.same("rwuad", DATA);
  w.first.map(0x6000, DATA, "rwuad");
  const loads: [number, bigint][] = [
    [asm.hlvB(a0, a1), 0xffff_ffff_ffff_ff88n],
    [asm.hlvBu(a0, a1), 0x88n],
    [asm.hlvH(a0, a1), 0xffff_ffff_ffff_9988n],
    [asm.hlvHu(a0, a1), 0x9988n],
    [asm.hlvW(a0, a1), 0xffff_ffff_bbaa_9988n],
    [asm.hlvWu(a0, a1), 0xbbaa_9988n],
    [hlvD(a0, a1), 0xffee_ddcc_bbaa_9988n],
  ];
  hart.program([...loads.flatMap(([insn]) => [insn, ebreak]), asm.hsvH(a2, a1), hsvD(a2, a1), ebreak], CODE);
  hart.write64(DATA + 8, 0xffee_ddcc_bbaa_9988n);
  const values = (va: number, hstatus: bigint) => {
    hart.csrs({ [Csr.hstatus]: hstatus }).registers({ [a1]: va });
    return loads.map((_, i) => {
      hart.runAt(CODE + 8 * i, "S");
      return hart.exit.cause === 3n ? hart.x(a0) : hart.exit.cause;
    });
  };
  expect(values(0x5008, SPVP)).toEqual(loads.map(([, value]) => value));
  expect(values(0x6008, 0n)).toEqual(loads.map(([, value]) => value));
  expect(values(0x6008, SPVP)).toEqual(loads.map(() => 13n));
  expect(values(0x5008, 0n)).toEqual(loads.map(() => 13n));
  hart
    .registers({ [a1]: 0x5008, [a2]: 0x1_2345 })
    .csrs({ [Csr.hstatus]: SPVP })
    .runAt(CODE + 8 * loads.length, "S");
  expect([hart.exit.cause, hart.read64(DATA + 8)]).toEqual([3n, 0x1_2345n]);
});

test.each(BUILDS)("HLVX needs X at both stages instead of R, and its faults are those of loads (%s)", (build) => {
  const cause = (first: string, second: string, insn: number) => {
    const w = world(build);
    w.first.map(0x5000, DATA, first);
    w.second.same(second, DATA);
    w.hart
      .program([insn, ebreak])
      .csrs({ [Csr.hstatus]: SPVP, [Csr.vsstatus]: MXR })
      .registers({ [a1]: 0x5000 });
    w.hart.runAt(CODE, "S");
    return w.hart.exit.cause;
  };
  for (const insn of [hlvxHu(a0, a1), hlvxWu(a0, a1)]) {
    expect([cause("xad", "xuad", insn), cause("rad", "xuad", insn), cause("xad", "ruad", insn)]).toEqual([
      3n,
      13n,
      21n,
    ]);
  }
  expect(cause("xad", "xuad", hlvD(a0, a1))).toBe(21n); // MXR of the guest: its own stage only
});

test.each(BUILDS)("HLV does not poison what ordinary loads of HS-mode see, nor the other way (%s)", (build) => {
  const { hart, second } = world(build);
  second.same("ruad", DATA);
  hart.write64(DATA, 1);
  hart.write64(DATA + PAGE, 2);
  const own = new PageTable(hart).same("xad", CODE).map(0x5000, DATA + PAGE, "rad");
  hart.program([ld(a0, 0, a1), hlvD(a2, a1), ld(4, 0, a1), hlvD(5, a1), ebreak]);
  hart.csrs({ [Csr.satp]: own.atp(), [Csr.hstatus]: SPVP }).registers({ [a1]: 0x5000 });
  hart.runAt(CODE, "S");
  expect([a0, a2, 4, 5].map((i) => hart.x(i))).toEqual([2n, 1n, 2n, 1n]);
});
