// Virtual I/O Device (VIRTIO) Version 1.2, "Virtio Over MMIO", "Device Status Field", "Feature Bits", "Device Reset":
// the transport, for any device.
import { Access, type DmaPort, type IrqLine, type MmioDevice } from "../../platform/ports.js";
import { GatedDma } from "../gated-dma.js";
import { type BrokenRing, type QueueFeatures, Virtqueue } from "./queue.js";

export const enum Reg {
  MagicValue = 0x000,
  Version = 0x004,
  DeviceID = 0x008,
  VendorID = 0x00c,
  DeviceFeatures = 0x010,
  DeviceFeaturesSel = 0x014,
  DriverFeatures = 0x020,
  DriverFeaturesSel = 0x024,
  QueueSel = 0x030,
  QueueSizeMax = 0x034,
  QueueSize = 0x038,
  QueueReady = 0x044,
  QueueNotify = 0x050,
  InterruptStatus = 0x060,
  InterruptACK = 0x064,
  Status = 0x070,
  QueueDescLow = 0x080,
  QueueDescHigh = 0x084,
  QueueDriverLow = 0x090,
  QueueDriverHigh = 0x094,
  QueueDeviceLow = 0x0a0,
  QueueDeviceHigh = 0x0a4,
  SHMLenLow = 0x0b0,
  SHMLenHigh = 0x0b4,
  SHMBaseLow = 0x0b8,
  SHMBaseHigh = 0x0bc,
  ConfigGeneration = 0x0fc,
  Config = 0x100,
}

/** Bytes of the register window. */
export const WINDOW_BYTES = 0x1000;

const MAGIC = 0x7472_6976; // "virt"
const VERSION = 2;
/** Vendor of QEMU's devices, which drivers for MMIO ignore. */
const VENDOR = 0x554d_4551;

export const enum Status {
  ACKNOWLEDGE = 1,
  DRIVER = 2,
  DRIVER_OK = 4,
  FEATURES_OK = 8,
  DEVICE_NEEDS_RESET = 64,
  FAILED = 128,
}
const DRIVER_BITS = Status.ACKNOWLEDGE | Status.DRIVER | Status.DRIVER_OK | Status.FEATURES_OK | Status.FAILED;

/** Feature bits of the transport and the queues. */
export const enum Feature {
  INDIRECT_DESC = 28,
  EVENT_IDX = 29,
  VERSION_1 = 32,
}

const USED_BUFFER = 1;
const CONFIGURATION_CHANGE = 2;

/** What a device offers to its transport. */
export interface VirtioDevice {
  readonly deviceId: number;
  /** Device-specific feature bits (0…23) that are offered. */
  readonly features: number;
  /** QueueSizeMax of each queue. */
  readonly queueSizes: readonly number[];
  /** Device-specific configuration space. */
  readonly config: Uint8Array;
  /** The driver is ready: queues may be used from now on. */
  start(link: DeviceLink): void;
  /** The driver says that there are new buffers in a queue. */
  notify(queue: number): void;
  /** Forget everything; completions of before are dropped. */
  reset(): void;
}

/** What a started device may do; void after the next reset. */
export interface DeviceLink {
  readonly dma: DmaPort;
  /** Device-specific feature bits that the driver accepted. */
  readonly features: number;
  readonly queues: readonly Virtqueue[];
  /** Gives buffers back and interrupts the driver if it wants that. */
  give(queue: Virtqueue, used: readonly { head: number; written: number }[]): void;
  /** The device can't go on. */
  broken(ring: BrokenRing): void;
}

/** Observers of the transport; they do nothing by default. */
export interface VirtioHooks {
  notified?(queue: number): void;
  used?(queue: number, buffers: number): void;
  interrupt?(): void;
  broken?(reason: string): void;
}

export interface VirtioPorts {
  irq: IrqLine;
  dma: DmaPort;
}

interface Registers {
  status: number;
  deviceFeaturesSel: number;
  driverFeaturesSel: number;
  /** Low and high word of the accepted feature bits. */
  driverFeatures: [low: number, high: number];
  queueSel: number;
  interruptStatus: number;
}

const resetRegisters = (): Registers => ({
  status: 0,
  deviceFeaturesSel: 0,
  driverFeaturesSel: 0,
  driverFeatures: [0, 0],
  queueSel: 0,
  interruptStatus: 0,
});

