// RISC-V Privileged Architecture 1.13, "Physical Memory Protection", "Physical Memory Protection and Paging".
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit } from "../../../assembly/isa/exit.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import * as asm from "../../support/assembler.js";
import { a0, a1, a2, cNop, csrr, csrw, ebreak, hlvD, hlvxWu, hsvD, jalr, lw, zero } from "../../support/assembler.js";
import {
  BUILDS,
  bare,
  behind,
  CODE,
  DATA,
  type Hart,
  type ModeName,
  napot,
  PAGE,
  PageTable,
} from "../../support/hart.js";
import { PMP, PMP_OPEN, type PmpEntry, ran, word } from "../../support/hart.js";

const MPRV = 1n << 17n;
const MPP_S = 1n << 11n;
const SPVP = 1n << 8n;
const ADUE = 1n << 61n;
const EBREAKS = 0x0010_0073_0010_0073n;
const PROGRAM = {
  lb: asm.lb(a0, 0, a1),
  lh: asm.lh(a0, 0, a1),
  lw: lw(a0, 0, a1),
  ld: asm.ld(a0, 0, a1),
  sw: asm.sw(a2, 0, a1),
  sd: asm.sd(a2, 0, a1),
  fetch: jalr(zero, 0, a1),
  lr: asm.lrW(a0, a1),
  sc: asm.scW(a0, a2, a1),
  amo: asm.amoaddW(a0, zero, a1),
  hlv: hlvD(a0, a1),
  hlvx: hlvxWu(a0, a1),
  hsv: hsvD(a2, a1),
};
const pageOf = (address: number) => address - (address % PAGE);
type Action = keyof typeof PROGRAM;
const SLOTS = Object.keys(PROGRAM) as Action[];

/** A hart with these entries before one that allows everything, and DATA full of EBREAKs. */
function guarded(build: CoreBuild, entries: readonly PmpEntry[], mode: ModeName = "S", open = [PMP_OPEN]): Hart {
  const hart = bare(
    SLOTS.flatMap((slot) => [PROGRAM[slot], ebreak]),
    { build, mode, pmp: [...entries, ...open] },
  );
  return hart.program(new Array(2 * (PAGE / 4)).fill(ebreak), DATA);
}
/** Cause of what an access ends in: 3 (EBREAK) when it works. */
function cause(hart: Hart, what: Action, va: number, mode?: ModeName): number {
  hart.registers({ [a1]: va, [a2]: EBREAKS });
  return hart.runAt(CODE + 8 * SLOTS.indexOf(what), mode) === Exit.Exception ? Number(hart.exit.cause) : -1;
}
/** The same with the address that is blamed, from DATA on. */
function blamed(hart: Hart, what: Action, va: number): [cause: number, offset: number] {
  return [cause(hart, what, va), Number(hart.exit.tval) - DATA];
}

test.each(BUILDS)(
  "after reset S and U may nothing, M everything: entries there are, but they are OFF (%s)",
  (build) => {
    const under = (mode: ModeName) => cause(guarded(build, [], mode, []), "lw", DATA);
    expect([under("M"), under("S"), under("U")]).toEqual([3, 1, 1]);
    const hart = guarded(build, [], "M", []).csrs({ [Csr.mstatus]: MPRV | MPP_S });
    expect([cause(hart, "lw", DATA), cause(hart, "sw", DATA), cause(hart, "fetch", DATA)]).toEqual([5, 7, 3]);
  },
);

test.each(BUILDS)("R, W and X of an entry; M is bound by locked ones alone (%s)", (build) => {
  const causes = (config: number, mode: ModeName) => {
    const hart = guarded(build, [[PMP.napot | config, napot(DATA, PAGE)]], mode);
    return (["lw", "sw", "fetch"] as const).map((what) => cause(hart, what, DATA));
  };
  for (const mode of ["S", "U"] as const) {
    expect(causes(0, mode)).toEqual([5, 7, 1]);
    expect(causes(PMP.r, mode)).toEqual([3, 7, 1]);
    expect(causes(PMP.r | PMP.w, mode)).toEqual([3, 3, 1]);
    expect(causes(PMP.x, mode)).toEqual([5, 7, 3]);
    expect(causes(PMP.r | PMP.x, mode)).toEqual([3, 7, 3]);
  }
  expect(causes(0, "M")).toEqual([3, 3, 3]);
  expect(causes(PMP.locked, "M")).toEqual([5, 7, 1]);
  expect(causes(PMP.locked | PMP.r, "M")).toEqual([3, 7, 1]);
  expect(causes(PMP.locked | PMP.x, "M")).toEqual([5, 7, 3]);
});

