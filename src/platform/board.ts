// The board as a user configures it: machine, disks and clock in a fixed order, and the device tree that says so.
//
// Disks of `nvme` and `virtio` take PCIe slots 1, 2, … in the order in which they are given, whatever their kind; disks
// of `virtio-mmio` take the virtio-mmio slots 0, 1, … . What isn't taken stays empty, as on QEMU's board.
import { Medium, type MediumContents } from "../backends/medium.js";
import type { Core } from "../core/core.js";
import { GoldfishRtc } from "../devices/goldfish-rtc.js";
import { NvmeController } from "../devices/nvme/controller.js";
import { virtioBlock } from "../devices/virtio/blk.js";
import { deviceTree } from "./boot.js";
import type { Console } from "./console.js";
import type { Costs } from "./costs.js";
import { mediumParameters, nvmeTimes } from "./device-times.js";
import type { AiaMode } from "./devicetree.js";
import { Machine } from "./machine.js";
import { RTC, VIRTIO_MMIO, virtioSlot } from "./memory-map.js";
import { UserError } from "./user-error.js";

export type DiskInterface = "nvme" | "virtio" | "virtio-mmio";

export interface BoardDisk {
  /** What is on the disk; a DiskImage is such. */
  medium: MediumContents;
  interface: DiskInterface;
}

export interface BoardConfig {
  core: Core;
  /** 1 (as left out) to 8. */
  harts?: number;
  console?: Console;
  costs?: Costs;
  disks?: readonly BoardDisk[];
  aia?: AiaMode;
  /** Time at cycle 0, in seconds since 1970. */
  rtcStart?: number;
  /** Whether the IOMMU is shown, closed. Left out, it lets every device through and nobody is told of it. */
  iommu?: boolean;
}

/** What the device tree says beyond the board. */
export interface TreeExtras {
  bootargs?: string;
  /** Physical addresses of an initial RAM disk. */
  initrd?: { start: number; end: number };
}

export interface Board {
  machine: Machine;
  /** The device tree, as a blob of at most DEVICE_TREE_SIZE bytes; UserError beyond that. */
  tree(extras?: TreeExtras): Uint8Array;
}

/** 2026-01-01T00:00:00Z: fixed, so that runs repeat. */
export const DEFAULT_RTC_START = Date.UTC(2026, 0, 1) / 1000;
const FIRST_SLOT = 1;
const LAST_SLOT = 31;
/** device_id of virtio-mmio slot 0, one beyond all functions of PCIe bus 0. */
const MMIO_DEVICE_ID = 0x100;
const DDTP = 16;
const DDTP_BARE = 1;

/** NVM Express I/O controller with INTA. */
const NVME_FUNCTION = {
  identity: { vendor: 0x1b36, device: 0x0010, classCode: 0x01_0802, subsystemVendor: 0x1af4, subsystem: 0x1100 },
  bars: [{ index: 0, size: 0x4000 }],
  pin: 1,
} as const;

/** Builds the board. UserError when there are more disks than places. */
export function buildBoard(config: BoardConfig): Board {
  const { core, console, costs, disks = [], harts = 1, aia = "none" } = config;
  const machine = new Machine({ core, harts, console, costs });
  machine.attachMmio(RTC, ({ irq, clock }) => new GoldfishRtc({ irq, clock }, config.rtcStart ?? DEFAULT_RTC_START));
  let slot = FIRST_SLOT;
  let virtio = 0;
  for (const [index, disk] of disks.entries()) {
    if (disk.interface === "nvme") attachNvme(machine, disk, slotOf(slot++, LAST_SLOT, "PCIe"), index);
    else attachVirtioMmio(machine, disk, slotOf(virtio++, VIRTIO_MMIO.slots - 1, "virtio-mmio"), index);
  }
  if (!config.iommu) machine.iommu.write(DDTP, 4, DDTP_BARE);
  const shown = { harts, aia, rtc: true, pcie: true, everyWindow: true, virtio, iommu: config.iommu ?? false };
  return { machine, tree: (extras = {}) => deviceTree({ ...shown, ...extras, ramSize: core.ramSize }) };
}

function slotOf(slot: number, last: number, kind: string): number {
  if (slot <= last) return slot;
  throw new UserError(`no ${kind} slot is left for it`, "disk", "Give the machine fewer disks");
}

const serial = (index: number) => `YADO${String(index + 1).padStart(4, "0")}`;

function medium(machine: Machine, disk: BoardDisk): Medium {
  return new Medium(machine.events, disk.medium, mediumParameters(machine.costs));
}

function attachNvme(machine: Machine, disk: BoardDisk, slot: number, index: number): void {
  const uuid = `5961646f-0000-4000-8000-${String(index + 1).padStart(12, "0")}`;
  const backend = medium(machine, disk);
  const times = nvmeTimes(machine.costs);
  const settings = { serialNumber: serial(index), uuid, times, writeProtected: disk.medium.readOnly };
  machine.attachPcie({ ...NVME_FUNCTION, slot }, (ports) => new NvmeController({ ...ports, backend }, settings));
}

function attachVirtioMmio(machine: Machine, disk: BoardDisk, slot: number, index: number): void {
  const backend = medium(machine, disk);
  machine.attachMmio({ ...virtioSlot(slot), deviceId: MMIO_DEVICE_ID + slot }, ({ irq, dma }) =>
    virtioBlock({ irq, dma, backend }, { id: serial(index), readOnly: disk.medium.readOnly }),
  );
}