/** A device on the MMIO transport, version 2. */
export class VirtioMmio implements MmioDevice {
  readonly queues: readonly Virtqueue[];
  /** Times that the interrupt line rose. */
  interrupts = 0;
  private s = resetRegisters();
  private generation = 0;
  private dma: GatedDma;
  private level = false;
  private started = false;

  constructor(
    private readonly ports: VirtioPorts,
    private readonly device: VirtioDevice,
    private readonly hooks: VirtioHooks = {},
  ) {
    const dma = new GatedDma(ports.dma);
    this.dma = dma;
    this.queues = device.queueSizes.map((size) => new Virtqueue(dma, size));
  }

  /** DMA calls made for rings and descriptors. */
  get ringDmaCalls(): number {
    return this.queues.reduce((sum, queue) => sum + queue.dmaCalls, 0);
  }

  read(offset: number, size: number): number {
    if (offset % size !== 0 || offset >= WINDOW_BYTES) return -1;
    if (offset >= Reg.Config) return this.readConfig(offset - Reg.Config, size);
    if (size !== 4) return -1;
    const { s } = this;
    switch (offset) {
      case Reg.MagicValue:
        return MAGIC;
      case Reg.Version:
        return VERSION;
      case Reg.DeviceID:
        return this.device.deviceId;
      case Reg.VendorID:
        return VENDOR;
      case Reg.DeviceFeatures:
        return this.offered(s.deviceFeaturesSel);
      case Reg.QueueSizeMax:
        return this.queues[s.queueSel]?.sizeMax ?? 0;
      case Reg.QueueReady:
        return this.queues[s.queueSel]?.state.ready ? 1 : 0;
      case Reg.InterruptStatus:
        return s.interruptStatus;
      case Reg.Status:
        return s.status;
      case Reg.SHMLenLow:
      case Reg.SHMLenHigh:
      case Reg.SHMBaseLow:
      case Reg.SHMBaseHigh:
        return 0xffff_ffff; // there is no shared memory region
      case Reg.ConfigGeneration:
        return this.generation;
      default:
        return 0;
    }
  }

  private readConfig(at: number, size: number): number {
    const { config } = this.device;
    let value = 0;
    for (let i = 0; i < size; i++) value += (config[at + i] ?? 0) * 2 ** (8 * i);
    return value;
  }

  /** Word `select` of the offered feature bits. */
  private offered(select: number): number {
    if (select === 0) return (this.device.features | (1 << Feature.INDIRECT_DESC) | (1 << Feature.EVENT_IDX)) >>> 0;
    return select === 1 ? 1 << (Feature.VERSION_1 - 32) : 0;
  }

  write(offset: number, size: number, value: number): Access {
    if (offset % size !== 0 || offset >= WINDOW_BYTES) return Access.Fault;
    if (offset >= Reg.Config) return Access.Ok; // no field is writable without VIRTIO_BLK_F_CONFIG_WCE and the like
    if (size !== 4) return Access.Fault;
    const { s } = this;
    switch (offset) {
      case Reg.DeviceFeaturesSel:
        s.deviceFeaturesSel = value;
        break;
      case Reg.DriverFeaturesSel:
        s.driverFeaturesSel = value;
        break;
      case Reg.DriverFeatures:
        if (s.driverFeaturesSel < 2 && !(s.status & Status.FEATURES_OK)) s.driverFeatures[s.driverFeaturesSel] = value;
        break;
      case Reg.QueueSel:
        s.queueSel = value;
        break;
      case Reg.QueueNotify:
        this.notify(value);
        break;
      case Reg.InterruptACK:
        s.interruptStatus &= ~value;
        this.drive();
        break;
      case Reg.Status:
        this.setStatus(value & 0xff);
        break;
      default:
        this.writeQueue(offset, value);
    }
    return Access.Ok;
  }

