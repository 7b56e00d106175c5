// RISC-V IOMMU Architecture 1.0, "Guidelines for initialization", "Changing device directory table entry",
// "Fault/Event-Queue": the hypervisor's driver against the hub itself.
import { expect, test } from "vitest";
import { Counter } from "../../assembly/isa/counter.js";
import { Core } from "../../src/core/core.js";
import { HubDmaPort, IommuRegisters } from "../../src/platform/hub.js";
import { DmaPool } from "../../src/vmm/dma-pool.js";
import { IOMMU_BASE, IommuDriver, type IommuOptions, secondStageOf } from "../../src/vmm/iommu.js";
import { DEVICE_RIGHTS, GStage } from "../../src/vmm/memory/gstage.js";
import { fixture, MIB } from "./services.js";

const GPA = 0x8000_0000;
const READ_GUEST_PAGE_FAULT = 21;
const WRITE_GUEST_PAGE_FAULT = 23;
const DDT_ENTRY_NOT_VALID = 258;

function started(options: IommuOptions = {}) {
  const f = fixture([8, 8], (ramSize) => new Core(ramSize, "flat"));
  const lines = [false, false, false, false];
  const wires = lines.map((_, i) => ({ set: (level: boolean) => lines.splice(i, 1, level) }));
  const registers = new IommuRegisters(f.vmm.core, wires);
  f.bus.map(IOMMU_BASE, 0x1000, registers);
  const iommu = new IommuDriver(f.vmm, options);
  iommu.start();
  const port = (device: number) => new HubDmaPort(f.vmm.core, device, () => registers.poll());
  const stageOf = (guest: number) => {
    const stage = new GStage(f.vmm, `G-stage of guest${guest}`);
    const chunks = f.placement.chunksOf(guest);
    for (let i = 0; i < chunks.length; i++) stage.map(GPA + i * 4 * MIB, chunks[i], 4 * MIB, 2 * MIB, DEVICE_RIGHTS);
    return { gscid: guest + 1, root: stage.root };
  };
  return { ...f, iommu, port, stageOf, lines };
}

test.each([7, 8, 24])("device_ids of %i bits: nobody gets through before being bound", (deviceIdWidth) => {
  const { iommu, port } = started({ deviceIdWidth });
  const result = port(8).read(GPA, 0, 4);
  expect(result.ok).toBe(false);
  expect(iommu.faults()).toEqual([{ cause: DDT_ENTRY_NOT_VALID, deviceId: 8, type: 2, iova: GPA, gpa: 0 }]);
});

test.each([7, 8, 24])(
  "device_ids of %i bits: a bound device has its guest's addresses, another guest's device the other's",
  (deviceIdWidth) => {
    const { iommu, port, stageOf, placement, vmm } = started({ deviceIdWidth });
    iommu.bind(8, stageOf(0));
    iommu.bind(16, stageOf(1));
    vmm.core.store(placement.chunksOf(0)[1], Uint8Array.of(1, 2, 3, 4));
    vmm.core.store(placement.chunksOf(1)[1], Uint8Array.of(5, 6, 7, 8));
    const dma = port(8);
    expect(dma.read(GPA + 4 * MIB, 0, 4).ok).toBe(true);
    expect([...dma.staging.subarray(0, 4)]).toEqual([1, 2, 3, 4]);
    expect(port(16).read(GPA + 4 * MIB, 0, 4).ok).toBe(true);
    expect([...dma.staging.subarray(0, 4)]).toEqual([5, 6, 7, 8]);
  },
);

test("a guest's device that names what isn't its guest's is stopped, and the record says where", () => {
  const { iommu, port, stageOf } = started();
  iommu.bind(8, stageOf(0));
  expect(port(8).write(GPA + 8 * MIB + 0x123, 0, 4).ok).toBe(false);
  expect(port(8).read(GPA + 9 * MIB, 0, 4).ok).toBe(false);
  expect(iommu.faults()).toEqual([
    { cause: WRITE_GUEST_PAGE_FAULT, deviceId: 8, type: 3, iova: GPA + 8 * MIB + 0x123, gpa: expect.any(Number) },
    { cause: READ_GUEST_PAGE_FAULT, deviceId: 8, type: 2, iova: GPA + 9 * MIB, gpa: GPA + 9 * MIB },
  ]);
  expect(iommu.faults()).toEqual([]);
});

