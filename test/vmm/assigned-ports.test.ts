// PCI Local Bus Specification 3.0, "Base Addresses": a guest's I/O BARs on the physical ones, by whole pages where they can be.
import { expect, test } from "vitest";
import { PCIE_IO } from "../../src/platform/memory-map.js";
import type { MmioDevice } from "../../src/platform/ports.js";
import { assignPorts } from "../../src/vmm/attach/assigned-ports.js";
import type { PhysicalPorts, Vm, VmmServices } from "../../src/vmm/types.js";

const BARS = [
  { index: 0, size: 8, space: "io" },
  { index: 4, size: 16, space: "io" },
] as const;
const PHYSICAL_PAGE = 0x0300_5000;
const HOME = 0x0300_4000;

function assigned() {
  const mapped = new Map<number, number>();
  const trapped = new Map<number, number | undefined>();
  const devices: MmioDevice[] = [];
  const places = new Map<number, number | undefined>();
  const vm = {
    mapDirect: (gpa: number, hpa: number, bytes: number) => mapped.set(gpa, hpa + bytes),
    unmapDirect: (gpa: number) => mapped.delete(gpa),
    trapPorts: ({ index }: { index: number }, device: MmioDevice) => {
      devices.push(device);
      return (port: number | undefined) => trapped.set(index, port);
    },
  } as unknown as Vm;
  const reads: number[] = [];
  const vmm = { mmioRead: (address: number) => reads.push(address) } as unknown as VmmServices;
  const ports: PhysicalPorts = {
    page: PHYSICAL_PAGE,
    at: (bar) => HOME + bar,
    move: (bar, offset) => places.set(bar, offset),
  };
  return { ...assignPorts(vmm, vm, ports, BARS), mapped, trapped, places, devices, reads };
}
const direct = (page: number) => new Map([[PCIE_IO.start + page, PHYSICAL_PAGE + 0x1000]]);

test("BARs in one page are moved to the guest's offsets in it, and the page is mapped", () => {
  const { place, mapped, trapped, places } = assigned();
  place(0, 0x2f8);
  place(4, 0x20);
  expect(mapped).toEqual(direct(0));
  expect([...places]).toEqual([
    [0, 0x2f8],
    [4, 0x20],
  ]);
  expect([...trapped.values()]).toEqual([undefined, undefined]);
  place(0, 0x3008);
  expect([mapped, places.get(0), places.get(4), trapped.get(4)]).toEqual([direct(0x3000), 8, undefined, 0x20]);
});

test("a BAR in another page than the first one's traps, and is passed through to where the VMM has it", () => {
  const { place, mapped, trapped, places, devices, reads } = assigned();
  place(0, 0x1000);
  place(4, 0x2000);
  expect([mapped, trapped.get(4), places.get(4)]).toEqual([direct(0x1000), 0x2000, undefined]);
  devices[1].read(2, 1);
  expect(reads).toEqual([HOME + 4 + 2]);
});

test("what isn't placed isn't mapped, and nothing is after the release", () => {
  const { place, release, mapped, places } = assigned();
  place(4, 0x1010);
  expect([mapped, places.get(0)]).toEqual([direct(0x1000), undefined]);
  place(4, undefined);
  expect(mapped.size).toBe(0);
  place(0, 0x1000);
  release();
  expect([mapped.size, places.get(0)]).toEqual([0, undefined]);
});
