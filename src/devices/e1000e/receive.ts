// Intel 82574 GbE Controller Family Datasheet 3.4, "Packet Reception": frames that pass the filters wait in the packet
// buffer, find descriptors, go to memory, and then the descriptors go back to the host.
import { highAfter, lowAfter } from "../../platform/ports.js";
import { FrameBuffers } from "../frame-buffers.js";
import { checkHeader, checkTransport, internetSum, type Packet, packetOf, PROTOCOL_UDP } from "../offload.js";
import {
  decodeRx,
  encodeRx,
  RxStatus,
  type RxDescriptor,
  type RxFormat,
  type RxReport,
  rxBytes,
} from "./descriptors.js";
import { DESCRIPTOR_UNIT, type Engine, FETCH, IDLE, LONGEST_FRAME, Worker } from "./engine.js";
import { accepts, isTagged, type Rss, scale } from "./filter.js";
import { Cause, DelayedCause } from "./interrupts.js";
import { frameCheck, headersEnd } from "./offloads.js";
import { Ctrl, QUEUES, Rctl, Reg, Rfctl, Rxcsum } from "./registers.js";
import { Ring } from "./ring.js";
import { Count } from "./statistics.js";

const HEADER = 14;
const SHORTEST_FRAME = 60;
const CHECK_SEQUENCE = 4;
const TAG = 4;
const ADDRESSES = 12;
/** Without RCTL.LPE: 1518 with check sequence, 1522 with a tag. */
const USUAL_FRAME = 1514;
const KIB = 1024;
const SMALLEST_BUFFER = 16 * KIB;

/** A frame in the packet buffer. */
interface Waiting {
  buffer: Uint8Array;
  /** In `buffer`, as `data`. */
  frame: Uint8Array;
  /** What goes to the host: without the tag, with the check sequence, as software wants it. */
  data: Uint8Array;
  vlan: number | undefined;
  packet: Packet | undefined;
  rss: Rss | undefined;
}

class Queue {
  readonly ring: Ring;
  /** Descriptors that were fetched, from unit `next` on. */
  readonly cache: RxDescriptor[] = [];
  next = 0;
  stopped = false;

  constructor(
    readonly index: number,
    engine: Engine,
  ) {
    this.ring = new Ring(engine.registers, Reg.RDBAL, index);
  }

  restart(): void {
    this.cache.length = 0;
    this.next = this.ring.head;
    this.stopped = false;
  }
}

export class Receive {
  private readonly queues: Queue[];
  private readonly worker: Worker;
  private readonly delay: DelayedCause;
  private fifo: Waiting[] = [];
  private fifoBytes = 0;
  private readonly spare = new FrameBuffers();

  constructor(private readonly engine: Engine) {
    this.queues = Array.from({ length: QUEUES }, (_, index) => new Queue(index, engine));
    this.worker = new Worker(engine, () => this.step());
    const delays = {
      packet: Reg.RDTR,
      absolute: Reg.RADV,
      counts: { packet: Count.ICRXPTC, absolute: Count.ICRXATC },
    } as const;
    this.delay = new DelayedCause(engine, delays, (bits) => engine.interrupts.cause(bits));
  }

  // ---- software

  doorbell(queue: number): void {
    this.engine.counters.doorbells++;
    this.engine.later(this.engine.cycles(this.engine.config.times.doorbellArrival), () => {
      this.queues[queue].stopped = false;
      this.worker.pump();
    });
  }
  /** Base, length or head were written, or how descriptors are to be read: what was fetched is void. */
  moved(queue: number): void {
    this.queues[queue].restart();
  }
  /** RCTL or RFCTL were written. */
  configured(): void {
    if (!this.enabled) {
      this.fifo = [];
      this.fifoBytes = 0;
    }
    for (const queue of this.queues) queue.cache.length = 0;
    this.worker.pump();
  }
  pump(): void {
    this.worker.pump();
  }
  /** RDTR's "flush partial descriptor block". */
  flush(): void {
    this.delay.flush();
  }

  reset(): void {
    this.worker.reset();
    this.delay.reset();
    this.fifo = [];
    this.fifoBytes = 0;
    for (const queue of this.queues) queue.restart();
  }

