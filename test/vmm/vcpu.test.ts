// RISC-V Privileged Architecture, "Hypervisor and Virtual Supervisor CSRs", "Trap Entry", "Wait for Interrupt".
import { expect, test } from "vitest";
import { Cause, Interrupt } from "../../assembly/isa/cause.js";
import { Csr } from "../../assembly/isa/csr.js";
import { Mode } from "../../assembly/isa/privilege.js";
import { F_REGS, HART_MODE, HART_VIRT } from "../../assembly/layout.js";
import { Vcpu } from "../../src/vmm/vcpu.js";
import { fakeCore } from "../support/fake-core.js";

const SEIE = 1n << BigInt(Interrupt.SupervisorExternal);
const VSTIE = 1n << BigInt(Interrupt.VirtualSupervisorTimer);
const VSEIE = 1n << BigInt(Interrupt.VirtualSupervisorExternal);
const start = { entry: 0x8020_0000, deviceTree: 0x83ff_0000, hartId: 0, hgatp: 8n << 60n, htimedelta: -100n };

test("a guest starts in VS-mode at its entry, a1 the device tree", () => {
  const core = fakeCore([]);
  new Vcpu(core, start).load();
  expect([core.pc, core.x(10), core.x(11)]).toEqual([0x8020_0000n, 0n, 0x83ff_0000n]);
  expect([core.u32[HART_MODE >>> 2], core.u32[HART_VIRT >>> 2]]).toEqual([Mode.S, 1]);
  expect(core.csr(Csr.hgatp)).toBe(8n << 60n);
  expect(core.csr(Csr.vsatp)).toBe(0n);
});

test("two guests on one hart don't see each other; HS-mode's own enables stay", () => {
  const core = fakeCore([]);
  core.setCsr(Csr.mie, SEIE);
  const a = new Vcpu(core, start);
  const b = new Vcpu(core, { ...start, entry: 0x8030_0000 });
  a.load();
  core.setX(5, 77n);
  core.pc = 0x8020_0010n;
  core.setCsr(Csr.vsscratch, 0x1234n);
  core.setCsr(Csr.mie, SEIE | VSEIE);
  a.save();
  b.load();
  expect([core.x(5), core.pc, core.csr(Csr.vsscratch), core.csr(Csr.mie)]).toEqual([0n, 0x8030_0000n, 0n, SEIE]);
  core.setX(5, 88n);
  b.save();
  a.load();
  expect([core.x(5), core.pc, core.csr(Csr.vsscratch)]).toEqual([77n, 0x8020_0010n, 0x1234n]);
  expect(core.csr(Csr.mie)).toBe(SEIE | VSEIE);
});

test("floating point belongs to the guest: registers, rounding mode, flags and vsstatus.FS", () => {
  const core = fakeCore([]);
  const a = new Vcpu(core, start);
  const b = new Vcpu(core, start);
  const state = () => [core.u64[(F_REGS >>> 3) + 31], core.csr(Csr.frm), core.csr(Csr.fflags), core.csr(Csr.vsstatus)];
  a.load();
  core.u64[(F_REGS >>> 3) + 31] = 0x3ff0n << 48n;
  core.setCsr(Csr.frm, 2n);
  core.setCsr(Csr.fflags, 17n);
  core.setCsr(Csr.vsstatus, core.csr(Csr.vsstatus) | (3n << 13n));
  const dirty = state();
  a.save();
  b.load();
  expect(state()).toEqual([0n, 0n, 0n, 2n << 32n]);
  b.save();
  a.load();
  expect(state()).toEqual(dirty);
});

test("interrupts reach a guest that is off the hart, and only a rise is new", () => {
  const core = fakeCore([]);
  const vcpu = new Vcpu(core, start);
  expect(vcpu.setPending(Interrupt.VirtualSupervisorExternal, true)).toBe(true);
  expect(vcpu.setPending(Interrupt.VirtualSupervisorExternal, true)).toBe(false);
  vcpu.load();
  expect(core.csr(Csr.hvip)).toBe(VSEIE);
  expect(vcpu.setPending(Interrupt.VirtualSupervisorExternal, false)).toBe(false);
  expect(core.csr(Csr.hvip)).toBe(0n);
});

test("WFI ends for an interrupt that is enabled in vsie, whatever vsstatus.SIE says", () => {
  const core = fakeCore([]);
  const vcpu = new Vcpu(core, start);
  vcpu.setPending(Interrupt.VirtualSupervisorExternal, true);
  expect(vcpu.wakes(0)).toBe(false);
  vcpu.load();
  core.setCsr(Csr.mie, VSEIE);
  vcpu.save();
  expect(vcpu.wakes(0)).toBe(true);
});

test("a guest's timer counts in its own time: vstimecmp against time + htimedelta", () => {
  const core = fakeCore([]);
  const vcpu = new Vcpu(core, start);
  vcpu.load();
  core.setCsr(Csr.mie, VSTIE);
  expect(vcpu.timerDue()).toBe(Number.POSITIVE_INFINITY);
  vcpu.setCsr(Csr.vstimecmp, 900n);
  expect(vcpu.timerDue()).toBe(1000 * 150);
  expect(vcpu.wakes(1000 * 150 - 1)).toBe(false);
  expect(vcpu.wakes(1000 * 150)).toBe(true);
});

test("an injected exception stacks SIE and the mode, and enters the guest's handler", () => {
  const core = fakeCore([]);
  const vcpu = new Vcpu(core, start);
  vcpu.load();
  core.setCsr(Csr.vstvec, 0x8020_1000n);
  core.setCsr(Csr.vsstatus, 2n);
  core.u32[HART_MODE >>> 2] = Mode.U;
  core.pc = 0x1000n;
  vcpu.inject(Cause.LoadAccessFault, 0xdeadn);
  expect(core.csr(Csr.vsepc)).toBe(0x1000n);
  expect(core.csr(Csr.vscause)).toBe(5n);
  expect(core.csr(Csr.vstval)).toBe(0xdeadn);
  expect(core.csr(Csr.vsstatus)).toBe(0x20n);
  expect([core.pc, core.u32[HART_MODE >>> 2]]).toEqual([0x8020_1000n, Mode.S]);
});
