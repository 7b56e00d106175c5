// RISC-V IOMMU 1.0, "Command-Queue (CQ)".
import { describe, expect, test } from "vitest";
import { Counter } from "../../../assembly/isa/counter.js";
import { Cqcsr, IommuReg, Ipsr } from "../../../assembly/isa/iommu.js";
import { DMA_CYCLES, RAM_START } from "../../../assembly/layout.js";
import { openGuestFiles, supervisorPage } from "../../support/aia.js";
import {
  HubMachine,
  iodirInvalDdt,
  iodirInvalPdt,
  iofenceC,
  iotinvalGvma,
  iotinvalVma,
  MEGAPAGE,
  PAGE,
  PageTable,
} from "../../support/iommu.js";

const A = 0x10_0000;
const B = A + PAGE;

/**
 * Devices 1 and 2: first stage only, PSCID 1 and 2. Devices 3 and 4: both stages, GSCID 3, PSCID 3 and 4. Devices 5 and 6: second
 * stage only, GSCID 5 and 6. All map A and B; B is global in the first stages. Every translation is in the IOTLB.
 */
function house(): { m: HubMachine; gone(): string[] } {
  const m = new HubMachine().start();
  const page = m.allocate();
  const host = [1, 2].map(() => new PageTable(m, "first"));
  const guest = new PageTable(m, "second");
  const both = [3, 4].map(() => new PageTable(m, "first", 8, guest));
  const second = [5, 6].map(() => new PageTable(m, "second"));
  for (const table of [...host, ...second]) table.map(A, page);
  for (const table of second) table.map(B, page);
  for (const table of host) table.map(B, page, "rwugad");
  for (const table of both) {
    table.map(A, 0xa000);
    table.map(B, 0xb000, "rwugad");
  }
  guest.map(0xa000, page);
  guest.map(0xb000, page);
  host.forEach((first, i) => {
    m.device(1 + i, { first, pscid: 1 + i });
  });
  both.forEach((first, i) => {
    m.device(3 + i, { first, second: guest, gscid: 3, pscid: 3 + i });
  });
  second.forEach((table, i) => {
    m.device(5 + i, { second: table, gscid: 5 + i });
  });
  const all = [1, 2, 3, 4, 5, 6].flatMap((device) => [`${device}A`, `${device}B`]);
  const hit = (name: string) => m.dmaRead(Number(name[0]), name[1] === "A" ? A : B, 8).hits === 1;
  for (const name of all) hit(name);
  return { m, gone: () => all.filter((name) => !hit(name)) };
}

