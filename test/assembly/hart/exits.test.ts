// What leaves the hart and what the exit record then holds (assembly/layout.ts), so that a host needs to decode nothing.
// RISC-V Privileged Architecture 1.13, "Trap Cause Codes" and "Transformed Instruction or Pseudoinstruction for mtinst or htinst".
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit, Host } from "../../../assembly/isa/exit.js";
import { EXIT_RD, X_REGS, X_SINK } from "../../../assembly/layout.js";
import * as asm from "../../support/assembler.js";
import {
  a0,
  a1,
  a2,
  addi,
  amoaddD,
  c,
  csrr,
  ebreak,
  ecall,
  hlvD,
  ld,
  lrW,
  sd,
  wfi,
  zero,
} from "../../support/assembler.js";
import {
  BUILDS,
  bare,
  behind,
  CODE,
  DATA,
  type Hart,
  type ModeName,
  PAGE,
  PageTable,
  ran,
} from "../../support/hart.js";
import type { CoreBuild } from "../../../src/core/instance.js";

const DEVICE = 0x1000_0000;
const LOADS: [insn: number, size: number, sign: bigint][] = [
  [asm.lb(a0, 0, a1), 1, 0xffff_ffff_ffff_ff88n],
  [asm.lh(a0, 0, a1), 2, 0xffff_ffff_ffff_9988n],
  [asm.lw(a0, 0, a1), 4, 0xffff_ffff_bbaa_9988n],
  [asm.ld(a0, 0, a1), 8, 0xffee_ddcc_bbaa_9988n],
  [asm.lbu(a0, 0, a1), 1, 0x88n],
  [asm.lhu(a0, 0, a1), 2, 0x9988n],
  [asm.lwu(a0, 0, a1), 4, 0xbbaa_9988n],
  [c.lw(a0, 0, a1), 4, 0xffff_ffff_bbaa_9988n],
];
const STORES: [insn: number, size: number][] = [
  [asm.sb(a0, 0, a1), 1],
  [asm.sh(a0, 0, a1), 2],
  [asm.sw(a0, 0, a1), 4],
  [asm.sd(a0, 0, a1), 8],
  [c.sd(a0, 0, a1), 8],
];
const length = (insn: number) => ((insn & 3) === 3 ? 4 : 2);

test.each(BUILDS)(
  "a load from a device leaves with address and size, and takes the value with the next run (%s)",
  (build) => {
    for (const [insn, size, value] of LOADS) {
      const hart = bare([insn, addi(a2, a0, 0), ebreak], { build, x: { [a1]: DEVICE } });
      expect(hart.run()).toBe(Exit.Mmio);
      expect(hart.exit).toMatchObject({ address: BigInt(DEVICE), size, write: 0 });
      expect([hart.pc, hart.core.instret]).toEqual([CODE, 0]);
      hart.answer(1, 0xffee_ddcc_bbaa_9988n);
      expect([hart.x(a0), hart.x(a2), hart.pc, hart.core.instret]).toEqual([value, value, CODE + length(insn) + 4, 2]);
    }
  },
);

test.each(BUILDS)("a store to a device leaves with its value, and is over with the next run (%s)", (build) => {
  for (const [insn, size] of STORES) {
    const hart = bare([insn, ebreak], { build, x: { [a0]: 0xffee_ddcc_bbaa_9988n, [a1]: DEVICE } });
    expect(hart.run()).toBe(Exit.Mmio);
    expect(hart.exit).toMatchObject({ address: BigInt(DEVICE), size, write: 1 });
    expect(BigInt.asUintN(8 * size, hart.exit.value)).toBe(BigInt.asUintN(8 * size, 0xffee_ddcc_bbaa_9988n));
    expect([hart.run(), hart.pc]).toEqual([Exit.Exception, CODE + length(insn)]);
  }
});

test.each(BUILDS)("a load to x0 asks the device, and x0 stays zero (%s)", (build) => {
  const hart = bare([ld(zero, 0, a1), ebreak], { build, x: { [a1]: DEVICE } });
  hart.run();
  hart.answer(1, 5n);
  expect([hart.x(0), hart.pc]).toEqual([0n, CODE + 4]);
});

