// Virtual I/O Device (VIRTIO) Version 1.2, "Console Device": one port, and emergency writes.
import type { Clock, ConsolePort } from "../../platform/ports.js";
import type { DeviceLink, VirtioDevice } from "./device.js";
import { cyclesOf, type DmaTimes, move, occupancy, PCIE_TIMES } from "./dma-times.js";
import { BrokenRing, type Chain, slice, type Virtqueue } from "./queue.js";
import { Supply } from "./supply.js";

const DEVICE_ID = 3;
const QUEUE_SIZE = 64;
const F_EMERG_WRITE = 2;
/** struct virtio_console_config: cols, rows, max_nr_ports, emerg_wr. */
const CONFIG_BYTES = 12;
const EMERG_WR = 8;
/** Most bytes moved at a time: a buffer may name gigabytes. Each further piece takes a cycle a byte at least, so that time goes on. */
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

/** The console device, without its transport. */
export class VirtioConsole implements VirtioDevice {
  readonly deviceId = DEVICE_ID;
  readonly features = 1 << F_EMERG_WRITE;
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  readonly config = new Uint8Array(CONFIG_BYTES);
  readonly counters: ConsoleCounters = { sent: 0, received: 0, faults: 0 };
  private driver: DeviceLink | undefined;
  private input: Supply | undefined;
  private output: Supply | undefined;
  private sending = false;

  constructor(
    private readonly ports: VirtioConsolePorts,
    private readonly times: DmaTimes = PCIE_TIMES,
  ) {}

  start(driver: DeviceLink): void {
    this.driver = driver;
    this.input = new Supply(driver.queues[Queue.receiveq]);
    this.output = new Supply(driver.queues[Queue.transmitq]);
  }

  reset(): void {
    this.driver = undefined;
    this.input = undefined;
    this.output = undefined;
    this.sending = false;
  }

  notify(index: number): void {
    if (index === Queue.receiveq) this.poll();
    else if (!this.sending) this.send();
  }

  configure(at: number, _size: number, value: number): void {
    if (at === EMERG_WR) this.ports.console.write(value & 0xff);
  }

  /** The oldest available chain, which stays; undefined if there is none. */
  private first(driver: DeviceLink, supply: Supply): Chain | undefined {
    const chain = supply.peek();
    if (!(chain instanceof BrokenRing)) return chain;
    driver.broken(chain);
    return undefined;
  }

  // ---- to the console

  private send(): void {
    const { driver, output } = this;
    const chain = driver && output && this.first(driver, output);
    this.sending = chain !== undefined;
    if (!driver || !output || !chain) return;
    output.drop(1);
    const { clock } = this.ports;
    clock.after(cyclesOf(clock, this.times.dmaRead), () => this.piece(driver, output.queue, chain, 0));
  }

  /** Moves the bytes of a chain from `at` on, a piece an event. */
  private piece(driver: DeviceLink, queue: Virtqueue, chain: Chain, at: number): void {
    if (this.driver !== driver) return;
    const { clock, console } = this.ports;
    const left = chain.readableLength - at;
    const room = console.room?.() ?? PIECE_BYTES;
    if (room === 0 && left > 0 && console.whenRoom) {
      console.whenRoom(() => this.piece(driver, queue, chain, at));
      return;
    }
    const bytes = new Uint8Array(Math.min(PIECE_BYTES, room, left));
    const stall =
      queue.epoch === chain.epoch ? move(driver.dma, slice(chain.readable, at, bytes.length), bytes, "fetch") : -1;
    if (stall < 0) this.counters.faults++;
    else {
      this.counters.sent += bytes.length;
      for (const byte of bytes) console.write(byte);
    }
    const next = at + bytes.length;
    if (stall >= 0 && next < chain.readableLength) {
      const busy = occupancy(clock, this.times, bytes.length) + stall;
      clock.after(Math.max(busy, bytes.length), () => this.piece(driver, queue, chain, next));
      return;
    }
    if (queue.epoch === chain.epoch) driver.give(queue, [{ head: chain.head, written: 0 }]);
    this.send();
  }

  // ---- from the console

  /** Call when something was typed: it goes into the buffers that the driver has made available. */
  poll(): void {
    const { driver, input } = this;
    if (!driver || !input) return;
    const { clock } = this.ports;
    for (let chain = this.first(driver, input); chain; chain = this.first(driver, input)) {
      const bytes = this.typed(Math.min(PIECE_BYTES, chain.writableLength));
      if (bytes.length === 0 && chain.writableLength > 0) return;
      input.drop(1);
      const stored = move(driver.dma, slice(chain.writable, 0, bytes.length), bytes, "store") >= 0;
      if (stored) this.counters.received += bytes.length;
      else this.counters.faults++;
      const { head, epoch } = chain;
      clock.after(cyclesOf(clock, this.times.dmaWrite), () => {
        const current = this.driver === driver && input.queue.epoch === epoch;
        if (current) driver.give(input.queue, [{ head, written: stored ? bytes.length : 0 }]);
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
