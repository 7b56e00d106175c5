// Virtual I/O Device (VIRTIO) Version 1.2, "Split Virtqueues": the device's side of one queue. Rings are read and
// written in as few DMA calls as their layout allows, since each call may have its price; `dmaCalls` counts them.
import { type DmaPort, highAfter, lowAfter, type Segment } from "../../platform/ports.js";

const DESCRIPTOR_BYTES = 16;
const USED_ELEMENT_BYTES = 8;
/** `flags` and `idx` before the entries of either ring. */
const RING_HEADER_BYTES = 4;

const enum DescriptorFlag {
  NEXT = 1,
  WRITE = 2,
  INDIRECT = 4,
}

const AVAIL_F_NO_INTERRUPT = 1;

/** Largest queue size that a device may offer. */
export const QUEUE_SIZE_LIMIT = 32768;
const CHAIN_BYTES_LIMIT = 0x1_0000_0000;

/** What was negotiated that changes the rings. */
export interface QueueFeatures {
  indirect: boolean;
  eventIndex: boolean;
}

export interface Address {
  lo: number;
  hi: number;
}

/** A queue as the driver set it up, and how far the device has come; plain data. */
export interface QueueState {
  size: number;
  ready: boolean;
  descriptors: Address;
  driver: Address;
  device: Address;
  /** Next available entry to take, and next used entry to write; both count modulo 2^16. */
  availIndex: number;
  usedIndex: number;
  /** Chains taken and not given back. */
  inFlight: number;
}

/** A buffer that the driver made available. */
export interface Chain {
  head: number;
  /** Of the queue when the chain was taken: once it is another, the chain is no longer the device's. */
  epoch: number;
  readable: Segment[];
  writable: Segment[];
  readableLength: number;
  writableLength: number;
}

export const resetQueueState = (size: number): QueueState => ({
  size,
  ready: false,
  descriptors: { lo: 0, hi: 0 },
  driver: { lo: 0, hi: 0 },
  device: { lo: 0, hi: 0 },
  availIndex: 0,
  usedIndex: 0,
  inFlight: 0,
});

/** A ring that breaks the rules: only a reset of the device helps. */
export class BrokenRing {
  constructor(readonly reason: string) {}
}

interface Descriptor extends Address {
  length: number;
  flags: number;
  next: number;
}

const modulo16 = (value: number) => value & 0xffff;

export class Virtqueue {
  dmaCalls = 0;
  /** Grows when the queue is reset. */
  epoch = 0;
  private s: QueueState;
  private dma: DmaPort;
  private features: QueueFeatures = { indirect: false, eventIndex: false };

  /**
   * @param sizeMax QueueSizeMax: largest size, and most descriptors of a chain
   */
  constructor(
    dma: DmaPort,
    readonly sizeMax: number,
  ) {
    this.dma = dma;
    this.s = resetQueueState(sizeMax);
  }

  get state(): QueueState {
    return this.s;
  }

  /** Back to the state after a reset; `dma` is the port of the time that begins. */
  reset(dma: DmaPort): void {
    this.dma = dma;
    this.epoch++;
    this.s = resetQueueState(this.sizeMax);
  }

  /** Lets the device use the queue, if its size is one that a queue can have. */
  enable(features: QueueFeatures): void {
    const { size } = this.s;
    const legal = size > 0 && size <= this.sizeMax && (size & (size - 1)) === 0;
    if (!legal) return;
    this.features = features;
    this.s.ready = true;
  }

