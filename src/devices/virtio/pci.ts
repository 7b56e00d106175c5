// Virtual I/O Device (VIRTIO) Version 1.2, "Virtio Over PCI Bus": the transport, for any device; modern only. The
// structures lie in one BAR, and a capability tells of each; another reaches them through configuration space.
import {
  Access,
  type DmaPort,
  type IrqLine,
  type MessageVectors,
  type PcieCapability,
  type PcieDevice,
} from "../../platform/ports.js";
import { Cause, Facilities, type VirtioDevice, type VirtioHooks } from "./device.js";
import type { Virtqueue } from "./queue.js";

/** struct virtio_pci_common_cfg. */
export const enum Common {
  device_feature_select = 0x00,
  device_feature = 0x04,
  driver_feature_select = 0x08,
  driver_feature = 0x0c,
  config_msix_vector = 0x10,
  num_queues = 0x12,
  device_status = 0x14,
  config_generation = 0x15,
  queue_select = 0x16,
  queue_size = 0x18,
  queue_msix_vector = 0x1a,
  queue_enable = 0x1c,
  queue_notify_off = 0x1e,
  queue_desc = 0x20,
  queue_driver = 0x28,
  queue_device = 0x30,
}
const COMMON_BYTES = 0x38;

/** The structures' places in the BAR, a page each, and what they are called in capabilities. */
const STRUCTURES = {
  common: { type: 1, offset: 0x0000, length: COMMON_BYTES },
  notify: { type: 2, offset: 0x3000, length: 0x1000 },
  isr: { type: 3, offset: 0x1000, length: 1 },
  device: { type: 4, offset: 0x2000, length: 0x1000 },
} as const;
const PAGE = 0x1000;
/** The BAR that holds them, and its bytes. */
export const STRUCTURES_BAR = 4;
export const STRUCTURES_BYTES = 4 * PAGE;
const NOTIFY_OFF_MULTIPLIER = 4;
const PCI_CFG = 5;
const NO_VECTOR = 0xffff;

const VENDOR_SPECIFIC = 0x09;
/** cap_vndr and cap_next, which come before a capability's body. */
const HEADER_BYTES = 2;
/** Fields of struct virtio_pci_cap, from the body on. */
const enum Cap {
  cap_len = 0,
  cfg_type = 1,
  bar = 2,
  offset = 6,
  length = 10,
  /** notify_off_multiplier, or pci_cfg_data. */
  extra = 14,
}
const CAP_BYTES = 14;

const VENDOR = 0x1af4;
const FIRST_DEVICE_ID = 0x1040;

/** What configuration space says of a function that is a virtio device. */
export const virtioIdentity = (deviceId: number, classCode: number) => ({
  vendor: VENDOR,
  device: FIRST_DEVICE_ID + deviceId,
  classCode,
  revision: 1,
  subsystemVendor: VENDOR,
  subsystem: 0x1100,
});

export interface VirtioPciPorts {
  irq: IrqLine;
  dma: DmaPort;
  messages?: MessageVectors | undefined;
}

interface Registers {
  deviceFeatureSelect: number;
  driverFeatureSelect: number;
  queueSelect: number;
  isr: number;
  configVector: number;
  /** By queue. */
  queueVectors: number[];
}

/** A device on the PCI transport: its structures' BAR. */
export class VirtioPci implements PcieDevice {
  readonly capabilities: readonly PcieCapability[];
  private readonly facilities: Facilities;
  private s: Registers;

  constructor(
    private readonly ports: VirtioPciPorts,
    private readonly device: VirtioDevice,
    hooks: VirtioHooks = {},
  ) {
    const interrupt = (cause: Cause, queue: number) => {
      hooks.interrupt?.();
      this.interrupt(cause, queue);
    };
    this.facilities = new Facilities({ dma: ports.dma, interrupt }, device, hooks);
    this.s = this.resetRegisters();
    const { common, notify, isr, device: specific } = STRUCTURES;
    this.capabilities = [
      structure(common),
      structure(isr),
      structure(specific),
      structure(notify, NOTIFY_OFF_MULTIPLIER),
      this.configurationAccess(),
    ];
  }

  private resetRegisters(): Registers {
    return {
      deviceFeatureSelect: 0,
      driverFeatureSelect: 0,
      queueSelect: 0,
      isr: 0,
      configVector: NO_VECTOR,
      queueVectors: this.queues.map(() => NO_VECTOR),
    };
  }

