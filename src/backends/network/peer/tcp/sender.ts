// The sending half of a connection: RFC 9293, "Managing the Window" (with "Zero-Window Probing" and "Sender's Algorithm -- When to
// Send Data"), RFC 6298, RFC 5681. Positions are offsets into our sequence space: 0 is our SYN, 1 our first byte, and our FIN
// stands behind the last.
import type { Clock } from "../../../../platform/ports.js";
import { Congestion } from "./congestion.js";
import { RoundTrip } from "./round-trip.js";
import { SendQueue } from "./send-queue.js";
import { Timer } from "./timer.js";

/** Times that something is sent again in vain before the connection is given up. */
const MOST_RETRIES = 15;
/** Seconds between zero-window probes at most. */
const MOST_PROBE = 60;

export interface SenderPorts {
  /** Sends `length` bytes from `offset` on, and our FIN behind them. */
  transmit(offset: number, length: number, fin: boolean): void;
  /** Whether the link takes more data now; if not, `output` is called again later. */
  room(): boolean;
  giveUp(): void;
}

export class Sender {
  /** SND.UNA and SND.NXT; `max` is one behind the highest offset ever sent. */
  una = 0;
  nxt = 0;
  max = 0;
  /** SND.WND, and the widest that it ever was. */
  window = 0;
  private widest = 0;
  /** Offset of the segment, and its acknowledgment, that the window is from (SND.WL1 and SND.WL2). */
  private windowSequence = 0;
  private windowAck = 0;
  readonly queue = new SendQueue();
  readonly roundTrip: RoundTrip;
  congestion: Congestion;
  /** Whether our FIN follows the queue. */
  ending = false;
  private retries = 0;
  /** Probes since the window was closed. */
  private probing = 0;
  /** Offset whose acknowledgment ends a measurement of the round trip, and when it was sent. */
  private timed = -1;
  private timedAt = 0;
  private readonly timer: Timer;
  readonly statistics = { retransmissions: 0, timeouts: 0, fastRetransmits: 0, probes: 0 };

  constructor(
    private readonly clock: Clock,
    private readonly ports: SenderPorts,
    private mss: number,
  ) {
    this.roundTrip = new RoundTrip(clock.frequency);
    this.congestion = new Congestion(mss);
    this.timer = new Timer(clock, () => this.expire());
  }

  /** Offset behind the last byte of the queue, where our FIN stands. */
  private get dataEnd(): number {
    return 1 + this.queue.length;
  }

  /** Whether our FIN is acknowledged. */
  get finished(): boolean {
    return this.ending && this.una > this.dataEnd;
  }

  /** Sends our SYN, for the first time or again. */
  synchronize(): void {
    this.timed = this.max === 0 ? 0 : -1;
    this.timedAt = this.clock.now();
    this.nxt = this.max = 1;
    this.timer.arm(this.roundTrip.rto);
    this.ports.transmit(0, 0, false);
  }

  /** The peer has told its largest segment and its first window; `ack` is 1 when it has acknowledged our SYN. */
  start(mss: number, window: number): void {
    this.mss = mss;
    this.congestion = new Congestion(mss);
    // RFC 5681: a lost SYN starts slowly
    if (this.retries > 0) this.congestion.window = mss;
    this.window = this.widest = window;
  }

  /** Takes an acknowledgment, una ≤ ack ≤ max. `pure`: the segment had no data, SYN or FIN. */
  acknowledge(ack: number, window: number, sequence: number, pure: boolean): void {
    if (ack > this.una) {
      this.advance(ack);
    } else if (pure && ack === this.una && window === this.window && this.una < this.max && window > 0) {
      if (this.congestion.duplicate(this.una, this.max)) {
        this.statistics.fastRetransmits++;
        this.repeat();
      }
    }
    const newer = sequence > this.windowSequence || (sequence === this.windowSequence && ack >= this.windowAck);
    if (!newer) return;
    const opened = window > 0 && this.window === 0;
    this.window = window;
    this.widest = Math.max(this.widest, window);
    this.windowSequence = sequence;
    this.windowAck = ack;
    // an answered probe shows that the peer lives
    if (window === 0 || opened) this.retries = 0;
    if (opened) {
      this.probing = 0;
      this.timer.disarm();
    }
  }

