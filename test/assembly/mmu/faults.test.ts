// RISC-V Privileged Architecture 1.13, "Synchronous exception priority", "Machine Trap Value Register", "Guest-Page Faults",
// "Transformed Instruction or Pseudoinstruction for mtinst or htinst", "Hypervisor Status Register" (GVA).
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import { Host } from "../../../assembly/isa/exit.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import { a0, a1, a2, amoaddW, addi, bytes, c, cNop, ebreak, hlvD, jalr, ld, lrD, lw } from "../../support/assembler.js";
import { BUILDS, bare, behind, CODE, DATA, type Hart, type ModeName, PAGE, PageTable } from "../../support/hart.js";
import { scD, sd, zero } from "../../support/assembler.js";

const MPRV_MPV_S = (1n << 17n) | (1n << 39n) | (1n << 11n);
const GVA = 1n << 38n;
const SPVP = 1n << 8n;
const ADUE = 1n << 61n;
const ACTIONS = {
  lw: lw(a0, 4, a1),
  ld: ld(a0, 0, a1),
  sd: sd(a2, 0, a1),
  lr: lrD(a0, a1),
  sc: scD(a0, a2, a1),
  amo: amoaddW(a0, a2, a1),
  fetch: jalr(zero, 0, a1),
  hlv: hlvD(a0, a1),
  cld: c.ld(a0, 8, a1),
};
type Action = keyof typeof ACTIONS;
const NAMES = Object.keys(ACTIONS) as Action[];
const slot = (what: Action) => CODE + 8 * NAMES.indexOf(what);
const NOWHERE = 0x1000_0000;

function prepared(build: CoreBuild, mode: ModeName, host = Host.M): Hart {
  const hart = bare([], { build, mode, host });
  for (const name of NAMES) hart.core.store(slot(name), bytes([ACTIONS[name], ebreak]));
  return hart;
}
/** Cause and tval of an access at `va`; cause 3 when it works. */
function outcome(hart: Hart, what: Action, va: number, mode: ModeName): [number, number] {
  hart.registers({ [a1]: va, [a2]: 1 }).runAt(slot(what), mode);
  const { cause, tval } = hart.exit;
  return [Number(cause), cause === 3n ? 0 : Number(tval)];
}

/** S-mode; pages at 0x5000 (mapped), 0x6000 (not), 0x7000 (read-only), 0x8000 (mapped), 0x9000 (a device), 0xa000 (mapped). */
function own(build: CoreBuild): Hart {
  const hart = prepared(build, "S");
  const table = new PageTable(hart).same("xad", CODE);
  for (const page of [0x5000, 0x8000, 0xa000]) table.map(page, DATA, "rwxad");
  table.map(0x7000, DATA, "rad").map(0x9000, NOWHERE, "rwxad");
  return hart.csrs({ [Csr.satp]: table.atp() });
}

test.each(BUILDS)(
  "an access astride two pages: the piece that faults is blamed, the first if both do (%s)",
  (build) => {
    const hart = own(build);
    expect(outcome(hart, "ld", 0x5ffc, "S")).toEqual([13, 0x6000]);
    expect(outcome(hart, "sd", 0x5ffc, "S")).toEqual([15, 0x6000]);
    expect(outcome(hart, "ld", 0x6ffd, "S")).toEqual([13, 0x6ffd]);
    expect(outcome(hart, "sd", 0x6ffd, "S")).toEqual([15, 0x6ffd]); // neither may be written
    expect(outcome(hart, "sd", 0x7ffd, "S")).toEqual([15, 0x7ffd]);
    expect(outcome(hart, "ld", 0x7ffd, "S")).toEqual([3, 0]);
    expect(outcome(hart, "ld", 0x8ffe, "S")).toEqual([5, 0x9000]); // RAM, then a device
    expect(outcome(hart, "sd", 0x9ffe, "S")).toEqual([7, 0x9ffe]);
  },
);

