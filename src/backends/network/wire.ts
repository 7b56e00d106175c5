// A full-duplex Ethernet link in machine time.
//
// IEEE 802.3, "Media Access Control frame and packet specifications": preamble and start delimiter 8 bytes, frame of at least
// 60 bytes and its check sequence of 4, then a gap of 12 byte times. A frame of n bytes occupies its direction for
// (8 + max(n, 60) + 4 + 12) · 8 / bandwidth, and arrives `latency` after its last bit has left.
import type { Clock, EventHandle, Link, LinkReceiver } from "../../platform/ports.js";
import { Random } from "./random.js";

const PREAMBLE = 8;
const CHECK_SEQUENCE = 4;
const GAP = 12;
const HEADER = 14;
export const SHORTEST_FRAME = 60;
/** A jumbo frame: 9000 bytes behind its header, and a tag. */
export const LONGEST_FRAME = 9018;
/** Buffers for frames of the usual length; longer ones take LONGEST_FRAME. */
const USUAL_BUFFER = 1536;
/** Frames of LONGEST_FRAME that may wait when a sender doesn't wait for `sent` (as after its reset). */
const MOST_WAITING = 4;

export interface WireParameters {
  /** bit/s of each direction. */
  readonly bandwidth: number;
  /** ns from end to end. */
  readonly latency: number;
  /** Probability (0…1) that a frame from `a` to `b`, and from `b` to `a`, is lost. */
  readonly loss: readonly [aToB: number, bToA: number];
  /** Of the losses. */
  readonly seed: number;
}

export const GIGABIT: WireParameters = { bandwidth: 1e9, latency: 5_000, loss: [0, 0], seed: 1 };

/** Of one direction. Bytes are those of frames, padding included, without preamble, check sequence and gap. */
export interface WireCounters {
  sentFrames: number;
  sentBytes: number;
  /** Frames that have arrived at the other end. */
  arrivedFrames: number;
  arrivedBytes: number;
  /** Frames lost by chance, and because the link was or went down. */
  lostFrames: number;
  downFrames: number;
  /** Frames that are none: too short, too long, or sent while too many others wait. */
  refusedFrames: number;
}

/** Sees the frames that pass one end: those that it sends as their last bit leaves, those that it receives as they arrive. */
export type FrameObserver = (frame: Uint8Array, outgoing: boolean, cycle: number) => void;

const nobody: LinkReceiver = { receive: () => {}, linkChanged: () => {} };

/** A frame on its way. */
interface Passage {
  buffer: Uint8Array;
  length: number;
  sent: () => void;
  arrival: EventHandle | undefined;
}

/** One end of a wire, and the direction that leaves from it. */
export class WireEnd implements Link {
  readonly speed: number;
  readonly counters: WireCounters = {
    sentFrames: 0,
    sentBytes: 0,
    arrivedFrames: 0,
    arrivedBytes: 0,
    lostFrames: 0,
    downFrames: 0,
    refusedFrames: 0,
  };
  /** The other end. */
  far!: WireEnd;
  receiver: LinkReceiver = nobody;
  readonly observers: FrameObserver[] = [];
  private readonly random: Random;
  private readonly cyclesPerByte: number;
  private readonly latency: number;
  /** Cycle (with its fraction) from which on the direction is free. */
  private free = 0;
  /** Frames whose last bit hasn't left, and those that have left and not arrived, in order. */
  private readonly leaving: Passage[] = [];
  private readonly flying: Passage[] = [];

  constructor(
    private readonly wire: Wire,
    private readonly clock: Clock,
    parameters: WireParameters,
    private readonly loss: number,
    seed: number,
  ) {
    this.speed = parameters.bandwidth;
    this.cyclesPerByte = (8 * clock.frequency) / parameters.bandwidth;
    this.latency = (parameters.latency * clock.frequency) / 1e9;
    this.random = new Random(seed);
  }

  get up(): boolean {
    return this.wire.up;
  }

  attach(receiver: LinkReceiver): void {
    this.receiver = receiver;
  }

