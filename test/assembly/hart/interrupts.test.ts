// RISC-V Privileged Architecture 1.13, "Machine Interrupt Registers", "Supervisor Interrupt Registers", "Hypervisor Interrupt
// Registers", "Wait for Interrupt", "Sstc Extension for Supervisor-mode Timer Interrupts".
import { expect, test } from "vitest";
import { Interrupt } from "../../../assembly/isa/cause.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit, Host } from "../../../assembly/isa/exit.js";
import { HART_MTIMECMP } from "../../../assembly/layout.js";
import { a0, addi, csrr, csrrsi, csrw, jal, nop, wfi, zero } from "../../support/assembler.js";
import {
  BUILDS,
  bare,
  CODE,
  type Hart,
  M_VECTOR,
  type ModeName,
  ran,
  S_VECTOR,
  stop,
  VS_VECTOR,
} from "../../support/hart.js";

const SIE = 1n << 1n;
const MIE = 1n << 3n;
const TW = 1n << 21n;
const VTW = 1n << 21n;
const STCE = 1n << 63n;
const S_LEVEL = 0x222n;
const VS_LEVEL = 0x444n;
const ALL = 0x1eeen;
const bit = (i: Interrupt) => 1n << BigInt(i);
const FLAG = 1n << 63n;

const spin = [jal(zero, 0)];
/** The vector that a spinning hart ends in, or "none" if it goes on spinning. */
function taken(hart: Hart): number | "none" {
  const exit = hart.core.run(hart.core.cycles + 200);
  return exit === Exit.Deadline ? "none" : hart.pc;
}

test.each(BUILDS)("an interrupt is taken when enabled at its level, or in a less privileged mode (%s)", (build) => {
  const where = (mode: ModeName, bits: bigint, csrs: Record<number, bigint>) => {
    const hart = bare(spin, {
      build,
      mode,
      host: Host.None,
      csrs: { [Csr.mie]: ALL, [Csr.mip]: bits & S_LEVEL, [Csr.hvip]: bits & VS_LEVEL, ...csrs },
    });
    return taken(hart);
  };
  const ssi = bit(Interrupt.SupervisorSoftware);
  const vssi = bit(Interrupt.VirtualSupervisorSoftware);
  // undelegated: to M
  expect(where("M", ssi, {})).toBe("none");
  expect(where("M", ssi, { [Csr.mstatus]: MIE })).toBe(M_VECTOR);
  expect(where("S", ssi, { [Csr.mstatus]: SIE })).toBe(M_VECTOR);
  expect(where("VU", ssi, {})).toBe(M_VECTOR);
  // delegated: to HS, never from M
  expect(where("M", ssi, { [Csr.mideleg]: S_LEVEL, [Csr.mstatus]: MIE | SIE })).toBe("none");
  expect(where("S", ssi, { [Csr.mideleg]: S_LEVEL })).toBe("none");
  expect(where("S", ssi, { [Csr.mideleg]: S_LEVEL, [Csr.mstatus]: SIE })).toBe(S_VECTOR);
  expect(where("U", ssi, { [Csr.mideleg]: S_LEVEL })).toBe(S_VECTOR);
  expect(where("VS", ssi, { [Csr.mideleg]: S_LEVEL })).toBe(S_VECTOR);
  // VS-level ones always pass M
  expect(where("M", vssi, { [Csr.mstatus]: MIE })).toBe("none");
  expect(where("VS", vssi, {})).toBe(S_VECTOR);
  expect(where("U", vssi, {})).toBe(S_VECTOR);
  expect(where("S", vssi, { [Csr.mstatus]: SIE, [Csr.hideleg]: VS_LEVEL })).toBe("none");
  expect(where("U", vssi, { [Csr.hideleg]: VS_LEVEL })).toBe("none");
  expect(where("VS", vssi, { [Csr.hideleg]: VS_LEVEL })).toBe("none");
  expect(where("VS", vssi, { [Csr.hideleg]: VS_LEVEL, [Csr.vsstatus]: SIE })).toBe(VS_VECTOR);
  expect(where("VU", vssi, { [Csr.hideleg]: VS_LEVEL })).toBe(VS_VECTOR);
  expect(where("U", ssi, { [Csr.mideleg]: S_LEVEL, [Csr.mie]: ALL & ~ssi })).toBe("none");
});

test.each(BUILDS)(
  "several at once: the more privileged first, then MEI MSI MTI SEI SSI STI SGEI VSEI VSSI VSTI (%s)",
  (build) => {
    const hart = bare(spin, { build, mode: "S", host: Host.None, csrs: { [Csr.mie]: ALL } });
    hart.csrs({ [Csr.mip]: S_LEVEL, [Csr.hvip]: VS_LEVEL });
    hart.double(HART_MTIMECMP, 0n);
    hart.core.setLine(Interrupt.MachineExternal, true);
    hart.core.setLine(Interrupt.MachineSoftware, true);
    const order: bigint[] = [];
    for (let enabled = ALL; enabled !== 0n; ) {
      hart.csrs({ [Csr.mie]: enabled, [Csr.mstatus]: SIE, [Csr.mideleg]: 0 }).runAt(CODE, "U");
      const from = hart.pc === M_VECTOR ? Csr.mcause : Csr.scause;
      const number = hart.csr(from) & ~FLAG;
      order.push(number);
      enabled &= ~(1n << number);
      if (order.length === 9) enabled = 0n;
    }
    expect(order).toEqual([11n, 3n, 7n, 9n, 1n, 5n, 10n, 2n, 6n]);
  },
);