describe("IOTINVAL: what is dropped, and what is spared ('IOMMU Page-Table cache invalidation commands')", () => {
  const every = (...devices: number[]) => devices.flatMap((device) => [`${device}A`, `${device}B`]);
  test.each([
    ["VMA GV=0 AV=0 PSCV=0", iotinvalVma(), every(1, 2)],
    ["VMA GV=0 AV=0 PSCV=1 spares global mappings", iotinvalVma({ pscid: 1 }), ["1A"]],
    ["VMA GV=0 AV=1 PSCV=0", iotinvalVma({ address: B }), ["1B", "2B"]],
    ["VMA GV=0 AV=1 PSCV=1", iotinvalVma({ address: A, pscid: 2 }), ["2A"]],
    ["VMA GV=0 AV=1 PSCV=1 of a global mapping", iotinvalVma({ address: B, pscid: 2 }), []],
    ["VMA GV=1 AV=0 PSCV=0", iotinvalVma({ gscid: 3 }), every(3, 4)],
    ["VMA GV=1 AV=0 PSCV=1", iotinvalVma({ gscid: 3, pscid: 4 }), ["4A"]],
    ["VMA GV=1 AV=1 PSCV=0", iotinvalVma({ gscid: 3, address: B }), ["3B", "4B"]],
    ["VMA GV=1 AV=1 PSCV=1", iotinvalVma({ gscid: 3, address: A, pscid: 3 }), ["3A"]],
    ["VMA by address spares what has no first stage", iotinvalVma({ gscid: 5, address: A }), []],
    ["GVMA GV=0", iotinvalGvma(), every(3, 4, 5, 6)],
    ["GVMA GV=1 AV=0", iotinvalGvma({ gscid: 5 }), every(5)],
    ["GVMA GV=1 AV=1", iotinvalGvma({ gscid: 6, address: B }), ["6B"]],
    [
      "GVMA GV=1 AV=1 by the guest physical address under a first stage",
      iotinvalGvma({ gscid: 3, address: 0xa000 }),
      ["3A", "4A"],
    ],
    ["GVMA of a guest that isn't there", iotinvalGvma({ gscid: 9 }), []],
  ] as const)("%s", (_name, command, expected) => {
    const { m, gone } = house();
    expect(m.counted(Counter.IotlbInvalidations, () => m.command(command as [bigint, bigint]))).toBe(expected.length);
    expect(gone()).toEqual(expected);
  });

  test("by an address anywhere in the superpage of the leaf, though the entry is a small page of it", () => {
    const m = new HubMachine(0x100_0000).start();
    const second = new PageTable(m, "second");
    const first = new PageTable(m, "first", 8, second);
    first.map(0, 0x4000_0000, "rwuad", 21);
    second.map(0x4000_0000, m.allocate());
    m.device(1, { first, second, gscid: 1, pscid: 1 });
    m.dmaRead(1, 0x10, 8);
    m.command(iotinvalVma({ gscid: 1, address: MEGAPAGE - PAGE }));
    expect(m.dmaRead(1, 0x10, 8).misses).toBe(1);
    m.command(iotinvalGvma({ gscid: 1, address: 0x4000_1000 }));
    expect(m.dmaRead(1, 0x10, 8).misses).toBe(0);
  });

  test("a stale translation is used until it is invalidated", () => {
    const m = new HubMachine().start();
    const second = new PageTable(m, "second");
    const [before, after] = [m.allocate(), m.allocate()];
    second.map(A, before);
    m.device(1, { second, gscid: 1 });
    m.dmaWrite(1, A, 8);
    second.map(A, after);
    m.staging.fill(0x77, 0, 8);
    m.dmaWrite(1, A, 8);
    expect([m.bytes(before, 1)[0], m.bytes(after, 1)[0]]).toEqual([0x77, 0]);
    m.command(iotinvalGvma({ gscid: 1 }));
    m.dmaWrite(1, A, 8);
    expect(m.bytes(after, 1)[0]).toBe(0x77);
  });
});

