// Intel 82574 GbE Controller Family Datasheet 3.4, "Packet Transmission": descriptors are fetched in batches, their
// buffers gathered to packets, packets cut into segments, and frames wait in the packet buffer for the wire.
import { highAfter, lowAfter } from "../../platform/ports.js";
import { FrameBuffers } from "../frame-buffers.js";
import {
  type Context,
  contextOf,
  decodeTx,
  noContext,
  TX_BYTES,
  TX_STATUS_DD,
  TxCommand,
  type TxDescriptor,
  TxOption,
} from "./descriptors.js";
import { type Engine, FETCH, IDLE, LONGEST_FRAME, Worker } from "./engine.js";
import { Cause, DelayedCause } from "./interrupts.js";
import { insertChecksum, updateSegment } from "./offloads.js";
import { Ctrl, QUEUES, Reg, Tctl } from "./registers.js";
import { Ring } from "./ring.js";
import { Count } from "./statistics.js";

/** Bytes of one DMA read, and segments that they may fill. */
const PIECE = 8192;
const SEGMENTS = 64;
const SHORTEST_FRAME = 60;
const HEADER = 14;
const CHECK_SEQUENCE = 4;
const TAG = 4;
const KIB = 1024;
const ADDRESSES = 12;

/** A packet that is being gathered; with segmentation, its headers and one segment's payload. */
interface Packet {
  bytes: Uint8Array;
  length: number;
  /** Set once the first descriptor is known. */
  begun: boolean;
  /** The context as it was then. */
  context: Context;
  segmented: boolean;
  segment: number;
  options: number;
  /** CSS of the first descriptor, if that is a legacy one. */
  checksumStart: number;
  tagged: boolean;
  vlan: number;
  bad: boolean;
}

/** A frame in the packet buffer: the first bytes of a buffer. */
interface Frame {
  buffer: Uint8Array;
  length: number;
}

class Queue {
  readonly ring: Ring;
  /** Descriptors that were fetched, from the ring's head on. */
  readonly cache: TxDescriptor[] = [];
  context: Context = noContext();
  /** Bytes of the first cached descriptor that were read. */
  read = 0;
  /** Memory refused: nothing more until software writes the tail. */
  stopped = false;
  packet: Packet = {
    bytes: new Uint8Array(LONGEST_FRAME),
    length: 0,
    begun: false,
    context: this.context,
    segmented: false,
    segment: 0,
    options: 0,
    checksumStart: 0,
    tagged: false,
    vlan: 0,
    bad: false,
  };

  constructor(
    readonly index: number,
    engine: Engine,
  ) {
    this.ring = new Ring(engine.registers, Reg.TDBAL, index);
  }

  restart(): void {
    this.cache.length = 0;
    this.read = 0;
    this.stopped = false;
    Object.assign(this.packet, { length: 0, begun: false, bad: false });
  }
}

export class Transmit {
  private readonly queues: Queue[];
  private readonly worker: Worker;
  private readonly delay: DelayedCause;
  /** The queue whose turn it is. */
  private turn = 0;
  private fifo: Frame[] = [];
  private fifoBytes = 0;
  private readonly buffers = new FrameBuffers();
  /** A frame is leaving: also over a reset, since the wire takes one at a time. */
  private sending = false;
  private draining = false;

  constructor(private readonly engine: Engine) {
    this.queues = Array.from({ length: QUEUES }, (_, index) => new Queue(index, engine));
    this.worker = new Worker(engine, () => this.step());
    const delays = {
      packet: Reg.TIDV,
      absolute: Reg.TADV,
      counts: { packet: Count.ICTXPTC, absolute: Count.ICTXATC },
    } as const;
    this.delay = new DelayedCause(engine, delays, (bits) => engine.interrupts.cause(bits));
  }

  // ---- software

  /** TDT was written: the write arrives. */
  doorbell(queue: number): void {
    this.engine.counters.doorbells++;
    this.engine.later(this.engine.cycles(this.engine.config.times.doorbellArrival), () => {
      this.queues[queue].stopped = false;
      this.pump();
    });
  }
  /** Base, length or head were written: what was fetched is void. */
  moved(queue: number): void {
    this.queues[queue].restart();
  }
  /** Something changed that may let work go on. */
  pump(): void {
    this.drain();
    this.worker.pump();
  }
  /** TIDV's "flush partial descriptor block". */
  flush(): void {
    this.delay.flush();
  }

  reset(): void {
    for (const queue of this.queues) {
      queue.restart();
      queue.context = noContext();
    }
    this.worker.reset();
    this.delay.reset();
    this.fifo = [];
    this.fifoBytes = 0;
    this.turn = 0;
  }

  // ---- descriptors

