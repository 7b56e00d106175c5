// RISC-V IOMMU 1.0, "Fault/Event-Queue (FQ)", "Interrupt pending status register".
import { describe, expect, test } from "vitest";
import { Counter } from "../../../assembly/isa/counter.js";
import { Fqcsr, IoFault, IommuReg, Ipsr, Tc } from "../../../assembly/isa/iommu.js";
import { HubMachine, PageTable } from "../../support/iommu.js";

const IOVA = 0x1234_5678;

/** Device 1 has an empty second stage. */
function empty(tc = 0, log2 = 6): HubMachine {
  const m = new HubMachine().start(1, log2);
  m.device(1, { second: new PageTable(m, "second"), tc });
  return m;
}

describe("records", () => {
  test("say who did what, where, and why", () => {
    const m = empty();
    expect(m.dmaRead(1, IOVA, 4)).toMatchObject({ cause: IoFault.ReadGuestPageFault, interrupt: 1 });
    expect(m.dmaWrite(1, IOVA + 1, 4)).toMatchObject({ cause: IoFault.WriteGuestPageFault, interrupt: 0 });
    const nobody = { pv: 0, pid: 0, priv: 0 };
    expect(m.faults()).toEqual([
      { cause: 21, device: 1, type: 2, iotval: BigInt(IOVA), iotval2: BigInt(IOVA), ...nobody },
      { cause: 23, device: 1, type: 3, iotval: BigInt(IOVA + 1), iotval2: BigInt(IOVA), ...nobody },
    ]);
    expect(m.counter(Counter.IoFaults)).toBe(2);
    expect(m.counter(Counter.IoFaultsLost)).toBe(0);
  });

  test("a second stage's fault on a table of the first stage is implicit", () => {
    const m = new HubMachine().start();
    const second = new PageTable(m, "second");
    const first = new PageTable(m, "first", 8, second);
    second.unmap(first.rootAddress);
    m.device(1, { first, second });
    m.dmaRead(1, 0x1000, 8);
    expect(m.faults()).toMatchObject([{ cause: 21, iotval: 0x1000n, iotval2: BigInt(first.rootAddress) | 1n }]);
  });

  test("DTF = 1 keeps faults of translation out, but not of the directory", () => {
    const m = empty(Tc.DTF);
    expect(m.dmaRead(1, IOVA, 4).cause).toBe(IoFault.ReadGuestPageFault);
    expect(m.dmaRead(2, IOVA, 4).cause).toBe(IoFault.DdtEntryNotValid);
    expect(m.faults().map(({ cause }) => cause)).toEqual([IoFault.DdtEntryNotValid]);
  });

  test("after IODIR or at power-on nothing of an earlier request lingers in iotval2", () => {
    const m = empty();
    m.dmaRead(1, IOVA, 4);
    m.dmaRead(2, IOVA, 4);
    expect(m.faults()[1]).toMatchObject({ cause: IoFault.DdtEntryNotValid, iotval2: 0n });
  });
});

describe("the queue", () => {
  test("full: fqof, and no record until software clears it", () => {
    const m = empty(0, 2);
    for (let i = 0; i < 5; i++) m.dmaRead(1, IOVA + i, 4);
    expect(m.reg(IommuReg.fqcsr)).toBe(Fqcsr.fqen | Fqcsr.fie | Fqcsr.fqon | Fqcsr.fqof);
    expect(m.counter(Counter.IoFaultsLost)).toBe(2);
    expect(m.faults().map(({ iotval }) => Number(iotval) - IOVA)).toEqual([0, 1, 2]);
    m.dmaRead(1, IOVA, 4);
    expect(m.faults()).toEqual([]);
    m.setReg(IommuReg.fqcsr, Fqcsr.fqen | Fqcsr.fie | Fqcsr.fqof);
    m.dmaRead(1, IOVA + 9, 4);
    expect(m.faults()).toMatchObject([{ iotval: BigInt(IOVA + 9) }]);
  });

  test("outside RAM: fqmf", () => {
    const m = empty();
    m.startFaults(0x1000, 4);
    m.dmaRead(1, IOVA, 4);
    expect(m.reg(IommuReg.fqcsr) & 0x300).toBe(Fqcsr.fqmf);
    expect(m.reg(IommuReg.fqt)).toBe(0);
    expect(m.counter(Counter.IoFaultsLost)).toBe(1);
  });

  test("off: the device is refused all the same, and nothing is written", () => {
    const m = empty();
    m.setReg(IommuReg.fqcsr, 0);
    expect(m.dmaRead(1, IOVA, 4).cause).toBe(IoFault.ReadGuestPageFault);
    expect(m.reg(IommuReg.fqt)).toBe(0);
  });

  test("enabling resets fqt and the error bits", () => {
    const m = empty(0, 2);
    for (let i = 0; i < 5; i++) m.dmaRead(1, IOVA, 4);
    m.setReg(IommuReg.fqcsr, 0);
    m.setReg(IommuReg.fqcsr, Fqcsr.fqen);
    expect([m.reg(IommuReg.fqt), m.reg(IommuReg.fqcsr)]).toEqual([0, Fqcsr.fqen | Fqcsr.fqon]);
  });
});

describe("wired interrupts", () => {
  test("icvec chooses the wire; ipsr holds it until software clears it", () => {
    const m = empty();
    m.setReg(IommuReg.icvec, 0x3210);
    expect(m.exports.iommuWires()).toBe(0);
    m.dmaRead(1, IOVA, 4);
    expect(m.reg(IommuReg.ipsr)).toBe(Ipsr.fip);
    expect(m.exports.iommuWires()).toBe(2);
    m.setReg(IommuReg.icvec, 0x3230);
    expect(m.exports.iommuWires()).toBe(8);
    m.setReg(IommuReg.ipsr, Ipsr.fip);
    expect(m.exports.iommuWires()).toBe(0);
    expect(m.dmaRead(1, IOVA, 4).interrupt).toBe(1);
  });

  test("an overflow keeps fip pending as long as it lasts; without fie there is no interrupt", () => {
    const m = empty(0, 2);
    for (let i = 0; i < 4; i++) m.dmaRead(1, IOVA, 4);
    m.setReg(IommuReg.ipsr, Ipsr.fip);
    expect(m.reg(IommuReg.ipsr)).toBe(Ipsr.fip);
    m.setReg(IommuReg.fqcsr, Fqcsr.fqen);
    m.setReg(IommuReg.ipsr, Ipsr.fip);
    expect(m.reg(IommuReg.ipsr)).toBe(0);
  });
});