test.each(BUILDS)(
  "misaligned LR, SC and AMO are refused before they are translated; others are carried out (%s)",
  (build) => {
    const hart = own(build);
    for (const va of [0x5002, 0x6002, 0x9002]) {
      expect([outcome(hart, "lr", va, "S"), outcome(hart, "sc", va, "S"), outcome(hart, "amo", va, "S")]).toEqual([
        [4, va],
        [6, va],
        [6, va],
      ]);
    }
    expect([outcome(hart, "ld", 0x5003, "S"), outcome(hart, "ld", 0x6003, "S")]).toEqual([
      [3, 0],
      [13, 0x6003],
    ]);
    expect([
      outcome(hart, "ld", 0x9003, "S"),
      outcome(hart, "amo", 0x9000, "S"),
      outcome(hart, "lr", 0x9000, "S"),
    ]).toEqual([
      [5, 0x9003],
      [7, 0x9000],
      [5, 0x9000],
    ]);
  },
);

test.each(BUILDS)("AMOs and SC never raise load faults (%s)", (build) => {
  const hart = own(build);
  expect(["amo", "sc"].map((what) => outcome(hart, what as Action, 0x6000, "S")[0])).toEqual([15, 15]);
  expect(["amo", "sc", "lr"].map((what) => outcome(hart, what as Action, 0x7000, "S")[0])).toEqual([15, 15, 3]);
});

test.each(BUILDS)("fetches: nothing to execute, a device, and the second half of an instruction (%s)", (build) => {
  const hart = own(build);
  expect(outcome(hart, "fetch", 0x6000, "S")).toEqual([12, 0x6000]);
  expect(outcome(hart, "fetch", 0x9000, "S")).toEqual([1, 0x9000]);
  hart.core.store(DATA + PAGE - 2, bytes([addi(a0, a0, 1)]).subarray(0, 2));
  expect([outcome(hart, "fetch", 0x5ffe, "S"), hart.pc]).toEqual([[12, 0x6000], 0x5ffe]);
  expect([outcome(hart, "fetch", 0x8ffe, "S"), hart.pc]).toEqual([[1, 0x9000], 0x8ffe]);
  hart.core.store(DATA + PAGE - 2, bytes([c.ebreak]));
  expect(outcome(hart, "fetch", 0x5ffe, "S")[0]).toBe(3);
});

/** A guest: 0x5000 lies at 0x4000_0000, 0x6000 at 0x4000_1000, where the second stage has nothing. */
function guest(build: CoreBuild, host = Host.None) {
  const hart = prepared(build, "VS", host);
  const first = new PageTable(hart)
    .same("xad", CODE)
    .map(0x5000, 0x4000_0000, "rwxad")
    .map(0x6000, 0x4000_1000, "rwxad");
  const second = new PageTable(hart, "Sv39", "second").same("xuad", CODE).map(0x4000_0000, DATA, "rwxuad");
  behind(second, first);
  hart.csrs({ [Csr.vsatp]: first.atp(), [Csr.hgatp]: second.atp(), [Csr.hstatus]: SPVP });
  const trap = (what: Action, va: number, mode: ModeName = "VS") => {
    hart.core.exports.flushTranslations();
    hart.registers({ [a1]: va, [a2]: 1 }).runAt(slot(what), mode);
    return [Csr.mcause, Csr.mtval, Csr.mtval2, Csr.mtinst].map((n) => Number(hart.csr(n)));
  };
  return { hart, first, second, trap };
}