  // ---- what software has set up

  private get enabled(): boolean {
    return (this.engine.registers.get(Reg.RCTL) & Rctl.EN) !== 0;
  }
  private get format(): RxFormat {
    const { registers } = this.engine;
    if (!(registers.get(Reg.RFCTL) & Rfctl.EXSTEN)) return "legacy";
    return registers.get(Reg.RCTL) & Rctl.DTYP_SPLIT ? "split" : "extended";
  }

  /** "Receive Data Storage": bytes of each buffer of a descriptor. */
  private buffers(format: RxFormat): number[] {
    const { registers } = this.engine;
    const rctl = registers.get(Reg.RCTL);
    if (format === "split") {
      const psrctl = registers.get(Reg.PSRCTL);
      const kib = (shift: number) => ((psrctl >>> shift) & 0x3f) * KIB;
      return [(psrctl & 0x7f) * 128, kib(8), kib(16), kib(24)];
    }
    const flexible = (rctl >>> 27) & 15;
    if (flexible) return [flexible * KIB];
    const size = (rctl >>> 16) & 3;
    return [rctl & Rctl.BSEX && size ? (32 * KIB) >> size : (2 * KIB) >> size];
  }

  // ---- from the wire

  receive(frame: Uint8Array): void {
    const { engine } = this;
    const { registers, statistics } = engine;
    if (!this.enabled || !engine.linkUp() || frame.length < HEADER) return;
    statistics.total(frame.length, true);
    const tagged = isTagged(registers, frame);
    const longest = registers.get(Reg.RCTL) & Rctl.LPE ? LONGEST_FRAME : USUAL_FRAME + (tagged ? TAG : 0);
    if (frame.length > longest) {
      statistics.count(Count.ROC);
      return;
    }
    if (!accepts(registers, frame)) return;
    const capacity = Math.max((registers.get(Reg.PBA) & 0xffff) * KIB, SMALLEST_BUFFER);
    if (this.fifoBytes + frame.length > capacity) {
      statistics.count(Count.MPC);
      statistics.count(Count.ICRXOC);
      engine.interrupts.cause(Cause.RXO);
      return;
    }
    statistics.frame(frame, true);
    const waiting = this.prepare(frame, tagged);
    const queue = this.queues[waiting.rss?.queue ?? 0];
    if (queue.cache.length === 0 && queue.ring.waiting(queue.next) === 0) statistics.count(Count.RNBC);
    this.fifo.push(waiting);
    this.fifoBytes += frame.length;
    this.worker.pump();
  }

  private prepare(received: Uint8Array, tagged: boolean): Waiting {
    const { registers } = this.engine;
    const strip = tagged && (registers.get(Reg.CTRL) & Ctrl.VME) !== 0;
    const check = registers.get(Reg.RCTL) & Rctl.SECRC ? 0 : CHECK_SEQUENCE;
    const length = Math.max(received.length, SHORTEST_FRAME);
    const buffer = this.spare.take(strip ? 2 * length : length + check);
    buffer.set(received);
    buffer.fill(0, received.length, length);
    const frame = buffer.subarray(0, length);
    const packet = packetOf(frame);
    // without its tag it needs room of its own; else the check sequence goes behind it
    const from = strip ? length : 0;
    const end = from + length - (strip ? TAG : 0);
    if (strip) {
      buffer.copyWithin(from, 0, ADDRESSES);
      buffer.copyWithin(from + ADDRESSES, ADDRESSES + TAG, length);
    }
    const data = buffer.subarray(from, end + check);
    if (check) {
      const value = frameCheck(frame);
      for (let i = 0; i < check; i++) data[end - from + i] = value >>> (8 * i);
    }
    const vlan = strip ? (frame[14] << 8) | frame[15] : undefined;
    return { buffer, frame, data, vlan, packet, rss: scale(registers, frame, packet) };
  }

  // ---- to memory