  /** The frame is copied. */
  send(frame: Uint8Array, sent: () => void): void {
    const { counters, clock, cyclesPerByte } = this;
    const now = clock.now();
    const legal = frame.length >= HEADER && frame.length <= LONGEST_FRAME;
    const waiting = this.free - now > MOST_WAITING * LONGEST_FRAME * cyclesPerByte;
    if (!this.up || !legal || waiting) {
      if (!legal || waiting) counters.refusedFrames++;
      else counters.downFrames++;
      clock.after(waiting ? this.free - now : 0, sent);
      return;
    }
    const length = Math.max(frame.length, SHORTEST_FRAME);
    const buffer = this.wire.buffer(length);
    buffer.set(frame);
    buffer.fill(0, frame.length, length);
    // events are at whole cycles: the fraction is carried on, so that a stream has the bandwidth to the last bit
    const start = now - this.free < 1 ? this.free : now;
    const left = start + (PREAMBLE + length + CHECK_SEQUENCE) * cyclesPerByte;
    this.free = left + GAP * cyclesPerByte;
    this.leaving.push({ buffer, length, sent, arrival: undefined });
    clock.after(Math.max(0, left - now), this.leave);
  }

  private readonly leave = (): void => {
    const { counters } = this;
    const passage = this.leaving.shift()!;
    const { buffer, length, sent } = passage;
    if (length === 0) {
      sent();
      return;
    }
    counters.sentFrames++;
    counters.sentBytes += length;
    if (this.observers.length > 0) this.observe(buffer.subarray(0, length), true);
    if (this.loss > 0 && this.random.chance(this.loss)) {
      counters.lostFrames++;
      this.wire.release(buffer);
    } else {
      this.flying.push(passage);
      passage.arrival = this.clock.after(this.latency, this.arrive);
    }
    sent();
  };

  private readonly arrive = (): void => {
    const { counters, far } = this;
    const { buffer, length } = this.flying.shift()!;
    counters.arrivedFrames++;
    counters.arrivedBytes += length;
    const frame = buffer.subarray(0, length);
    if (far.observers.length > 0) far.observe(frame, false);
    far.receiver.receive(frame);
    this.wire.release(buffer);
  };

  /** The link has gone down: what is on it is lost. A frame that is leaving still ends with its `sent`. */
  cut(): void {
    for (const passage of this.flying) {
      passage.arrival!.cancel();
      this.wire.release(passage.buffer);
    }
    this.counters.downFrames += this.flying.length;
    this.flying.length = 0;
    for (const passage of this.leaving) {
      if (passage.length === 0) continue;
      this.counters.downFrames++;
      this.wire.release(passage.buffer);
      passage.length = 0;
    }
  }

  private observe(frame: Uint8Array, outgoing: boolean): void {
    const cycle = this.clock.now();
    for (const observer of this.observers) observer(frame, outgoing, cycle);
  }
}

export class Wire {
  readonly parameters: WireParameters;
  readonly a: WireEnd;
  readonly b: WireEnd;
  private isUp = true;
  private readonly usual: Uint8Array[] = [];
  private readonly long: Uint8Array[] = [];

  constructor(clock: Clock, parameters: Partial<WireParameters> = {}) {
    const all = { ...GIGABIT, ...parameters };
    this.parameters = all;
    this.a = new WireEnd(this, clock, all, all.loss[0], all.seed);
    this.b = new WireEnd(this, clock, all, all.loss[1], all.seed ^ 0x5bd1_e995);
    this.a.far = this.b;
    this.b.far = this.a;
  }

  get up(): boolean {
    return this.isUp;
  }

  /** Plugs or pulls the cable. Both ends are told when that changes anything. */
  setUp(up: boolean): void {
    if (up === this.isUp) return;
    this.isUp = up;
    if (!up) {
      this.a.cut();
      this.b.cut();
    }
    this.a.receiver.linkChanged(up);
    this.b.receiver.linkChanged(up);
  }

  /** A buffer for a frame, from those that have been released. */
  buffer(length: number): Uint8Array {
    if (length <= USUAL_BUFFER) return this.usual.pop() ?? new Uint8Array(USUAL_BUFFER);
    return this.long.pop() ?? new Uint8Array(LONGEST_FRAME);
  }

  release(buffer: Uint8Array): void {
    (buffer.length === USUAL_BUFFER ? this.usual : this.long).push(buffer);
  }
}