test.each(BUILDS)("delegated to different levels: M before HS before VS, whatever the numbers (%s)", (build) => {
  const hart = bare(spin, {
    build,
    mode: "VU",
    host: Host.None,
    csrs: { [Csr.mie]: ALL, [Csr.hvip]: VS_LEVEL, [Csr.mip]: 0x22 },
  });
  hart.csrs({ [Csr.hideleg]: VS_LEVEL, [Csr.mideleg]: bit(Interrupt.SupervisorSoftware) }).run();
  expect([hart.pc, hart.csr(Csr.mcause)]).toEqual([M_VECTOR, FLAG | 5n]);
  hart.csrs({ [Csr.mip]: 2 }).runAt(CODE, "VU");
  expect([hart.pc, hart.csr(Csr.scause)]).toEqual([S_VECTOR, FLAG | 1n]);
  hart.csrs({ [Csr.mip]: 0 }).runAt(CODE, "VU");
  // "… is presented in VS-mode as a supervisor-level interrupt"
  expect([hart.pc, hart.csr(Csr.vscause)]).toEqual([VS_VECTOR, FLAG | 9n]);
});

test.each(BUILDS)("a vectored tvec is entered at 4 × cause (%s)", (build) => {
  const hart = bare(spin, {
    build,
    mode: "VU",
    host: Host.None,
    csrs: { [Csr.mie]: ALL, [Csr.hvip]: bit(Interrupt.VirtualSupervisorTimer) },
  });
  hart
    .csrs({
      [Csr.vstvec]: VS_VECTOR + 1,
      [Csr.stvec]: S_VECTOR + 1,
      [Csr.mtvec]: M_VECTOR + 1,
      [Csr.hideleg]: VS_LEVEL,
    })
    .run();
  expect(hart.pc).toBe(VS_VECTOR + 4 * 5);
  hart.csrs({ [Csr.hideleg]: 0 }).runAt(CODE, "VU");
  expect(hart.pc).toBe(S_VECTOR + 4 * 6);
  hart.csrs({ [Csr.hvip]: 0 }).core.setLine(Interrupt.MachineExternal, true);
  hart.runAt(CODE, "VU");
  expect(hart.pc).toBe(M_VECTOR + 4 * 11);
});

test.each(BUILDS)("enabling an interrupt that is pending takes it before the next instruction (%s)", (build) => {
  const program = [csrrsi(zero, Csr.mstatus, 8), addi(a0, a0, 1), stop];
  const hart = ran(program, { build, host: Host.None, csrs: { [Csr.mie]: 2, [Csr.mip]: 2 } });
  expect([hart.pc, hart.csr(Csr.mepc), hart.x(a0)]).toEqual([M_VECTOR, BigInt(CODE + 4), 0n]);
});

test.each(BUILDS)("WFI waits for what mie enables, whatever the global enables; pc is behind it (%s)", (build) => {
  const hart = bare([wfi, stop], { build, csrs: { [Csr.mie]: 2 } });
  expect([hart.run(), hart.pc]).toEqual([Exit.WaitForInterrupt, CODE + 4]);
  expect(hart.core.instret).toBe(1);
  hart.csrs({ [Csr.mip]: 0x20 });
  expect([hart.runAt(CODE), hart.pc]).toEqual([Exit.WaitForInterrupt, CODE + 4]);
  hart.csrs({ [Csr.mip]: 2 });
  expect([hart.runAt(CODE), hart.pc]).toEqual([Exit.Mmio, CODE + 4]);
});

test.each(BUILDS)("WFI by mode: TW, VTW, U and VU (%s)", (build) => {
  const outcome = (mode: ModeName, csrs: Record<number, bigint> = {}) => {
    const hart = bare([wfi, stop], { build, mode, csrs });
    return hart.run() === Exit.WaitForInterrupt ? "waits" : hart.exit.cause;
  };
  expect((["M", "S", "VS", "U", "VU"] as const).map((mode) => outcome(mode))).toEqual([
    "waits",
    "waits",
    "waits",
    2n,
    22n,
  ]);
  const tw = { [Csr.mstatus]: TW };
  expect((["M", "S", "VS", "U", "VU"] as const).map((mode) => outcome(mode, tw))).toEqual(["waits", 2n, 2n, 2n, 2n]);
  const vtw = { [Csr.hstatus]: VTW };
  expect((["M", "S", "VS", "U", "VU"] as const).map((mode) => outcome(mode, vtw))).toEqual([
    "waits",
    "waits",
    22n,
    2n,
    22n,
  ]);
});

