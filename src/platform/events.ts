// The machine's agenda: events in cycles, run in the order (cycle, order of scheduling).
import type { Clock, EventHandle } from "./ports.js";

class Event implements EventHandle {
  constructor(
    private readonly queue: EventQueue,
    readonly cycle: number,
    readonly sequence: number,
    /** Undefined once it has run, or never will. */
    public action: (() => void) | undefined,
  ) {}

  cancel(): void {
    if (this.action) this.queue.cancel(this);
  }
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
    const event = new Event(this, cycle, this.sequence++, action);
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

  /** Takes an event that hasn't run yet off the agenda. */
  cancel(event: Event): void {
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

  /** Events move up or down past a hole; the one that moves fills it in the end. */
  private rise(start: number): void {
    const { heap } = this;
    const event = heap[start];
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.before(heap[parent], event)) break;
      heap[i] = heap[parent];
      i = parent;
    }
    heap[i] = event;
  }

  private sink(start: number): void {
    const { heap } = this;
    const event = heap[start];
    let i = start;
    for (let child = 1 + 2 * i; child < heap.length; child = 1 + 2 * i) {
      if (child + 1 < heap.length && this.before(heap[child + 1], heap[child])) child++;
      if (this.before(event, heap[child])) break;
      heap[i] = heap[child];
      i = child;
    }
    heap[i] = event;
  }
}
