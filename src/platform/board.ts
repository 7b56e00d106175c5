// The board as a user configures it: machine, disks and clock in a fixed order, and the device tree that says so.
//
// Disks of `nvme` and `virtio` take PCIe slots 1, 2, … in the order in which they are given, whatever their kind; disks
// of `virtio-mmio` take the virtio-mmio slots 0, 1, … . Slots that aren't taken are there, and empty.
import { IMSIC_GUESTS_MAX } from "../../assembly/isa/imsic.js";
import { Medium, type MediumContents } from "../backends/medium.js";
import type { Core } from "../core/core.js";
import { GoldfishRtc } from "../devices/goldfish-rtc.js";
import { NvmeController } from "../devices/nvme/controller.js";
import { VirtioBlk } from "../devices/virtio/blk.js";
import { NO_DEVICE, VirtioMmio } from "../devices/virtio/mmio.js";
import { STRUCTURES_BAR, STRUCTURES_BYTES, VirtioPci, virtioIdentity } from "../devices/virtio/pci.js";
import { deviceTree, letDevicesThrough } from "./boot.js";
import type { Console } from "./console.js";
import type { Costs } from "./costs.js";
import { mediumParameters, nvmeTimes } from "./device-times.js";
import { type AiaMode, type BoardTreeConfig, DEFAULT_EXTENSIONS } from "./devicetree.js";
import { Machine } from "./machine.js";
import { msixBarSize } from "./msix.js";
import { RTC, VIRTIO_MMIO, virtioSlot } from "./memory-map.js";
import type { PcieFunctionConfig } from "./pcie.js";
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
  /** Guest interrupt files of each hart with aplic-imsic; as many as there can be if left out. */
  guests?: number;
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
  /** Whether M-mode is firmware's own: what serves it alone is disabled, as OpenSBI's firmware leaves it. */
  supervisorOnly?: boolean;
  /** Extensions and largest virtual memory of the harts, where they aren't the board's. */
  extensions?: readonly string[];
  mmu?: "sv39" | "sv48" | "sv57";
}

export interface Board {
  machine: Machine;
  /** The device tree, as a blob of at most DEVICE_TREE_SIZE bytes; UserError beyond that. */
  tree(extras?: TreeExtras): Uint8Array;
}

/** 2026-01-01T00:00:00Z: fixed, so that runs repeat. */
export const DEFAULT_RTC_START = Date.UTC(2026, 0, 1) / 1000;
/** All that the harts have. */
const EXTENSIONS = [...DEFAULT_EXTENSIONS, "h", "svadu", "svnapot", "svpbmt"];
const FIRST_SLOT = 1;
const PCIE_SLOTS = 31;
/** device_id of virtio-mmio slot 0, one beyond all functions of PCIe bus 0. */
const MMIO_DEVICE_ID = 0x100;

/** An I/O queue pair for each of so many harts, and a message for each queue of a controller and its administration. */
const NVME_QUEUES = 8;
const NVME_VECTORS = NVME_QUEUES + 1;
/** NVM Express I/O controller. */
const NVME_FUNCTION = {
  identity: { vendor: 0x1b36, device: 0x0010, classCode: 0x01_0802, subsystemVendor: 0x1af4, subsystem: 0x1100 },
  bars: [
    { index: 0, size: 0x4000 },
    { index: 4, size: msixBarSize(NVME_VECTORS) },
  ],
  pin: 1,
  express: true,
  msix: { vectors: NVME_VECTORS, bar: 4 },
} as const;

const SCSI_STORAGE = 0x01_0000;
/** A virtio device with a message for each queue and one for its configuration. */
function virtioFunction(deviceId: number, queues: number): Omit<PcieFunctionConfig, "slot"> {
  const vectors = queues + 1;
  return {
    identity: virtioIdentity(deviceId, SCSI_STORAGE),
    bars: [
      { index: 1, size: msixBarSize(vectors), width: 32 },
      { index: STRUCTURES_BAR, size: STRUCTURES_BYTES, prefetchable: true },
    ],
    pin: 1,
    express: true,
    msix: { vectors, bar: 1 },
  };
}

