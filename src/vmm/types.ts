// What the parts of the VMM know of each other. RISC-V Privileged Architecture, "H" Extension for Hypervisor Support.
import type { Core } from "../core/core.js";
import type { Bus } from "../platform/bus.js";
import type { PcieBar, PcieFunction, PcieFunctionConfig } from "../platform/pcie.js";
import type { BlockBackend, Clock, DmaPort, IrqLine, Link, MmioDevice, PcieDevice } from "../platform/ports.js";
import type { VmmCosts } from "./costs.js";
import type { DmaPool } from "./dma-pool.js";
import type { IommuDriver, SecondStage } from "./iommu.js";
import type { PhysicalDisk } from "./physical-disk.js";
import type { SerialPort } from "./serial-service.js";
import type { PhysicalSerial } from "./uart-driver.js";

/** The ways to attach a disk or a network interface to a guest. */
export type AttachModeName =
  | "native"
  | "emulated"
  | "assigned"
  | "assigned-service"
  | "assigned-rewrite"
  | "paravirtual"
  | "assigned-raw";

/** The ways to attach a serial line. */
export type SerialModeName = "native" | "emulated" | "assigned" | "paravirtual";

/** The modes of one guest: of its disk and network interface, where it has them, and of its serial line. */
export interface DeviceModes {
  readonly disk?: AttachModeName;
  readonly nic?: AttachModeName;
  readonly serial: SerialModeName;
}

/** A physically contiguous run of bytes. */
export interface Piece {
  /** Host physical address of the first byte. */
  readonly hpa: number;
  /** Bytes. */
  readonly length: number;
}

/**
 * A guest's RAM as the VMM sees it. Addresses are guest-physical and come from the guest: any number is allowed, also
 * negative, fractional or huge ones, and every method answers instead of throwing.
 */
export interface GuestMemory {
  /** Guest physical address of the first byte of RAM. */
  readonly start: number;
  /** Bytes of RAM. */
  readonly size: number;
  /** Whether all of [gpa, gpa + length) is the guest's RAM; false for a length below 0. */
  contains(gpa: number, length: number): boolean;
  /** The physical runs that make up [gpa, gpa + length), in order and merged; undefined unless all of it is RAM. */
  pieces(gpa: number, length: number): Piece[] | undefined;
  /** Copies guest RAM into `into`; false, with `into` unchanged, unless all of it is RAM. */
  read(gpa: number, into: Uint8Array): boolean;
  /** Copies `from` into guest RAM; false, with nothing written, unless all of it is RAM. */
  write(gpa: number, from: Uint8Array): boolean;
}

/** To whom a cycle that the hart doesn't give to the guest's own instructions is charged. */
export type Place = "exit" | "vmm";

/** What a page of physical memory is for. */
export interface Owner {
  /** "vmm", "free", or the name of a guest. */
  readonly owner: string;
  /** What it holds, for reports: "RAM", "G-stage tables", "NVMe admin queue" … */
  readonly what: string;
}

/** What the VMM knows of a sort of controller without driving it. */
export interface DeviceKind {
  /** The PCIe function as every guest finds it, whatever stands behind. */
  readonly function: PcieFunctionConfig;
  /** Registers and what is written to them, in order, to end all DMA; of BAR 0 and 4 bytes unless they say otherwise. */
  readonly quiet: readonly (readonly [register: number, value: number, bar?: number, size?: number])[];
}

/** The sorts of disk that there are physically, and as the VMM's software models. */
export type DiskName = "nvme" | "ata";

/** What the VMM knows of a sort of disk. */
export interface DiskKind extends DeviceKind {
  /** Also what accesses to its trapped registers are counted under. */
  readonly name: DiskName;
  /** A software model: what it does takes the hart's time, and none of its own. */
  model(ports: ModelPorts): PcieDevice;
  /** The VMM's own driver of the physical controller. */
  driver(vmm: VmmServices, physical: PhysicalFunction, pool: DmaPool): DiskDriver;
  /** Stands between a guest and the physical controller, which takes physical addresses. */
  rewriter(vmm: VmmServices, vm: Vm, physical: PhysicalFunction, irq: IrqLine): Rewriter;
}