test.each(BUILDS)("LR, SC, AMO, HLV and HSV are checked as loads or stores; HLVX needs R (%s)", (build) => {
  const causes = (config: number) => {
    const hart = guarded(build, [[PMP.napot | config, napot(DATA, PAGE)]]).csrs({ [Csr.hstatus]: SPVP });
    return (["lr", "sc", "amo", "hlv", "hlvx", "hsv"] as const).map((what) => cause(hart, what, DATA));
  };
  expect(causes(0)).toEqual([5, 7, 7, 5, 5, 7]);
  expect(causes(PMP.r)).toEqual([3, 7, 7, 3, 3, 7]);
  expect(causes(PMP.r | PMP.w)).toEqual([3, 3, 3, 3, 3, 3]);
  expect(causes(PMP.x)).toEqual([5, 7, 7, 5, 5, 7]);
});

test.each(BUILDS)("HLV and HSV by M-mode have the guest's privilege, not M's (%s)", (build) => {
  const hart = guarded(build, [[PMP.napot, napot(DATA, PAGE)]], "M");
  expect([cause(hart, "hlv", DATA), cause(hart, "hsv", DATA), cause(hart, "ld", DATA)]).toEqual([5, 7, 3]);
});

/** Offsets of the words from DATA on that a load of S-mode doesn't reach. */
function forbidden(build: CoreBuild, ...entries: PmpEntry[]): number[] {
  const hart = guarded(build, entries);
  return Array.from({ length: 16 }, (_, i) => 4 * i).filter((offset) => cause(hart, "lw", DATA + offset) === 5);
}

test.each(BUILDS)("address matching: NA4, NAPOT, TOR (%s)", (build) => {
  const under = (...entries: PmpEntry[]) => forbidden(build, ...entries);
  expect(under([PMP.na4, word(DATA + 12)])).toEqual([12]);
  expect(under([PMP.napot, napot(DATA + 8, 8)])).toEqual([8, 12]);
  expect(under([PMP.napot, napot(DATA + 16, 16)])).toEqual([16, 20, 24, 28]);
  expect(under([0, word(DATA + 4)], [PMP.tor, word(DATA + 16)])).toEqual([4, 8, 12]);
  // the bottom is the address of the entry before, whatever that is
  expect(under([PMP.na4 | PMP.rwx, word(DATA + 4)], [PMP.tor, word(DATA + 16)])).toEqual([8, 12]);
  expect(under([0, word(DATA + 16)], [PMP.tor, word(DATA + 16)])).toEqual([]);
  expect(under([0, word(DATA + 20)], [PMP.tor, word(DATA + 16)])).toEqual([]);
  expect(under([0, word(DATA)])).toEqual([]);
});

test.each(BUILDS)("TOR of entry 0 begins at address 0 (%s)", (build) => {
  const hart = guarded(build, [[PMP.tor, word(DATA + 8)]], "M").csrs({ [Csr.mstatus]: MPRV | MPP_S });
  expect([0, CODE, DATA + 4, DATA + 8].map((at) => cause(hart, "lw", at))).toEqual([5, 5, 5, 3]);
});

test.each(BUILDS)("the lowest-numbered entry that matches decides (%s)", (build) => {
  const inner: PmpEntry = [PMP.napot | PMP.rwx, napot(DATA + 8, 8)];
  const outer: PmpEntry = [PMP.napot, napot(DATA, 32)];
  expect(forbidden(build, inner, outer)).toEqual([0, 4, 16, 20, 24, 28]);
  expect(forbidden(build, outer, inner)).toEqual([0, 4, 8, 12, 16, 20, 24, 28]);
});

test.each(BUILDS)("all 16 entries count, and no more (%s)", (build) => {
  const entries: PmpEntry[] = Array.from({ length: 15 }, (_, i) => [PMP.na4, word(DATA + 8 * i)]);
  const hart = guarded(build, entries);
  expect([0, 4, 112, 116].map((offset) => cause(hart, "lw", DATA + offset))).toEqual([5, 3, 5, 3]);
  const last = guarded(build, [...new Array(15).fill([0, 0]), [PMP.napot | PMP.x, napot(CODE, PAGE)]], "S", []);
  expect(cause(last, "lw", DATA)).toBe(5);
});

