// The board as a user configures it. PCI Local Bus Specification 3.0, "Configuration Space"; Devicetree Specification 0.4.
import { expect, test } from "vitest";
import { MemorySource, DiskImage } from "../../src/backends/disk-image.js";
import { Core } from "../../src/core/core.js";
import { type BoardConfig, buildBoard, type DiskInterface } from "../../src/platform/board.js";
import { ECAM, PCIE_IO, RTC, virtioSlot } from "../../src/platform/memory-map.js";
import { Access, type Link } from "../../src/platform/ports.js";
import { UserError } from "../../src/platform/user-error.js";
import { cells, nodes, readFdt } from "../support/fdt.js";

const RAM_BYTES = 4 << 20;
const NOBODY = 0xffff_ffff;
const disk = (kind: DiskInterface) => ({
  medium: new DiskImage(new MemorySource(new Uint8Array(4096))),
  interface: kind,
});

function board(config: Partial<BoardConfig> = {}) {
  const made = buildBoard({ core: new Core(RAM_BYTES, "flat"), ...config });
  const { bus } = made.machine;
  const word = (address: number) => {
    bus.read(address, 4);
    return bus.lo;
  };
  const identity = (slot: number) => word(ECAM.start + (slot << 15));
  const device = (slot: number) => word(virtioSlot(slot).start + 8);
  return { ...made, word, identity, device };
}

test("disks behind PCIe take slots 1, 2, … in their order; virtio-mmio slots are filled from 0 and empty from there", () => {
  const { identity, device } = board({ disks: (["virtio", "virtio-mmio", "nvme"] as const).map(disk) });
  expect([1, 2, 3].map(identity)).toEqual([0x1042_1af4, 0x0010_1b36, NOBODY]);
  expect([0, 1, 7].map(device)).toEqual([2, 0, 0]);
});

test("a virtio disk has a queue for each hart, and a message for each and for its configuration", () => {
  const { machine } = board({ harts: 4, disks: [disk("virtio")] });
  expect(machine.pcie.at(1)?.msix?.count).toBe(5);
});

test("network interfaces come behind the disks; the 82574L has its registers in BAR 0 and five messages", () => {
  const link: Link = { up: true, speed: 1e9, attach: () => {}, send: (_, sent) => sent() };
  const nics = (["e1000e", "virtio-mmio", "virtio", "e1000e"] as const).map((kind) => ({ interface: kind, link }));
  const { identity, device, machine } = board({ disks: [disk("nvme")], nics });
  expect([1, 2, 3, 4, 5].map(identity)).toEqual([0x0010_1b36, 0x10d3_8086, 0x1041_1af4, 0x10d3_8086, NOBODY]);
  expect(device(0)).toBe(1);
  const intel = machine.pcie.at(2)!;
  expect(intel.msix?.count).toBe(5);
  expect(intel.bars.map(({ index, size }) => [index, size])).toEqual([
    [0, 0x2_0000],
    [3, 0x4000],
  ]);
});

test("the harts' extensions are each named once, those of the board itself among them", () => {
  const cpu = nodes(readFdt(board().tree())).get("/cpus/cpu@0")!;
  const names = new TextDecoder().decode(cpu.properties["riscv,isa-extensions"]).split("\0").slice(0, -1);
  expect(names).toEqual([...new Set(names)]);
  expect(names).toEqual(expect.arrayContaining(["h", "svadu", "svnapot", "svpbmt"]));
});

test("an ATA disk is device 0 of the primary channel of a controller of its own, behind I/O ports", () => {
  const { identity, machine, word } = board({ disks: [disk("nvme"), disk("ata")] });
  expect(identity(2)).toBe(0x24cb_8086);
  const config = ECAM.start + (2 << 15);
  for (const [bar, port] of [0x1000, 0x1008, 0x1010, 0x1018, 0x1020].entries()) {
    machine.bus.write(config + 0x10 + 4 * bar, 4, port);
  }
  machine.bus.write(config + 4, 2, 1);
  expect(machine.bus.read(PCIE_IO.start + 0x1007, 1)).toBe(Access.Ok);
  expect(machine.bus.lo).toBe(0x50);
  machine.bus.read(PCIE_IO.start + 0x1017, 1);
  expect(machine.bus.lo).toBe(0x7f);
  expect(word(PCIE_IO.start + 0x1030)).toBe(NOBODY);
});

test("the clock starts at the configured second; I/O space is there, and nobody in it", () => {
  const { word } = board({ rtcStart: 3 });
  expect(word(RTC.start)).toBe(3_000_000_000);
  expect(word(PCIE_IO.start)).toBe(NOBODY);
});

test("the tree tells of the harts, the kernel's command line and its initial RAM disk", () => {
  const { tree } = board({ harts: 3 });
  const all = nodes(readFdt(tree({ bootargs: "quiet", initrd: { start: 0x8010_0000, end: 0x8020_0000 } })));
  const chosen = all.get("/chosen")!.properties;
  expect([0, 1, 2, 3].map((hart) => all.has(`/cpus/cpu@${hart}`))).toEqual([true, true, true, false]);
  expect(new TextDecoder().decode(chosen.bootargs)).toBe("quiet\0");
  expect(cells(chosen["linux,initrd-end"])).toEqual([0, 0x8020_0000]);
});

test("more disks than slots are refused before anything runs", () => {
  expect(() => board({ disks: new Array(9).fill("virtio-mmio").map(disk) })).toThrow(UserError);
  expect(() => board({ disks: new Array(32).fill("nvme").map(disk) })).toThrow(/32 disks for 31 PCIe slots/);
});
