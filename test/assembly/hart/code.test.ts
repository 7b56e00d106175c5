// RISC-V Unprivileged Architecture, "Zifencei Extension for Instruction-Fetch Fence": what was decoded runs on until FENCE.I, then
// what memory holds.
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import { DECODED, DECODED_END } from "../../../assembly/layout.js";
import {
  a0,
  a1,
  a2,
  add,
  addi,
  auipc,
  bne,
  bytes,
  ebreak,
  fenceI,
  jal,
  jalr,
  ld,
  nop,
  sd,
  sw,
  zero,
} from "../../support/assembler.js";
import { BUILDS, bare, CODE, PAGE, PageTable, ran } from "../../support/hart.js";

const FUNCTION = CODE + 0x5000;

test.each(BUILDS)("code that is written runs after FENCE.I (%s)", (build) => {
  const program = [
    jalr(1, 0, a2), // a0 = 1
    sw(a1, 0, a2), // now the function does a0 += 16
    jalr(1, 0, a2), // either version may run; this hart runs the old one
    fenceI,
    jalr(1, 0, a2),
    ebreak,
  ];
  const hart = bare(program, { build, x: { [a1]: addi(a0, a0, 16), [a2]: FUNCTION } });
  hart.program([addi(a0, a0, 1), jalr(zero, 0, 1)], FUNCTION).run();
  expect(hart.x(a0)).toBe(18n);
});

test.each(BUILDS)("a program may write over itself, ahead in its own page, and run on (%s)", (build) => {
  const hart = ran([auipc(a2, 0), sw(a1, 12, a2), fenceI, addi(a0, a0, 1), ebreak], {
    build,
    x: { [a1]: addi(a0, a0, 7) },
  });
  expect(hart.x(a0)).toBe(7n);
});

test.each(BUILDS)("a loop that changes its own body each time round (%s)", (build) => {
  const body = addi(a0, a0, 0); // at 12; its immediate rises by one a round
  const program = [sw(a1, 12, a2), fenceI, nop, body, add(a1, a1, 6), addi(5, 5, -1), bne(5, zero, -24), ebreak];
  const hart = ran(program, { build, x: { [a1]: addi(a0, a0, 1), [a2]: CODE, 5: 40, 6: 1 << 20 } });
  expect(hart.x(a0)).toBe(820n);
});

test.each(BUILDS)("code that the host writes runs after FENCE.I (%s)", (build) => {
  const hart = bare([fenceI, jalr(1, 0, a2), ebreak], { build, x: { [a2]: FUNCTION } });
  hart.program([addi(a0, zero, 1), jalr(zero, 0, 1)], FUNCTION).run();
  hart.core.store(FUNCTION, bytes([addi(a0, zero, 2)]));
  hart.runAt(CODE + 4);
  expect(hart.x(a0)).toBe(1n);
  hart.runAt(CODE);
  expect(hart.x(a0)).toBe(2n);
  hart.core.copy(FUNCTION, FUNCTION + 4, 4); // jalr over the addi
  hart.registers({ [a0]: 9 }).runAt(CODE);
  expect(hart.x(a0)).toBe(9n);
});

test.each(BUILDS)("data beside code in one page: every store counts, with and without FENCE.I (%s)", (build) => {
  const loop = [ld(3, 64, a2), addi(3, 3, 1), sd(3, 64, a2), addi(5, 5, -1), bne(5, zero, -16), ebreak];
  const hart = ran(loop, { build, x: { [a2]: CODE, 5: 1000 } });
  expect(hart.read64(CODE + 64)).toBe(1000n);
  const fenced = ran([...loop.slice(0, 3), fenceI, addi(5, 5, -1), bne(5, zero, -20), ebreak], {
    build,
    x: { [a2]: CODE, 5: 100 },
  });
  expect(fenced.read64(CODE + 64)).toBe(100n);
});

