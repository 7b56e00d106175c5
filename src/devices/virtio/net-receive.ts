// Virtual I/O Device (VIRTIO) Version 1.2, "Network Device", "Setting Up Receive Buffers", "Processing of Incoming Packets":
// frames wait in a FIFO for the DMA engine, which spreads each over as many buffers as it takes. A frame that finds no
// room in the FIFO, or no buffers when its turn comes, is lost.
import type { Clock } from "../../platform/ports.js";
import type { DeviceLink } from "./device.js";
import { has, incoming, NET_HEADER_BYTES, NetFeature } from "./net-header.js";
import { cyclesOf, move, type DmaTimes, occupancy } from "./dma-times.js";
import { BrokenRing, type Chain, slice, type Virtqueue } from "./queue.js";
import { Supply } from "./supply.js";

const FIFO_BYTES = 0x1_0000;
/** Most buffers that a frame is spread over. */
const BUFFERS_MAX = 64;

export interface ReceiveCounters {
  frames: number;
  bytes: number;
  /** Lost: no driver, none of its business, longer than the MTU allows, no room in the FIFO, no buffers, a DMA fault. */
  unready: number;
  filtered: number;
  tooLong: number;
  overflown: number;
  unbuffered: number;
  faults: number;
}

export class Receiver {
  readonly counters: ReceiveCounters = {
    frames: 0,
    bytes: 0,
    unready: 0,
    filtered: 0,
    tooLong: 0,
    overflown: 0,
    unbuffered: 0,
    faults: 0,
  };
  private driver: DeviceLink | undefined;
  private supplies: readonly Supply[] = [];
  private fifo: { frame: Uint8Array; queue: number }[] = [];
  private fifoBytes = 0;
  private running = false;

  constructor(
    private readonly clock: Clock,
    private readonly times: DmaTimes,
  ) {}

  start(driver: DeviceLink, queues: readonly Virtqueue[]): void {
    this.driver = driver;
    this.supplies = queues.map((queue) => new Supply(queue));
  }

  reset(): void {
    this.driver = undefined;
    this.supplies = [];
    this.fifo = [];
    this.fifoBytes = 0;
    this.running = false;
  }

  /** Takes a copy of a frame that is for a queue. */
  accept(frame: Uint8Array, queue: number): void {
    if (this.fifoBytes + frame.length > FIFO_BYTES) {
      this.counters.overflown++;
      return;
    }
    this.fifo.push({ frame: frame.slice(), queue });
    this.fifoBytes += frame.length;
    if (!this.running) this.deliver();
  }

  /** Only so many queues are used from now on: what waits for another goes to one of them. */
  limit(queues: number): void {
    for (const waiting of this.fifo) waiting.queue %= queues;
  }

  /** Writes the first frame that finds buffers. */
  private deliver(): void {
    const { driver, clock, times } = this;
    this.running = false;
    while (driver && !this.running) {
      const next = this.fifo.shift();
      if (!next) return;
      this.fifoBytes -= next.frame.length;
      const supply = this.supplies[next.queue];
      const chains = this.buffers(driver, supply, NET_HEADER_BYTES + next.frame.length);
      if (chains instanceof BrokenRing) {
        driver.broken(chains);
        return;
      }
      if (chains.length === 0) {
        this.counters.unbuffered++;
        continue;
      }
      const { used, stall } = this.write(driver, chains, next.frame);
      const give = () => {
        if (this.driver === driver && supply.queue.epoch === chains[0].epoch) driver.give(supply.queue, used);
      };
      this.running = true;
      clock.after(occupancy(clock, times, NET_HEADER_BYTES + next.frame.length) + stall, () => {
        clock.after(cyclesOf(clock, times.dmaWrite), give);
        if (this.driver === driver) this.deliver();
      });
    }
  }

  /** The chains that hold so many bytes; none if there aren't enough. */
  private buffers(driver: DeviceLink, supply: Supply, bytes: number): Chain[] | BrokenRing {
    const most = has(driver.features, NetFeature.MRG_RXBUF) ? BUFFERS_MAX : 1;
    const chains: Chain[] = [];
    for (let room = 0; room < bytes; ) {
      const chain = chains.length < most ? supply.peek(chains.length) : undefined;
      if (!chain) return [];
      if (chain instanceof BrokenRing) return chain;
      chains.push(chain);
      room += chain.writableLength;
    }
    supply.drop(chains.length);
    return chains;
  }

  /** Spreads a frame over chains. With a fault they go back empty, which a driver takes for frames too short. */
  private write(driver: DeviceLink, chains: readonly Chain[], frame: Uint8Array) {
    const bytes = incoming(frame, driver.features, chains.length);
    const used: { head: number; written: number }[] = [];
    let at = 0;
    let stall = 0;
    for (const { head, writable, writableLength } of chains) {
      const written = Math.min(writableLength, bytes.length - at);
      const cycles = move(driver.dma, slice(writable, 0, written), bytes.subarray(at), "store");
      if (cycles < 0) {
        this.counters.faults++;
        return { used: chains.map((chain) => ({ head: chain.head, written: 0 })), stall };
      }
      used.push({ head, written });
      at += written;
      stall += cycles;
    }
    this.counters.frames++;
    this.counters.bytes += frame.length;
    return { used, stall };
  }
}