describe("the queue", () => {
  test("IOFENCE.C stores its data, raises fence_w_ip, and costs as the other commands do", () => {
    const m = new HubMachine().start();
    const flag = m.allocate();
    m.command(iotinvalVma(), iofenceC({ address: flag + 4, data: 0xdead_beef, wsi: true }));
    expect(m.read64(flag)).toBe(0xdead_beefn << 32n);
    expect(m.reg(IommuReg.cqh)).toBe(2);
    expect(m.counter(Counter.IoCommands)).toBe(2);
    expect(m.reg(IommuReg.cqcsr)).toBe(Cqcsr.cqen | Cqcsr.cie | Cqcsr.cqon | Cqcsr.fence_w_ip);
    expect(m.reg(IommuReg.ipsr)).toBe(Ipsr.cip);
    m.setReg(IommuReg.ipsr, Ipsr.cip);
    expect(m.reg(IommuReg.ipsr)).toBe(Ipsr.cip);
    m.setReg(IommuReg.cqcsr, Cqcsr.cqen | Cqcsr.cie | Cqcsr.fence_w_ip);
    m.setReg(IommuReg.ipsr, Ipsr.cip);
    expect(m.reg(IommuReg.ipsr)).toBe(0);
    m.command(iofenceC(), iofenceC(), iofenceC());
    expect(m.view.getUint32(DMA_CYCLES, true)).toBe(1500);
  });

  test("it wraps around", () => {
    const m = new HubMachine().start(1, 2);
    for (let i = 0; i < 9; i++) m.command(iofenceC());
    expect(m.reg(IommuReg.cqh)).toBe(1);
    m.command(iofenceC(), iofenceC(), iofenceC());
    expect(m.reg(IommuReg.cqh)).toBe(0);
    expect(m.counter(Counter.IoCommands)).toBe(12);
  });

  test.each([
    ["opcode 0", [0n, 0n]],
    ["ATS without the capability", [4n, 0n]],
    ["a custom opcode", [64n, 0n]],
    ["reserved func3 of IOTINVAL", [1n | (2n << 7n), 0n]],
    ["reserved func3 of IOFENCE", [2n | (1n << 7n), 0n]],
    ["PSCV with IOTINVAL.GVMA", iotinvalGvma({ pscid: 1 })],
    ["NL without the capability", [1n | (1n << 34n), 0n]],
    ["S without the capability", [1n, 1n << 9n]],
    ["reserved bit of IOTINVAL", [1n | (1n << 11n), 0n]],
    ["reserved bit of IOFENCE", [2n | (1n << 14n), 0n]],
    ["PID with IODIR.INVAL_DDT", [3n | (1n << 12n), 0n]],
    ["IODIR.INVAL_PDT without DV", [3n | (1n << 7n), 0n]],
    ["DID wider than the directory", iodirInvalDdt(0x80)],
    ["DID wider than the directory, PDT", iodirInvalPdt(0x80, 0)],
    ["second doubleword of IODIR", [3n, 1n]],
  ] as const)("an illegal command stops it: %s", (_name, command) => {
    const m = new HubMachine().start();
    m.command(iofenceC(), command as [bigint, bigint], iofenceC());
    expect(m.reg(IommuReg.cqcsr) & 0xf00).toBe(Cqcsr.cmd_ill);
    expect(m.reg(IommuReg.cqh)).toBe(1);
    expect(m.reg(IommuReg.ipsr)).toBe(Ipsr.cip);
    const [first, second] = iofenceC();
    m.write64(m.commandQueue + 16, first);
    m.write64(m.commandQueue + 24, second);
    m.setReg(IommuReg.cqcsr, Cqcsr.cqen | Cqcsr.cie | Cqcsr.cmd_ill);
    expect(m.reg(IommuReg.cqh)).toBe(3);
    expect(m.reg(IommuReg.cqcsr) & 0xf00).toBe(0);
  });

  test("IOFENCE.C stores to an interrupt file as to RAM; WSI is reserved while interrupts are messages", () => {
    const m = new HubMachine().withImsics(1, 1).start();
    openGuestFiles(m.core, m.allocate());
    m.command(iofenceC({ address: supervisorPage(0, 1), data: 40 }), iofenceC({ wsi: true }));
    expect(m.core.hart(0).hgeip).toBe(1 << 1);
    expect(m.reg(IommuReg.cqh)).toBe(2);
    m.setReg(IommuReg.fctl, 0);
    m.command(iofenceC({ wsi: true }));
    expect(m.reg(IommuReg.cqcsr) & 0xf00).toBe(Cqcsr.cmd_ill | Cqcsr.fence_w_ip);
    expect(m.reg(IommuReg.cqh)).toBe(2);
  });

  test("memory faults: of the fence's store, and of the queue itself", () => {
    const m = new HubMachine().start();
    m.command(iofenceC({ address: RAM_START - 4, data: 1 }));
    expect(m.reg(IommuReg.cqcsr) & 0xf00).toBe(Cqcsr.cqmf);
    expect(m.reg(IommuReg.cqh)).toBe(0);
    m.setReg(IommuReg.cqcsr, 0);
    expect(m.reg(IommuReg.cqcsr) & Cqcsr.cqon).toBe(0);
    m.setReg(IommuReg.cqt, 0);
    m.setReg64(IommuReg.cqb, 0x1000n << 10n);
    m.setReg(IommuReg.cqcsr, Cqcsr.cqen);
    expect(m.reg(IommuReg.cqcsr) & 0xf00).toBe(0);
    m.setReg(IommuReg.cqt, 1);
    expect(m.reg(IommuReg.cqcsr) & 0xf00).toBe(Cqcsr.cqmf);
  });

  test("while it is off, nothing is fetched; enabling resets cqh", () => {
    const m = new HubMachine().start();
    m.command(iofenceC());
    m.setReg(IommuReg.cqcsr, 0);
    m.command(iofenceC());
    expect(m.reg(IommuReg.cqh)).toBe(1);
    m.setReg(IommuReg.cqcsr, Cqcsr.cqen);
    expect(m.reg(IommuReg.cqh)).toBe(2);
    expect(m.counter(Counter.IoCommands)).toBe(3);
  });
});