test.each(BUILDS)("a refused access is an access fault of that instruction (%s)", (build) => {
  for (const [insn, cause] of [
    [ld(a0, 8, a1), 5n],
    [sd(a0, 8, a1), 7n],
  ] as const) {
    const hart = bare([insn, ebreak], { build, x: { [a0]: 9, [a1]: DEVICE } });
    hart.run();
    expect(hart.answer(2)).toBe(Exit.Exception);
    expect(hart.exit).toMatchObject({ cause, tval: BigInt(DEVICE + 8) });
    expect([hart.pc, hart.x(a0), hart.core.instret]).toEqual([CODE, 9n, 0]);
  }
});

test.each(BUILDS)("an answer of 0 does the access again (%s)", (build) => {
  const hart = bare([ld(a0, 0, a1), ebreak], { build, x: { [a1]: DEVICE } });
  hart.run();
  hart.registers({ [a1]: DATA });
  expect([hart.answer(0), hart.pc]).toEqual([Exit.Exception, CODE + 4]);
});

test.each(BUILDS)("which traps leave: those to modes that the host plays (%s)", (build) => {
  const outcome = (mode: ModeName, host: number, medeleg: number, insn: number) => {
    const hart = ran([insn], { build, mode, host, csrs: { [Csr.medeleg]: medeleg } });
    const exit = hart.exit;
    return hart.pc === CODE ? [exit.cause, exit.from, exit.fromVirt, exit.to] : "vectored";
  };
  const all = 0xf0_b7ff;
  expect(outcome("S", Host.None, 0, ecall)).toBe("vectored");
  expect(outcome("S", Host.M, 0, ecall)).toEqual([9n, 1, 0, 3]);
  expect(outcome("M", Host.M, 0, ecall)).toEqual([11n, 3, 0, 3]);
  expect(outcome("S", Host.M, all, ecall)).toBe("vectored");
  expect(outcome("VS", Host.M, all, ecall)).toBe("vectored");
  expect(outcome("VS", Host.M | Host.HS, all, ecall)).toEqual([10n, 1, 1, 1]);
  expect(outcome("VU", Host.M | Host.HS, all, ecall)).toEqual([8n, 0, 1, 1]);
  expect(outcome("VS", Host.M | Host.HS, 0, ecall)).toEqual([10n, 1, 1, 3]);
  expect(outcome("U", Host.M | Host.HS, all, ecall)).toBe("vectored");
});

test.each(BUILDS)("exit reasons by cause (%s)", (build) => {
  const reason = (mode: ModeName, insn: number) => bare([insn], { build, mode, host: Host.M }).run();
  expect(reason("VS", ecall)).toBe(Exit.EnvironmentCallFromVS);
  expect(reason("S", ecall)).toBe(Exit.EnvironmentCallFromS);
  expect(reason("U", ecall)).toBe(Exit.Exception);
  expect(reason("VS", hlvD(a0, a1))).toBe(Exit.VirtualInstruction);
  expect(reason("VS", csrr(a0, Csr.hstatus))).toBe(Exit.VirtualInstruction);
  expect(reason("S", ebreak)).toBe(Exit.Exception);
  expect(reason("VS", wfi)).toBe(Exit.WaitForInterrupt);
});

/** A guest in VS-mode under Sv39x4 and its own Sv39: code and data are mapped, guest physical DEVICE is not. */
function guest(build: CoreBuild, program: number[], mode: ModeName = "VS"): Hart {
  const hart = bare(program, { build, mode, host: Host.M | Host.HS, csrs: { [Csr.medeleg]: 0xf0_b7ff } });
  const first = new PageTable(hart)
    .same("rwxad", CODE, DATA)
    .map(0x7000, DEVICE, "rwad")
    .map(0x8000, DEVICE + PAGE, "rwxad");
  const second = new PageTable(hart, "Sv39", "second").same("rwxuad", CODE, DATA);
  behind(second, first);
  return hart.csrs({ [Csr.vsatp]: first.atp(), [Csr.hgatp]: second.atp(3) }).registers({ [a1]: 0x7010 });
}