  private advance(ack: number): void {
    const bytes = ack - this.una;
    this.una = ack;
    if (this.nxt < ack) this.nxt = ack;
    this.queue.release(ack - 1);
    this.retries = 0;
    this.probing = 0;
    if (this.timed >= 0 && ack > this.timed) {
      this.roundTrip.sample(this.clock.now() - this.timedAt);
      this.timed = -1;
    }
    if (this.una < this.max) this.timer.arm(this.roundTrip.rto);
    else this.timer.disarm();
    if (this.congestion.acknowledged(bytes, ack, this.max - ack)) this.repeat();
  }

  /** Sends what queue, windows and link allow. */
  output(): void {
    let blocked = false;
    while (this.sendable() > 0) {
      blocked = !this.ports.room();
      if (blocked) break;
      this.sendNext(this.sendable());
    }
    if (this.timer.armed) return;
    const unsent = this.nxt < this.dataEnd + (this.ending ? 1 : 0);
    if (this.una < this.max || (unsent && !blocked)) this.timer.arm(this.roundTrip.rto);
  }

  /** Bytes of sequence space that the next segment may take: 0 when none should be sent now. */
  private sendable(): number {
    const allowed = this.una + Math.min(this.congestion.allowance, this.window);
    const end = this.dataEnd;
    const length = Math.min(this.mss, end - this.nxt, allowed - this.nxt);
    if (length >= this.mss) return length;
    // all that there is goes out in any case, our FIN with it or behind it
    const last = Math.max(0, length) + (this.ending && this.nxt + length === end && allowed > end ? 1 : 0);
    if (this.nxt + length >= end) return this.nxt > end ? 0 : last;
    return length > 0 && length >= this.widest / 2 ? length : 0;
  }

  /** Sends the next `space` of sequence space. */
  private sendNext(space: number): void {
    const end = this.dataEnd;
    const length = Math.min(space, end - this.nxt);
    const fin = this.ending && this.nxt + space > end;
    this.send(this.nxt, length, fin);
    this.nxt += length + (fin ? 1 : 0);
    this.max = Math.max(this.max, this.nxt);
    if (!this.timer.armed) this.timer.arm(this.roundTrip.rto);
  }

  private send(offset: number, length: number, fin: boolean): void {
    if (offset < this.max) {
      // RFC 6298 (Karn's algorithm): what is sent again isn't measured
      this.statistics.retransmissions++;
      this.timed = -1;
    } else if (this.timed < 0) {
      this.timed = offset;
      this.timedAt = this.clock.now();
    }
    this.ports.transmit(offset, length, fin);
  }

  /** Sends the first segment under way again. */
  private repeat(): void {
    const length = Math.min(this.mss, this.max - this.una, this.dataEnd - this.una);
    this.send(this.una, length, this.max > this.dataEnd && this.una + length === this.dataEnd);
  }

  private expire(): void {
    if (this.retries++ >= MOST_RETRIES) {
      this.ports.giveUp();
      return;
    }
    if (this.max > 1 || this.una > 0) this.expireData();
    else if (this.max === 1) {
      this.roundTrip.backOff();
      this.synchronize();
    }
  }

  private expireData(): void {
    const { statistics } = this;
    const end = this.dataEnd;
    if (this.una === this.max && this.una >= end + (this.ending ? 1 : 0)) return;
    if (this.window === 0 || this.una === this.max) {
      // a probe: one byte, or our FIN; or a small segment that silly-window avoidance held back
      statistics.probes++;
      const length = Math.min(Math.max(1, Math.min(this.window, this.mss)), end - this.una);
      const fin = this.ending && this.una + length === end && length === 0;
      this.send(this.una, length, fin);
      this.max = Math.max(this.max, this.una + length + (fin ? 1 : 0));
      if (this.window > 0) this.nxt = Math.max(this.nxt, this.max);
      this.timer.arm(Math.min(this.roundTrip.rto * 2 ** ++this.probing, MOST_PROBE * this.clock.frequency));
    } else {
      statistics.timeouts++;
      this.congestion.timeout(this.una, this.max, this.retries > 1);
      this.repeat();
      this.nxt = Math.min(this.max, this.una + this.mss);
      this.roundTrip.backOff();
      this.timer.arm(this.roundTrip.rto);
    }
  }

  cancel(): void {
    this.timer.cancel();
  }
}