  /** PBA: what the receiver doesn't have of 40 KiB. */
  private get capacity(): number {
    const { registers } = this.engine;
    const share = registers.get(Reg.PBS) - (registers.get(Reg.PBA) & 0xffff);
    return Math.max(share * KIB, 2 * LONGEST_FRAME);
  }

  private step(): number {
    const { engine } = this;
    const enabled = (engine.registers.get(Reg.TCTL) & Tctl.EN) !== 0;
    if (!enabled || !engine.mastering || !engine.linkUp() || this.fifoBytes >= this.capacity) return IDLE;
    for (let i = 0; i < QUEUES; i++) {
      const queue = this.queues[(this.turn + i) % QUEUES];
      if (queue.stopped || (queue.cache.length === 0 && queue.ring.waiting(queue.ring.head) === 0)) continue;
      this.turn = queue.index;
      return queue.cache.length === 0 ? this.fetch(queue) : this.process(queue, queue.cache[0]);
    }
    return IDLE;
  }

  private fetch(queue: Queue): number {
    const { engine } = this;
    const { ring } = queue;
    const count = Math.min(ring.waiting(ring.head), ring.entries - ring.head, FETCH);
    const { lo, hi } = ring.address(ring.head);
    const result = engine.dma.read(lo, hi, count * TX_BYTES, 0);
    engine.counters.fetches++;
    if (!result.ok) {
      engine.counters.faults++;
      queue.stopped = true;
      return 0;
    }
    for (let i = 0; i < count; i++) queue.cache.push(decodeTx(engine.dma.view, i * TX_BYTES));
    engine.counters.descriptors += count;
    return engine.readCycles(count * TX_BYTES) + result.cycles;
  }

  private process(queue: Queue, descriptor: TxDescriptor): number {
    if (descriptor.kind === "context") {
      queue.context = contextOf(descriptor);
      this.finish(queue, descriptor);
      return 0;
    }
    if (!queue.packet.begun) this.begin(queue, descriptor);
    const cycles = this.gather(queue, descriptor);
    if (queue.read < descriptor.length) return cycles;
    if (descriptor.command & TxCommand.EOP) this.complete(queue, descriptor);
    this.finish(queue, descriptor);
    return cycles;
  }

  /** Options, segmentation and where a checksum begins are those of the packet's first descriptor; with segmentation its tag, too. */
  private begin(queue: Queue, { kind, command, options, checksumStart, vlan }: TxDescriptor): void {
    const { context, packet } = queue;
    const segmented = kind === "data" && (command & TxCommand.TSE) !== 0;
    const { headerLength, mss } = context;
    packet.bad = segmented && (mss === 0 || headerLength === 0 || headerLength + mss > LONGEST_FRAME);
    if (segmented) this.engine.statistics.count(packet.bad ? Count.TSCTFC : Count.TSCTC);
    packet.begun = true;
    packet.context = context;
    packet.length = 0;
    packet.segment = 0;
    packet.segmented = segmented;
    packet.options = kind === "data" ? options : 0;
    packet.checksumStart = checksumStart;
    packet.tagged = (command & TxCommand.VLE) !== 0;
    packet.vlan = vlan;
  }

  /** Reads a piece of the descriptor's buffer. What belongs to no frame isn't read. */
  private gather(queue: Queue, { lo, hi, length }: TxDescriptor): number {
    const { engine } = this;
    const { packet } = queue;
    if (packet.bad || length === 0) {
      queue.read = length;
      return 0;
    }
    const most = packet.segmented ? SEGMENTS * packet.context.mss : PIECE;
    const bytes = Math.min(length - queue.read, PIECE, most);
    const offset = queue.read;
    const result = engine.dma.read(lowAfter(lo, offset), highAfter(lo, hi, offset), bytes, 0);
    queue.read += bytes;
    if (!result.ok) {
      engine.counters.faults++;
      packet.bad = true;
    } else this.append(queue, engine.dma.staging.subarray(0, bytes));
    const first = offset === 0 ? engine.readCycles(bytes) : engine.transferCycles(bytes);
    return first + result.cycles;
  }

  private append(queue: Queue, bytes: Uint8Array): void {
    const { packet } = queue;
    const { context } = packet;
    const limit = packet.segmented ? context.headerLength + context.mss : LONGEST_FRAME;
    for (let at = 0; at < bytes.length; ) {
      if (packet.length === limit) {
        if (!packet.segmented) {
          packet.bad = true;
          return;
        }
        this.emit(queue, false);
        packet.length = context.headerLength;
        packet.segment++;
      }
      const count = Math.min(limit - packet.length, bytes.length - at);
      packet.bytes.set(bytes.subarray(at, at + count), packet.length);
      packet.length += count;
      at += count;
    }
  }

