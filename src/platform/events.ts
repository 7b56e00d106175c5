// The machine's agenda: events in cycles, run in the order (cycle, order of scheduling).
import type { Clock, EventHandle } from "./ports.js";

interface Event extends EventHandle {
  cycle: number;
  sequence: number;
  action: (() => void) | undefined;
}

/** Deterministic event queue over a clock of cycles. */
export class EventQueue implements Clock {
  private readonly heap: Event[] = [];
  private sequence = 0;
  /** While an event runs, time is the event's own, however far the hart has got. */
  private eventTime = -1;

  /**
   * @param time the hart's cycles
   * @param frequency cycles per second
   */
  constructor(
    private readonly time: () => number,
    readonly frequency: number,
  ) {}

  now(): number {
    return this.eventTime >= 0 ? this.eventTime : this.time();
  }

  after(cycles: number, action: () => void): EventHandle {
    if (!(cycles >= 0)) throw new RangeError(`an event ${cycles} cycles from now`);
    return this.at(this.now() + Math.ceil(cycles), action);
  }

  /** Calls `action` once when the clock reaches `cycle`. */
  at(cycle: number, action: () => void): EventHandle {
    const event: Event = { cycle, sequence: this.sequence++, action, cancel: () => this.cancel(event) };
    this.heap.push(event);
    this.rise(this.heap.length - 1);
    return event;
  }

  /** Cycle of the next event; Infinity when there is none. */
  next(): number {
    return this.heap.length > 0 ? this.heap[0].cycle : Infinity;
  }

  /** Runs every event up to and including cycle `now`, also those that these events add. */
  runDue(now: number): void {
    const outer = this.eventTime;
    try {
      while (this.heap.length > 0 && this.heap[0].cycle <= now) {
        const event = this.heap[0];
        this.removeAt(0);
        const { action } = event;
        event.action = undefined;
        this.eventTime = event.cycle;
        action?.();
      }
    } finally {
      this.eventTime = outer;
    }
  }

  /** Forgets every event. */
  clear(): void {
    for (const event of this.heap) event.action = undefined;
    this.heap.length = 0;
  }

  private cancel(event: Event): void {
    if (!event.action) return;
    event.action = undefined;
    this.removeAt(this.heap.indexOf(event));
  }

  private removeAt(i: number): void {
    const last = this.heap.pop()!;
    if (i === this.heap.length) return;
    this.heap[i] = last;
    this.sink(i);
    this.rise(i);
  }

  private before(a: Event, b: Event): boolean {
    return a.cycle < b.cycle || (a.cycle === b.cycle && a.sequence < b.sequence);
  }

  private rise(start: number): void {
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.before(this.heap[parent], this.heap[i])) return;
      this.swap(i, parent);
      i = parent;
    }
  }

  private sink(start: number): void {
    let i = start;
    for (;;) {
      let least = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < this.heap.length && this.before(this.heap[child], this.heap[least])) least = child;
      }
      if (least === i) return;
      this.swap(i, least);
      i = least;
    }
  }

  private swap(i: number, j: number): void {
    const event = this.heap[i];
    this.heap[i] = this.heap[j];
    this.heap[j] = event;
  }
}
