// The driver's side of a virtio device on either transport, for tests and benches: split rings in a FakeMemory.
import type { MmioDevice } from "../../src/platform/ports.js";
import type { World } from "./world.js";

/** Where a transport has a register, and how wide it is. */
export interface Place {
  at: number;
  size?: number;
}
export interface Registers {
  DeviceFeatures: Place;
  DeviceFeaturesSel: Place;
  DriverFeatures: Place;
  DriverFeaturesSel: Place;
  QueueSel: Place;
  QueueSize: Place;
  QueueReady: Place;
  InterruptStatus: Place;
  Status: Place;
  QueueDesc: Place;
  QueueDriver: Place;
  QueueDevice: Place;
  /** Where a queue is notified. */
  notify(queue: number): Place;
  /** Where an interrupt is acknowledged, unless reading its status does that. */
  InterruptACK?: Place;
}

/** "Virtio Over MMIO", "MMIO Device Register Layout". */
const MMIO: Registers = {
  DeviceFeatures: { at: 0x10 },
  DeviceFeaturesSel: { at: 0x14 },
  DriverFeatures: { at: 0x20 },
  DriverFeaturesSel: { at: 0x24 },
  QueueSel: { at: 0x30 },
  QueueSize: { at: 0x38 },
  QueueReady: { at: 0x44 },
  InterruptStatus: { at: 0x60 },
  InterruptACK: { at: 0x64 },
  Status: { at: 0x70 },
  QueueDesc: { at: 0x80 },
  QueueDriver: { at: 0x90 },
  QueueDevice: { at: 0xa0 },
  notify: () => ({ at: 0x50 }),
};

/** "Virtio Over PCI Bus": the structures where the capabilities say that they begin in the BAR. */
export const pciRegisters = (common: number, isr: number, notify: number, multiplier: number): Registers => ({
  DeviceFeaturesSel: { at: common },
  DeviceFeatures: { at: common + 0x04 },
  DriverFeaturesSel: { at: common + 0x08 },
  DriverFeatures: { at: common + 0x0c },
  Status: { at: common + 0x14, size: 1 },
  QueueSel: { at: common + 0x16, size: 2 },
  QueueSize: { at: common + 0x18, size: 2 },
  QueueReady: { at: common + 0x1c, size: 2 },
  QueueDesc: { at: common + 0x20 },
  QueueDriver: { at: common + 0x28 },
  QueueDevice: { at: common + 0x30 },
  InterruptStatus: { at: isr, size: 1 },
  notify: (queue) => ({ at: notify + queue * multiplier, size: 2 }),
});

export const INDIRECT_DESC = 1 << 28;
export const EVENT_IDX = 1 << 29;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;

export interface Buffer {
  address: number;
  length: number;
  writable?: boolean;
}

export interface Ring {
  size: number;
  descriptors: number;
  available: number;
  used: number;
  /** Next free descriptor, next available entry, next used entry to take. */
  free: number;
  next: number;
  seen: number;
}

export class VirtioDriver {
  readonly rings: Ring[] = [];

  constructor(
    readonly device: MmioDevice,
    readonly world: World,
    readonly registers = MMIO,
  ) {}

  get({ at, size = 4 }: Place): number {
    return this.device.read(at, size);
  }
  set({ at, size = 4 }: Place, value: number): void {
    this.device.write(at, size, value);
  }
  set64({ at }: Place, value: number): void {
    this.write64(at, value);
  }

  read(offset: number): number {
    return this.device.read(offset, 4);
  }
  write(offset: number, value: number): void {
    this.device.write(offset, 4, value >>> 0);
  }
  write64(offset: number, value: number): void {
    this.write(offset, value % 0x1_0000_0000);
    this.write(offset + 4, Math.floor(value / 0x1_0000_0000));
  }

  offered(): [low: number, high: number] {
    const word = (select: number) => {
      this.set(this.registers.DeviceFeaturesSel, select);
      return this.get(this.registers.DeviceFeatures);
    };
    return [word(0), word(1)];
  }

  /** Reset to FEATURES_OK; whether the device accepted the features. */
  negotiate(low: number, high = 1): boolean {
    this.set(this.registers.Status, 0);
    this.set(this.registers.Status, 1);
    this.set(this.registers.Status, 3);
    [low, high].forEach((word, select) => {
      this.set(this.registers.DriverFeaturesSel, select);
      this.set(this.registers.DriverFeatures, word);
    });
    this.set(this.registers.Status, 11);
    return (this.get(this.registers.Status) & 8) !== 0;
  }

  /** Sets up queue `index`; whether it became ready. */
  setUp(index: number, size: number): boolean {
    const { memory } = this.world;
    const descriptors = memory.allocate(16 * size);
    const available = memory.allocate(6 + 2 * size);
    const used = memory.allocate(6 + 8 * size);
    this.rings[index] = { size, descriptors, available, used, free: 0, next: 0, seen: 0 };
    this.set(this.registers.QueueSel, index);
    this.set(this.registers.QueueSize, size);
    this.set64(this.registers.QueueDesc, descriptors);
    this.set64(this.registers.QueueDriver, available);
    this.set64(this.registers.QueueDevice, used);
    this.set(this.registers.QueueReady, 1);
    return this.get(this.registers.QueueReady) === 1;
  }