  get queues(): readonly Virtqueue[] {
    return this.facilities.queues;
  }

  // ---- the BAR

  read(offset: number, size: number): number {
    if (offset % size !== 0 || offset >= STRUCTURES_BYTES) return -1;
    const at = offset % PAGE;
    switch (offset - at) {
      case STRUCTURES.common.offset:
        return part(this.common(at & ~3), at & 3, size);
      case STRUCTURES.isr.offset:
        return at === 0 ? this.takeIsr() : 0;
      case STRUCTURES.device.offset:
        return this.facilities.configuration(at, size);
      default:
        return 0;
    }
  }

  write(offset: number, size: number, value: number): Access {
    if (offset % size !== 0 || offset >= STRUCTURES_BYTES) return Access.Fault;
    const at = offset % PAGE;
    switch (offset - at) {
      case STRUCTURES.common.offset:
        this.writeCommon(at, value);
        break;
      case STRUCTURES.device.offset:
        this.device.configure?.(at, size, value);
        break;
      case STRUCTURES.notify.offset:
        if (at % NOTIFY_OFF_MULTIPLIER === 0) this.facilities.notify(at / NOTIFY_OFF_MULTIPLIER);
        break;
    }
    return Access.Ok;
  }

  /** "ISR status capability": a read takes it back. */
  private takeIsr(): number {
    const { isr } = this.s;
    this.s.isr = 0;
    this.ports.irq.set(false);
    return isr;
  }

  private get queue(): Virtqueue | undefined {
    return this.queues[this.s.queueSelect];
  }

  /** The 4 bytes of the common configuration at a multiple of 4. */
  private common(at: number): number {
    const { s, facilities, queue } = this;
    const state = queue?.state;
    switch (at) {
      case Common.device_feature_select:
        return s.deviceFeatureSelect;
      case Common.device_feature:
        return facilities.offered(s.deviceFeatureSelect);
      case Common.driver_feature_select:
        return s.driverFeatureSelect;
      case Common.driver_feature:
        return facilities.acceptedWord(s.driverFeatureSelect);
      case Common.config_msix_vector:
        return pair(s.configVector, this.queues.length);
      case Common.device_status:
        return pair(facilities.status | ((facilities.generation & 0xff) << 8), s.queueSelect);
      case Common.queue_size:
        return pair(state?.size ?? 0, s.queueVectors[s.queueSelect] ?? NO_VECTOR);
      case Common.queue_enable:
        return pair(state?.ready ? 1 : 0, queue ? s.queueSelect : 0);
      case Common.queue_desc:
        return state?.descriptors.lo ?? 0;
      case Common.queue_desc + 4:
        return state?.descriptors.hi ?? 0;
      case Common.queue_driver:
        return state?.driver.lo ?? 0;
      case Common.queue_driver + 4:
        return state?.driver.hi ?? 0;
      case Common.queue_device:
        return state?.device.lo ?? 0;
      case Common.queue_device + 4:
        return state?.device.hi ?? 0;
      default:
        return 0;
    }
  }

  /** A field is written as a whole, at its own place: other writes have no effect. */
  private writeCommon(at: number, value: number): void {
    const { s, facilities } = this;
    switch (at) {
      case Common.device_feature_select:
        s.deviceFeatureSelect = value;
        break;
      case Common.driver_feature_select:
        s.driverFeatureSelect = value;
        break;
      case Common.driver_feature:
        facilities.accept(s.driverFeatureSelect, value);
        break;
      case Common.config_msix_vector:
        s.configVector = this.vector(value);
        break;
      case Common.device_status:
        if ((value & 0xff) === 0) this.resetDevice();
        else facilities.setStatus(value & 0xff);
        break;
      case Common.queue_select:
        s.queueSelect = value & 0xffff;
        break;
      case Common.queue_msix_vector:
        if (this.queue) s.queueVectors[s.queueSelect] = this.vector(value);
        break;
      case Common.queue_enable:
        if (this.queue && (value & 0xffff) === 1) facilities.enable(this.queue);
        break;
      default:
        this.writeQueue(at, value);
    }
  }

