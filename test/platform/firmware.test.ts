// RISC-V Privileged Architecture, "Supervisor Trap Vector Base Address Register", "Supervisor Status Register"
import { expect, test } from "vitest";
import { Csr } from "../../assembly/isa/csr.js";
import { Exit, Host } from "../../assembly/isa/exit.js";
import { Mode } from "../../assembly/isa/privilege.js";
import { EXIT_CAUSE, EXIT_FROM_MODE, EXIT_TVAL, HART_HOST, HART_MODE, HART_VIRT } from "../../assembly/layout.js";
import { enterSupervisor, Firmware } from "../../src/platform/firmware.js";
import { Machine } from "../../src/platform/machine.js";
import { redirect } from "../../src/platform/redirect.js";
import { Eid } from "../../src/platform/sbi.js";
import { fakeCore, type Step, step } from "../support/fake-core.js";

const [A0, A1, A6, A7] = [10, 11, 16, 17];
const ILLEGAL_INSTRUCTION = 2n;

const exception =
  (cause: bigint, tval: bigint, mode: Mode): Step =>
  (core) => {
    core.u64[EXIT_CAUSE >>> 3] = cause;
    core.u64[EXIT_TVAL >>> 3] = tval;
    core.u32[EXIT_FROM_MODE >>> 2] = mode;
    return Exit.Exception;
  };
const ecall =
  (eid: number, fid: number, a0 = 0n, a1 = 0n): Step =>
  (core) => {
    for (const [register, value] of [
      [A0, a0],
      [A1, a1],
      [A6, BigInt(fid)],
      [A7, BigInt(eid)],
    ] as const) {
      core.setX(register, value);
    }
    return Exit.EnvironmentCallFromS;
  };

function boot(...steps: Step[]) {
  const core = fakeCore(steps);
  const machine = new Machine({ core });
  machine.supervisor = new Firmware(machine);
  enterSupervisor(core, { entry: 0x8020_0000, deviceTree: 0x800f_0000 });
  return { machine, core };
}

test("a kernel is entered in S-mode with hart id, device tree, no translation, Sstc, and its exceptions delegated", () => {
  const { core } = boot();
  expect([core.pc, core.x(A0), core.x(A1)]).toEqual([0x8020_0000n, 0n, 0x800f_0000n]);
  expect([core.u32[HART_MODE >>> 2], core.u32[HART_VIRT >>> 2], core.u32[HART_HOST >>> 2]]).toEqual([1, 0, Host.M]);
  expect(core.csr(Csr.satp)).toBe(0n);
  expect(core.csr(Csr.menvcfg) >> 63n).toBe(1n);
  expect(core.csr(Csr.mideleg) & 0x222n).toBe(0x222n);
  expect(core.csr(Csr.medeleg) & 0xb108n).toBe(0xb108n);
});

test("an SBI call is answered and stepped over; a shutdown ends the run with its reason", () => {
  const { machine, core } = boot(
    ecall(Eid.TIME, 0, 12345n),
    step.check(() => {
      expect(core.pc).toBe(0x8020_0004n);
      expect([core.x(A0), core.x(A1)]).toEqual([0n, 0n]);
    }),
    ecall(Eid.SRST, 0, 0n, 1n),
  );
  expect(machine.run()).toEqual({ kind: "finished", code: 1 });
  expect(core.csr(Csr.stimecmp)).toBe(12345n);
});

test("an exception that isn't delegated comes back to S-mode as its own", () => {
  const { machine, core } = boot(exception(ILLEGAL_INSTRUCTION, 0xdeadn, Mode.U), ecall(Eid.SRST, 0));
  core.setCsr(Csr.stvec, 0x8020_1000n);
  core.setCsr(Csr.mstatus, 0b10n);
  core.u32[HART_MODE >>> 2] = Mode.U;
  machine.run();
  expect([Csr.sepc, Csr.scause, Csr.stval].map((n) => core.csr(n))).toEqual([0x8020_0000n, 2n, 0xdeadn]);
  expect(core.csr(Csr.mstatus)).toBe(0b10_0000n);
  expect(core.u32[HART_MODE >>> 2]).toBe(Mode.S);
  expect(core.pc).toBe(0x8020_1004n);
});

test("without a trap handler the run ends with the cause and the place", () => {
  const { machine } = boot(exception(ILLEGAL_INSTRUCTION, 0n, Mode.S));
  expect(machine.run()).toEqual({
    kind: "guest-error",
    message: "illegal instruction without a trap handler",
    address: 0,
  });
});

test("from a guest: to VS-mode where hedeleg says so, else to HS-mode with SPV, SPVP and the guest address", () => {
  const { core } = boot();
  core.setCsr(Csr.hedeleg, 1n << ILLEGAL_INSTRUCTION);
  core.setCsr(Csr.vstvec, 0x5000n);
  core.setCsr(Csr.stvec, 0x6000n);
  const trap = { epc: 0x100n, tval: 7n, fromMode: Mode.S, fromVirt: true, gpa: 0x9004n };
  redirect(core, { ...trap, cause: ILLEGAL_INSTRUCTION });
  expect([core.pc, core.csr(Csr.vscause), core.csr(Csr.vsepc)]).toEqual([0x5000n, 2n, 0x100n]);
  expect(core.u32[HART_VIRT >>> 2]).toBe(1);
  redirect(core, { ...trap, cause: 5n });
  expect([core.pc, core.csr(Csr.scause), core.csr(Csr.htval)]).toEqual([0x6000n, 5n, 0x9004n >> 2n]);
  expect(core.csr(Csr.hstatus) & 0x1c0n).toBe(0x1c0n);
  expect(core.u32[HART_VIRT >>> 2]).toBe(0);
});