test.each(BUILDS)("a guest's load that faults at the second stage can be finished by the host (%s)", (build) => {
  for (const [insn, size, value] of LOADS) {
    const hart = guest(build, [insn, ecall]);
    expect(hart.run()).toBe(Exit.LoadGuestPageFault);
    expect(hart.exit).toMatchObject({
      cause: 21n,
      tval: 0x7010n,
      gpa: BigInt(DEVICE + 0x10),
      size,
      write: 0,
      length: length(insn),
    });
    expect(hart.word(EXIT_RD)).toBe(X_REGS + 8 * a0);
    expect(hart.pc).toBe(CODE);
    expect(hart.answer(1, 0xffee_ddcc_bbaa_9988n)).toBe(Exit.EnvironmentCallFromVS);
    expect([hart.x(a0), hart.pc, hart.core.instret]).toEqual([value, CODE + length(insn), 1]);
  }
  const sink = guest(build, [ld(zero, 0, a1), ecall]);
  sink.run();
  expect(sink.word(EXIT_RD)).toBe(X_SINK);
});

test.each(BUILDS)("a guest's store that faults at the second stage can be finished by the host (%s)", (build) => {
  for (const [insn, size] of STORES) {
    const hart = guest(build, [insn, ecall]).registers({ [a0]: 0x8877_6655_4433_2211n });
    expect(hart.run()).toBe(Exit.StoreGuestPageFault);
    expect(hart.exit).toMatchObject({
      cause: 23n,
      tval: 0x7010n,
      gpa: BigInt(DEVICE + 0x10),
      size,
      write: 1,
      length: length(insn),
    });
    expect(BigInt.asUintN(8 * size, hart.exit.value)).toBe(BigInt.asUintN(8 * size, 0x8877_6655_4433_2211n));
    expect([hart.answer(3), hart.pc]).toEqual([Exit.EnvironmentCallFromVS, CODE + length(insn)]);
  }
});

test.each(BUILDS)("atomics that fault give no size: nobody can finish them in their place (%s)", (build) => {
  for (const [insn, reason] of [
    [amoaddD(a0, a2, a1), Exit.StoreGuestPageFault],
    [asm.scW(a0, a2, a1), Exit.StoreGuestPageFault],
    [lrW(a0, a1), Exit.LoadGuestPageFault],
  ] as const) {
    const hart = guest(build, [insn]);
    expect([hart.run(), hart.exit.size, hart.exit.tinst]).toEqual([
      reason,
      0,
      BigInt(insn & ~(31 << 15)) & 0xffff_ffffn,
    ]);
  }
});

test.each(BUILDS)(
  "the transformed instruction: no offset, no rs1; compressed ones are expanded with bit 1 clear (%s)",
  (build) => {
    const tinst = (insn: number) => {
      const hart = guest(build, [insn]).registers({ [asm.s0]: 0x7000, [asm.sp]: 0x7000 });
      hart.run();
      return hart.exit.tinst;
    };
    expect(tinst(ld(a0, 0x10, asm.s0))).toBe(BigInt(ld(a0, 0, zero)));
    expect(tinst(asm.lhu(a2, -16, a1))).toBe(BigInt(asm.lhu(a2, 0, zero)));
    expect(tinst(sd(a0, 0x7f0, asm.s0))).toBe(BigInt(sd(a0, 0, zero)));
    expect(tinst(c.lw(a0, 4, asm.s0))).toBe(BigInt(asm.lw(a0, 0, zero) & ~2));
    expect(tinst(c.sdsp(a2, 8))).toBe(BigInt(sd(a2, 0, zero) & ~2));
  },
);