/** Builds the board. UserError when there are more disks than places. */
export function buildBoard(config: BoardConfig): Board {
  const { core, console, costs, disks = [], harts = 1, aia = "none" } = config;
  const guests = config.guests ?? IMSIC_GUESTS_MAX;
  const machine = new Machine({ core, harts, console, costs, aia, guests, quickSerial: true });
  machine.attachMmio(RTC, ({ irq, clock }) => new GoldfishRtc({ irq, clock }, config.rtcStart ?? DEFAULT_RTC_START));
  const numbered = disks.map((disk, index) => ({ ...disk, index }));
  const inMmio = numbered.filter((disk) => disk.interface === "virtio-mmio");
  const inPcie = numbered.filter((disk) => disk.interface !== "virtio-mmio");
  checkRoom(inPcie.length, PCIE_SLOTS, "PCIe");
  checkRoom(inMmio.length, VIRTIO_MMIO.slots, "virtio-mmio");
  for (const [i, disk] of inPcie.entries()) {
    if (disk.interface === "nvme") attachNvme(machine, disk, FIRST_SLOT + i);
    else attachVirtioPci(machine, disk, FIRST_SLOT + i, harts);
  }
  for (let slot = 0; slot < VIRTIO_MMIO.slots; slot++) {
    const disk = inMmio.at(slot);
    const device = disk ? virtioBlk(machine, disk, 1) : NO_DEVICE;
    const place = { ...virtioSlot(slot), deviceId: MMIO_DEVICE_ID + slot };
    machine.attachMmio(place, (ports) => new VirtioMmio(ports, device));
  }
  if (!config.iommu) letDevicesThrough(machine);
  const shown: Omit<BoardTreeConfig, "ramSize"> = {
    iommu: config.iommu ?? false,
    harts,
    extensions: EXTENSIONS,
    mmu: "sv57",
    aia,
    guests,
    rtc: true,
    pcie: true,
    everyWindow: true,
    virtio: VIRTIO_MMIO.slots,
  };
  return { machine, tree: (extras = {}) => deviceTree({ ...shown, ...extras, ramSize: core.ramSize }) };
}

function checkRoom(disks: number, slots: number, kind: string): void {
  if (disks <= slots) return;
  throw new UserError(`${disks} disks for ${slots} ${kind} slots`, "disk", "Give the machine fewer disks");
}

/** A disk, and its number among all: its serial number says it. */
interface NumberedDisk extends BoardDisk {
  index: number;
}
const serial = (disk: NumberedDisk) => `YADO${String(disk.index + 1).padStart(4, "0")}`;

function medium(machine: Machine, disk: BoardDisk): Medium {
  return new Medium(machine.events, disk.medium, mediumParameters(machine.costs));
}

function attachNvme(machine: Machine, disk: NumberedDisk, slot: number): void {
  const backend = medium(machine, disk);
  const settings = {
    serialNumber: serial(disk),
    uuid: `5961646f-0000-4000-8000-${String(disk.index + 1).padStart(12, "0")}`,
    times: nvmeTimes(machine.costs),
    writeProtected: disk.medium.readOnly,
    ioQueues: NVME_QUEUES,
  };
  machine.attachPcie({ ...NVME_FUNCTION, slot }, (ports) => new NvmeController({ ...ports, backend }, settings));
}

function virtioBlk(machine: Machine, disk: NumberedDisk, queues: number): VirtioBlk {
  return new VirtioBlk(medium(machine, disk), { id: serial(disk), readOnly: disk.medium.readOnly, queues });
}

function attachVirtioPci(machine: Machine, disk: NumberedDisk, slot: number, queues: number): void {
  const device = virtioBlk(machine, disk, queues);
  const config = { ...virtioFunction(device.deviceId, queues), slot };
  machine.attachPcie(config, (ports) => new VirtioPci(ports, device));
}
