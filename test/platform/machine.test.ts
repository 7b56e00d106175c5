import { expect, test } from "vitest";
import { Interrupt } from "../../assembly/isa/cause.js";
import { Csr } from "../../assembly/isa/csr.js";
import { Exit } from "../../assembly/isa/exit.js";
import { EXIT_PENDING, EXIT_VALUE, HART_LINES, HART_MTIMECMP } from "../../assembly/layout.js";
import { Machine, type StopReason } from "../../src/platform/machine.js";
import { ECAM, FINISHER, IOMMU, PLIC, UART } from "../../src/platform/memory-map.js";
import { Access, type MmioDevice } from "../../src/platform/ports.js";
import { fakeCore, type Step, step } from "../support/fake-core.js";

const PASS = step.store(FINISHER.start, 0x5555);
const READ_SOC = 180;
const READ_PCIE = 1425;
const WRITE = 180;

function play(...steps: Step[]) {
  const machine = new Machine({ core: fakeCore(steps) });
  const sum = () => Object.values(machine.account.cycles()).reduce((a, b) => a + b);
  return { machine, core: machine.core, sum };
}

class Constant implements MmioDevice {
  constructor(private readonly value: number) {}
  read(): number {
    return this.value;
  }
  write(): Access {
    return Access.Ok;
  }
  reset(): void {}
}

test("the finisher ends the run with its code", () => {
  expect(play(step.run(100), PASS).machine.run()).toEqual({ kind: "finished", code: 0 });
  expect(play(step.store(FINISHER.start, 0x5_3333)).machine.run()).toEqual({ kind: "finished", code: 5 });
  expect(play(step.store(FINISHER.start, 0x7777)).machine.run()).toEqual({ kind: "reset" });
});

test("a deadline stops the run, and the run can go on", () => {
  const { machine, core } = play(step.run(100), step.run(1_000_000), step.run(10), PASS);
  expect(machine.run(5000)).toEqual({ kind: "deadline" });
  expect(core.cycles).toBe(5000);
  expect(machine.run()).toEqual({ kind: "finished", code: 0 });
});

test("accesses cost what their reach says, and the books balance at every moment", () => {
  const { machine, core, sum } = play(
    step.load(PLIC.start),
    step.load(ECAM.start),
    step.store(UART.start, 65, 1),
    PASS,
  );
  machine.run();
  expect(core.cycles).toBe(READ_SOC + READ_PCIE + 2 * WRITE);
  expect(machine.account.cycles()).toEqual({ guest: core.cycles, exit: 0, vmm: 0, idle: 0 });
  machine.charge("vmm", 1000);
  machine.charge("exit", 135);
  expect(machine.account.cycles()).toMatchObject({ vmm: 1000, exit: 135 });
  expect(sum()).toBe(core.cycles);
});

test("a load gets its value; an access to nothing is refused", () => {
  let value = 0n;
  const { machine, core } = play(
    step.load(ECAM.start),
    step.check(() => {
      value = core.u64[EXIT_VALUE >>> 3];
    }),
    step.load(0x1234_5678),
    step.check(() => {
      expect(core.u32[EXIT_PENDING >>> 2]).toBe(2);
    }),
    PASS,
  );
  expect(machine.run().kind).toBe("finished");
  expect(value).toBe(0x0008_1b36n);
});

test("waiting for nothing is a deadlock; the console is complete all the same", () => {
  const { machine } = play(step.store(UART.start, 65, 1), step.wait(), step.wait());
  expect(machine.run()).toEqual({ kind: "deadlock" });
  expect(machine.console.text()).toBe("A");
});

test("waiting passes as idle time up to the earliest enabled timer", () => {
  const { machine, core, sum } = play(step.run(10), step.wait(), PASS);
  core.setCsr(Csr.menvcfg, 1n << 63n);
  core.setCsr(Csr.mie, 1n << BigInt(Interrupt.SupervisorTimer));
  core.setCsr(Csr.stimecmp, 1000n);
  core.setNumber(HART_MTIMECMP, 10);
  machine.run();
  expect(machine.account.cycles()).toMatchObject({ guest: 10 + WRITE, idle: 150_000 - 10 });
  expect(sum()).toBe(core.cycles);
});

