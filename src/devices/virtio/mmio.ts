// Virtual I/O Device (VIRTIO) Version 1.2, "Virtio Over MMIO": the transport, for any device.
import { Access, type DmaPort, type IrqLine, type MmioDevice } from "../../platform/ports.js";
import { Facilities, type VirtioDevice, type VirtioHooks } from "./device.js";
import type { Virtqueue } from "./queue.js";

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

/** What stands in an empty slot: a driver that reads device id 0 leaves it alone. */
export const NO_DEVICE: VirtioDevice = {
  deviceId: 0,
  features: 0,
  queueSizes: [],
  config: new Uint8Array(0),
  start() {},
  notify() {},
  reset() {},
};

export interface VirtioPorts {
  irq: IrqLine;
  dma: DmaPort;
}

interface Registers {
  deviceFeaturesSel: number;
  driverFeaturesSel: number;
  queueSel: number;
  interruptStatus: number;
}

const resetRegisters = (): Registers => ({
  deviceFeaturesSel: 0,
  driverFeaturesSel: 0,
  queueSel: 0,
  interruptStatus: 0,
});

/** A device on the MMIO transport, version 2. */
export class VirtioMmio implements MmioDevice {
  /** Times that the interrupt line rose. */
  interrupts = 0;
  private readonly facilities: Facilities;
  private s = resetRegisters();
  private level = false;

  constructor(
    private readonly ports: VirtioPorts,
    private readonly device: VirtioDevice,
    private readonly hooks: VirtioHooks = {},
  ) {
    this.facilities = new Facilities({ dma: ports.dma, interrupt: (cause) => this.raise(cause) }, device, hooks);
  }

  get queues(): readonly Virtqueue[] {
    return this.facilities.queues;
  }
  /** DMA calls made for rings and descriptors. */
  get ringDmaCalls(): number {
    return this.facilities.ringDmaCalls;
  }

  read(offset: number, size: number): number {
    if (offset % size !== 0 || offset >= WINDOW_BYTES) return -1;
    const { s, facilities } = this;
    if (offset >= Reg.Config) return facilities.configuration(offset - Reg.Config, size);
    if (size !== 4) return -1;
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
        return facilities.offered(s.deviceFeaturesSel);
      case Reg.QueueSizeMax:
        return this.queues[s.queueSel]?.sizeMax ?? 0;
      case Reg.QueueReady:
        return this.queues[s.queueSel]?.state.ready ? 1 : 0;
      case Reg.InterruptStatus:
        return s.interruptStatus;
      case Reg.Status:
        return facilities.status;
      case Reg.SHMLenLow:
      case Reg.SHMLenHigh:
      case Reg.SHMBaseLow:
      case Reg.SHMBaseHigh:
        return 0xffff_ffff; // there is no shared memory region
      case Reg.ConfigGeneration:
        return facilities.generation;
      default:
        return 0;
    }
  }

  write(offset: number, size: number, value: number): Access {
    if (offset % size !== 0 || offset >= WINDOW_BYTES) return Access.Fault;
    if (offset >= Reg.Config) {
      this.device.configure?.(offset - Reg.Config, size, value);
      return Access.Ok;
    }
    if (size !== 4) return Access.Fault;
    const { s, facilities } = this;
    switch (offset) {
      case Reg.DeviceFeaturesSel:
        s.deviceFeaturesSel = value;
        break;
      case Reg.DriverFeaturesSel:
        s.driverFeaturesSel = value;
        break;
      case Reg.DriverFeatures:
        facilities.accept(s.driverFeaturesSel, value);
        break;
      case Reg.QueueSel:
        s.queueSel = value;
        break;
      case Reg.QueueNotify:
        facilities.notify(value);
        break;
      case Reg.InterruptACK:
        s.interruptStatus &= ~value;
        this.drive();
        break;
      case Reg.Status:
        if ((value & 0xff) === 0) this.resetDevice();
        else facilities.setStatus(value & 0xff);
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
      if (value === 1) this.facilities.enable(queue);
      else this.facilities.disable(queue);
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

  /** The device has changed its configuration space. */
  configurationChanged(): void {
    this.facilities.configurationChanged();
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
    this.s = resetRegisters();
    this.facilities.reset();
    this.drive();
  }

  reset(): void {
    this.resetDevice();
    this.facilities.generation = 0;
  }
}
