// RISC-V Advanced Interrupt Architecture 1.0 on the whole board: wires through the APLIC, messages between harts, and a device's message
// through the IOMMU into a guest.
import { expect, test } from "vitest";
import { Counter } from "../../assembly/isa/counter.js";
import { Csr } from "../../assembly/isa/csr.js";
import { Host } from "../../assembly/isa/exit.js";
import { HART_HOST, HART_MODE, HART_PC, HART_VIRT, RAM_START, X_REGS } from "../../assembly/layout.js";
import { Core } from "../../src/core/core.js";
import { enterSupervisor, Firmware } from "../../src/platform/firmware.js";
import { Machine } from "../../src/platform/machine.js";
import { APLIC_M, APLIC_S, FINISHER, IMSIC_M, IMSIC_S, UART } from "../../src/platform/memory-map.js";
import { OPEN, supervisorPage, vgein } from "../support/aia.js";
import * as asm from "../support/assembler.js";
import { HubMachine, PageTable } from "../support/iommu.js";

const { a0, a1, t0, t1, zero } = asm;
const MAIN = RAM_START + 0x20_0000;
const HANDLER = MAIN + 0x1000;
const DEVICE = 0x28;
const FINISHED = { kind: "finished", code: 0 };

const li = (rd: number, value: number) => [
  asm.lui(rd, ((value + 0x800) >>> 12) & 0xf_ffff),
  asm.addiw(rd, rd, (value << 20) >> 20),
];
/** Stores a word to a physical address below 2 GiB. */
const store = (address: number, value: number) => [...li(t0, address), ...li(t1, value), asm.sw(t1, 0, t0)];
const setCsr = (csr: number, value: number) => [...li(t1, value), asm.csrw(csr, t1)];
const finish = store(FINISHER.start, 0x5555);
/** Registers of an interrupt file: deliver, identities 1 to 63 enabled. */
const openFile = (select: number, alias: number) => [
  ...[...setCsr(select, 0x70), ...setCsr(alias, 1)],
  ...[...setCsr(select, 0xc0), ...setCsr(alias, -2)],
];
const spin = [asm.jal(zero, 0)];
/** Takes what `topei` reports into a0 and ends the run. */
const handler = (topei: number) => [asm.csrrw(a0, topei, zero), ...finish, ...spin];

function machineOf(core: Core, aia: "aplic" | "aplic-imsic", harts = 1) {
  const machine = new Machine({ core, aia, harts });
  const program = (at: number, insns: number[]) => core.store(at, asm.bytes(insns));
  return { machine, core, program };
}

/** S-mode's part of a wire's way: the source, its target, the domain. */
const wire = (target: number) => [
  ...store(APLIC_S.start + 4 * UART.irq, 6),
  ...store(APLIC_S.start + 0x3000 + 4 * UART.irq, target),
  ...store(APLIC_S.start + 0x1edc, UART.irq),
  ...store(APLIC_S.start, 0x100),
];
/** The transmitter is empty: it interrupts as soon as it may. */
const provoke = [...li(t0, UART.start), asm.addi(t1, zero, 2), asm.sb(t1, 1, t0)];
const enable = [asm.lui(t1, HANDLER >>> 12), asm.slli(t1, t1, 32), asm.srli(t1, t1, 32), asm.csrw(Csr.stvec, t1)];
const open = [...setCsr(Csr.sie, 1 << 9), asm.csrrsi(zero, Csr.sstatus, 2)];

test("under the built-in firmware a wire reaches S-mode as a message of the APLIC", () => {
  const { machine, core, program } = machineOf(new Core(0x40_0000), "aplic-imsic");
  enterSupervisor(core, { entry: MAIN, deviceTree: 0 });
  machine.supervisor = new Firmware(machine);
  program(MAIN, [...enable, ...openFile(Csr.siselect, Csr.sireg), ...open, ...wire(42), ...provoke, asm.wfi, ...spin]);
  program(HANDLER, handler(Csr.stopei));
  expect(machine.run(1e7)).toEqual(FINISHED);
  expect([core.x(a0), core.csr(Csr.scause)]).toEqual([BigInt(42 * 0x1_0001), (1n << 63n) | 9n]);
});

test("without IMSICs the APLIC interrupts the hart itself", () => {
  const { machine, core, program } = machineOf(new Core(0x40_0000), "aplic");
  enterSupervisor(core, { entry: MAIN, deviceTree: 0 });
  machine.supervisor = new Firmware(machine);
  const idc = APLIC_S.start + 0x4000;
  program(MAIN, [...enable, ...open, ...wire(3), ...store(idc, 1), ...provoke, asm.wfi, ...spin]);
  program(HANDLER, [...li(t0, idc), asm.lw(a0, 0x1c, t0), ...finish, ...spin]);
  expect(machine.run(1e7)).toEqual(FINISHED);
  expect(core.x(a0)).toBe(BigInt((UART.irq << 16) | 3));
});