test.each(BUILDS)("an entry that matches only some bytes of an access fails it, even in M-mode (%s)", (build) => {
  const some: PmpEntry = [PMP.na4 | PMP.rwx, word(DATA + 12)];
  for (const mode of ["S", "M"] as const) {
    const hart = guarded(build, [some], mode);
    expect([blamed(hart, "ld", DATA + 8), blamed(hart, "sd", DATA + 8)]).toEqual([
      [5, 8],
      [7, 8],
    ]);
    expect([cause(hart, "lw", DATA + 8), cause(hart, "lw", DATA + 12), cause(hart, "ld", DATA + 16)]).toEqual([
      3, 3, 3,
    ]);
    expect(blamed(hart, "lw", DATA + 14)).toEqual([5, 14]); // misaligned: one operation, too
    expect(cause(hart, "lh", DATA + 14)).toBe(3);
  }
});

test.each(BUILDS)(
  "a store that is forbidden in part writes nothing; across pages the second piece is blamed (%s)",
  (build) => {
    const hart = guarded(build, [[PMP.na4 | PMP.r, word(DATA + PAGE)]]);
    hart.write64(DATA + PAGE - 8, 0);
    expect(blamed(hart, "sd", DATA + PAGE - 4)).toEqual([7, PAGE]);
    expect(hart.read64(DATA + PAGE - 8)).toBe(0n);
    expect(blamed(hart, "ld", DATA + PAGE - 4)).toEqual([3, CODE + 8 * SLOTS.indexOf("ld") + 4 - DATA]);
    hart.pmp([PMP.na4 | PMP.x, word(DATA + PAGE - 4)], PMP_OPEN);
    expect(blamed(hart, "ld", DATA + PAGE - 2)).toEqual([5, PAGE - 2]);
  },
);

test.each(BUILDS)("registers of devices are protected before anybody sees the access (%s)", (build) => {
  const hart = guarded(build, [[PMP.napot | PMP.r, napot(0x1000_0000, 0x1000)]]);
  expect([cause(hart, "lw", 0x1000_0000), cause(hart, "sw", 0x1000_0000), cause(hart, "sw", 0x1000_1000)]).toEqual([
    -1, 7, -1,
  ]);
});

test.each(BUILDS)("fetches: a page of which only some may be executed (%s)", (build) => {
  const code = [asm.addi(a0, a0, 1), asm.addi(a0, a0, 2), asm.addi(a0, a0, 4), ebreak, asm.addi(a0, a0, 8), ebreak];
  const run = (...entries: PmpEntry[]) => {
    const hart = guarded(build, entries)
      .program(code, DATA)
      .registers({ [a0]: 0 });
    hart.runAt(DATA);
    return [hart.exit.cause, hart.x(a0), BigInt(hart.pc - DATA), hart.exit.tval - BigInt(DATA)];
  };
  expect(run([PMP.na4 | PMP.r, word(DATA + 16)])).toEqual([3n, 7n, 12n, 12n]);
  expect(run([PMP.na4 | PMP.r, word(DATA + 8)])).toEqual([1n, 3n, 8n, 8n]);
  expect(run([PMP.napot | PMP.x, napot(DATA, 16)], [PMP.napot | PMP.r, napot(DATA, PAGE)])).toEqual([3n, 7n, 12n, 12n]);
});

test.each(BUILDS)("fetches: branches, loops and jumps within such a page, and stores to it (%s)", (build) => {
  const code = [
    asm.addi(a0, a0, 1), //          0: loop
    asm.addi(a2, a2, -1), //         4
    asm.bne(a2, zero, -8), //        8
    asm.jal(5, 8), //               12: over the next
    asm.addi(a0, zero, 0), //       16
    asm.sw(a1, 24, a1), //          20
    asm.auipc(6, 0), //             24
    ebreak, //                      28
  ];
  const hart = guarded(build, [[PMP.na4 | PMP.r, word(DATA + PAGE - 4)]]).program(code, DATA);
  hart.registers({ [a0]: 0, [a1]: DATA + 0x100, [a2]: 1000 }).runAt(DATA);
  expect([hart.exit.cause, hart.x(a0), hart.x(5), hart.x(6)]).toEqual([
    3n,
    1000n,
    BigInt(DATA + 16),
    BigInt(DATA + 24),
  ]);
  expect(hart.read64(DATA + 0x118) & 0xffff_ffffn).toBe(BigInt(DATA + 0x100));
});