test("a wait that a deadline cuts short goes on in the next run", () => {
  const { machine, core } = play(step.wait(), PASS);
  core.setCsr(Csr.mie, 1n << BigInt(Interrupt.MachineTimer));
  core.setNumber(HART_MTIMECMP, 100);
  expect([machine.run(4000), core.cycles]).toEqual([{ kind: "deadline" }, 4000]);
  expect([machine.run(8000), core.cycles]).toEqual([{ kind: "deadline" }, 8000]);
  expect(machine.run()).toEqual({ kind: "finished", code: 0 });
  expect(machine.account.cycles()).toMatchObject({ idle: 15_000, guest: WRITE });
});

test("events that interrupt nobody don't end a wait", () => {
  const { machine } = play(step.wait(), PASS);
  let ran = 0;
  for (const cycles of [10, 20, 30]) machine.events.after(cycles, () => ran++);
  expect(machine.run()).toEqual({ kind: "deadlock" });
  expect(ran).toBe(3);
  expect(machine.account.cycles().idle).toBe(30);
});

test("waiting for nothing is a deadlock even before a deadline", () => {
  expect(play(step.wait()).machine.run(1e9)).toEqual({ kind: "deadlock" });
});

test("a device's interrupt reaches the hart through the PLIC, a delivery time later", () => {
  const { machine, core } = play(step.run(10), step.wait(), PASS);
  machine.core.setCsr(Csr.mie, 1n << BigInt(Interrupt.SupervisorExternal));
  machine.plic.write(4 * UART.irq, 4, 1);
  machine.plic.write(0x2080, 4, 1 << UART.irq);
  machine.events.after(5000, () => machine.plic.setLevel(UART.irq, true));
  machine.run();
  expect(core.cycles).toBe(5000 + 1500 + WRITE);
  expect(core.u32[HART_LINES >>> 2]).toBe(1 << Interrupt.SupervisorExternal);
  machine.plic.claim(1);
  expect(core.u32[HART_LINES >>> 2]).toBe(0);
});

test("a PCIe device's registers are where the guest puts its BAR", () => {
  const config = ECAM.start + (1 << 15);
  const seen: bigint[] = [];
  const look = step.check((core) => {
    seen.push(core.u64[EXIT_VALUE >>> 3]);
  });
  const { machine } = play(
    step.store(config + 0x10, 0x4000_0000),
    step.store(config + 4, 6, 2),
    step.load(0x4000_0000),
    look,
    step.load(0x4000_0000, 8),
    look,
    PASS,
  );
  const identity = { vendor: 0x1b36, device: 0x10, classCode: 0x010802 };
  const { fn } = machine.attachPcie({ slot: 1, identity, bars: [{ index: 0, size: 0x4000 }], pin: 1 }, (ports) => {
    expect(ports.clock).toBe(machine.events);
    return new Constant(0xabcd);
  });
  expect(machine.run().kind).toBe("finished");
  expect(fn.bdf).toBe(8);
  expect(seen).toEqual([0xabcdn, 0xabcd_0000_abcdn]);
});

test("IOMMU interrupts drive the wires that icvec selects ('Interrupt-cause-to-vector register')", () => {
  const { machine } = play();
  const [FCTL, IPSR, ICVEC] = [8, 84, 760];
  const pending = () => [0, 1, 2, 3].map((wire) => machine.plic.state().level[IOMMU.firstIrq + wire]);
  for (const [register, value] of [
    [FCTL, 2],
    [ICVEC, 0x3120],
    [IPSR, 0b1010],
  ]) {
    machine.bus.write(IOMMU.start + register, 4, value);
  }
  expect(pending()).toEqual([false, false, true, true]);
  machine.bus.write(IOMMU.start + IPSR, 4, 0);
  expect(pending()).toEqual([false, false, false, false]);
});

test("other exits go to whoever plays the mode; nobody there is a guest error", () => {
  const exits: Exit[] = [];
  const { machine } = play(step.exit(Exit.VirtualInstruction), step.wait(), PASS);
  machine.supervisor = { takesWaits: true, handle: (exit) => exits.push(exit) };
  machine.run();
  expect(exits).toEqual([Exit.VirtualInstruction, Exit.WaitForInterrupt]);
  const bare: StopReason = play(step.exit(Exit.Exception)).machine.run();
  expect(bare.kind).toBe("guest-error");
});