test("the root domain is in the PLIC's place, and hands no source on by itself", () => {
  const { machine } = machineOf(new Core(0x40_0000), "aplic");
  expect([machine.bus.read(APLIC_M.start, 4), machine.bus.lo]).toEqual([0, 0x8000_0000]);
  machine.bus.write(APLIC_S.start + 4, 4, 1);
  machine.bus.read(APLIC_S.start + 4, 4);
  expect(machine.bus.lo).toBe(0);
});

test("a hart wakes another by a store to its interrupt file", () => {
  const { machine, core, program } = machineOf(new Core(0x40_0000), "aplic-imsic", 2);
  const sleeper = [...openFile(Csr.miselect, Csr.mireg), ...setCsr(Csr.mie, 1 << 11), asm.csrr(t0, Csr.mtopi)];
  program(MAIN, [
    ...li(a1, 20_000),
    asm.addi(a1, a1, -1),
    asm.bne(a1, zero, -4),
    ...store(IMSIC_M.start + 0x1000, 9),
    ...spin,
  ]);
  program(HANDLER, [...sleeper, asm.wfi, ...handler(Csr.mtopei)]);
  core.pc = BigInt(MAIN);
  const other = machine.harts[1];
  other.state.setNumber(HART_PC, HANDLER);
  other.status = "running";
  expect(machine.run(1e7)).toEqual(FINISHED);
  expect(other.state.number(X_REGS + 8 * a0)).toBe(9 * 0x1_0001);
  expect(machine.waits).toBe(1);
});

test("an interrupt file's page takes words alone, and reads as zero", () => {
  const { machine } = machineOf(new Core(0x40_0000), "aplic-imsic");
  const { bus } = machine;
  expect([bus.read(IMSIC_S.start, 4), bus.lo, bus.read(IMSIC_S.start, 1), bus.write(IMSIC_S.start, 2, 5)]).toEqual([
    0, 0, 1, 1,
  ]);
  expect([bus.write(IMSIC_S.start + 0x7000, 4, 1), bus.write(IMSIC_S.start + 0x8000, 4, 1)]).toEqual([0, 1]);
});

/** A hypervisor's table: the device's messages for `virtual` go to the file of guest `number` of hart 0. */
function assign(hub: HubMachine, virtual: number, number: number): void {
  const table = hub.allocate();
  hub.write64(table, (BigInt(supervisorPage(0, number) / 4096) << 10n) | 7n);
  const second = new PageTable(hub, "second");
  hub.device(DEVICE, { second, gscid: 1, msi: { table, mask: 0, pattern: virtual / 4096 } });
}

test("a device interrupts a guest: through the IOMMU into its interrupt file, and no exit on the way", () => {
  const hub = new HubMachine();
  const { machine, core, program } = machineOf(hub.core, "aplic-imsic");
  hub.withImsics(1, 7).start(1);
  const virtual = 0x2800_0000;
  assign(hub, virtual, 5);
  // the host plays M and HS, and there is nobody who would take an exit
  core.u32[HART_HOST >>> 2] = Host.M | Host.HS;
  core.u32[HART_MODE >>> 2] = 1;
  core.u32[HART_VIRT >>> 2] = 1;
  const everywhere = { [Csr.pmpaddr0]: (1n << 54n) - 1n, [Csr.pmpcfg0]: 0x1fn };
  const csrs = { ...OPEN, ...everywhere, [Csr.hstatus]: vgein(5), [Csr.hideleg]: 0x444n, [Csr.mideleg]: 0x1666n };
  for (const [n, value] of Object.entries(csrs)) core.setCsr(Number(n), value);
  core.exports.flushTranslations();
  core.pc = BigInt(MAIN);
  program(MAIN, [...enable, ...openFile(Csr.siselect, Csr.sireg), ...open, ...spin]);
  program(HANDLER, handler(Csr.stopei));
  const port = machine.msiPort(DEVICE);
  const sent: boolean[] = [];
  machine.events.after(10_000, () => sent.push(port.send(virtual, 0, 33), port.send(virtual + 0x1000, 0, 33)));
  expect(machine.run(1e7)).toEqual(FINISHED);
  expect(sent).toEqual([true, false]);
  expect([core.x(a0), core.csr(Csr.vscause)]).toEqual([BigInt(33 * 0x1_0001), (1n << 63n) | 9n]);
  const traps = [Counter.TrapsToVS, Counter.TrapsToS, Counter.TrapsToM].map((counter) => core.counter(counter));
  expect(traps).toEqual([1, 0, 0]);
});
