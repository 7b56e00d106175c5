// RISC-V IOMMU 1.0 behind the platform's ports, with the real core
import { expect, test } from "vitest";
import { Core } from "../../src/core/core.js";
import { Machine } from "../../src/platform/machine.js";
import { ECAM, IOMMU, RAM_START } from "../../src/platform/memory-map.js";
import type { DmaPort } from "../../src/platform/ports.js";

const [DDTP, FQB, FQCSR, IPSR, ICVEC] = [16, 40, 76, 84, 760];
const BARE = 1;
const FQEN_FIE = 3;
const FIP = 2;
const ALL_INBOUND_DISALLOWED = 256;
const DEVICE = 8;
const AT = RAM_START + 0x1000;

function hub() {
  const machine = new Machine({ core: new Core(0x10_0000) });
  const write = (register: number, value: number) => machine.bus.write(IOMMU.start + register, 4, value);
  const wires = () => [0, 1, 2, 3].map((wire) => machine.plic.state().level[IOMMU.firstIrq + wire]);
  return { machine, write, wires, port: machine.dmaPort(DEVICE) };
}

test("DMA moves bytes between staging and RAM; the result says how many and how long translation took", () => {
  const { machine, write, port } = hub();
  write(DDTP, BARE);
  port.staging.set([1, 2, 3, 4], 16);
  expect(port.write(AT, 0, 4, 16)).toMatchObject({ ok: true, cause: 0, bytes: 4 });
  expect([...machine.core.slice(AT, 4)]).toEqual([1, 2, 3, 4]);
  port.staging.fill(0, 0, 32);
  expect(port.read(AT + 1, 0, 2)).toMatchObject({ ok: true, bytes: 2 });
  expect(port.view.getUint16(0)).toBe(0x0203);
});

test("out of reset the IOMMU refuses all DMA, and so is DMA to nowhere and to addresses beyond 2^53", () => {
  const { write, port } = hub();
  expect(port.read(AT, 0, 4)).toMatchObject({ ok: false, cause: ALL_INBOUND_DISALLOWED, bytes: 0 });
  write(DDTP, BARE);
  expect(port.read(0, 0, 4).ok).toBe(false);
  expect(port.read(AT, 0xffff_ffff, 4).ok).toBe(false);
  expect(port.write(0xffff_fffe, 0xffff_ffff, 4).ok).toBe(false);
});

test("a length that leaves staging is our bug", () => {
  const { port } = hub();
  expect(() => port.read(AT, 0, port.staging.length, 1)).toThrow(RangeError);
  expect(() => port.write(AT, 0, -1)).toThrow(RangeError);
});

test("a fault during DMA raises the wire that icvec names, and clearing ipsr lowers it", () => {
  const { write, wires, port } = hub();
  write(FQB, (((RAM_START + 0x2000) >>> 12) << 10) | 4);
  write(ICVEC, 1 << 4);
  write(FQCSR, FQEN_FIE);
  expect(wires()).toEqual([false, false, false, false]);
  port.read(AT, 0, 4);
  expect(wires()).toEqual([false, true, false, false]);
  write(IPSR, FIP);
  expect(wires()).toEqual([false, false, false, false]);
});

test("a PCIe function's DMA waits for bus-master enable", () => {
  const { machine, write } = hub();
  write(DDTP, BARE);
  let dma: DmaPort | undefined;
  machine.attachPcie(
    { slot: 1, identity: { vendor: 1, device: 2, classCode: 0 }, bars: [{ index: 0, size: 0x1000 }] },
    (ports) => {
      dma = ports.dma;
      return machine.aclint;
    },
  );
  expect(dma?.read(AT, 0, 4)).toMatchObject({ ok: false, cause: 0 });
  machine.bus.write(ECAM.start + DEVICE * 0x1000 + 4, 2, 4);
  expect(dma?.read(AT, 0, 4).ok).toBe(true);
});
