// Virtual I/O Device (VIRTIO) Version 1.2, "Network Device", "Packet Transmission": chains of the transmit queues are fetched
// one after the other, the queues in turn, and given back; a FIFO holds what has been fetched until the wire takes it.
import type { Clock, Link } from "../../platform/ports.js";
import type { DeviceLink } from "./device.js";
import { LARGEST_PACKET, NET_HEADER_BYTES, type Outgoing, outgoing } from "./net-header.js";
import { cyclesOf, move, type DmaTimes, occupancy } from "./dma-times.js";
import { BrokenRing, slice, type Virtqueue } from "./queue.js";

/** Bytes in the FIFO from which on nothing more is fetched. */
const FIFO_BYTES = 0x1_0000;

export interface TransmitCounters {
  frames: number;
  bytes: number;
  /** Packets, before they are cut into frames. */
  packets: number;
  /** Packets that make no sense, and those that couldn't be fetched. */
  malformed: number;
  faults: number;
}

export interface TransmitSettings {
  readonly times: DmaTimes;
  /** Bytes of the longest frame. */
  readonly longest: number;
}

/** Chains of a queue that wait, and the queue's epoch in which they were taken. */
interface Backlog {
  epoch: number;
  heads: number[];
}

export class Transmitter {
  readonly counters: TransmitCounters = { frames: 0, bytes: 0, packets: 0, malformed: 0, faults: 0 };
  private driver: DeviceLink | undefined;
  private queues: readonly Virtqueue[] = [];
  private backlogs: Backlog[] = [];
  private turn = 0;
  private fetching = false;
  private fifo: Outgoing[] = [];
  private fifoBytes = 0;
  /** Frame of the FIFO's first packet that is next. */
  private frame = 0;
  /** The wire has a frame: this outlives a reset. */
  private onWire = false;
  private pumping = false;

  /** @param sent sees each packet with the number of its queue */
  constructor(
    private readonly link: Link,
    private readonly clock: Clock,
    private readonly settings: TransmitSettings,
    private readonly sent: (packet: Uint8Array, queue: number) => void,
  ) {}

  start(driver: DeviceLink, queues: readonly Virtqueue[]): void {
    this.driver = driver;
    this.queues = queues;
    this.backlogs = queues.map(({ epoch }) => ({ epoch, heads: [] }));
  }

  reset(): void {
    this.driver = undefined;
    this.queues = [];
    this.backlogs = [];
    this.fetching = false;
    this.fifo = [];
    this.fifoBytes = 0;
    this.frame = 0;
  }

  /** There is something in a queue. What comes while some is left waits without a further notification. */
  notify(): void {
    if (!this.fetching) this.fetch(cyclesOf(this.clock, this.settings.times.dmaRead));
  }

  private fetch(latency: number): void {
    const { driver } = this;
    const next = driver && this.fifoBytes < FIFO_BYTES ? this.next(driver) : undefined;
    this.fetching = next !== undefined;
    if (!driver || !next) return;
    this.clock.after(latency, () => {
      if (this.driver === driver) this.serve(driver, next.index, next.head, next.epoch);
    });
  }

  /** The next chain, the queues in turn. */
  private next(driver: DeviceLink): { index: number; head: number; epoch: number } | undefined {
    const { queues, backlogs } = this;
    for (let tried = 0; tried < queues.length; tried++) {
      const index = this.turn;
      this.turn = (this.turn + 1) % queues.length;
      const { epoch } = queues[index];
      if (backlogs[index].epoch !== epoch) backlogs[index] = { epoch, heads: [] };
      const backlog = backlogs[index];
      if (backlog.heads.length === 0) {
        const heads = queues[index].take();
        if (heads instanceof BrokenRing) {
          driver.broken(heads);
          return undefined;
        }
        backlog.heads = heads;
      }
      const head = backlog.heads.shift();
      if (head !== undefined) return { index, head, epoch };
    }
    return undefined;
  }

  private serve(driver: DeviceLink, index: number, head: number, epoch: number): void {
    const queue = this.queues[index];
    if (queue.epoch !== epoch) {
      this.fetch(0);
      return;
    }
    const chain = queue.chain(head);
    if (chain instanceof BrokenRing) {
      this.fetching = false;
      driver.broken(chain);
      return;
    }
    const length = chain.readableLength;
    const bytes = new Uint8Array(length <= NET_HEADER_BYTES + LARGEST_PACKET ? length : 0);
    const stall = move(driver.dma, slice(chain.readable, 0, bytes.length), bytes, "fetch");
    if (stall < 0) this.counters.faults++;
    else this.enqueue(outgoing(bytes, driver.features, this.settings.longest), index);
    const busy = occupancy(this.clock, this.settings.times, bytes.length) + Math.max(0, stall);
    this.clock.after(busy, () => {
      if (this.driver !== driver) return;
      if (queue.epoch === epoch) driver.give(queue, [{ head, written: 0 }]);
      this.pump();
      this.fetch(0);
    });
  }

  private enqueue(packet: Outgoing | undefined, queue: number): void {
    if (!packet) {
      this.counters.malformed++;
      return;
    }
    this.counters.packets++;
    this.sent(packet.packet, queue);
    this.fifo.push(packet);
    this.fifoBytes += packet.packet.length;
  }

  /** Sends what the FIFO holds, a frame at a time; a link may be done with one at once. */
  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    while (!this.onWire && this.fifo.length > 0) {
      const [packet] = this.fifo;
      const frame = packet.frame(this.frame++);
      if (this.frame === packet.count) {
        this.fifo.shift();
        this.frame = 0;
        this.fifoBytes -= packet.packet.length;
      }
      this.counters.frames++;
      this.counters.bytes += frame.length;
      this.onWire = true;
      this.link.send(frame, () => {
        this.onWire = false;
        this.pump();
      });
    }
    this.pumping = false;
    this.notify();
  }
}
