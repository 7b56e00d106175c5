// The board as a user configures it: machine, disks and clock in a fixed order, and the device tree that says so.
//
// Disks of `nvme`, `ata` and `virtio` take PCIe slots 1, 2, … in the order in which they are given, whatever their kind; disks
// of `virtio-mmio` take the virtio-mmio slots 0, 1, … . Network interfaces come behind them in the same way, and then the
// virtio console, in a PCIe slot. Slots that aren't taken are there, and empty.
import { IMSIC_GUESTS_MAX } from "../../assembly/isa/imsic.js";
import { Medium, type MediumContents } from "../backends/medium.js";
import type { Core } from "../core/core.js";
import { AtaController } from "../devices/ata/controller.js";
import { E1000eController } from "../devices/e1000e/controller.js";
import { E1000E_IDENTITY } from "../devices/e1000e/parameters.js";
import { REGISTERS_BYTES } from "../devices/e1000e/registers.js";
import { GoldfishRtc } from "../devices/goldfish-rtc.js";
import { NvmeController } from "../devices/nvme/controller.js";
import { NVME_BAR_SIZE, NVME_IDENTITY } from "../devices/nvme/parameters.js";
import { VirtioBlk } from "../devices/virtio/blk.js";
import { VirtioConsole } from "../devices/virtio/console.js";
import type { VirtioDevice } from "../devices/virtio/device.js";
import { NO_DEVICE } from "../devices/virtio/mmio.js";
import { VirtioNet } from "../devices/virtio/net.js";
import { ATA_FUNCTION } from "./ata-function.js";
import { deviceTree, letDevicesThrough } from "./boot.js";
import type { Console } from "./console.js";
import type { Costs } from "./costs.js";
import {
  ataMediumParameters,
  ataTimes,
  e1000eTimes,
  mediumParameters,
  nvmeTimes,
  virtioTimes,
} from "./device-times.js";
import { type AiaMode, type BoardTreeConfig, DEFAULT_EXTENSIONS } from "./devicetree.js";
import { Machine, type PcieDevicePorts } from "./machine.js";
import { msixBarSize } from "./msix.js";
import { macAddress } from "./mac.js";
import { RTC, VIRTIO_MMIO } from "./memory-map.js";
import type { PcieFunctionConfig } from "./pcie.js";
import type { Clock, ConsolePort, Link, PcieDevice } from "./ports.js";
import { UserError } from "./user-error.js";
import { attachVirtioMmio, attachVirtioPci, VIRTIO_CLASS, type VirtioInterface } from "./virtio-places.js";

export type DiskInterface = "nvme" | "ata" | VirtioInterface;

export interface BoardDisk {
  /** What is on the disk; a DiskImage is such. */
  medium: MediumContents;
  interface: DiskInterface;
}

export type NicInterface = "e1000e" | VirtioInterface;

export interface BoardNic {
  interface: NicInterface;
  /** Six bytes in hexadecimal, colons between them; 52:54:00:12:34:56 + n for the n-th if left out. */
  mac?: string;
  /** The end of a link, or what makes it with the board's clock. */
  link: Link | ((clock: Clock) => Link);
}

export interface BoardConfig {
  core: Core;
  /** 1 (as left out) to 8. */
  harts?: number;
  console?: Console;
  costs?: Costs;
  disks?: readonly BoardDisk[];
  nics?: readonly BoardNic[];
  /** What is behind a virtio console; none if left out. */
  virtioConsole?: ConsolePort;
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
  /** To be told when something was typed at it. */
  virtioConsole: VirtioConsole | undefined;
  /** The device tree, as a blob of at most DEVICE_TREE_SIZE bytes; UserError beyond that. */
  tree(extras?: TreeExtras): Uint8Array;
}

/** 2026-01-01T00:00:00Z: fixed, so that runs repeat. */
export const DEFAULT_RTC_START = Date.UTC(2026, 0, 1) / 1000;
/** All that the harts have. */
const EXTENSIONS = [...DEFAULT_EXTENSIONS, "h", "svadu", "svnapot", "svpbmt"];
const FIRST_SLOT = 1;
const PCIE_SLOTS = 31;

/** An I/O queue pair for each of so many harts, and a message for each queue of a controller and its administration. */
const NVME_QUEUES = 8;
const NVME_VECTORS = NVME_QUEUES + 1;
/** NVM Express I/O controller. */
const NVME_FUNCTION = {
  identity: NVME_IDENTITY,
  bars: [
    { index: 0, size: NVME_BAR_SIZE },
    { index: 4, size: msixBarSize(NVME_VECTORS) },
  ],
  pin: 1,
  express: true,
  msix: { vectors: NVME_VECTORS, bar: 4 },
} as const;

/** Intel 82574L: registers in BAR 0, MSI-X in BAR 3; no flash and no I/O space. */
const E1000E_FUNCTION = {
  identity: E1000E_IDENTITY,
  bars: [
    { index: 0, size: REGISTERS_BYTES, width: 32 },
    { index: 3, size: 0x4000, width: 32 },
  ],
  pin: 1,
  express: true,
  msix: { vectors: 5, bar: 3 },
} as const;