  private step(): number {
    const waiting = this.fifo.at(0);
    if (!waiting || !this.enabled || !this.engine.mastering) return IDLE;
    const queue = this.queues[waiting.rss?.queue ?? 0];
    const { format } = this;
    const shape = layout(waiting, this.buffers(format), format);
    if (!shape) {
      this.take();
      this.spare.release(waiting.buffer);
      this.engine.counters.droppedFrames++;
      return 0;
    }
    if (queue.stopped) return IDLE;
    if (queue.cache.length < shape.lengths.length) return this.fetch(queue, format);
    this.take();
    const cycles = this.deliver(queue, waiting, shape, format);
    this.spare.release(waiting.buffer);
    return cycles;
  }

  private take(): void {
    this.fifoBytes -= this.fifo.shift()!.frame.length;
  }

  private fetch(queue: Queue, format: RxFormat): number {
    const { engine } = this;
    const { ring, cache } = queue;
    const bytes = rxBytes(format);
    const units = bytes / DESCRIPTOR_UNIT;
    const from = ring.after(queue.next, cache.length * units);
    const left = ring.waiting(queue.next) - cache.length * units;
    const count = Math.min(Math.floor(left / units), Math.floor((ring.entries - from) / units), FETCH);
    if (count <= 0) return IDLE;
    const { lo, hi } = ring.address(from);
    const result = engine.dma.read(lo, hi, count * bytes, 0);
    engine.counters.fetches++;
    if (!result.ok) {
      engine.counters.faults++;
      queue.stopped = true;
      return 0;
    }
    for (let i = 0; i < count; i++) cache.push(decodeRx(engine.dma.view, i * bytes, format));
    engine.counters.descriptors += count;
    return engine.readCycles(count * bytes) + result.cycles;
  }

  /** Writes the packet; what is posted takes the link's time, and is seen `dmaWrite` later, in order. */
  private deliver(queue: Queue, waiting: Waiting, { lengths, header }: Shape, format: RxFormat): number {
    const { engine } = this;
    const { ring } = queue;
    const { data } = waiting;
    const units = rxBytes(format) / DESCRIPTOR_UNIT;
    const descriptors = queue.cache.splice(0, lengths.length);
    let at = 0;
    let cycles = engine.transferCycles(data.length + descriptors.length * rxBytes(format));
    let status = this.status(waiting);
    descriptors.forEach(({ buffers }, i) => {
      lengths[i].forEach((length, buffer) => {
        if (length === 0) return;
        engine.dma.staging.set(data.subarray(at, at + length), 0);
        const result = engine.dma.write(buffers[buffer].lo, buffers[buffer].hi, length, 0);
        if (!result.ok) {
          engine.counters.faults++;
          status |= RxStatus.ERROR_RXE;
        }
        cycles += result.cycles;
        at += length;
      });
    });
    const before = ring.waiting(queue.next);
    const places = descriptors.map((_, i) => ring.address(ring.after(queue.next, i * units)));
    queue.next = ring.after(queue.next, descriptors.length * units);
    const low = ring.entries >>> (1 + ((engine.registers.get(Reg.RCTL) >>> 8) & 3));
    const few = before > low && before - descriptors.length * units <= low;
    const head = queue.next;
    engine.counters.receivedFrames++;
    const reports = lengths.map((each, i) =>
      this.report(waiting, each, i === lengths.length - 1 ? status : RxStatus.DD, header),
    );
    if (format === "legacy") firstHasChecksum(reports);
    engine.later(cycles + engine.cycles(engine.config.times.dmaWrite), () => {
      const translation = places.reduce((sum, place, i) => sum + this.writeBack(place, format, reports[i]), 0);
      ring.head = head;
      engine.later(translation, () => this.announce(queue, few));
    });
    return cycles;
  }

  private writeBack({ lo, hi }: { lo: number; hi: number }, format: RxFormat, report: RxReport): number {
    const { dma, counters } = this.engine;
    const from = format === "legacy" ? 8 : 0;
    encodeRx(dma.view, 0, format, report);
    const result = dma.write(lowAfter(lo, from), highAfter(lo, hi, from), rxBytes(format) - from, from);
    if (!result.ok) counters.faults++;
    return result.cycles;
  }