test.each(BUILDS)("guest-page faults: tval, guest physical address ÷ 4 and transformed instruction (%s)", (build) => {
  const { hart, trap } = guest(build);
  const gpa = (offset: number) => (0x4000_1000 + offset) / 4;
  expect(trap("lw", 0x6004)).toEqual([21, 0x6008, gpa(8), lw(a0, 0, zero)]);
  expect(trap("sd", 0x6008)).toEqual([23, 0x6008, gpa(8), sd(a2, 0, zero)]);
  expect(trap("lr", 0x6008)).toEqual([21, 0x6008, gpa(8), lrD(a0, zero)]);
  expect(trap("amo", 0x6008)).toEqual([23, 0x6008, gpa(8), amoaddW(a0, a2, zero)]);
  expect(trap("cld", 0x6008)).toEqual([21, 0x6010, gpa(16), ld(a0, 0, zero) & ~2]);
  expect(trap("hlv", 0x6008, "S")).toEqual([21, 0x6008, gpa(8), hlvD(a0, zero)]);
  expect(hart.csr(Csr.mstatus) & GVA).toBe(GVA);
  expect(trap("fetch", 0x6000)).toEqual([20, 0x6000, gpa(0), 0]);
});

test.each(BUILDS)("astride two pages: Addr. Offset tells how far into the access the fault is (%s)", (build) => {
  const { trap } = guest(build);
  expect(trap("ld", 0x5ffb)).toEqual([21, 0x6000, 0x4000_1000 / 4, ld(a0, 0, 5)]);
  expect(trap("hlv", 0x5fff, "S")).toEqual([21, 0x6000, 0x4000_1000 / 4, hlvD(a0, 1)]);
});

test.each(BUILDS)("the second half of a fetch: address of that half, virtual and guest physical (%s)", (build) => {
  const { hart, trap } = guest(build);
  hart.core.store(DATA + PAGE - 4, bytes([cNop, addi(a0, a0, 1)]).subarray(0, 4));
  expect(trap("fetch", 0x5ffc)).toEqual([20, 0x6000, 0x4000_1000 / 4, 0]);
  expect(hart.csr(Csr.mepc)).toBe(0x5ffen);
});

test.each(BUILDS)(
  "faults of VS-stage table accesses: the entry's address, a pseudoinstruction, the access's cause (%s)",
  (build) => {
    const { hart, first, second, trap } = guest(build);
    hart.csrs({ [Csr.menvcfg]: ADUE, [Csr.henvcfg]: ADUE });
    const entry = first.entry(0x5000);
    second.map(entry - (entry % PAGE), 0, "");
    const read = [0x5008, entry / 4, 0x3000];
    expect([trap("ld", 0x5008), trap("sd", 0x5008), trap("fetch", 0x5008)]).toEqual([
      [21, ...read],
      [23, ...read],
      [20, ...read],
    ]);
    second.map(entry - (entry % PAGE), entry - (entry % PAGE), "ruad");
    first.map(0x5000, 0x4000_0000, "rwx");
    const write = [0x5008, entry / 4, 0x3020];
    expect([trap("ld", 0x5008), trap("sd", 0x5008), trap("hlv", 0x5008, "S")]).toEqual([
      [21, ...write],
      [23, ...write],
      [21, ...write],
    ]);
    expect(hart.read64(entry) & 0xc0n).toBe(0n);
  },
);

test.each(BUILDS)(
  "a trap to HS-mode has the same in htval and htinst, and other faults have zeros there (%s)",
  (build) => {
    const { hart } = guest(build);
    hart.csrs({ [Csr.medeleg]: (1n << 21n) | (1n << 13n) });
    const trap = (va: number) => {
      hart.registers({ [a1]: va }).runAt(slot("ld"), "VS");
      return [Csr.scause, Csr.stval, Csr.htval, Csr.htinst].map((n) => Number(hart.csr(n)));
    };
    expect(trap(0x6010)).toEqual([21, 0x6010, 0x4000_1010 / 4, ld(a0, 0, zero)]);
    expect(trap(0x9000)).toEqual([13, 0x9000, 0, 0]);
  },
);

test.each(BUILDS)("MPRV with MPV: loads of M-mode fault as the guest's (%s)", (build) => {
  const { hart, trap } = guest(build);
  hart.csrs({ [Csr.mstatus]: MPRV_MPV_S });
  expect(trap("ld", 0x6008, "M")).toEqual([21, 0x6008, 0x4000_1008 / 4, ld(a0, 0, zero)]);
  expect(hart.csr(Csr.mstatus) & GVA).toBe(GVA);
});
