// Virtual I/O Device (VIRTIO) Version 1.2, "Console Device": one port, and emergency writes.
import type { Clock, ConsolePort } from "../../platform/ports.js";
import type { DeviceLink, VirtioDevice } from "./device.js";
import { cyclesOf, type DmaTimes, move, occupancy, PCIE_TIMES } from "./dma-times.js";
import { BrokenRing, type Chain, slice, type Virtqueue } from "./queue.js";

const DEVICE_ID = 3;
const QUEUE_SIZE = 64;
const F_EMERG_WRITE = 2;
/** struct virtio_console_config: cols, rows, max_nr_ports, emerg_wr. */
const CONFIG_BYTES = 12;
const EMERG_WR = 8;
/** Most bytes moved at a time: a buffer may name gigabytes. */
const PIECE_BYTES = 4096;

const enum Queue {
  receiveq = 0,
  transmitq = 1,
}

export interface VirtioConsolePorts {
  clock: Clock;
  console: ConsolePort;
}

export interface ConsoleCounters {
  sent: number;
  received: number;
  /** Buffers that couldn't be reached. */
  faults: number;
}

/** Chains of a queue that have been taken, and the queue's epoch in which they were. */
interface Stock {
  epoch: number;
  heads: number[];
}
const emptyStock = (): Stock => ({ epoch: -1, heads: [] });

/** The console device, without its transport. */
export class VirtioConsole implements VirtioDevice {
  readonly deviceId = DEVICE_ID;
  readonly features = 1 << F_EMERG_WRITE;
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  readonly config = new Uint8Array(CONFIG_BYTES);
  readonly counters: ConsoleCounters = { sent: 0, received: 0, faults: 0 };
  private driver: DeviceLink | undefined;
  private input = emptyStock();
  private output = emptyStock();
  private sending = false;

  constructor(
    private readonly ports: VirtioConsolePorts,
    private readonly times: DmaTimes = PCIE_TIMES,
  ) {}

  start(driver: DeviceLink): void {
    this.driver = driver;
  }

  reset(): void {
    this.driver = undefined;
    this.input = emptyStock();
    this.output = emptyStock();
    this.sending = false;
  }

  notify(index: number): void {
    if (index === Queue.receiveq) this.poll();
    else if (!this.sending) this.send();
  }

  configure(at: number, _size: number, value: number): void {
    if (at === EMERG_WR) this.ports.console.write(value & 0xff);
  }

  /** The oldest available chain, which stays in stock; undefined if there is none. */
  private first(driver: DeviceLink, queue: Virtqueue, stock: Stock): Chain | undefined {
    if (stock.epoch !== queue.epoch) {
      stock.epoch = queue.epoch;
      stock.heads = [];
    }
    const heads = stock.heads.length > 0 ? stock.heads : queue.take();
    const chain = heads instanceof BrokenRing || heads.length === 0 ? heads : queue.chain(heads[0]);
    if (chain instanceof BrokenRing) driver.broken(chain);
    if (heads instanceof BrokenRing || chain instanceof BrokenRing || Array.isArray(chain)) return undefined;
    stock.heads = heads;
    return chain;
  }

  // ---- to the console

  private send(): void {
    const { driver } = this;
    const queue = driver?.queues[Queue.transmitq];
    const chain = driver && queue && this.first(driver, queue, this.output);
    this.sending = chain !== undefined;
    if (!driver || !queue || !chain) return;
    this.output.heads.shift();
    this.ports.clock.after(cyclesOf(this.ports.clock, this.times.dmaRead), () => this.piece(driver, queue, chain, 0));
  }

  /** Moves the bytes of a chain from `at` on, a piece an event. */
  private piece(driver: DeviceLink, queue: Virtqueue, chain: Chain, at: number): void {
    if (this.driver !== driver) return;
    const { clock, console } = this.ports;
    const bytes = new Uint8Array(Math.min(PIECE_BYTES, chain.readableLength - at));
    const alive = queue.epoch === chain.epoch;
    const stall = alive ? move(driver.dma, slice(chain.readable, at, bytes.length), bytes, "fetch") : 0;
    const next = at + bytes.length;
    if (stall < 0) this.counters.faults++;
    else if (alive) {
      this.counters.sent += bytes.length;
      for (const byte of bytes) console.write(byte);
      if (next < chain.readableLength) {
        clock.after(occupancy(clock, this.times, bytes.length) + stall, () => this.piece(driver, queue, chain, next));
        return;
      }
    }
    if (alive) driver.give(queue, [{ head: chain.head, written: 0 }]);
    this.send();
  }

  // ---- from the console

  /** Call when something was typed: it goes into the buffers that the driver has made available. */
  poll(): void {
    const { driver } = this;
    const queue = driver?.queues[Queue.receiveq];
    if (!driver || !queue) return;
    for (;;) {
      const chain = this.first(driver, queue, this.input);
      const bytes = chain && this.typed(Math.min(PIECE_BYTES, chain.writableLength));
      if (!chain || !bytes || (bytes.length === 0 && chain.writableLength > 0)) return;
      this.input.heads.shift();
      const stored = move(driver.dma, slice(chain.writable, 0, bytes.length), bytes, "store") >= 0;
      if (stored) this.counters.received += bytes.length;
      else this.counters.faults++;
      const used = { head: chain.head, written: stored ? bytes.length : 0 };
      this.ports.clock.after(cyclesOf(this.ports.clock, this.times.dmaWrite), () => {
        if (this.driver === driver && queue.epoch === chain.epoch) driver.give(queue, [used]);
      });
    }
  }

  private typed(most: number): Uint8Array {
    const bytes: number[] = [];
    while (bytes.length < most) {
      const byte = this.ports.console.take();
      if (byte < 0) break;
      bytes.push(byte);
    }
    return Uint8Array.from(bytes);
  }
}