  private announce(queue: Queue, few: boolean): void {
    const { interrupts, statistics } = this.engine;
    const received = queue.index === 0 ? Cause.RXQ0 : Cause.RXQ1;
    this.delay.event(interrupts.byMessage ? received : Cause.RXT0);
    if (!few) return;
    statistics.count(Count.ICRXDMTC);
    interrupts.cause(interrupts.byMessage ? received : Cause.RXDMT0);
  }

  // ---- what is said of a packet

  /** "Receive Checksum Offloading" and the other bits of the last descriptor. */
  private status({ frame, packet, vlan }: Waiting): number {
    const status = RxStatus.DD | RxStatus.EOP | (vlan === undefined ? 0 : RxStatus.VP);
    const checks = packet ? this.checks(frame, packet) : 0;
    return status | (checks === 0 ? RxStatus.IXSM : checks);
  }

  private checks(frame: Uint8Array, packet: Packet): number {
    const { registers } = this.engine;
    const rxcsum = registers.get(Reg.RXCSUM);
    const hidden = packet.version === 6 && registers.get(Reg.RFCTL) & (Rfctl.IPV6_DIS | Rfctl.IPV6XSUM_DIS);
    const header = rxcsum & Rxcsum.IPOFLD ? checkHeader(frame, packet) : "none";
    const transport = rxcsum & Rxcsum.TUOFLD && !hidden ? checkTransport(frame, packet) : "none";
    const udp = packet.protocol === PROTOCOL_UDP ? RxStatus.UDPCS : 0;
    const ofHeader = { none: 0, good: RxStatus.IPCS, bad: RxStatus.IPCS | RxStatus.ERROR_IPE };
    const done = RxStatus.TCPCS | udp;
    return ofHeader[header] | { none: 0, good: done, bad: done | RxStatus.ERROR_TCPE }[transport];
  }

  private report(
    { frame, data, packet, rss, vlan }: Waiting,
    lengths: number[],
    status: number,
    header: number,
  ): RxReport {
    const rxcsum = this.engine.registers.get(Reg.RXCSUM);
    const last = (status & RxStatus.EOP) !== 0;
    const hashed = (rxcsum & Rxcsum.PCSD) !== 0;
    const ip = last && !hashed && packet?.version === 4 ? packet.network : 0;
    const summed = last && !hashed ? internetSum(data, Math.min(rxcsum & Rxcsum.PCSS, data.length)) : 0;
    return {
      status: ip ? status | RxStatus.IPIDV : status,
      vlan: last ? (vlan ?? 0) : 0,
      checksum: summed,
      identification: ip ? (frame[ip + 4] << 8) | frame[ip + 5] : 0,
      hash: hashed ? (rss?.hash ?? 0) : undefined,
      queues: last && hashed && rss ? rss.type | (rss.queue << 8) : 0,
      lengths,
      headerLength: header,
    };
  }
}

/** "Packet Checksum" of legacy descriptors: the first of a packet has it. */
function firstHasChecksum(reports: readonly RxReport[]): void {
  const { checksum } = reports[reports.length - 1];
  for (const report of reports) report.checksum = 0;
  reports[0].checksum = checksum;
}

/** How a packet lies in descriptors: bytes in each buffer of each, and of the header that is split off. */
interface Shape {
  lengths: number[][];
  header: number;
}

/** "Packet Split Receive": a recognized header goes to the first buffer; else buffers are filled in turn. */
function layout({ frame, data, packet, vlan }: Waiting, sizes: readonly number[], format: RxFormat): Shape | undefined {
  const recognized = format === "split" ? headersEnd(frame, packet) - (vlan === undefined ? 0 : TAG) : 0;
  const header = recognized > 0 && recognized <= sizes[0] ? recognized : 0;
  const lengths: number[][] = [];
  for (let left = data.length; left > 0; ) {
    const first = lengths.length === 0;
    let room = left;
    const pieces = sizes.map((size, buffer) => {
      const limit = header > 0 && buffer === 0 ? (first ? header : 0) : size;
      const length = Math.min(limit, room);
      room -= length;
      return length;
    });
    if (room === left) return undefined;
    left = room;
    lengths.push(pieces);
  }
  return { lengths, header };
}