test.each(BUILDS)(
  "fetches: the half of an instruction that is forbidden is blamed, also across pages (%s)",
  (build) => {
    const at = (offset: number, ...entries: PmpEntry[]) => {
      const hart = guarded(build, entries);
      hart.core.store(DATA + offset, asm.bytes([cNop, asm.addi(a0, zero, 5), ebreak]));
      hart.registers({ [a0]: 0 }).runAt(DATA + offset);
      return [hart.exit.cause, hart.pc - DATA, Number(hart.exit.tval) - DATA];
    };
    expect(at(0x100, [PMP.na4 | PMP.r, word(DATA + 0x104)])).toEqual([1n, 0x102, 0x104]);
    expect(at(0x100, [PMP.na4 | PMP.r, word(DATA + 0x100)])).toEqual([1n, 0x100, 0x100]);
    expect(at(PAGE - 4, [PMP.na4 | PMP.r, word(DATA + PAGE)])).toEqual([1n, PAGE - 2, PAGE]);
    expect(at(PAGE - 4, [PMP.napot | PMP.r, napot(DATA + PAGE, PAGE)])).toEqual([1n, PAGE - 2, PAGE]);
    expect(at(PAGE - 4, [PMP.na4 | PMP.r, word(DATA + PAGE + 4)])).toEqual([1n, PAGE + 2, PAGE + 4]);
  },
);

test.each(BUILDS)("a hit of the filter or of decoded code never outlives a change of the PMP (%s)", (build) => {
  const hart = guarded(build, [[PMP.napot | PMP.rwx, napot(DATA, PAGE)]], "M");
  hart.program(
    [
      csrw(Csr.pmpcfg0, a0),
      asm.csrw(Csr.mepc, a1),
      asm.csrrc(zero, Csr.mstatus, a2),
      asm.sfenceVma(zero, zero),
      asm.mret,
    ],
    CODE + 0x800,
  );
  const becomes = (config: number) => {
    hart.registers({ [a0]: BigInt(config) | (0x1fn << 8n), [a1]: CODE + 0x900, [a2]: 3n << 11n });
    hart.program([ebreak], CODE + 0x900).runAt(CODE + 0x800, "M");
    hart.mode = "U";
    return (["lw", "sw", "fetch"] as const).map((what) => cause(hart, what, DATA));
  };
  expect(becomes(PMP.napot | PMP.rwx)).toEqual([3, 3, 3]);
  expect(becomes(PMP.napot | PMP.r)).toEqual([3, 7, 1]);
  expect(becomes(PMP.napot | PMP.x)).toEqual([5, 7, 3]);
  expect(becomes(0)).toEqual([3, 3, 3]);
});

test.each(BUILDS)("page-table accesses have privilege S, and fail as the access that made them (%s)", (build) => {
  const hart = guarded(build, [], "S");
  const table = new PageTable(hart).same("xad", CODE).map(0x5000, DATA, "rwxad").map(0x4000_0000, DATA, "rwxad");
  const leaf = pageOf(table.entry(0x4000_0000));
  hart.csrs({ [Csr.satp]: table.atp() });
  const causes = () => (["lw", "sw", "fetch"] as const).map((what) => cause(hart, what, 0x4000_0000));
  expect(causes()).toEqual([3, 3, 3]);
  hart.pmp([PMP.napot | PMP.x, napot(leaf, PAGE)], PMP_OPEN);
  expect(causes()).toEqual([5, 7, 1]);
  hart.pmp([PMP.na4 | PMP.r, word(table.entry(0x4000_0000))], PMP_OPEN);
  expect(causes()).toEqual([5, 7, 1]); // half of the entry
  hart.pmp([PMP.napot | PMP.r, napot(leaf, PAGE)], PMP_OPEN);
  expect(causes()).toEqual([3, 3, 3]);
  expect(cause(hart, "lw", 0x5000)).toBe(3);
});

test.each(BUILDS)("an update of A or D needs W, else nothing is changed (%s)", (build) => {
  const hart = guarded(build, [], "S").csrs({ [Csr.menvcfg]: ADUE });
  const table = new PageTable(hart).same("xad", CODE).map(0x4000_0000, DATA, "rw").map(0x4000_1000, DATA, "rwa");
  const leaf = table.entry(0x4000_0000);
  hart.csrs({ [Csr.satp]: table.atp() }).pmp([PMP.napot | PMP.r, napot(pageOf(leaf), PAGE)], PMP_OPEN);
  expect(["lw", "sw"].map((what) => cause(hart, what as Action, 0x4000_0000))).toEqual([5, 7]);
  expect(["lw", "sw"].map((what) => cause(hart, what as Action, 0x4000_1000))).toEqual([3, 7]);
  expect([hart.read64(leaf) & 0xc0n, hart.read64(leaf + 8) & 0xc0n]).toEqual([0n, 0x40n]);
});