/** Builds the board. UserError when there are more devices than places. */
export function buildBoard(config: BoardConfig): Board {
  checkRoom(config);
  const { core, console, costs, disks = [], nics = [], harts = 1, aia = "none" } = config;
  const guests = config.guests ?? IMSIC_GUESTS_MAX;
  const machine = new Machine({ core, harts, console, costs, aia, guests, quickSerial: true });
  machine.attachMmio(RTC, ({ irq, clock }) => new GoldfishRtc({ irq, clock }, config.rtcStart ?? DEFAULT_RTC_START));
  const places = new Places(machine);
  for (const [index, disk] of disks.entries()) attachDisk(places, { ...disk, index }, harts);
  for (const [index, nic] of nics.entries()) attachNic(places, nic, index, harts);
  const virtioConsole = attachConsole(places, config.virtioConsole);
  places.close();
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
  return { machine, virtioConsole, tree: (extras = {}) => deviceTree({ ...shown, ...extras, ramSize: core.ramSize }) };
}

/** Refuses more devices than there are places for, before any is made. */
function checkRoom({ disks = [], nics = [], virtioConsole }: BoardConfig): void {
  const all: readonly { interface: string }[] = [...disks, ...nics];
  const inMmio = all.filter((one) => one.interface === "virtio-mmio").length;
  const inPcie = all.length - inMmio + (virtioConsole ? 1 : 0);
  const what = all.length > disks.length || virtioConsole ? "devices" : "disks";
  for (const [count, slots, kind] of [
    [inPcie, PCIE_SLOTS, "PCIe"],
    [inMmio, VIRTIO_MMIO.slots, "virtio-mmio"],
  ] as const) {
    if (count <= slots) continue;
    throw new UserError(`${count} ${what} for ${slots} ${kind} slots`, "disk", `Give the machine fewer ${what}`);
  }
}

/** Where devices go: each to the next slot of its kind. */
class Places {
  private slot = FIRST_SLOT;
  private readonly mmio: VirtioDevice[] = [];

  constructor(readonly machine: Machine) {}

  pcie(config: Omit<PcieFunctionConfig, "slot">, build: (ports: PcieDevicePorts) => PcieDevice): void {
    this.machine.attachPcie({ ...config, slot: this.slot++ }, build);
  }

  virtio(device: VirtioDevice, classCode: number): void {
    attachVirtioPci(this.machine, { slot: this.slot++, classCode }, device);
  }

  virtioMmio(device: VirtioDevice): void {
    this.mmio.push(device);
  }

  /** Puts every virtio-mmio slot on the bus, those that nobody took empty. */
  close(): void {
    for (let slot = 0; slot < VIRTIO_MMIO.slots; slot++) {
      attachVirtioMmio(this.machine, slot, this.mmio[slot] ?? NO_DEVICE);
    }
  }
}

// ---- disks

/** A disk, and its number among all: its serial number says it. */
interface NumberedDisk extends BoardDisk {
  index: number;
}
const serial = (disk: NumberedDisk) => `YADO${String(disk.index + 1).padStart(4, "0")}`;

function attachDisk(places: Places, disk: NumberedDisk, harts: number): void {
  const { machine } = places;
  const parameters = (disk.interface === "ata" ? ataMediumParameters : mediumParameters)(machine.costs);
  const backend = new Medium(machine.events, disk.medium, parameters);
  const virtio = (queues: number) =>
    new VirtioBlk(backend, { id: serial(disk), readOnly: disk.medium.readOnly, queues });
  switch (disk.interface) {
    case "nvme":
      attachNvme(places, disk, backend);
      break;
    case "ata":
      attachAta(places, disk, backend);
      break;
    case "virtio":
      places.virtio(virtio(harts), VIRTIO_CLASS.disk);
      break;
    case "virtio-mmio":
      places.virtioMmio(virtio(1));
      break;
  }
}

function attachNvme(places: Places, disk: NumberedDisk, backend: Medium): void {
  const settings = {
    serialNumber: serial(disk),
    uuid: `5961646f-0000-4000-8000-${String(disk.index + 1).padStart(12, "0")}`,
    times: nvmeTimes(places.machine.costs),
    writeProtected: disk.medium.readOnly,
    ioQueues: NVME_QUEUES,
  };
  places.pcie(NVME_FUNCTION, (ports) => new NvmeController({ ...ports, backend }, settings));
}

/** A controller for each disk, its device 0 of the primary channel. */
function attachAta(places: Places, disk: NumberedDisk, backend: Medium): void {
  const disks = [{ backend, readOnly: disk.medium.readOnly, serialNumber: serial(disk) }];
  places.pcie(ATA_FUNCTION, (ports) => new AtaController({ ...ports, disks }, ataTimes(places.machine.costs)));
}

// ---- network interfaces

function attachNic(places: Places, nic: BoardNic, index: number, harts: number): void {
  const { events: clock, costs } = places.machine;
  const mac = macAddress(nic.mac, index);
  const link = typeof nic.link === "function" ? nic.link(clock) : nic.link;
  const virtio = (pairs: number) => new VirtioNet({ link, clock }, { mac, pairs, times: virtioTimes(costs) });
  switch (nic.interface) {
    case "e1000e":
      places.pcie(
        E1000E_FUNCTION,
        (ports) => new E1000eController({ ...ports, link }, { mac, times: e1000eTimes(costs) }),
      );
      break;
    case "virtio":
      places.virtio(virtio(harts), VIRTIO_CLASS.nic);
      break;
    case "virtio-mmio":
      places.virtioMmio(virtio(1));
      break;
  }
}

function attachConsole(places: Places, console: ConsolePort | undefined): VirtioConsole | undefined {
  if (!console) return undefined;
  const { events: clock, costs } = places.machine;
  const device = new VirtioConsole({ clock, console }, virtioTimes(costs));
  places.virtio(device, VIRTIO_CLASS.console);
  return device;
}