  /** The last buffer of a packet has been read: its descriptor says where a checksum goes, and without segmentation the tag. */
  private complete(queue: Queue, { kind, command, checksumOffset, vlan }: TxDescriptor): void {
    const { packet } = queue;
    if (packet.bad) this.engine.counters.droppedFrames++;
    else {
      if (!packet.segmented) {
        packet.tagged = (command & TxCommand.VLE) !== 0;
        packet.vlan = vlan;
      }
      const frame = packet.bytes.subarray(0, packet.length);
      if (kind === "legacy" && command & TxCommand.IC) insertChecksum(frame, packet.checksumStart, checksumOffset, 0);
      if (!packet.segmented && (command & TxCommand.IFCS) === 0)
        packet.length = Math.max(0, packet.length - CHECK_SEQUENCE);
      this.emit(queue, true);
    }
    packet.begun = false;
    packet.length = 0;
    this.turn = (queue.index + 1) % QUEUES;
  }

  /** A descriptor is done: the head moves on, and its status goes back if that was asked for. */
  private finish(queue: Queue, { command, last }: TxDescriptor): void {
    const { engine } = this;
    const { ring } = queue;
    const done = ring.head;
    queue.cache.shift();
    queue.read = 0;
    ring.head = ring.after(done, 1);
    const empty = ring.head === ring.tail;
    const { lo, hi } = ring.address(done, 12);
    if (empty) engine.statistics.count(Count.ICTXQEC);
    if ((command & TxCommand.RS) === 0) {
      if (empty) engine.interrupts.cause(Cause.TXQE);
      return;
    }
    engine.later(engine.cycles(engine.config.times.dmaWrite), () => {
      engine.dma.view.setUint32(0, last | TX_STATUS_DD, true);
      const result = engine.dma.write(lo, hi, 4, 0);
      if (!result.ok) engine.counters.faults++;
      engine.later(result.cycles, () => this.announce(queue, command, empty));
    });
  }

  private announce(queue: Queue, command: number, empty: boolean): void {
    const { interrupts } = this.engine;
    const written = queue.index === 0 ? Cause.TXQ0 : Cause.TXQ1;
    const bits = (interrupts.byMessage ? written : Cause.TXDW) | (empty ? Cause.TXQE : 0);
    if (command & TxCommand.IDE) this.delay.event(bits);
    else this.delay.immediate(bits);
  }

  // ---- frames

  /** Makes a frame of what was gathered, with its checksums and its tag, and puts it into the packet buffer. */
  private emit(queue: Queue, last: boolean): void {
    const { engine } = this;
    const { registers } = engine;
    const { packet } = queue;
    const { context } = packet;
    const tag = packet.tagged && (registers.get(Reg.CTRL) & Ctrl.VME) !== 0 ? TAG : 0;
    const pad = registers.get(Reg.TCTL) & Tctl.PSP ? SHORTEST_FRAME : 0;
    if (packet.length < HEADER || packet.length + tag > LONGEST_FRAME) {
      engine.counters.droppedFrames++;
      return;
    }
    const end = packet.length + tag;
    const length = Math.max(end, pad);
    const frame = this.buffers.take(length);
    const body = frame.subarray(tag, end);
    body.set(packet.bytes.subarray(0, packet.length));
    frame.fill(0, end, length);
    if (packet.segmented) updateSegment(body, context, packet.segment, last);
    if (packet.options & TxOption.IXSM) insertChecksum(body, context.ipcss, context.ipcso, context.ipcse);
    if (packet.options & TxOption.TXSM) insertChecksum(body, context.tucss, context.tucso, context.tucse);
    if (tag) {
      frame.copyWithin(0, tag, tag + ADDRESSES);
      const type = registers.get(Reg.VET);
      frame.set([type >>> 8, type & 0xff, packet.vlan >>> 8, packet.vlan & 0xff], ADDRESSES);
    }
    this.fifo.push({ buffer: frame, length });
    this.fifoBytes += length;
    this.drain();
  }

  /** Hands frames to the wire, one at a time. */
  private drain(): void {
    if (this.draining) return;
    this.draining = true;
    while (!this.sending && this.fifo.length > 0 && this.engine.linkUp()) this.send(this.fifo.shift()!);
    this.draining = false;
  }

  private send({ buffer, length }: Frame): void {
    const { engine } = this;
    const frame = buffer.subarray(0, length);
    this.fifoBytes -= length;
    this.sending = true;
    engine.counters.sentFrames++;
    engine.statistics.frame(frame, false);
    engine.statistics.total(length, false);
    engine.ports.link.send(frame, this.sent);
    this.buffers.release(buffer);
  }

  private readonly sent = (): void => {
    this.sending = false;
    this.pump();
  };
}