test.each(BUILDS)("both stages' tables and the page itself are checked for a guest (%s)", (build) => {
  const hart = guarded(build, [], "VS");
  const first = new PageTable(hart).same("xad", CODE).map(0x4000_0000, DATA, "rwad");
  const second = new PageTable(hart, "Sv39", "second").same("xuad", CODE).same("rwuad", DATA);
  behind(second, first);
  hart.csrs({ [Csr.vsatp]: first.atp(), [Csr.hgatp]: second.atp() });
  const under = (...entries: PmpEntry[]) => {
    hart.pmp(...entries, PMP_OPEN);
    return [cause(hart, "lw", 0x4000_0000), cause(hart, "sw", 0x4000_0000), Number(hart.exit.gpa)];
  };
  const deny = (page: number): PmpEntry => [PMP.napot, napot(pageOf(page), PAGE)];
  expect(under()).toEqual([3, 3, 0]);
  expect(under(deny(DATA))).toEqual([5, 7, 0]);
  expect(under(deny(first.entry(0x4000_0000)))).toEqual([5, 7, 0]);
  expect(under([PMP.na4, word(second.entry(DATA))])).toEqual([5, 7, 0]);
});

// ---- registers

const LOCKED = PMP.locked | PMP.napot;
/** What pmpcfg0 and pmpaddr0…2 hold after writes of all ones to these CSRs, with entries as given. */
function kept(build: CoreBuild, entries: readonly PmpEntry[], ...numbers: number[]): bigint[] {
  const hart = ran([...numbers.map((n) => csrw(n, a0)), ebreak], { build, x: { [a0]: -1 }, pmp: entries });
  return [Csr.pmpcfg0, Csr.pmpaddr0, Csr.pmpaddr0 + 1, Csr.pmpaddr0 + 2].map((n) => hart.csr(n));
}
const ALL = (1n << 54n) - 1n;

test.each(BUILDS)("locked entries keep configuration and address, even when OFF (%s)", (build) => {
  expect(kept(build, [[LOCKED | PMP.rwx, 5]], Csr.pmpcfg0, Csr.pmpaddr0)).toEqual([0x9f9f_9f9f_9f9f_9f9fn, 5n, 0n, 0n]);
  expect(kept(build, [[PMP.locked, 5]], Csr.pmpaddr0, Csr.pmpaddr0 + 1, Csr.pmpcfg0)).toEqual([
    0x9f9f_9f9f_9f9f_9f80n,
    5n,
    ALL,
    0n,
  ]);
});

test.each(BUILDS)("a locked TOR entry locks the address that is its bottom, no other does (%s)", (build) => {
  const addresses = [0, 1, 2].map((i) => Csr.pmpaddr0 + i);
  const open = PMP_OPEN[0];
  expect(
    kept(
      build,
      [
        [open, ALL],
        [PMP.locked | PMP.tor, 7],
      ],
      ...addresses,
    ).slice(1),
  ).toEqual([ALL, 7n, ALL]);
  expect(
    kept(
      build,
      [
        [0, 5],
        [PMP.locked | PMP.tor | PMP.rwx, 7],
      ],
      ...addresses,
    ).slice(1),
  ).toEqual([5n, 7n, ALL]);
  expect(
    kept(
      build,
      [
        [0, 5],
        [LOCKED | PMP.rwx, 7],
      ],
      ...addresses,
    ).slice(1),
  ).toEqual([ALL, 7n, ALL]);
  expect(
    kept(
      build,
      [
        [0, 5],
        [PMP.tor | PMP.rwx, 7],
      ],
      ...addresses,
    ).slice(1),
  ).toEqual([ALL, ALL, ALL]);
});

test.each(BUILDS)("R = 0 with W = 1 is reserved, and never read back (%s)", (build) => {
  const hart = ran([csrw(Csr.pmpcfg2, a0), csrr(a1, Csr.pmpcfg2), ebreak], {
    build,
    x: { [a0]: 0x0706_0504_0302_0100n },
  });
  expect(hart.x(a1)).toBe(0x0704_0504_0300_0100n);
});

test.each(BUILDS)("odd pmpcfg registers don't exist; what is beyond 16 entries reads as zero (%s)", (build) => {
  const outcome = (n: number) => {
    const hart = ran([csrw(n, a0), csrr(a1, n), ebreak], { build, x: { [a0]: -1 } });
    return [hart.exit.cause, hart.x(a1)];
  };
  expect([outcome(Csr.pmpcfg0 + 1), outcome(Csr.pmpcfg0 + 15)]).toEqual([
    [2n, 0n],
    [2n, 0n],
  ]);
  expect([outcome(Csr.pmpcfg0 + 4), outcome(Csr.pmpaddr0 + 16), outcome(Csr.pmpaddr0 + 63)]).toEqual([
    [3n, 0n],
    [3n, 0n],
    [3n, 0n],
  ]);
});