test.each(BUILDS)("one page of code under two addresses: pc-relative values are the address's own (%s)", (build) => {
  const hart = bare([auipc(a0, 1), jal(a1, 4), ebreak], { build, mode: "S" });
  const table = new PageTable(hart).map(0x1_0000, CODE, "xad").map(0x7_0000, CODE, "xad");
  hart.csrs({ [Csr.satp]: table.atp() });
  const seen = [0x1_0000, 0x7_0000, 0x1_0000].map((va) =>
    [hart.runAt(va, "S"), hart.x(a0), hart.x(a1), hart.pc].slice(1),
  );
  expect(seen).toEqual([0x1_0000, 0x7_0000, 0x1_0000].map((va) => [BigInt(va + PAGE), BigInt(va + 8), va + 8]));
});

test.each(BUILDS)("an instruction across pages is fetched afresh: each page may change or move (%s)", (build) => {
  const hart = bare([], { build, mode: "S" });
  const [left, right, other] = [CODE, CODE + 3 * PAGE, CODE + 5 * PAGE];
  const whole = bytes([addi(a0, a0, 0x123)]);
  hart.core.store(left + PAGE - 2, whole.subarray(0, 2));
  hart.core.store(right, Uint8Array.of(...whole.subarray(2), ...bytes([ebreak])));
  hart.core.store(other, Uint8Array.of(...bytes([addi(a0, a0, 0x456)]).subarray(2), ...bytes([ebreak])));
  const one = new PageTable(hart).map(0x1_0000, left, "xad").map(0x1_1000, right, "xad");
  const two = new PageTable(hart).map(0x1_0000, left, "xad").map(0x1_1000, other, "xad");
  const none = new PageTable(hart).map(0x1_0000, left, "xad");
  const under = (table: PageTable, asid: number) => {
    hart
      .registers({ [a0]: 0 })
      .csrs({ [Csr.satp]: table.atp(asid) })
      .runAt(0x1_0ffe, "S");
    return [hart.exit.cause, hart.exit.tval, hart.x(a0)];
  };
  expect(under(one, 1)).toEqual([3n, 0x1_1002n, 0x123n]);
  expect(under(two, 2)).toEqual([3n, 0x1_1002n, 0x456n]);
  expect([under(none, 3), hart.pc]).toEqual([[12n, 0x1_1000n, 0n], 0x1_0ffe]);
  hart.csrs({ [Csr.satp]: new PageTable(hart).map(0x1_1000, right, "xad").atp(4) });
  expect([hart.runAt(0x1_0ffe, "S"), hart.exit.cause, hart.exit.tval]).toEqual([10, 12n, 0x1_0ffen]);
});

// A decoded page takes more than 8 KiB, so that this many pages do not fit at once.
const PAGES = Math.ceil((DECODED_END - DECODED) / 8192);

test.each(BUILDS)(
  "more pages of code than there is room for decoded ones: all are forgotten, and run again (%s)",
  (build) => {
    const ramSize = 0x400_0000;
    const hart = bare([], { build, ramSize, at: CODE + 0x10_0000 });
    const hop = bytes([addi(a0, a0, 1), jal(zero, PAGE - 4)]);
    const start = CODE + 0x10_0000;
    for (let i = 0; i < PAGES; i++) hart.core.ram.set(hop, start - CODE + i * PAGE);
    hart.program([addi(a1, a1, -1), bne(a1, zero, 8), ebreak, jalr(zero, 0, a2)], start + PAGES * PAGE);
    hart.registers({ [a1]: 3, [a2]: start }).run(10_000_000);
    expect(hart.x(a0)).toBe(BigInt(3 * PAGES));
  },
);

test.each(BUILDS)("code rewritten more often than there is room for decoded pages (%s)", (build) => {
  const program = [sw(3, 0, a2), fenceI, jalr(1, 0, a2), addi(5, 5, -1), bne(5, zero, -16), ebreak];
  const hart = bare(program, { build, x: { [a2]: FUNCTION, 3: addi(a0, a0, 1), 5: PAGES + 100 } });
  hart.program([nop, jalr(zero, 0, 1)], FUNCTION).run(10_000_000);
  expect(hart.x(a0)).toBe(BigInt(PAGES + 100));
});
