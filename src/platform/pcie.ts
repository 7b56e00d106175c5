// PCI Local Bus Specification 3.0, "Configuration Space", "Capabilities List"; PCI Express Base Specification, "PCI
// Express Enhanced Configuration Access Mechanism (ECAM)", "PCI Express Capability Structure". One bus, type 0
// functions, memory and I/O BARs, INTx and MSI-X. Extended configuration space is there and empty.
import { CAPABILITY_HEADER, expressCapability } from "./express.js";
import { Msix, type MsixConfig } from "./msix.js";
import {
  Access,
  type DmaPort,
  type DmaResult,
  type IrqLine,
  type MmioDevice,
  type MsiPort,
  type PcieCapability,
} from "./ports.js";

const enum Reg {
  VENDOR = 0x00,
  DEVICE = 0x02,
  COMMAND = 0x04,
  STATUS = 0x06,
  REVISION = 0x08,
  CLASS = 0x09,
  CACHE_LINE = 0x0c,
  BAR = 0x10,
  BARS_END = 0x28,
  SUBSYSTEM_VENDOR = 0x2c,
  SUBSYSTEM = 0x2e,
  CAPABILITIES = 0x34,
  INTERRUPT_LINE = 0x3c,
  INTERRUPT_PIN = 0x3d,
}
export const enum Command {
  IO = 0x0001,
  MEMORY = 0x0002,
  MASTER = 0x0004,
  PARITY = 0x0040,
  SERR = 0x0100,
  INTX_DISABLE = 0x0400,
}
const WRITABLE_COMMAND = Command.MEMORY | Command.MASTER | Command.PARITY | Command.SERR | Command.INTX_DISABLE;
const STATUS_INTERRUPT = 0x08;
const STATUS_CAPABILITIES = 0x10;
const BAR_MEMORY_64 = 0x4;
const BAR_PREFETCHABLE = 0x8;
const BAR_IO = 0x1;
/** Bytes that a BAR of each space has at least and at most. */
const BAR_SIZES = { memory: [16, 0x8000_0000], io: [4, 256] } as const;
const CONFIG_SIZE = 256;
const FIRST_CAPABILITY = 0x40;
const PINS = 4;

/** What the configuration space says of a function. */
export interface PcieIdentity {
  vendor: number;
  device: number;
  /** Base class, subclass, programming interface: 24 bits. */
  classCode: number;
  revision?: number;
  subsystemVendor?: number;
  subsystem?: number;
}

/**
 * A BAR; `size` is a power of two, from 16 bytes of memory or from 4 I/O ports. One of memory with 64 bits, as it is if left out,
 * takes `index` + 1 as well.
 */
export interface PcieBar {
  index: number;
  size: number;
  space?: "memory" | "io";
  width?: 32 | 64;
  prefetchable?: boolean;
}

/** Whether a BAR takes the next one's place as well. */
const isWide = ({ space, width }: PcieBar): boolean => space !== "io" && width !== 32;

/** Registers of the function's own in configuration space, from 0x40 on: a function that has them has no capabilities. */
export interface PcieRegisters {
  readonly at: number;
  /** After reset. */
  readonly bytes: Uint8Array;
  /** Bits that software may write; nothing hears of it. */
  readonly writable: Uint8Array;
}

export interface PcieFunctionConfig {
  /** Device number on bus 0; function 0 of it. */
  slot: number;
  identity: PcieIdentity;
  bars?: readonly PcieBar[];
  /** 1 INTA … 4 INTD; 0 none. */
  pin?: number;
  /** Whether it has a PCI Express capability. */
  express?: boolean;
  msix?: MsixConfig;
  registers?: PcieRegisters;
}

export interface PciePorts {
  /** Interrupt line 0…3, after the swizzle (pin - 1 + slot) mod 4. */
  intx(line: number): IrqLine;
  /** A BAR is now visible at `address` (of I/O space, the port), or nowhere. */
  onMap(fn: PcieFunction, bar: number, address: number | undefined): void;
  /** Addresses of memory that the bridge forwards. */
  windows: readonly { start: number; size: number }[];
  /** Ports that it forwards, from 0 on; left out, none. */
  ioPorts?: number;
  /** Where the messages of a function go, by device id; left out, nowhere. */
  messages?(deviceId: number): MsiPort;
}