  /** Fields of the selected queue that are closed to a driver while the queue is enabled. */
  private writeQueue(at: number, value: number): void {
    const state = this.queue?.state;
    if (!state || state.ready) return;
    switch (at) {
      case Common.queue_size:
        state.size = value & 0xffff;
        break;
      case Common.queue_desc:
        state.descriptors.lo = value;
        break;
      case Common.queue_desc + 4:
        state.descriptors.hi = value;
        break;
      case Common.queue_driver:
        state.driver.lo = value;
        break;
      case Common.queue_driver + 4:
        state.driver.hi = value;
        break;
      case Common.queue_device:
        state.device.lo = value;
        break;
      case Common.queue_device + 4:
        state.device.hi = value;
        break;
    }
  }

  // ---- interrupts

  /** "MSI-X Vector Configuration": what isn't in the table is no vector. */
  private vector(value: number): number {
    const vector = value & 0xffff;
    return vector < (this.ports.messages?.count ?? 0) ? vector : NO_VECTOR;
  }

  private interrupt(cause: Cause, queue: number): void {
    const { s } = this;
    const { messages, irq } = this.ports;
    const byMessage = messages?.enabled === true;
    if (!byMessage || cause === Cause.CONFIGURATION_CHANGE) {
      s.isr |= cause;
      irq.set(true);
    }
    if (!byMessage) return;
    const vector = cause === Cause.CONFIGURATION_CHANGE ? s.configVector : s.queueVectors[queue];
    if (vector !== NO_VECTOR) messages.raise(vector);
  }

  /** The device has changed its configuration space. */
  configurationChanged(): void {
    this.facilities.configurationChanged();
  }

  // ---- configuration space

  /** "PCI configuration access capability": a window of 1, 2 or 4 bytes into the BAR. */
  private configurationAccess(): PcieCapability {
    const body = capability(PCI_CFG, 4);
    const writable = new Uint8Array(body.length);
    writable[Cap.bar] = 0xff;
    writable.fill(0xff, Cap.offset);
    const target = (view: DataView) => {
      const offset = view.getUint32(Cap.offset, true);
      const size = view.getUint32(Cap.length, true);
      const legal = (size === 1 || size === 2 || size === 4) && view.getUint8(Cap.bar) === STRUCTURES_BAR;
      return legal && offset < STRUCTURES_BYTES ? { offset, size } : undefined;
    };
    const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return {
      id: VENDOR_SPECIFIC,
      body,
      writable,
      onRead: (bytes, _from, to) => {
        const view = viewOf(bytes);
        const at = to > Cap.extra ? target(view) : undefined;
        const value = at ? this.read(at.offset, at.size) : -1;
        if (!at || value < 0) return;
        for (let i = 0; i < at.size; i++) bytes[Cap.extra + i] = (value >>> (8 * i)) & 0xff;
      },
      onWrite: (bytes, _from, to) => {
        const view = viewOf(bytes);
        const at = to > Cap.extra ? target(view) : undefined;
        if (at) this.write(at.offset, at.size, part(view.getUint32(Cap.extra, true), 0, at.size));
      },
    };
  }

  // ---- reset

  private resetDevice(): void {
    this.facilities.reset();
    this.s = this.resetRegisters();
    this.ports.irq.set(false);
  }

  reset(): void {
    this.resetDevice();
    this.facilities.generation = 0;
  }
}

/** Two 16-bit fields as 4 bytes. */
const pair = (low: number, high: number): number => ((low & 0xffff) | (high << 16)) >>> 0;

/** `size` bytes of a word from byte `at` on. */
function part(word: number, at: number, size: number): number {
  const shifted = word >>> (8 * at);
  return size === 4 ? shifted : shifted & ((1 << (8 * size)) - 1);
}

/** The body of struct virtio_pci_cap with `extra` bytes behind it. */
function capability(type: number, extra: number): Uint8Array {
  const body = new Uint8Array(CAP_BYTES + extra);
  body[Cap.cap_len] = HEADER_BYTES + body.length;
  body[Cap.cfg_type] = type;
  return body;
}

function structure(place: { type: number; offset: number; length: number }, multiplier?: number): PcieCapability {
  const body = capability(place.type, multiplier === undefined ? 0 : 4);
  const view = new DataView(body.buffer);
  body[Cap.bar] = STRUCTURES_BAR;
  view.setUint32(Cap.offset, place.offset, true);
  view.setUint32(Cap.length, place.length, true);
  if (multiplier !== undefined) view.setUint32(Cap.extra, multiplier, true);
  return { id: VENDOR_SPECIFIC, body };
}
