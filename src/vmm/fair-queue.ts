// Who of several guests is served next by a device that they share: start-time fair queueing (Goyal, Vin and Cheng,
// SIGCOMM'96) with token buckets before it. Each piece of work has a start tag, the larger of the virtual time and its
// predecessor's finish tag; its finish tag lies its cost divided by the guest's weight behind. The smallest start tag goes
// first and becomes the virtual time. In any interval in which two guests f and g both wait and no limit holds them, what they
// are given keeps |W(f)/w(f) - W(g)/w(g)| <= c(f)/w(f) + c(g)/w(g), where w is a weight and c the largest cost of a piece. With
// several pieces under way at the device this is SFQ(D) (Jin, Chase and Kaur, SIGMETRICS'04), D being how many its caller allows.
import type { Clock, EventHandle } from "../platform/ports.js";

/** What a guest may have of a device. */
export interface Share {
  /** Against the weights of the others. Default 1. */
  readonly weight?: number | undefined;
  /** Bytes a second, and pieces of work a second. Default: no limit. */
  readonly rate?: number | undefined;
  readonly pieces?: number | undefined;
}

/** What is shared, as its queue knows it. */
export interface SharedDevice {
  /** Most bytes of a piece: what a burst holds at least. */
  readonly largest: number;
  /** What a piece costs beside its bytes, in bytes. */
  readonly perPiece: number;
  /** Whether it works on anything: when it doesn't, and nothing waits, a busy period is over. */
  busy(): boolean;
  /** A timer has run out, and a limit lets something pass: `next` ought to be asked again. */
  wake(): void;
}

/**
 * Seconds of its rate that a guest which was idle may take at once: a time slice by default, in which another guest has the
 * hart and this one can't ask for anything.
 */
export const BURST_SECONDS = 0.01;

/** What was done for one guest: pieces and their bytes, and cycles that they waited, all together and the longest. */
export interface FlowCounters {
  pieces: number;
  bytes: number;
  waited: number;
  longest: number;
}

/**
 * A bucket that holds `burst` tokens and gains `rate` a second (ITU-T I.371, "Generic cell rate algorithm", virtual
 * scheduling): all it knows is the cycle at which it will be full.
 */
class Bucket {
  private full = 0;
  private readonly cyclesPerToken: number;

  constructor(
    frequency: number,
    rate: number,
    readonly burst: number,
  ) {
    this.cyclesPerToken = frequency / rate;
  }

  /** Cycle from which on `tokens`, at most `burst`, are there. */
  ready(tokens: number): number {
    return this.full - (this.burst - tokens) * this.cyclesPerToken;
  }

  take(tokens: number, now: number): void {
    this.full = Math.max(this.full, now) + tokens * this.cyclesPerToken;
  }
}

interface Waiting<T> {
  readonly item: T;
  readonly bytes: number;
  readonly since: number;
}

/** One guest's place in the queue. */
export interface Flow {
  readonly counters: FlowCounters;
  /** Pieces that wait. */
  readonly length: number;
  /** Most bytes of one piece that the guest's limits let pass. */
  readonly most: number;
}

class FlowOf<T> implements Flow {
  readonly counters: FlowCounters = { pieces: 0, bytes: 0, waited: 0, longest: 0 };
  readonly waiting: Waiting<T>[] = [];
  /** Whether its first piece has a start tag: it waits, and no limit holds it. */
  tagged = false;
  start = 0;
  finish = 0;

  constructor(
    readonly weight: number,
    readonly most: number,
    private readonly rate: Bucket | undefined,
    private readonly count: Bucket | undefined,
  ) {}

  get length(): number {
    return this.waiting.length;
  }

  /** Cycle from which on the limits let the first piece pass. */
  ready(): number {
    return Math.max(this.rate?.ready(this.waiting[0].bytes) ?? 0, this.count?.ready(1) ?? 0);
  }