/** A capability in its place. */
interface PlacedCapability {
  at: number;
  end: number;
  capability: PcieCapability;
}

/** One function: its configuration space, its interrupt, its right to master the bus. */
export class PcieFunction {
  private readonly config = new Uint8Array(CONFIG_SIZE);
  private readonly view = new DataView(this.config.buffer);
  private readonly placed = new Map<number, number>();
  private readonly capabilities: PlacedCapability[] = [];
  private asserted = false;
  /** INTx of this function. */
  readonly irq: IrqLine = { set: (level) => this.setInterrupt(level) };
  readonly msix: Msix | undefined;

  constructor(
    readonly slot: number,
    private readonly settings: PcieFunctionConfig,
    private readonly root: { intx(fn: PcieFunction, level: boolean): void; ports: PciePorts },
  ) {
    for (const bar of this.bars) {
      const last = isWide(bar) ? 4 : 5;
      const [least, most] = BAR_SIZES[bar.space ?? "memory"];
      const fits = bar.index >= 0 && bar.index <= last && bar.size >= least && bar.size <= most;
      if (!fits || !Number.isInteger(Math.log2(bar.size)))
        throw new RangeError(`BAR ${bar.index} of ${bar.size} bytes`);
    }
    const { express, msix } = settings;
    if (express) this.add(expressCapability());
    if (msix) {
      const messages: MsiPort = root.ports.messages?.(this.bdf) ?? { send: () => false };
      this.msix = new Msix(msix, { messages, busMaster: () => this.busMaster, switched: () => this.signal() });
      this.add(this.msix.capability);
    }
    this.reset();
  }

  get bars(): readonly PcieBar[] {
    return this.settings.bars ?? [];
  }
  get pin(): number {
    return this.settings.pin ?? 0;
  }
  get command(): number {
    return this.view.getUint16(Reg.COMMAND, true);
  }
  /** Whether the function may issue memory requests. */
  get busMaster(): boolean {
    return (this.command & Command.MASTER) !== 0;
  }
  /** Requester and device id: bus 0, device, function 0. */
  get bdf(): number {
    return this.slot << 3;
  }
  /** Where a BAR is visible, or undefined. */
  barAddress(index: number): number | undefined {
    return this.placed.get(index);
  }

  /** Appends a capability to the list. */
  add(capability: PcieCapability): void {
    const at = Math.ceil((this.capabilities.at(-1)?.end ?? FIRST_CAPABILITY) / 4) * 4;
    const end = at + CAPABILITY_HEADER + capability.body.length;
    if (end > CONFIG_SIZE) throw new RangeError(`capability ${capability.id}: no room`);
    this.capabilities.push({ at, end, capability });
    this.reset();
  }

  /** A DMA port that refuses while the function isn't a bus master. */
  master(port: DmaPort): DmaPort {
    const refused: DmaResult = { ok: false, cause: 0, bytes: 0, cycles: 0 };
    return {
      staging: port.staging,
      view: port.view,
      read: (lo, hi, length, at) => (this.busMaster ? port.read(lo, hi, length, at) : refused),
      write: (lo, hi, length, at) => (this.busMaster ? port.write(lo, hi, length, at) : refused),
    };
  }

  /** A configuration read of 1, 2 or 4 bytes, naturally aligned. */
  read(register: number, size: number): number {
    if (register >= CONFIG_SIZE) return 0;
    const placed = this.capabilityAt(register);
    placed?.capability.onRead?.(...this.within(placed, register, size));
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + this.config[register + i];
    return value;
  }

