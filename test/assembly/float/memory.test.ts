// RISC-V "F" and "D" version 2.2, "Load and Store Instructions"; their faults, exits and transformed instructions.
import { expect, test } from "vitest";
import { Cause } from "../../../assembly/isa/cause.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit, Host } from "../../../assembly/isa/exit.js";
import { EXIT_RD, F_REGS } from "../../../assembly/layout.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import { a0, a1, addi, c, ebreak, ecall, fld, flw, fsd, fsw, s0, sp, zero } from "../../support/assembler.js";
import { BUILDS, bare, behind, CODE, DATA, type Hart, PAGE, PageTable, ran } from "../../support/hart.js";

const CLEAN = 2n << 13n;
const DIRTY = 3n << 13n;
const BOX = 0xffff_ffff_0000_0000n;
const PATTERN = 0x8877_6655_4433_2211n;
const DEVICE = 0x1000_0000;
const f = (hart: Hart, i: number, value?: bigint) => hart.double(F_REGS + 8 * i, value);
const mstatus = (hart: Hart) => hart.csr(Csr.mstatus) & DIRTY;

/** A hart at a1 = `address`, where 16 bytes are 11, 22 … and f1 holds 88…11. */
function at(build: CoreBuild, program: number[], address: number, status = DIRTY): Hart {
  const hart = bare([...program, ebreak], { build, csrs: { [Csr.mstatus]: status }, x: { [a1]: address } });
  hart.core.store(
    address,
    Uint8Array.from({ length: 16 }, (_, i) => 0x11 * (i + 1)),
  );
  f(hart, 1, PATTERN);
  return hart;
}

test.each(BUILDS)(
  "FLD takes all bits, FLW boxes, FSW stores the lower half; at any alignment, across pages too (%s)",
  (build) => {
    for (const address of [
      DATA,
      DATA + 4,
      DATA + 1,
      DATA + PAGE - 8,
      DATA + PAGE - 4,
      DATA + PAGE - 3,
      DATA + PAGE - 7,
    ]) {
      for (const status of [CLEAN, DIRTY]) {
        const loads = at(build, [fld(2, 0, a1), flw(3, 0, a1), fld(2, 0, a1), flw(4, 4, a1)], address, status);
        loads.run();
        expect([f(loads, 2), f(loads, 3), f(loads, 4)]).toEqual([PATTERN, BOX | 0x4433_2211n, BOX | 0x8877_6655n]);
        expect(mstatus(loads)).toBe(DIRTY);
        const stores = at(build, [fsw(1, 8, a1), fsd(1, -8, a1), fsw(1, 12, a1)], address, status);
        stores.run();
        const low = [0x11, 0x22, 0x33, 0x44];
        const word = [...low, 0x55, 0x66, 0x77, 0x88];
        expect([...stores.core.slice(address - 8, 24)]).toEqual([...word, ...word, ...low, ...low]);
        expect(mstatus(stores)).toBe(status);
      }
    }
  },
);

test.each(BUILDS)("compressed loads and stores of doubles, by s0 and by sp (%s)", (build) => {
  const hart = at(build, [c.fld(9, 8, s0), c.fsd(9, 16, s0), c.fldsp(3, 8), c.fsdsp(3, 24)], DATA);
  hart.registers({ [s0]: DATA, [sp]: DATA }).write64(DATA + 8, 0x1234n);
  hart.run();
  expect([f(hart, 9), f(hart, 3), hart.read64(DATA + 16), hart.read64(DATA + 24)]).toEqual([
    0x1234n,
    0x1234n,
    0x1234n,
    0x1234n,
  ]);
});

test.each(BUILDS)("a load that faults changes neither register nor FS (%s)", (build) => {
  for (const insn of [fld(1, 0, a1), flw(1, 0, a1)]) {
    const hart = at(build, [insn], DATA, CLEAN);
    const table = new PageTable(hart).same("rwxad", CODE);
    hart.csrs({ [Csr.satp]: table.atp() }).mode = "S";
    hart.run();
    expect([hart.exit.cause, hart.exit.tval]).toEqual([BigInt(Cause.LoadPageFault), BigInt(DATA)]);
    expect([f(hart, 1), mstatus(hart)]).toEqual([PATTERN, CLEAN]);
  }
});