test.each(BUILDS)(
  "Addr. Offset: how far into a misaligned access the faulting page begins; across pages nobody can finish it (%s)",
  (build) => {
    const tinst = (insn: number, address: number) => {
      const hart = guest(build, [insn]).registers({ [a1]: address });
      const table = new PageTable(hart).same("rwxad", CODE).map(0x6000, DATA, "rwad").map(0x7000, DEVICE, "rwad");
      const second = new PageTable(hart, "Sv39", "second").same("rwxuad", CODE, DATA);
      behind(second, table);
      hart.csrs({ [Csr.vsatp]: table.atp(), [Csr.hgatp]: second.atp() }).run();
      return [hart.exit.tval, hart.exit.tinst, hart.exit.size];
    };
    expect(tinst(ld(a0, 16, a1), 0x7000 - 3 - 16)).toEqual([0x7000n, BigInt(ld(a0, 0, 3)), 0]);
    expect(tinst(sd(a0, -8, a1), 0x7000 - 5 + 8)).toEqual([0x7000n, BigInt(sd(a0, 0, 5)), 0]);
    expect(tinst(ld(a0, 0, a1), 0x7001)).toEqual([0x7001n, BigInt(ld(a0, 0, zero)), 8]);
  },
);

test.each(BUILDS)("an instruction's own guest page fault (%s)", (build) => {
  const hart = guest(build, [asm.jalr(zero, 0, a1)]).registers({ [a1]: 0x8004 });
  expect(hart.run()).toBe(Exit.InstructionGuestPageFault);
  expect(hart.exit).toMatchObject({ cause: 20n, tval: 0x8004n, gpa: BigInt(DEVICE + PAGE + 4), tinst: 0n });
  expect(hart.pc).toBe(0x8004);
});

test.each(BUILDS)("implicit accesses to the guest's page table: pseudoinstructions 0x3000 and 0x3020 (%s)", (build) => {
  const hart = bare([ld(a0, 0, a1), ecall], { build, mode: "VS", host: Host.M | Host.HS, x: { [a1]: 0x7000 } });
  hart.csrs({ [Csr.medeleg]: 0xf0_b7ff, [Csr.menvcfg]: 1n << 61n, [Csr.henvcfg]: 1n << 61n });
  const first = new PageTable(hart).same("rwxad", CODE).map(0x7000, DATA, "rw");
  const second = new PageTable(hart, "Sv39", "second").same("rwxuad", CODE, DATA).same("ruad", ...first.pages);
  hart.csrs({ [Csr.vsatp]: first.atp(), [Csr.hgatp]: second.atp() });
  // the leaf's A bit must be set, and its page may not be written
  expect(hart.run()).toBe(Exit.LoadGuestPageFault);
  expect(hart.exit).toMatchObject({ tval: 0x7000n, gpa: BigInt(first.entry(0x7000)), tinst: 0x3020n });
  // the table's page may not even be read
  const page = Math.floor(first.entry(0x7000) / PAGE) * PAGE;
  second.map(page, page, "xuad");
  hart.core.exports.flushTranslations();
  expect(hart.runAt(CODE)).toBe(Exit.LoadGuestPageFault);
  expect(hart.exit).toMatchObject({ tval: 0x7000n, gpa: BigInt(first.entry(0x7000)), tinst: 0x3000n });
});

test.each(BUILDS)(
  "a guest's access through both stages to a real device leaves with its physical address (%s)",
  (build) => {
    const hart = guest(build, [ld(a0, 0, a1), ecall]);
    const second = new PageTable(hart, "Sv39", "second").same("rwxuad", CODE).map(DEVICE, DEVICE + 0x40_0000, "rwuad");
    const first = new PageTable(hart).same("rwxad", CODE).map(0x7000, DEVICE, "rwad");
    behind(second, first);
    hart.csrs({ [Csr.vsatp]: first.atp(), [Csr.hgatp]: second.atp(4) });
    expect([hart.run(), hart.exit.address]).toEqual([Exit.Mmio, BigInt(DEVICE + 0x40_0010)]);
    expect([hart.answer(1, 6n), hart.x(a0)]).toEqual([Exit.EnvironmentCallFromVS, 6n]);
  },
);

test.each(BUILDS)("HLV to a device is completed like a load (%s)", (build) => {
  const hart = bare([asm.hlvW(a0, a1), ebreak], { build, mode: "S", x: { [a1]: DEVICE } });
  expect([hart.run(), hart.exit.address, hart.exit.size]).toEqual([Exit.Mmio, BigInt(DEVICE), 4]);
  hart.answer(1, 0x8000_0000n);
  expect([hart.x(a0), hart.pc]).toEqual([0xffff_ffff_8000_0000n, CODE + 4]);
});
