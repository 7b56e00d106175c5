// Virtual I/O Device (VIRTIO) Version 1.2, "Network Device", "Packet Transmission": chains of the transmit queues are fetched
// one after the other, the queues in turn, and given back; a FIFO holds what has been fetched until the wire takes it.
import type { Clock, Link } from "../../platform/ports.js";
import type { DeviceLink } from "./device.js";
import { LARGEST_PACKET, NET_HEADER_BYTES, type Outgoing, outgoing } from "./net-header.js";
import { cyclesOf, move, type DmaTimes, occupancy } from "./dma-times.js";
import { BrokenRing, type Chain, type Virtqueue } from "./queue.js";
import { Supply } from "./supply.js";

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

export class Transmitter {
  readonly counters: TransmitCounters = { frames: 0, bytes: 0, packets: 0, malformed: 0, faults: 0 };
  private driver: DeviceLink | undefined;
  private supplies: readonly Supply[] = [];
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
    this.supplies = queues.map((queue) => new Supply(queue));
  }

  reset(): void {
    this.driver = undefined;
    this.supplies = [];
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
      if (this.driver === driver) this.serve(driver, next.index, next.chain);
    });
  }

  /** The next chain, the queues in turn. */
  private next(driver: DeviceLink): { index: number; chain: Chain } | undefined {
    const { supplies } = this;
    for (let tried = 0; tried < supplies.length; tried++) {
      const index = this.turn % supplies.length;
      this.turn = index + 1;
      const chain = supplies[index].peek();
      if (chain instanceof BrokenRing) {
        driver.broken(chain);
        return undefined;
      }
      if (!chain) continue;
      supplies[index].drop(1);
      return { index, chain };
    }
    return undefined;
  }

  private serve(driver: DeviceLink, index: number, chain: Chain): void {
    const { queue } = this.supplies[index];
    const { head, epoch, readable, readableLength } = chain;
    const sensible = queue.epoch === epoch && readableLength <= NET_HEADER_BYTES + LARGEST_PACKET;
    const bytes = new Uint8Array(sensible ? readableLength : 0);
    const stall = move(driver.dma, sensible ? readable : [], bytes, "fetch");
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