test.each(BUILDS)("what a device answers is boxed, and makes FS dirty; what is stored is shown (%s)", (build) => {
  const setup = { build, csrs: { [Csr.mstatus]: CLEAN }, x: { [a1]: DEVICE } };
  for (const [insn, size, value] of [
    [flw(1, 4, a1), 4, BOX | 0x4433_2211n],
    [fld(1, 8, a1), 8, PATTERN],
  ] as const) {
    const hart = bare([insn, addi(a0, zero, 7), ebreak], setup);
    expect([hart.run(), hart.exit.size, hart.exit.write, hart.word(EXIT_RD)]).toEqual([Exit.Mmio, size, 0, F_REGS + 8]);
    expect(mstatus(hart)).toBe(CLEAN);
    hart.answer(1, PATTERN);
    expect([f(hart, 1), mstatus(hart), hart.x(a0)]).toEqual([value, DIRTY, 7n]);
    const refused = bare([insn, ebreak], setup);
    refused.run();
    refused.answer(2);
    expect([refused.exit.cause, f(refused, 1), mstatus(refused)]).toEqual([BigInt(Cause.LoadAccessFault), 0n, CLEAN]);
  }
  const store = bare([fsw(1, 4, a1), ebreak], setup);
  f(store, 1, PATTERN);
  expect([store.run(), store.exit.size, store.exit.write]).toEqual([Exit.Mmio, 4, 1]);
  expect(BigInt.asUintN(32, store.exit.value)).toBe(0x4433_2211n);
  store.answer(3);
  expect([store.exit.cause, mstatus(store)]).toEqual([BigInt(Cause.Breakpoint), CLEAN]);
});

test.each(BUILDS)(
  "a guest's loads and stores that fault at the second stage: transformed, finished by the host (%s)",
  (build) => {
    const guest = (insn: number) => {
      const hart = bare([insn, ecall], {
        build,
        mode: "VS",
        host: Host.M | Host.HS,
        x: { [a1]: 0x7000, [s0]: 0x7000, [sp]: 0x7000 },
      });
      const first = new PageTable(hart).same("rwxad", CODE, DATA).map(0x7000, DEVICE, "rwad");
      const second = new PageTable(hart, "Sv39", "second").same("rwxuad", CODE, DATA);
      behind(second, first);
      hart.csrs({ [Csr.medeleg]: 0xf0_b7ff, [Csr.mstatus]: DIRTY, [Csr.vsstatus]: CLEAN });
      return hart.csrs({ [Csr.vsatp]: first.atp(), [Csr.hgatp]: second.atp() });
    };
    const tinst = (insn: number) => {
      const hart = guest(insn);
      hart.run();
      return hart.exit.tinst;
    };
    expect(tinst(fld(3, 16, a1))).toBe(BigInt(fld(3, 0, zero)));
    expect(tinst(fsw(3, 16, a1))).toBe(BigInt(fsw(3, 0, zero)));
    expect(tinst(c.fld(9, 8, s0))).toBe(BigInt(fld(9, 0, zero) & ~2));
    expect(tinst(c.fsdsp(3, 8))).toBe(BigInt(fsd(3, 0, zero) & ~2));

    const hart = guest(flw(3, 16, a1));
    expect([hart.run(), hart.exit.size]).toEqual([Exit.LoadGuestPageFault, 4]);
    expect(hart.answer(1, PATTERN)).toBe(Exit.EnvironmentCallFromVS);
    expect([f(hart, 3), hart.csr(Csr.vsstatus) & DIRTY]).toEqual([BOX | 0x4433_2211n, DIRTY]);
  },
);

test.each(BUILDS)("illegal by FS comes before any fault of the address (%s)", (build) => {
  const hart = ran([fld(1, 0, a1), ebreak], { build, csrs: { [Csr.mstatus]: 0n }, x: { [a1]: DEVICE } });
  expect([hart.exit.cause, hart.exit.tval]).toEqual([BigInt(Cause.IllegalInstruction), BigInt(fld(1, 0, a1))]);
});
