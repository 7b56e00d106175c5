// Virtual I/O Device (VIRTIO) Version 1.2, "Basic Facilities of a Virtio Device": device status, feature bits, queues and
// their notifications, as every transport shows them.
import type { DmaPort } from "../../platform/ports.js";
import { GatedDma } from "../gated-dma.js";
import { type BrokenRing, type QueueFeatures, Virtqueue } from "./queue.js";

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

/** Why the driver is interrupted: bits of the interrupt (or ISR) status. */
export const enum Cause {
  USED_BUFFER = 1,
  CONFIGURATION_CHANGE = 2,
}

/** What a device offers to its transport. */
export interface VirtioDevice {
  readonly deviceId: number;
  /** Device-specific feature bits (0…23) that are offered. */
  readonly features: number;
  /** Largest size of each queue. */
  readonly queueSizes: readonly number[];
  /** Device-specific configuration space. */
  readonly config: Uint8Array;
  /** The driver is ready: queues may be used from now on. */
  start(link: DeviceLink): void;
  /** The driver says that there are new buffers in a queue. */
  notify(queue: number): void;
  /** The driver writes 1, 2 or 4 bytes of the configuration space, at any time; left out, no field is writable. */
  configure?(at: number, size: number, value: number): void;
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
  /** The configuration space has changed. */
  configurationChanged(): void;
}

/** Observers of the transport; they do nothing by default. */
export interface VirtioHooks {
  notified?(queue: number): void;
  used?(queue: number, buffers: number): void;
  interrupt?(): void;
  broken?(reason: string): void;
}

export interface FacilityPorts {
  dma: DmaPort;
  /** The driver is to be told: of used buffers of a queue, or of a changed configuration. */
  interrupt(cause: Cause, queue: number): void;
}

/** A device's status, features and queues between its transport and itself. */
export class Facilities {
  readonly queues: readonly Virtqueue[];
  status = 0;
  /** Count of changes of the configuration space. */
  generation = 0;
  /** Low and high word of the accepted feature bits. */
  private accepted: [low: number, high: number] = [0, 0];
  private dma: GatedDma;
  private started = false;

  constructor(
    private readonly ports: FacilityPorts,
    readonly device: VirtioDevice,
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

  /** 1, 2 or 4 bytes of the configuration space; behind its end there is 0. */
  configuration(at: number, size: number): number {
    const { config } = this.device;
    let value = 0;
    for (let i = 0; i < size; i++) value += (config[at + i] ?? 0) * 2 ** (8 * i);
    return value;
  }

  // ---- feature bits

  /** Word `select` of the offered feature bits. */
  offered(select: number): number {
    if (select === 0) return (this.device.features | (1 << Feature.INDIRECT_DESC) | (1 << Feature.EVENT_IDX)) >>> 0;
    return select === 1 ? 1 << (Feature.VERSION_1 - 32) : 0;
  }

  /** Word `select` of what the driver has accepted. */
  acceptedWord(select: number): number {
    return this.accepted[select] ?? 0;
  }

  accept(select: number, bits: number): void {
    if (select < 2 && !(this.status & Status.FEATURES_OK)) this.accepted[select] = bits;
  }

  /** A subset of what is offered, VIRTIO_F_VERSION_1 among it. */
  private acceptable(): boolean {
    const [low, high] = this.accepted;
    const subset = (low & ~this.offered(0)) === 0 && (high & ~this.offered(1)) === 0;
    return subset && (high & (1 << (Feature.VERSION_1 - 32))) !== 0;
  }

  private queueFeatures(): QueueFeatures {
    const [low] = this.accepted;
    return {
      indirect: (low & (1 << Feature.INDIRECT_DESC)) !== 0,
      eventIndex: (low & (1 << Feature.EVENT_IDX)) !== 0,
    };
  }

  // ---- device status

  /** Bits are set, and only a reset clears them: 0 asks for that, and is the transport's to carry out. */
  setStatus(value: number): void {
    let bits = value & DRIVER_BITS;
    if (bits & Status.FEATURES_OK && !(this.status & Status.FEATURES_OK) && !this.acceptable())
      bits &= ~Status.FEATURES_OK;
    this.status |= bits;
    const ready = Status.DRIVER_OK | Status.FEATURES_OK;
    if ((this.status & ready) === ready && !this.started) this.start();
  }

  private start(): void {
    this.started = true;
    const { dma } = this;
    const current = () => this.dma === dma && !(this.status & Status.DEVICE_NEEDS_RESET);
    this.device.start({
      dma,
      features: this.accepted[0] & this.device.features,
      queues: this.queues,
      give: (queue, used) => {
        if (current()) this.give(queue, used);
      },
      broken: (ring) => {
        if (current()) this.broken(ring);
      },
      configurationChanged: () => {
        if (current()) this.configurationChanged();
      },
    });
  }

  /** Back to the state after power-on, but for the count of configuration changes. */
  reset(): void {
    this.dma.shut();
    const dma = new GatedDma(this.ports.dma);
    this.dma = dma;
    this.status = 0;
    this.accepted = [0, 0];
    this.started = false;
    for (const queue of this.queues) queue.reset(dma);
    this.device.reset();
  }

  // ---- queues

  /** Opens a queue to the device, once features are agreed on. */
  enable(queue: Virtqueue): void {
    if (!queue.state.ready && this.status & Status.FEATURES_OK) queue.enable(this.queueFeatures());
  }

  disable(queue: Virtqueue): void {
    queue.reset(this.dma);
  }

  /** The driver has put buffers into a queue. */
  notify(queue: number): void {
    const usable = this.started && !(this.status & (Status.DEVICE_NEEDS_RESET | Status.FAILED));
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
    const index = this.queues.indexOf(queue);
    this.hooks.used?.(index, used.length);
    if (outcome) this.ports.interrupt(Cause.USED_BUFFER, index);
  }

  private broken(ring: BrokenRing): void {
    this.dma.shut();
    this.status |= Status.DEVICE_NEEDS_RESET;
    this.hooks.broken?.(ring.reason);
    if (this.status & Status.DRIVER_OK) this.ports.interrupt(Cause.CONFIGURATION_CHANGE, 0);
  }

  /** The device has changed its configuration space. */
  configurationChanged(): void {
    this.generation = (this.generation + 1) >>> 0;
    if (this.started) this.ports.interrupt(Cause.CONFIGURATION_CHANGE, 0);
  }
}