  /** A configuration write of 1, 2 or 4 bytes, naturally aligned. */
  write(register: number, size: number, value: number): void {
    if (register >= CONFIG_SIZE) return;
    for (let i = 0; i < size; i++) this.writeByte(register + i, (value >>> (8 * i)) & 0xff);
    const placed = this.capabilityAt(register);
    placed?.capability.onWrite?.(...this.within(placed, register, size));
    this.place();
    this.signal();
    this.msix?.sendWaiting();
  }

  private capabilityAt(register: number): PlacedCapability | undefined {
    return this.capabilities.find(({ at, end }) => register < end && register + 4 > at);
  }

  /** The body of a capability, and the part of it that an access touches. */
  private within({ at, end }: PlacedCapability, register: number, size: number): [Uint8Array, number, number] {
    const start = at + CAPABILITY_HEADER;
    const clamp = (byte: number) => Math.min(Math.max(byte, start), end) - start;
    return [this.config.subarray(start, end), clamp(register), clamp(register + size)];
  }

  reset(): void {
    const { identity } = this.settings;
    const { view } = this;
    this.config.fill(0);
    view.setUint16(Reg.VENDOR, identity.vendor, true);
    view.setUint16(Reg.DEVICE, identity.device, true);
    view.setUint32(Reg.REVISION, identity.classCode * 256 + (identity.revision ?? 0), true);
    view.setUint16(Reg.SUBSYSTEM_VENDOR, identity.subsystemVendor ?? 0, true);
    view.setUint16(Reg.SUBSYSTEM, identity.subsystem ?? 0, true);
    view.setUint8(Reg.INTERRUPT_PIN, this.pin);
    for (const bar of this.bars) {
      const memory = (isWide(bar) ? BAR_MEMORY_64 : 0) | (bar.prefetchable ? BAR_PREFETCHABLE : 0);
      view.setUint32(Reg.BAR + 4 * bar.index, bar.space === "io" ? BAR_IO : memory, true);
    }
    const { registers } = this.settings;
    if (registers) this.config.set(registers.bytes, registers.at);
    this.chain();
    this.msix?.reset();
    this.place();
    this.signal();
  }

  /** Writes the capability list. */
  private chain(): void {
    let pointer: number = Reg.CAPABILITIES;
    for (const { at, capability } of this.capabilities) {
      this.config[Reg.STATUS] |= STATUS_CAPABILITIES;
      this.config[pointer] = at;
      this.config[at] = capability.id;
      this.config.set(capability.body, at + CAPABILITY_HEADER);
      pointer = at + 1;
    }
  }

  private writeByte(register: number, value: number): void {
    const mask = this.writable(register);
    if (mask !== 0) this.config[register] = (this.config[register] & ~mask) | (value & mask);
  }

  /** Bits of a byte of configuration space that software may write. */
  private writable(register: number): number {
    if (register === Reg.COMMAND) return (WRITABLE_COMMAND & 0xff) | (this.hasPorts ? Command.IO : 0);
    if (register === Reg.COMMAND + 1) return WRITABLE_COMMAND >>> 8;
    if (register === Reg.CACHE_LINE || register === Reg.INTERRUPT_LINE) return 0xff;
    if (register >= FIRST_CAPABILITY) return this.writableRegister(register) ?? this.writableOfCapability(register);
    if (register < Reg.BAR || register >= Reg.BARS_END) return 0;
    const half = (register - Reg.BAR) >>> 2;
    if (this.bars.some((b) => isWide(b) && b.index + 1 === half)) return 0xff;
    const bar = this.bars.find((b) => b.index === half);
    return bar ? (-bar.size >>> (8 * (register & 3))) & 0xff : 0;
  }

  private get hasPorts(): boolean {
    return this.bars.some(({ space }) => space === "io");
  }

  private writableRegister(register: number): number | undefined {
    const { registers } = this.settings;
    return registers?.writable[register - registers.at];
  }

  private writableOfCapability(register: number): number {
    const placed = this.capabilities.find(({ at, end }) => register >= at && register < end);
    return placed?.capability.writable?.[register - placed.at - CAPABILITY_HEADER] ?? 0;
  }