  /**
   * Takes everything that is available: heads of chains, oldest first. With event indices it also asks for a
   * notification of what comes after them.
   */
  take(): number[] | BrokenRing {
    const { s } = this;
    if (!s.ready) return [];
    if (!this.read(s.driver, 0, RING_HEADER_BYTES)) return new BrokenRing("available ring unreachable");
    const index = this.dma.view.getUint16(2, true);
    const count = modulo16(index - s.availIndex);
    if (count + s.inFlight > s.size) return new BrokenRing("more buffers available than descriptors");
    const heads: number[] = [];
    while (heads.length < count) {
      const slot = (s.availIndex + heads.length) & (s.size - 1);
      const run = Math.min(count - heads.length, s.size - slot);
      if (!this.read(s.driver, RING_HEADER_BYTES + slot * 2, run * 2))
        return new BrokenRing("available ring unreachable");
      for (let i = 0; i < run; i++) heads.push(this.dma.view.getUint16(i * 2, true));
    }
    s.availIndex = index;
    s.inFlight += count;
    if (this.features.eventIndex && count > 0 && !this.writeAvailEvent(index))
      return new BrokenRing("used ring unreachable");
    return heads;
  }

  private writeAvailEvent(index: number): boolean {
    this.dma.view.setUint16(0, index, true);
    return this.write(this.s.device, RING_HEADER_BYTES + this.s.size * USED_ELEMENT_BYTES, 2);
  }

  /** Follows the descriptors of a chain, at most `sizeMax` of them. */
  chain(head: number): Chain | BrokenRing {
    const { s } = this;
    const chain: Chain = { head, epoch: this.epoch, readable: [], writable: [], readableLength: 0, writableLength: 0 };
    let next = head;
    for (let count = 1; ; count++) {
      if (next >= s.size) return new BrokenRing("descriptor index beyond the queue size");
      if (count > s.size) return new BrokenRing("descriptor loop");
      if (!this.read(s.descriptors, next * DESCRIPTOR_BYTES, DESCRIPTOR_BYTES))
        return new BrokenRing("descriptor unreachable");
      const descriptor = this.descriptor(0);
      if (descriptor.flags & DescriptorFlag.INDIRECT) {
        if (!this.features.indirect) return new BrokenRing("indirect descriptor without its feature");
        if (descriptor.flags & DescriptorFlag.NEXT) return new BrokenRing("indirect descriptor with a next one");
        return this.followIndirect(chain, descriptor, this.sizeMax - count + 1);
      }
      const broken = add(chain, descriptor);
      if (broken) return broken;
      if (!(descriptor.flags & DescriptorFlag.NEXT)) return chain;
      next = descriptor.next;
    }
  }

  private followIndirect(chain: Chain, table: Descriptor, most: number): Chain | BrokenRing {
    const entries = table.length / DESCRIPTOR_BYTES;
    if (!Number.isInteger(entries) || entries === 0) return new BrokenRing("indirect table of an odd size");
    const read = Math.min(entries, most);
    if (!this.read(table, 0, read * DESCRIPTOR_BYTES)) return new BrokenRing("indirect table unreachable");
    let next = 0;
    for (let count = 1; ; count++) {
      if (count > read || next >= read) return new BrokenRing("indirect chain too long, or out of its table");
      const descriptor = this.descriptor(next * DESCRIPTOR_BYTES);
      if (descriptor.flags & DescriptorFlag.INDIRECT) return new BrokenRing("indirect descriptor in an indirect table");
      const broken = add(chain, descriptor);
      if (broken) return broken;
      if (!(descriptor.flags & DescriptorFlag.NEXT)) return chain;
      next = descriptor.next;
    }
  }

  private descriptor(at: number): Descriptor {
    const { view } = this.dma;
    return {
      lo: view.getUint32(at, true),
      hi: view.getUint32(at + 4, true),
      length: view.getUint32(at + 8, true),
      flags: view.getUint16(at + 12, true),
      next: view.getUint16(at + 14, true),
    };
  }

