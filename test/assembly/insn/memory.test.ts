// RISC-V Unprivileged Architecture, "Load and Store Instructions": sizes, extension, and misaligned accesses, which this hart
// performs as one access that either happens or faults as a whole.
import { expect, test } from "vitest";
import { Cause } from "../../../assembly/isa/cause.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit } from "../../../assembly/isa/exit.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import { a0, a1, ebreak, lb, lbu, ld, lh, lhu, lw, lwu, sb, sd, sh, sw, zero } from "../../support/assembler.js";
import { BUILDS, bare, CODE, DATA, type Hart, PAGE, PageTable, u64 } from "../../support/hart.js";

const LOADS: [name: string, load: typeof ld, bytes: number, signed: boolean][] = [
  ["lb", lb, 1, true],
  ["lh", lh, 2, true],
  ["lw", lw, 4, true],
  ["ld", ld, 8, true],
  ["lbu", lbu, 1, false],
  ["lhu", lhu, 2, false],
  ["lwu", lwu, 4, false],
];
const STORES: [name: string, store: typeof sd, bytes: number][] = [
  ["sb", sb, 1],
  ["sh", sh, 2],
  ["sw", sw, 4],
  ["sd", sd, 8],
];
/** Aligned, within a line, across lines, across pages. */
const PLACES = [0, 1, 3, 5, 7, 59, 61, 63, 4089, 4091, 4093, 4095];
const PATTERN = Uint8Array.from({ length: 2 * PAGE }, (_, i) => (i * 151 + 0x83) & 255);

const little = (bytes: Uint8Array) => bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);

test.each(BUILDS)("loads of every size at every alignment (%s)", (build) => {
  const hart = bare(
    LOADS.flatMap(([, load]) => [load(a0, -5, a1), ebreak]),
    { build },
  );
  hart.core.store(DATA, PATTERN);
  for (const [i, [name, , bytes, signed]] of LOADS.entries()) {
    for (const place of PLACES) {
      hart.registers({ [a1]: DATA + place + 5 }).runAt(CODE + 8 * i);
      const value = little(PATTERN.subarray(place, place + bytes));
      expect([name, place, hart.x(a0)]).toEqual([name, place, signed ? u64(BigInt.asIntN(8 * bytes, value)) : value]);
    }
  }
});

test.each(BUILDS)("stores of every size at every alignment write their bytes and no other (%s)", (build) => {
  const hart = bare(
    STORES.flatMap(([, store]) => [store(a0, -2048, a1), ebreak]),
    { build },
  );
  const value = 0x8877_6655_4433_2211n;
  for (const [i, [, , bytes]] of STORES.entries()) {
    for (const place of PLACES) {
      hart.core.store(DATA, PATTERN);
      hart.registers({ [a0]: value, [a1]: DATA + place + 2048 }).runAt(CODE + 8 * i);
      const expected = PATTERN.slice();
      for (let k = 0; k < bytes; k++) expected[place + k] = Number((value >> BigInt(8 * k)) & 255n);
      expect(Buffer.compare(hart.core.slice(DATA, 2 * PAGE), expected)).toBe(0);
    }
  }
});

test.each(BUILDS)("a store is seen by the loads after it, of any size and alignment (%s)", (build) => {
  const program = [
    sd(a0, 0, a1),
    lb(2, 3, a1),
    sh(zero, 2, a1),
    lw(3, 0, a1),
    ld(4, 4, a1),
    sb(a0, 4, a1),
    lwu(5, 1, a1),
    ebreak,
  ];
  const hart = bare(program, { build, x: { [a0]: 0x8877_6655_4433_2211n, [a1]: DATA } });
  hart.run();
  expect([2, 3, 4, 5].map((i) => hart.x(i))).toEqual([0x44n, 0x2211n, 0x8877_6655n, 0x1100_0022n]);
});

