// RISC-V Unprivileged Architecture, "Cache Management Operations": Zicbom, Zicboz, Zicbop.
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import {
  a0,
  a1,
  addi,
  cboClean,
  cboFlush,
  cboInval,
  cboZero,
  ebreak,
  fenceI,
  jal,
  prefetch,
  zero,
} from "../../support/assembler.js";
import { BUILDS, bare, behind, CODE, DATA, type ModeName, PAGE, PageTable } from "../../support/hart.js";

const MODES: ModeName[] = ["M", "S", "U", "VS", "VU"];
const OUTCOME: Record<string, string> = { 2: "i", 3: "ok", 22: "v" };
/** CBIE, CBCFE, CBZE. */
const FIELDS: [number, bigint, bigint][] = [
  [cboInval(a1), 0x30n, 0xc0n],
  [cboClean(a1), 0x40n, 0xb0n],
  [cboFlush(a1), 0x40n, 0xb0n],
  [cboZero(a1), 0x80n, 0x70n],
];

test.each(BUILDS)("CSR controls for CMO instructions (%s)", (build) => {
  const everywhere = (insn: number, m: bigint, s: bigint, h: bigint) =>
    MODES.map((mode) => {
      const csrs = { [Csr.menvcfg]: m, [Csr.senvcfg]: s, [Csr.henvcfg]: h };
      const hart = bare([insn, ebreak], { build, mode, csrs, x: { [a1]: DATA } });
      hart.run();
      return OUTCOME[String(hart.exit.cause)];
    }).join(" ");
  for (const [insn, field, others] of FIELDS) {
    expect([insn, everywhere(insn, others, 0xf1n, 0xf1n)]).toEqual([insn, "ok i i i i"]);
    expect([insn, everywhere(insn, field, 0xf1n, others)]).toEqual([insn, "ok ok ok v v"]);
    expect([insn, everywhere(insn, field, others, 0xf1n)]).toEqual([insn, "ok ok i ok v"]);
    expect([insn, everywhere(insn, field, others, others)]).toEqual([insn, "ok ok i v v"]);
    expect([insn, everywhere(insn, field, field, field)]).toEqual([insn, "ok ok ok ok ok"]);
  }
  // CBIE = 1 makes of it a flush
  expect(everywhere(cboInval(a1), 0x10n, 0x10n, 0x10n)).toBe("ok ok ok ok ok");
});

test.each(BUILDS)("CBO.ZERO zeroes the block of 64 bytes that its address is in, no more (%s)", (build) => {
  const hart = bare([cboZero(a1), ebreak], { build, x: { [a1]: DATA + 64 + 37 } });
  for (let at = 0; at < 192; at += 8) hart.write64(DATA + at, -1);
  hart.run();
  const words = Array.from({ length: 24 }, (_, i) => hart.read64(DATA + 8 * i) === 0n);
  expect(words).toEqual(Array.from({ length: 24 }, (_, i) => i >= 8 && i < 16));
});

test.each(BUILDS)("management leaves memory as it is; prefetches do nothing, wherever they point (%s)", (build) => {
  const management = [cboInval(a1), cboClean(a1), cboFlush(a1)];
  const prefetches = [prefetch("i", 64, zero), prefetch("r", -2048, zero), prefetch("w", 0, zero)];
  const hart = bare([...management, ...prefetches, ebreak], { build, x: { [a1]: DATA + 5 } });
  hart.write64(DATA, 0x1234n);
  hart.run();
  expect([hart.exit.cause, hart.read64(DATA), hart.x(zero)]).toEqual([3n, 0x1234n, 0n]);
});

test.each(BUILDS)("code zeroed by CBO.ZERO is gone after FENCE.I (%s)", (build) => {
  const hart = bare([jal(1, PAGE), cboZero(a1), fenceI, jal(1, PAGE - 12), ebreak], {
    build,
    x: { [a1]: CODE + PAGE },
  });
  hart.program([addi(a0, a0, 1), 0x0000_8067], CODE + PAGE); // and return
  hart.run();
  expect([hart.exit.cause, hart.x(a0), hart.pc]).toEqual([2n, 1n, CODE + PAGE]);
});

/** Cause and tval of `insn` at DATA + 5, whose page has `letters`. */
function fault(build: CoreBuild, insn: number, letters: string, csrs: Record<number, bigint> = {}): [bigint, bigint] {
  const hart = bare([insn, ebreak], {
    build,
    mode: "S",
    csrs: { [Csr.menvcfg]: 0xf0n, ...csrs },
    x: { [a1]: DATA + 5 },
  });
  hart.csrs({ [Csr.satp]: new PageTable(hart).same("xad", CODE).same(letters, DATA).atp() });
  hart.run();
  return [hart.exit.cause, hart.exit.tval];
}
const MXR = 1n << 19n;

test.each(BUILDS)("CBO.ZERO needs what a store needs (%s)", (build) => {
  const page: [bigint, bigint] = [15n, BigInt(DATA + 5)];
  expect(fault(build, cboZero(a1), "rwad")[0]).toBe(3n);
  for (const letters of ["ra", "rad", "xad", "rwa", "rw", "rwuad"]) {
    expect([letters, fault(build, cboZero(a1), letters)]).toEqual([letters, page]);
  }
});

test.each(BUILDS)(
  "management needs what a load or a store needs, asks for A and not for D, and faults as a store (%s)",
  (build) => {
    for (const insn of [cboInval(a1), cboClean(a1), cboFlush(a1)]) {
      const page: [bigint, bigint] = [15n, BigInt(DATA + 5)];
      for (const letters of ["ra", "rwa", "rwad"])
        expect([letters, fault(build, insn, letters)[0]]).toEqual([letters, 3n]);
      for (const letters of ["r", "rw", "rwuad", "xa"])
        expect([letters, fault(build, insn, letters)]).toEqual([letters, page]);
      expect(fault(build, insn, "xa", { [Csr.mstatus]: MXR })[0]).toBe(3n);
    }
  },
);

test.each(BUILDS)("a guest's CBO faults as a store, its transformation keeps the operation (%s)", (build) => {
  for (const insn of [cboFlush(a1), cboZero(a1)]) {
    const csrs = { [Csr.menvcfg]: 0xf0n, [Csr.henvcfg]: 0xf0n };
    const hart = bare([insn, ebreak], { build, mode: "VS", csrs, x: { [a1]: DATA + 5 } });
    const second = new PageTable(hart, "Sv39", "second").same("xuad", CODE);
    behind(second);
    hart.csrs({ [Csr.hgatp]: second.atp() }).run();
    const { cause, tval, gpa, tinst } = hart.exit;
    expect([cause, tval, gpa, tinst]).toEqual([23n, BigInt(DATA + 5), BigInt(DATA + 5), BigInt(insn & ~(31 << 15))]);
  }
});

test.each(BUILDS)("CBO.ZERO outside RAM is a store access fault (%s)", (build) => {
  const hart = bare([cboZero(a1), ebreak], { build, x: { [a1]: 0x1000_0005 } });
  hart.run();
  expect([hart.exit.cause, hart.exit.tval]).toEqual([7n, 0x1000_0005n]);
});