/** What a software model of a disk works with. */
export interface ModelPorts {
  readonly irq: IrqLine;
  readonly dma: DmaPort;
  readonly clock: Clock;
  readonly backend: BlockBackend;
}

export interface DiskDriver extends PhysicalDisk {
  /**
   * Brings the controller up. `step` lets time pass to the machine's next event; it says false when there is none.
   * Throws when the controller isn't one, or doesn't answer.
   */
  start(step: () => boolean): void;
  /** The VMM calls it when the controller's source is presented by the physical PLIC. */
  interrupt(): void;
}

export interface Rewriter {
  /** The registers as the guest sees them. */
  readonly device: PcieDevice;
  readonly counters: Readonly<Record<string, number>>;
  /** Takes the physical interrupt. The result ends all DMA and lets go of it. */
  listen(): () => void;
}

/** I/O BARs of a physical function. */
export interface PhysicalPorts {
  /** Physical address of a page of I/O space that nothing is in but what `move` puts there. */
  readonly page: number;
  /** Physical address of a BAR. */
  at(bar: number): number;
  /** Puts a BAR into the page, `offset` bytes behind its begin, or where the VMM had it at first. */
  move(bar: number, offset: number | undefined): void;
}

/** A physical PCIe function that the VMM drives itself or hands out. */
export interface PhysicalFunction {
  readonly kind: DeviceKind;
  /** The IOMMU's device_id: bus/device/function number. */
  readonly deviceId: number;
  /** Physical address and bytes of BAR0, as the VMM placed it. */
  readonly bar: number;
  readonly barSize: number;
  /** Where its registers are I/O ports. */
  readonly ports?: PhysicalPorts;
  /** Source number at the physical PLIC. */
  readonly irq: number;
  /** Config space of the physical function: byte offset, size in bytes. */
  readConfig(offset: number, size: number): number;
  writeConfig(offset: number, size: number, value: number): void;
}

/** What the VMM offers to its own parts: memory, charging, registers of physical devices, interrupts. */
export interface VmmServices {
  readonly core: Core;
  readonly clock: Clock;
  readonly costs: VmmCosts;
  /** Charges hart cycles to a place; `cycles` may be fractional and is rounded up. Time passes. */
  charge(place: Place, cycles: number): void;
  /** Takes bytes from the VMM's own memory, zeroed; never given back. Throws RangeError when the region is full. */
  allocate(bytes: number, alignment: number, what: string): number;
  /** The VMM's own access to a physical register (1, 2, 4 or 8 bytes), charged as MMIO. Reads all ones when nothing answers. */
  mmioRead(address: number, size: number): number;
  mmioWrite(address: number, size: number, value: number): void;
  /**
   * Calls `handler` when the physical PLIC presents `source`: already claimed, and completed after the handler returned,
   * unless it returns "hold" (then call `complete(source)` later).
   */
  onInterrupt(source: number, handler: () => "hold" | undefined): void;
  complete(source: number): void;
  /** Counts bytes that the VMM copied on behalf of a guest, and charges the copy. */
  copied(vm: string, bytes: number): void;
  /** Whose physical memory an address is. */
  ownerOf(hpa: number): Owner;
}

/** Hears that a BAR is visible at a guest-physical address inside the PCIe window, or nowhere. */
export type BarPlacement = (bar: number, address: number | undefined) => void;