  /**
   * Gives chains back: heads, and bytes written into each from its first writable byte on.
   * @returns whether the driver wants to be notified
   */
  give(used: readonly { head: number; written: number }[]): boolean | BrokenRing {
    const { s } = this;
    if (!s.ready || used.length === 0) return false;
    const unreachable = new BrokenRing("used ring unreachable");
    for (let given = 0; given < used.length; ) {
      const slot = (s.usedIndex + given) & (s.size - 1);
      const run = Math.min(used.length - given, s.size - slot);
      for (let i = 0; i < run; i++) {
        this.dma.view.setUint32(i * 8, used[given + i].head, true);
        this.dma.view.setUint32(i * 8 + 4, used[given + i].written, true);
      }
      if (!this.write(s.device, RING_HEADER_BYTES + slot * USED_ELEMENT_BYTES, run * USED_ELEMENT_BYTES))
        return unreachable;
      given += run;
    }
    const before = s.usedIndex;
    s.usedIndex = modulo16(before + used.length);
    s.inFlight -= used.length;
    this.dma.view.setUint16(0, s.usedIndex, true);
    if (!this.write(s.device, 2, 2)) return unreachable;
    return this.wantsNotification(before, used.length);
  }

  /** "Used Buffer Notification Suppression". */
  private wantsNotification(before: number, count: number): boolean | BrokenRing {
    const { s } = this;
    const { eventIndex } = this.features;
    const at = eventIndex ? RING_HEADER_BYTES + s.size * 2 : 0;
    if (!this.read(s.driver, at, 2)) return new BrokenRing("available ring unreachable");
    const word = this.dma.view.getUint16(0, true);
    return eventIndex ? modulo16(word - before) < count : (word & AVAIL_F_NO_INTERRUPT) === 0;
  }

  private read(base: Address, offset: number, length: number): boolean {
    this.dmaCalls++;
    return this.dma.read(lowAfter(base.lo, offset), highAfter(base.lo, base.hi, offset), length, 0).ok;
  }

  private write(base: Address, offset: number, length: number): boolean {
    this.dmaCalls++;
    return this.dma.write(lowAfter(base.lo, offset), highAfter(base.lo, base.hi, offset), length, 0).ok;
  }
}

/** "Message Framing": what the device reads comes before what it writes. */
function add(chain: Chain, descriptor: Descriptor): BrokenRing | undefined {
  const { lo, hi, length } = descriptor;
  const writes = (descriptor.flags & DescriptorFlag.WRITE) !== 0;
  if (!writes && chain.writable.length > 0) return new BrokenRing("readable descriptor behind a writable one");
  if (writes) chain.writableLength += length;
  else chain.readableLength += length;
  if (chain.readableLength + chain.writableLength > CHAIN_BYTES_LIMIT) return new BrokenRing("chain beyond 2^32 bytes");
  if (length > 0) (writes ? chain.writable : chain.readable).push({ lo, hi, length });
  return undefined;
}

/** The part [start, start + length) of a chain's readable or writable bytes, which are at least as many. */
export function slice(segments: readonly Segment[], start: number, length: number): Segment[] {
  const part: Segment[] = [];
  let skip = start;
  let left = length;
  for (const segment of segments) {
    if (left === 0) break;
    const from = Math.min(skip, segment.length);
    skip -= from;
    const bytes = Math.min(segment.length - from, left);
    if (bytes === 0) continue;
    part.push({ lo: lowAfter(segment.lo, from), hi: highAfter(segment.lo, segment.hi, from), length: bytes });
    left -= bytes;
  }
  return part;
}

/** Fetches what the segments hold; undefined for a fault. */
export function gather(dma: DmaPort, segments: readonly Segment[]): Uint8Array | undefined {
  const bytes = new Uint8Array(segments.reduce((sum, segment) => sum + segment.length, 0));
  let at = 0;
  for (const { lo, hi, length } of segments) {
    if (!dma.read(lo, hi, length, 0).ok) return undefined;
    bytes.set(dma.staging.subarray(0, length), at);
    at += length;
  }
  return bytes;
}

/** Sends bytes to the segments; whether all arrived. */
export function scatter(dma: DmaPort, segments: readonly Segment[], bytes: Uint8Array): boolean {
  let at = 0;
  for (const { lo, hi, length } of segments) {
    dma.staging.set(bytes.subarray(at, at + length));
    if (!dma.write(lo, hi, length, 0).ok) return false;
    at += length;
  }
  return true;
}