  /** Registers of the queue that QueueSel names. All but QueueReady are closed to a driver while the queue is ready. */
  private writeQueue(offset: number, value: number): void {
    const queue = this.queues[this.s.queueSel];
    if (!queue) return;
    if (offset === Reg.QueueReady) {
      this.setReady(queue, value === 1);
      return;
    }
    const { state } = queue;
    if (state.ready) return;
    switch (offset) {
      case Reg.QueueSize:
        state.size = value;
        break;
      case Reg.QueueDescLow:
        state.descriptors.lo = value;
        break;
      case Reg.QueueDescHigh:
        state.descriptors.hi = value;
        break;
      case Reg.QueueDriverLow:
        state.driver.lo = value;
        break;
      case Reg.QueueDriverHigh:
        state.driver.hi = value;
        break;
      case Reg.QueueDeviceLow:
        state.device.lo = value;
        break;
      case Reg.QueueDeviceHigh:
        state.device.hi = value;
        break;
    }
  }

  private setReady(queue: Virtqueue, ready: boolean): void {
    if (!ready) queue.reset(this.dma);
    else if (!queue.state.ready && this.s.status & Status.FEATURES_OK) queue.enable(this.queueFeatures());
  }

  private queueFeatures(): QueueFeatures {
    const [low] = this.s.driverFeatures;
    return {
      indirect: (low & (1 << Feature.INDIRECT_DESC)) !== 0,
      eventIndex: (low & (1 << Feature.EVENT_IDX)) !== 0,
    };
  }

  // ---- status

  /** Zero resets; else bits are set, and only a reset clears them. */
  private setStatus(value: number): void {
    if (value === 0) {
      this.resetDevice();
      return;
    }
    const { s } = this;
    let bits = value & DRIVER_BITS;
    if (bits & Status.FEATURES_OK && !(s.status & Status.FEATURES_OK) && !this.acceptable())
      bits &= ~Status.FEATURES_OK;
    s.status |= bits;
    const ready = Status.DRIVER_OK | Status.FEATURES_OK;
    if ((s.status & ready) === ready && !this.started) this.start();
  }

  /** A subset of what is offered, VIRTIO_F_VERSION_1 among it. */
  private acceptable(): boolean {
    const [low, high] = this.s.driverFeatures;
    const subset = (low & ~this.offered(0)) === 0 && (high & ~this.offered(1)) === 0;
    return subset && (high & (1 << (Feature.VERSION_1 - 32))) !== 0;
  }

  private start(): void {
    this.started = true;
    const { dma } = this;
    const current = () => this.dma === dma && !(this.s.status & Status.DEVICE_NEEDS_RESET);
    this.device.start({
      dma,
      features: this.s.driverFeatures[0] & this.device.features,
      queues: this.queues,
      give: (queue, used) => {
        if (current()) this.give(queue, used);
      },
      broken: (ring) => {
        if (current()) this.broken(ring);
      },
    });
  }

  private notify(queue: number): void {
    const usable = this.started && !(this.s.status & (Status.DEVICE_NEEDS_RESET | Status.FAILED));
    if (!usable || !this.queues[queue]?.state.ready) return;
    this.hooks.notified?.(queue);
    this.device.notify(queue);
  }

  private give(queue: Virtqueue, used: readonly { head: number; written: number }[]): void {
    const outcome = queue.give(used);
    if (typeof outcome !== "boolean") {
      this.broken(outcome);
      return;
    }
    this.hooks.used?.(this.queues.indexOf(queue), used.length);
    if (outcome) this.raise(USED_BUFFER);
  }

  private broken(ring: BrokenRing): void {
    this.dma.shut();
    this.s.status |= Status.DEVICE_NEEDS_RESET;
    this.hooks.broken?.(ring.reason);
    if (this.s.status & Status.DRIVER_OK) this.raise(CONFIGURATION_CHANGE);
  }

  /** The device has changed its configuration space. */
  configurationChanged(): void {
    this.generation = (this.generation + 1) >>> 0;
    if (this.started) this.raise(CONFIGURATION_CHANGE);
  }

  private raise(bit: number): void {
    this.s.interruptStatus |= bit;
    this.drive();
  }

  private drive(): void {
    const level = this.s.interruptStatus !== 0;
    if (level === this.level) return;
    this.level = level;
    if (level) {
      this.interrupts++;
      this.hooks.interrupt?.();
    }
    this.ports.irq.set(level);
  }

  private resetDevice(): void {
    this.dma.shut();
    const dma = new GatedDma(this.ports.dma);
    this.dma = dma;
    this.s = resetRegisters();
    this.started = false;
    for (const queue of this.queues) queue.reset(dma);
    this.device.reset();
    this.drive();
  }

  reset(): void {
    this.resetDevice();
    this.generation = 0;
  }
}