/** One guest. */
export interface Vm {
  readonly name: string;
  readonly index: number;
  readonly memory: GuestMemory;
  /** Tag of the guest's translations in the hart's TLB and in the IOTLB. */
  readonly vmid: number;
  readonly gscid: number;
  /** The G-stage root as hgatp/iohgatp hold it: mode Sv39x4, tag, root page number. */
  readonly hgatp: bigint;
  /** Registers that trap; guest-physical addresses. */
  readonly mmio: Bus;
  /** What the attach mode counts beside what all modes count, by name; read for the report at the end of the run. */
  readonly details: Map<string, () => number>;
  /** Whether the guest may ask for physical addresses (Yado's SBI extension, function 1). */
  translates: boolean;
  /** Puts registers that trap at a guest-physical address; `name` is for the counters. */
  map(start: number, size: number, device: MmioDevice, name: string): void;
  /** Adds a function to the guest's virtual PCIe bus. */
  addFunction(config: PcieFunctionConfig, onMap: BarPlacement): PcieFunction;
  /** A function whose BARs trap to `device`, wherever the guest puts it. */
  addTrappedFunction(config: PcieFunctionConfig, device: PcieDevice, name: string): PcieFunction;
  /** What answers in an I/O BAR traps; the result places it, or hides it. */
  trapPorts(bar: PcieBar, device: MmioDevice, name: string): (port: number | undefined) => void;
  /** Called after each write to the virtual configuration space: to carry bits over to a physical function. */
  onConfigWrite(action: () => void): void;
  /** Source `source` of the guest's virtual PLIC. */
  irq(source: number): IrqLine;
  /** The same line, its rising edges counted as interrupts raised by the guest's disk. */
  counted(line: IrqLine): IrqLine;
  /** Called when the guest completes `source` at its virtual PLIC (end of interrupt), before the PLIC hears of it. */
  onEndOfInterrupt(source: number, action: () => void): void;
  /** DMA of a software model: guest-physical addresses, checked, copied and charged. */
  dmaPort(): DmaPort;
  /** Maps physical registers into the G-stage, so that accesses don't trap; page aligned, below RAM. */
  mapDirect(gpa: number, hpa: number, bytes: number): void;
  unmapDirect(gpa: number, bytes: number): void;
}

/** What one attach mode gets to work with, whatever the device. */
export interface Attachment {
  readonly vmm: VmmServices;
  readonly vm: Vm;
  /** The physical controller. */
  readonly physical: PhysicalFunction;
  readonly iommu: IommuDriver;
  /** The second stage for the device: the guest's G-stage, or tables of another page size with the same meaning. */
  readonly secondStage: SecondStage;
}

/** For a disk. */
export interface DiskAttachment extends Attachment {
  readonly kind: DiskKind;
  /** The guest's range of the disk through the VMM's block service, which drives the controller from then on. */
  openBlock(options?: {
    /** Lets the controller reach the guest's RAM, so that whole pages aren't copied. Default false. */
    readonly direct?: boolean;
  }): BlockBackend;
}

/** For a network interface. */
export interface NicAttachment extends Attachment {
  /** MAC address of a software model: six bytes. */
  readonly mac: readonly number[];
  /** Queue pairs that a paravirtual interface offers. */
  readonly queues: number;
  /** Where a virtio-mmio device goes. */
  readonly virtioSlot: number;
  /** The guest's port of the VMM's switch, which drives the controller from then on. */
  openLink(): Link;
}

/** What the modes of the serial line get to work with. */
export interface SerialAttachment {
  readonly vmm: VmmServices;
  readonly vm: Vm;
  readonly line: PhysicalSerial;
  /** Where a virtio-mmio device goes. */
  readonly virtioSlot: number;
  /** The guest's port of the VMM's serial service, which drives the line from then on. */
  openPort(): SerialPort;
}

/** A way to attach the serial line: it has no DMA, so there is nothing to translate or to rewrite. */
export interface SerialMode {
  readonly name: SerialModeName;
  /** Whether the guest needs the line for itself. */
  readonly exclusive: boolean;
  /** As AttachMode's. */
  attach(attachment: SerialAttachment): () => void;
}

/** A way to attach a device to a guest; without a parameter, any device. */
export interface AttachMode<A extends Attachment = Attachment> {
  readonly name: AttachModeName;
  /** Whether the guest needs the controller for itself. */
  readonly exclusive: boolean;
  /** Called once before the guest starts. The result is called once when it has stopped: the device must be quiet then. */
  attach(attachment: A): () => void;
}