test("a bare device has physical addresses", () => {
  const { iommu, port, placement, vmm } = started();
  iommu.bare(8);
  const vmmOwned = placement.vmmStart;
  expect(port(8).write(vmmOwned, 0, 4).ok).toBe(true);
  expect(vmm.ownerOf(vmmOwned).owner).toBe("vmm");
});

test("rebinding and unbinding take effect at once: no stale context or translation", () => {
  const { iommu, port, stageOf, placement, vmm } = started();
  vmm.core.store(placement.chunksOf(0)[0], Uint8Array.of(1));
  vmm.core.store(placement.chunksOf(1)[0], Uint8Array.of(2));
  const dma = port(8);
  iommu.bind(8, stageOf(0));
  dma.read(GPA, 0, 1);
  iommu.bind(8, stageOf(1));
  dma.read(GPA, 0, 1);
  expect(dma.staging[0]).toBe(2);
  iommu.unbind(8);
  expect(dma.read(GPA, 0, 1).ok).toBe(false);
});

test("after a change of the second stage, `invalidate` drops the guest's translations and no other's", () => {
  const { iommu, port, stageOf, vmm } = started();
  iommu.bind(8, stageOf(0));
  iommu.bind(16, stageOf(1));
  port(8).read(GPA, 0, 1);
  port(16).read(GPA, 0, 1);
  iommu.invalidate(1);
  const missed = vmm.core.counter(Counter.IotlbMisses);
  port(16).read(GPA, 0, 1);
  expect(vmm.core.counter(Counter.IotlbMisses)).toBe(missed);
  port(8).read(GPA, 0, 1);
  expect(vmm.core.counter(Counter.IotlbMisses)).toBe(missed + 1);
});

test("a flood of faults overflows the queue, is counted, and the queue works again afterwards", () => {
  const { iommu, port } = started();
  for (let i = 0; i < 300; i++) port(8).read(GPA, 0, 1);
  expect(iommu.faults()).toHaveLength(127);
  expect(iommu.counters.overflows).toBe(1);
  port(8).read(GPA, 0, 1);
  expect(iommu.faults()).toHaveLength(1);
});

test("with interrupts, a fault raises the fault queue's wire until the records are taken", () => {
  const { iommu, port, lines } = started({ interrupts: true });
  port(8).read(GPA, 0, 1);
  expect(lines).toEqual([false, true, false, false]);
  iommu.faults();
  expect(lines).toEqual([false, false, false, false]);
});

test("the command ring wraps, and a wait costs at least the native 0.7 µs", () => {
  const { iommu, vmm } = started();
  const before = vmm.core.cycles;
  for (let i = 0; i < 600; i++) iommu.invalidate(1, GPA + i * 4096);
  expect(iommu.counters.commands).toBe(603);
  expect(vmm.core.cycles - before).toBeGreaterThanOrEqual(600 * 1050);
});

test("the VMM's own device reaches its pool and nothing else", () => {
  const { iommu, port, vmm } = started();
  const pool = new DmaPool(vmm);
  iommu.bind(8, pool.secondStage(0));
  expect(port(8).write(pool.start + pool.bytes - 4, 0, 4).ok).toBe(true);
  expect(port(8).write(pool.start + pool.bytes, 0, 4).ok).toBe(false);
  expect(port(8).write(pool.start - 4, 0, 4).ok).toBe(false);
});

test("hgatp says the same to the hart and to the driver", () => {
  const { vmm } = started();
  const stage = new GStage(vmm, "tables");
  expect(secondStageOf(stage.atp(5))).toEqual({ gscid: 5, root: stage.root, mode: 8 });
});