  /** @param perPiece cost of a piece beside its bytes */
  take(now: number, perPiece: number): T {
    const { item, bytes, since } = this.waiting.shift()!;
    const { counters } = this;
    this.rate?.take(bytes, now);
    this.count?.take(1, now);
    counters.pieces++;
    counters.bytes += bytes;
    counters.waited += now - since;
    counters.longest = Math.max(counters.longest, now - since);
    this.finish = this.start + (bytes + perPiece) / this.weight;
    this.tagged = false;
    return item;
  }
}

export class FairQueue<T> {
  private readonly flows: FlowOf<T>[] = [];
  private virtual = 0;
  private lastFinish = 0;
  private alarm: EventHandle | undefined;
  /** An event may run after what has a later time: here time doesn't go back. */
  private latest = 0;

  constructor(
    private readonly clock: Clock,
    private readonly device: SharedDevice,
  ) {}

  /** How many guests there are. */
  get size(): number {
    return this.flows.length;
  }

  /** A guest's place. Throws RangeError for a weight or a limit that isn't above 0. */
  open({ weight = 1, rate, pieces }: Share = {}): Flow {
    for (const value of [weight, rate ?? 1, pieces ?? 1]) {
      if (!(value > 0 && value < Infinity)) throw new RangeError(`a weight or a limit of ${value}`);
    }
    const { frequency } = this.clock;
    const burst = Math.max(this.device.largest, (rate ?? 0) * BURST_SECONDS);
    const bytes = rate === undefined ? undefined : new Bucket(frequency, rate, burst);
    const count = pieces === undefined ? undefined : new Bucket(frequency, pieces, Math.max(1, pieces * BURST_SECONDS));
    const flow = new FlowOf<T>(weight, rate === undefined ? Infinity : burst, bytes, count);
    this.flows.push(flow);
    return flow;
  }

  /** Puts a piece of so many bytes, at most `most` of its flow, behind a guest's others. */
  push(flow: Flow, item: T, bytes: number): void {
    if (this.idle() && !this.device.busy()) this.virtual = this.lastFinish;
    (flow as FlowOf<T>).waiting.push({ item, bytes, since: this.now() });
  }

  /** Puts what is left of the piece that `next` gave last before the guest's others. */
  putBack(flow: Flow, item: T, bytes: number): void {
    (flow as FlowOf<T>).waiting.unshift({ item, bytes, since: this.now() });
  }

  /** The piece whose turn it is, taken out; undefined when none may go now. What a limit holds is announced by `wake`. */
  next(): T | undefined {
    const now = this.now();
    let first: FlowOf<T> | undefined;
    let soonest = Infinity;
    for (const flow of this.flows) {
      if (flow.waiting.length === 0) continue;
      const ready = flow.ready();
      if (ready > now) {
        flow.tagged = false;
        soonest = Math.min(soonest, ready);
        continue;
      }
      if (!flow.tagged) {
        flow.tagged = true;
        flow.start = Math.max(this.virtual, flow.finish);
      }
      if (!first || flow.start < first.start) first = flow;
    }
    this.setAlarm(first ? Infinity : soonest);
    if (!first) return undefined;
    this.virtual = first.start;
    const item = first.take(now, this.device.perPiece);
    this.lastFinish = Math.max(this.lastFinish, first.finish);
    return item;
  }

  /** Whether nothing waits. */
  idle(): boolean {
    return this.flows.every((flow) => flow.waiting.length === 0);
  }

  /** Takes everything out that waits for one guest, or what `which` names of it; in order. */
  drop(flow: Flow, which: (item: T) => boolean = () => true): T[] {
    const of = flow as FlowOf<T>;
    const all = of.waiting.splice(0);
    const dropped: T[] = [];
    for (const one of all) {
      if (which(one.item)) dropped.push(one.item);
      else of.waiting.push(one);
    }
    if (of.waiting.length === 0) of.tagged = false;
    return dropped;
  }

  private now(): number {
    this.latest = Math.max(this.latest, this.clock.now());
    return this.latest;
  }

  private setAlarm(cycle: number): void {
    this.alarm?.cancel();
    this.alarm = undefined;
    if (cycle === Infinity) return;
    this.alarm = this.clock.after(cycle - this.clock.now(), () => {
      this.alarm = undefined;
      this.device.wake();
    });
  }
}