  /** Everything up to DRIVER_OK, with one queue. */
  start(low = INDIRECT_DESC, size = 16): void {
    if (!this.negotiate(low) || !this.setUp(0, size)) throw new Error("the device refuses");
    this.set(this.registers.Status, 15);
  }

  get status(): number {
    return this.get(this.registers.Status);
  }

  private at(address: number): number {
    return address - this.world.memory.base;
  }

  /** Writes descriptor `slot` of the table at `table`. */
  describe(table: number, slot: number, address: number, length: number, flags: number, next = 0): void {
    const { data } = this.world.memory;
    const at = this.at(table) + 16 * slot;
    data.setBigUint64(at, BigInt(address), true);
    data.setUint32(at + 8, length, true);
    data.setUint16(at + 12, flags, true);
    data.setUint16(at + 14, next, true);
  }

  /** Makes a chain available without notifying; its head. */
  add(index: number, buffers: readonly Buffer[]): number {
    const ring = this.rings[index];
    const slots = buffers.map((_, i) => (ring.free + i) % ring.size);
    buffers.forEach(({ address, length, writable }, i) => {
      const last = i === buffers.length - 1;
      this.describe(
        ring.descriptors,
        slots[i],
        address,
        length,
        (writable ? WRITE : 0) | (last ? 0 : NEXT),
        slots[i + 1],
      );
    });
    ring.free = (ring.free + buffers.length) % ring.size;
    this.offer(index, slots[0]);
    return slots[0];
  }

  /** The same by an indirect table. */
  addIndirect(index: number, buffers: readonly Buffer[]): number {
    const ring = this.rings[index];
    const table = this.world.memory.allocate(16 * buffers.length, 16);
    buffers.forEach(({ address, length, writable }, i) => {
      const last = i === buffers.length - 1;
      this.describe(table, i, address, length, (writable ? WRITE : 0) | (last ? 0 : NEXT), i + 1);
    });
    const head = ring.free;
    this.describe(ring.descriptors, head, table, 16 * buffers.length, INDIRECT);
    ring.free = (ring.free + 1) % ring.size;
    this.offer(index, head);
    return head;
  }

  /** Puts a head into the available ring. */
  offer(index: number, head: number): void {
    const ring = this.rings[index];
    const { data } = this.world.memory;
    data.setUint16(this.at(ring.available) + 4 + 2 * (ring.next % ring.size), head, true);
    ring.next = (ring.next + 1) & 0xffff;
    data.setUint16(this.at(ring.available) + 2, ring.next, true);
  }

  notify(index: number): void {
    this.set(this.registers.notify(index), index);
  }

  /** VIRTQ_AVAIL_F_NO_INTERRUPT. */
  suppress(index: number, on: boolean): void {
    this.world.memory.data.setUint16(this.at(this.rings[index].available), on ? 1 : 0, true);
  }

  setUsedEvent(index: number, value: number): void {
    const ring = this.rings[index];
    this.world.memory.data.setUint16(this.at(ring.available) + 4 + 2 * ring.size, value, true);
  }

  availEvent(index: number): number {
    const ring = this.rings[index];
    return this.world.memory.data.getUint16(this.at(ring.used) + 4 + 8 * ring.size, true);
  }

  usedIndex(index: number): number {
    return this.world.memory.data.getUint16(this.at(this.rings[index].used) + 2, true);
  }

  /** Takes the next used element. */
  take(index: number): { head: number; length: number } | undefined {
    const ring = this.rings[index];
    if (this.usedIndex(index) === ring.seen) return undefined;
    const at = this.at(ring.used) + 4 + 8 * (ring.seen % ring.size);
    ring.seen = (ring.seen + 1) & 0xffff;
    const { data } = this.world.memory;
    return { head: data.getUint32(at, true), length: data.getUint32(at + 4, true) };
  }

  /** InterruptStatus, acknowledged. */
  acknowledge(): number {
    const status = this.get(this.registers.InterruptStatus);
    if (this.registers.InterruptACK) this.set(this.registers.InterruptACK, status);
    return status;
  }

  /** Buffers of a block request: header, data, status; the status byte's address. */
  blockRequest(type: number, sector: number, data: Buffer[] = []): { buffers: Buffer[]; status: number } {
    const { memory } = this.world;
    const header = memory.allocate(17, 32);
    memory.data.setUint32(this.at(header), type, true);
    memory.data.setBigUint64(this.at(header) + 8, BigInt(sector), true);
    memory.data.setUint8(this.at(header) + 16, 0xff);
    const status = header + 16;
    const buffers = [{ address: header, length: 16 }, ...data, { address: status, length: 1, writable: true }];
    return { buffers, status };
  }

  byte(address: number): number {
    return this.world.memory.data.getUint8(this.at(address));
  }
}