  /** Makes the BARs visible where the command register and their addresses say. */
  private place(): void {
    const { onMap } = this.root.ports;
    for (const bar of this.bars) {
      const { index } = bar;
      const address = this.decoded(bar);
      if (address === this.placed.get(index)) continue;
      if (address === undefined) this.placed.delete(index);
      else this.placed.set(index, address);
      onMap(this, index, address);
    }
  }

  /** Where a BAR answers. One that still holds port 0 isn't placed. */
  private decoded(bar: PcieBar): number | undefined {
    const { windows, ioPorts = 0 } = this.root.ports;
    const { index, size } = bar;
    const lo = (this.view.getUint32(Reg.BAR + 4 * index, true) & -size) >>> 0;
    if (bar.space === "io") return this.command & Command.IO && lo > 0 && lo + size <= ioPorts ? lo : undefined;
    const hi = isWide(bar) ? this.view.getUint32(Reg.BAR + 4 * index + 4, true) : 0;
    const wanted = hi * 0x1_0000_0000 + lo;
    const forwarded = windows.some(({ start, size: room }) => wanted >= start && wanted + size <= start + room);
    return forwarded && this.command & Command.MEMORY ? wanted : undefined;
  }

  private setInterrupt(level: boolean): void {
    if (level === this.asserted) return;
    this.asserted = level;
    this.signal();
  }

  private signal(): void {
    const level = this.asserted && !this.msix?.enabled;
    const status = this.config[Reg.STATUS];
    this.config[Reg.STATUS] = level ? status | STATUS_INTERRUPT : status & ~STATUS_INTERRUPT;
    this.root.intx(this, level && !(this.command & Command.INTX_DISABLE));
  }
}

/** Host bridge of QEMU's generic PCIe host. */
const HOST_BRIDGE: PcieFunctionConfig = {
  slot: 0,
  identity: { vendor: 0x1b36, device: 0x0008, classCode: 0x06_0000, subsystemVendor: 0x1af4, subsystem: 0x1100 },
};

/** The root complex as its ECAM window shows it: bus 0 with the host bridge in slot 0. */
export class PcieRoot implements MmioDevice {
  private readonly slots = new Map<number, PcieFunction>();
  /** By line: slots that hold it up. */
  private readonly holders = Array.from({ length: PINS }, () => new Set<number>());

  constructor(readonly ports: PciePorts) {
    this.add(HOST_BRIDGE);
  }

  add(config: PcieFunctionConfig): PcieFunction {
    const { slot } = config;
    if (!(slot >= 0 && slot < 32) || this.slots.has(slot)) throw new RangeError(`PCIe slot ${slot}`);
    const fn = new PcieFunction(slot, config, { ports: this.ports, intx: (f, level) => this.intx(f, level) });
    this.slots.set(slot, fn);
    return fn;
  }

  /** The function in a slot of bus 0. */
  at(slot: number): PcieFunction | undefined {
    return this.slots.get(slot);
  }

  read(offset: number, size: number): number {
    const fn = this.decode(offset);
    return fn ? fn.read(offset & 0xfff, size) : 2 ** (8 * size) - 1;
  }

  write(offset: number, size: number, value: number): Access {
    this.decode(offset)?.write(offset & 0xfff, size, value);
    return Access.Ok;
  }

  reset(): void {
    for (const fn of this.slots.values()) fn.reset();
  }

  /** ECAM: bus in bits 27:20, device 19:15, function 14:12, register 11:0. */
  private decode(offset: number): PcieFunction | undefined {
    const inBusZeroFunctionZero = offset >>> 20 === 0 && (offset & 0x7000) === 0;
    return inBusZeroFunctionZero ? this.slots.get(offset >>> 15) : undefined;
  }

  private intx(fn: PcieFunction, level: boolean): void {
    if (fn.pin === 0) return;
    const line = (fn.pin - 1 + fn.slot) % PINS;
    const holders = this.holders[line];
    const before = holders.size > 0;
    if (level) holders.add(fn.slot);
    else holders.delete(fn.slot);
    if (holders.size > 0 !== before) this.ports.intx(line).set(!before);
  }
}