/** A hart in S-mode with pages 0x10000 and 0x12000 mapped to DATA and DATA + 0x3000, and nothing between them. */
function islands(build: CoreBuild): Hart {
  const program = [ld(a0, 0, a1), ebreak, sd(a0, 0, a1), ebreak, lhu(a0, 0, a1), ebreak, sh(a0, 0, a1), ebreak];
  const hart = bare(program, { build, mode: "S" });
  hart.core.slice(DATA, 4 * PAGE).fill(0x5a);
  const table = new PageTable(hart)
    .same("xad", CODE)
    .map(0x1_0000, DATA, "rwad")
    .map(0x1_2000, DATA + 0x3000, "rwad");
  return hart.csrs({ [Csr.satp]: table.atp(), [Csr.medeleg]: 0 });
}
const CASES = [
  { what: "ld", at: CODE, cause: Cause.LoadPageFault, size: 8 },
  { what: "sd", at: CODE + 8, cause: Cause.StorePageFault, size: 8 },
  { what: "lhu", at: CODE + 16, cause: Cause.LoadPageFault, size: 2 },
  { what: "sh", at: CODE + 24, cause: Cause.StorePageFault, size: 2 },
];

test.each(BUILDS)("an access across pages faults at the page that faults, and nothing is half done (%s)", (build) => {
  const hart = islands(build);
  const untouched = Buffer.from(hart.core.slice(DATA, 4 * PAGE));
  for (const { at, cause, size } of CASES) {
    for (const [start, fault] of [
      [0x1_1000 - 1, 0x1_1000], // the first page is there
      [0x1_2000 - size + 1, 0x1_2000 - size + 1], // the second is
    ]) {
      hart.registers({ [a0]: 0x1234, [a1]: start });
      expect(hart.runAt(at, "S")).toBe(Exit.Exception);
      expect(hart.exit).toMatchObject({ cause: BigInt(cause), tval: BigInt(fault) });
      expect([hart.pc, hart.x(a0)]).toEqual([at, 0x1234n]);
      expect(untouched.equals(hart.core.slice(DATA, 4 * PAGE))).toBe(true);
    }
  }
});

test.each(BUILDS)("pages that are neighbours only virtually make one access (%s)", (build) => {
  const hart = islands(build);
  const table = new PageTable(hart)
    .same("xad", CODE)
    .map(0x1_0000, DATA + PAGE, "rwad")
    .map(0x1_1000, DATA, "rwad");
  hart.csrs({ [Csr.satp]: table.atp(7) }).registers({ [a0]: 0x8877_6655_4433_2211n, [a1]: 0x1_1000 - 3 });
  hart.runAt(CODE + 8);
  hart.registers({ [a0]: 0 }).runAt(CODE, "S");
  expect(hart.x(a0)).toBe(0x8877_6655_4433_2211n);
  expect([...hart.core.slice(DATA + 2 * PAGE - 3, 3)]).toEqual([0x11, 0x22, 0x33]);
  expect([...hart.core.slice(DATA, 5)]).toEqual([0x44, 0x55, 0x66, 0x77, 0x88]);
});

test.each(BUILDS)(
  "a misaligned access that is not wholly RAM is an access fault, an aligned one a device's (%s)",
  (build) => {
    const hart = bare([ld(a0, 0, a1), ebreak, sd(a0, 0, a1), ebreak], { build, x: { [a1]: 0x1000_0004 } });
    expect([hart.run(), hart.exit.cause, hart.exit.tval]).toEqual([Exit.Exception, 5n, 0x1000_0004n]);
    expect([hart.runAt(CODE + 8), hart.exit.cause, hart.exit.tval]).toEqual([Exit.Exception, 7n, 0x1000_0004n]);
    const end = CODE + hart.core.ramSize;
    hart.registers({ [a1]: end - 4 });
    expect([hart.runAt(CODE), hart.exit.cause]).toEqual([Exit.Exception, 5n]);
    expect([hart.runAt(CODE + 8), hart.exit.cause]).toEqual([Exit.Exception, 7n]);
    hart.registers({ [a1]: end });
    expect([hart.runAt(CODE), hart.exit.address]).toEqual([Exit.Mmio, BigInt(end)]);
  },
);