test.each(BUILDS)("the machine timer interrupts at the cycle at which time reaches mtimecmp (%s)", (build) => {
  const hart = bare(spin, { build, csrs: { [Csr.mie]: bit(Interrupt.MachineTimer), [Csr.mstatus]: MIE } });
  hart.double(HART_MTIMECMP, 20n);
  expect(hart.run()).toBe(Exit.Interrupt);
  expect(hart.exit.cause).toBe(FLAG | 7n);
  expect(hart.core.cycles).toBeGreaterThanOrEqual(20 * 150);
  expect(hart.core.cycles).toBeLessThan(20 * 150 + 200);
});

test.each(BUILDS)("Sstc: stimecmp drives STIP, vstimecmp with htimedelta VSTIP, each only if STCE (%s)", (build) => {
  const pending = (csrs: Record<number, bigint>) => {
    const hart = bare([csrr(a0, Csr.mip), stop], {
      build,
      csrs: { [Csr.stimecmp]: ~0n, [Csr.vstimecmp]: ~0n, ...csrs },
    });
    hart.core.cycles = 150 * 1000;
    hart.run();
    return hart.x(a0);
  };
  expect(pending({ [Csr.stimecmp]: 1000n })).toBe(0n);
  expect(pending({ [Csr.stimecmp]: 1000n, [Csr.menvcfg]: STCE })).toBe(0x20n);
  expect(pending({ [Csr.stimecmp]: 1001n, [Csr.menvcfg]: STCE, [Csr.mip]: 0x20n })).toBe(0n);
  expect(pending({ [Csr.mip]: 0x20n })).toBe(0x20n);
  const both = { [Csr.menvcfg]: STCE, [Csr.henvcfg]: STCE };
  expect(pending({ [Csr.vstimecmp]: 1000n, [Csr.menvcfg]: STCE })).toBe(0n);
  expect(pending({ [Csr.vstimecmp]: 1000n, ...both })).toBe(0x40n);
  expect(pending({ [Csr.vstimecmp]: 1000n, [Csr.htimedelta]: -1n, ...both })).toBe(0n);
  expect(pending({ [Csr.vstimecmp]: 5n, [Csr.htimedelta]: -995n, ...both })).toBe(0x40n);
  expect(pending({ [Csr.vstimecmp]: 5n, [Csr.htimedelta]: -996n, ...both })).toBe(0n);
});

test.each(BUILDS)("a guest's timer wakes a spinning guest at its cycle (%s)", (build) => {
  const hart = bare(spin, {
    build,
    mode: "VS",
    host: Host.None,
    csrs: { [Csr.menvcfg]: STCE, [Csr.henvcfg]: STCE, [Csr.mie]: ALL },
  });
  hart.csrs({ [Csr.hideleg]: VS_LEVEL, [Csr.vsstatus]: SIE, [Csr.htimedelta]: 10, [Csr.vstimecmp]: 110 }).run();
  expect([hart.pc, hart.csr(Csr.vscause)]).toEqual([VS_VECTOR, FLAG | 5n]);
  expect(Math.floor(hart.core.cycles / 150)).toBe(100);
});

test.each(BUILDS)("the host gets interrupts of the modes it plays, and those only (%s)", (build) => {
  const outcome = (mode: ModeName, host: number, mideleg: bigint) => {
    const hart = bare(spin, {
      build,
      mode,
      host,
      csrs: { [Csr.mie]: ALL, [Csr.mip]: 2n, [Csr.mideleg]: mideleg, [Csr.mstatus]: SIE },
    });
    const exit = hart.run();
    return exit === Exit.Interrupt
      ? [hart.exit.cause, hart.exit.to, hart.exit.from, hart.exit.fromVirt, hart.pc]
      : hart.pc;
  };
  expect(outcome("U", Host.M, 0n)).toEqual([FLAG | 1n, 3, 0, 0, CODE]);
  expect(outcome("S", Host.M, 2n)).toBe(S_VECTOR);
  expect(outcome("S", Host.M | Host.HS, 2n)).toBe(S_VECTOR); // HS does not leave itself
  expect(outcome("VS", Host.M | Host.HS, 2n)).toEqual([FLAG | 1n, 1, 1, 1, CODE]);
  expect(outcome("VU", Host.M, 2n)).toBe(S_VECTOR);
});

test.each(BUILDS)("a line from outside is level-triggered, and reads in mip (%s)", (build) => {
  const hart = bare([csrr(a0, Csr.mip), stop, nop, csrw(Csr.mip, zero), jal(zero, -16)], { build });
  const mip = (pc: number) => {
    hart.runAt(pc);
    return hart.x(a0);
  };
  hart.core.setLine(Interrupt.SupervisorExternal, true);
  expect([mip(CODE), mip(CODE + 8)]).toEqual([0x200n, 0x200n]);
  hart.core.setLine(Interrupt.SupervisorExternal, false);
  expect(mip(CODE)).toBe(0n);
});
