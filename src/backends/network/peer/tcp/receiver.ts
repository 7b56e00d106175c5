// The receiving half of a connection: RFC 9293, "Managing the Window", "Receiver's Algorithm -- When to Send a Window Update".
// Positions are offsets into the peer's sequence space: 0 is its SYN, 1 its first byte.

/** Pieces that are kept behind gaps. */
const MOST_RANGES = 128;

const EMPTY = new Uint8Array(0);

export class Receiver {
  /** RCV.NXT */
  nxt = 0;
  /** Whether the peer's FIN has been reached. */
  finished = false;
  private finAt = Infinity;
  /** The next byte that the application reads. */
  private next = 1;
  /** The right edge of the window that the peer knows. */
  private advertised = 1;
  private ring: Uint8Array | undefined;
  /** What has come behind gaps, [from, to), in order and apart. */
  private readonly ranges: { from: number; to: number }[] = [];
  /** The longest segment seen. */
  private longest = 1;

  /** @param capacity bytes of the buffer, which is made when the first byte comes */
  constructor(private readonly capacity: number) {}

  /** Bytes that the application may read. */
  get readable(): number {
    return Math.min(this.nxt, this.finAt) - this.next;
  }

  /** One behind the last byte that has room. */
  get edge(): number {
    return this.next + this.capacity;
  }

  get gap(): boolean {
    return this.ranges.length > 0;
  }

  /** Bytes by which the window may move before the peer must hear of it. */
  get updateStep(): number {
    return Math.min(this.capacity / 2, 2 * this.longest);
  }

  /** Whether the peer should be told that there is more room. */
  get updateDue(): boolean {
    return !this.finished && this.edge - this.advertised >= this.updateStep;
  }

  /** The window to tell the peer, in bytes: its right edge never moves left, and moves right by whole segments only. */
  advertise(most: number): number {
    if (this.edge - this.advertised >= Math.min(this.capacity / 2, this.longest)) this.advertised = this.edge;
    return Math.max(0, Math.min(this.advertised - this.nxt, most));
  }

  /** Takes the data of a segment that begins at `offset`, and its FIN. Whether RCV.NXT moved on, and nothing was out of order. */
  accept(offset: number, frame: Uint8Array, at: number, end: number, fin: boolean): boolean {
    const before = this.nxt;
    const length = end - at;
    const hadGap = this.gap;
    if (length > this.longest) this.longest = length;
    const last = offset + length;
    if (fin && this.finAt === Infinity && last >= this.nxt && last <= this.edge) this.finAt = last;
    const from = Math.max(offset, this.nxt);
    const to = Math.min(offset + length, this.edge, this.finAt);
    if (from < to) this.store(from, to, frame, at + from - offset);
    if (!this.finished && this.nxt >= this.finAt) {
      this.nxt = this.finAt + 1;
      this.finished = true;
    }
    return this.nxt > before && !hadGap && offset <= before;
  }

  private store(from: number, to: number, frame: Uint8Array, at: number): void {
    const { ranges } = this;
    if (from > this.nxt && !this.insert(from, to)) return;
    this.copy(from, frame.subarray(at, at + to - from));
    if (from > this.nxt) return;
    this.nxt = to;
    while (ranges.length > 0 && ranges[0].from <= this.nxt) this.nxt = Math.max(this.nxt, ranges.shift()!.to);
  }

  /** Notes a range behind a gap; false when there are too many. */
  private insert(start: number, stop: number): boolean {
    const { ranges } = this;
    let from = start;
    let to = stop;
    let first = 0;
    while (first < ranges.length && ranges[first].to < from) first++;
    let last = first;
    for (; last < ranges.length && ranges[last].from <= to; last++) {
      from = Math.min(from, ranges[last].from);
      to = Math.max(to, ranges[last].to);
    }
    if (first === last && ranges.length >= MOST_RANGES) return false;
    ranges.splice(first, last - first, { from, to });
    return true;
  }

  private copy(offset: number, bytes: Uint8Array): void {
    this.ring ??= new Uint8Array(this.capacity);
    const at = offset % this.capacity;
    const head = Math.min(bytes.length, this.capacity - at);
    this.ring.set(bytes.subarray(0, head), at);
    this.ring.set(bytes.subarray(head), 0);
  }

  /** Takes the next bytes, at most `most`, fewer where the buffer's end comes first; valid until anything else is received. */
  read(most: number): Uint8Array {
    const at = this.next % this.capacity;
    const length = Math.max(0, Math.min(this.readable, most, this.capacity - at));
    this.next += length;
    return (this.ring ?? EMPTY).subarray(at, at + length);
  }
}
