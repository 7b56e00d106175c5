// A connection: RFC 9293, "State Machine Overview" and "Event Processing", with the answers to blind attacks of RFC 5961 that it includes.
import { bytesSource, type ByteSource } from "../../content.js";
import { Receiver } from "./receiver.js";
import { DEFAULT_MSS, Flag, type Segment, segmentLength } from "./segment.js";
import type { ConnectionPorts, End, Endpoints, Application } from "./ports.js";
import { Sender } from "./sender.js";
import { Timer } from "./timer.js";

export const enum State {
  SynSent = "SYN-SENT",
  SynReceived = "SYN-RECEIVED",
  Established = "ESTABLISHED",
  FinWait1 = "FIN-WAIT-1",
  FinWait2 = "FIN-WAIT-2",
  CloseWait = "CLOSE-WAIT",
  Closing = "CLOSING",
  LastAck = "LAST-ACK",
  TimeWait = "TIME-WAIT",
  Closed = "CLOSED",
}

/** ms that an acknowledgment may wait for company (RFC 9293, "When to Send an ACK Segment": less than 500). */
const DELAYED_ACK = 40;
/** ms between answers to empty segments that aren't acceptable, so that two hosts can't answer each other for ever. */
const CHALLENGE_INTERVAL = 10;
/** RFC 9293: windows are scaled so that the whole buffer can be told. */
const scaleFor = (bytes: number) => Math.max(0, Math.ceil(Math.log2((bytes + 1) / 0x1_0000)));
/** A peer's smaller MSS would cost more headers than data. */
const LEAST_MSS = 64;

export class Connection {
  state: State;
  readonly sender: Sender;
  readonly receiver: Receiver;
  /** Initial sequence number of the peer. */
  private irs = 0;
  /** Shifts of the peer's windows and of ours. */
  private remoteScale = 0;
  private localScale: number;
  /** What the peer should get an acknowledgment for, and up to where it has one. */
  private acknowledgment: "none" | "delayed" | "now" = "none";
  private acknowledged = 0;
  private readonly ackTimer: Timer;
  private readonly waitTimer: Timer;
  private challenged = -Infinity;
  /** While a segment is handled, output waits until that is done. */
  private busy = false;
  /** Cycle of the last segment. */
  lastActivity: number;
  /** Cycles (of opening, and of the first and last byte that came; -1 without) and bytes of data. */
  readonly statistics: { opened: number; firstByte: number; lastByte: number; bytesIn: number; bytesOut: number };

  constructor(
    readonly endpoints: Endpoints,
    private readonly ports: ConnectionPorts,
    readonly application: Application,
    /** Our initial sequence number. */
    readonly iss: number,
    /** Whether we called. */
    readonly active: boolean,
  ) {
    const { clock, settings } = ports;
    this.state = active ? State.SynSent : State.SynReceived;
    this.receiver = new Receiver(settings.receiveBuffer);
    this.localScale = scaleFor(settings.receiveBuffer);
    this.lastActivity = clock.now();
    this.statistics = { opened: clock.now(), firstByte: -1, lastByte: -1, bytesIn: 0, bytesOut: 0 };
    this.ackTimer = new Timer(clock, () => this.acknowledge());
    this.waitTimer = new Timer(clock, () => this.close("finished"));
    const transmit = (offset: number, length: number, fin: boolean) => this.transmit(offset, length, fin);
    const senderPorts = { transmit, room: () => ports.room(this), giveUp: () => this.close("timeout") };
    this.sender = new Sender(clock, senderPorts, settings.mss);
  }

  // What the application does.

  /** Bytes that can be read. */
  get readable(): number {
    return this.receiver.readable;
  }

  /** Whether nothing will come behind what is readable. */
  get ended(): boolean {
    return this.receiver.finished;
  }

  /** Bytes written and not acknowledged. */
  get unacknowledged(): number {
    return this.sender.queue.unacknowledged;
  }

  /** The next bytes, at most `most`; none when nothing is readable. Valid only until control returns to the network. */
  read(most = Infinity): Uint8Array {
    const bytes = this.receiver.read(most);
    if (!this.busy && this.receiver.updateDue && this.open) this.acknowledge();
    return bytes;
  }

  /** Queues bytes (which must stay as they are) or a source of them. Nothing after `end`. */
  write(content: Uint8Array | ByteSource): void {
    if (this.sender.ending || this.state === State.Closed) return;
    this.sender.queue.push(content instanceof Uint8Array ? bytesSource(content) : content);
    this.resume();
  }

  /** CLOSE: our FIN follows what has been written. */
  end(): void {
    if (this.sender.ending) return;
    if (this.state === State.SynSent) {
      this.close("aborted");
      return;
    }
    this.sender.ending = true;
    if (this.state === State.Established) this.state = State.FinWait1;
    else if (this.state === State.CloseWait) this.state = State.LastAck;
    this.resume();
  }

  /** ABORT */
  abort(): void {
    if (this.state === State.Closed) return;
    if (this.state !== State.SynSent && this.state !== State.TimeWait) {
      this.ports.send(this, this.sequence(this.sender.nxt), 0, 0, Flag.Rst | Flag.Ack);
    }
    this.close(this.state === State.TimeWait ? "finished" : "aborted");
  }

  // What the layer below does.

  /** OPEN, active: sends a SYN. */
  call(): void {
    this.sender.synchronize();
  }

  /** OPEN, passive: answers a SYN. */
  answer(segment: Segment): void {
    this.synchronized(segment);
    this.sender.synchronize();
  }

  /** Sends what can be sent now. */
  resume(): void {
    if (!this.busy && this.open) this.sender.output();
  }

  private get open(): boolean {
    return this.state !== State.SynSent && this.state !== State.SynReceived && this.state !== State.Closed;
  }

  /** Of a segment's sequence number, its offset; the nearest to what is expected. */
  offsetOf(seq: number): number {
    const { nxt } = this.receiver;
    return nxt + ((seq - this.irs - nxt) | 0);
  }

  private sequence(offset: number): number {
    return (this.iss + offset) >>> 0;
  }

  /** What stands in the headers that we send. */
  get acknowledgmentNumber(): number {
    return this.state === State.SynSent ? 0 : (this.irs + this.receiver.nxt) >>> 0;
  }

  windowField(syn: boolean): number {
    // the window of a SYN is never scaled
    const unit = syn ? 1 : 2 ** Math.max(0, this.localScale);
    return Math.floor(this.receiver.advertise(0xffff * unit) / unit);
  }

  /** The window scale option of our SYN: -1 when the peer's SYN had none. */
  get scaleOption(): number {
    return this.localScale;
  }

  /** "SEGMENT ARRIVES" */
  receive(segment: Segment): void {
    this.lastActivity = this.ports.clock.now();
    this.busy = true;
    if (this.state === State.SynSent) this.receiveSynSent(segment);
    else this.receiveSynchronized(segment);
    this.busy = false;
    this.settle();
  }

  /** Sends data and the acknowledgment that are due after a segment. */
  private settle(): void {
    if (!this.open) return;
    this.sender.output();
    const { receiver } = this;
    const waiting = receiver.nxt - this.acknowledged >= receiver.updateStep && this.acknowledgment === "delayed";
    if (this.acknowledgment === "now" || waiting || receiver.updateDue) this.acknowledge();
    else if (this.acknowledgment === "delayed" && !this.ackTimer.armed)
      this.ackTimer.arm(this.milliseconds(DELAYED_ACK));
  }

  private milliseconds(count: number): number {
    return (count * this.ports.clock.frequency) / 1000;
  }

  /** "SYN-SENT STATE" */
  private receiveSynSent(segment: Segment): void {
    const { flags } = segment;
    const acknowledges = (flags & Flag.Ack) !== 0;
    if (acknowledges && segment.ack !== this.sequence(1)) {
      if ((flags & Flag.Rst) === 0) this.ports.send(this, segment.ack, 0, 0, Flag.Rst);
      return;
    }
    if ((flags & Flag.Rst) !== 0) {
      if (acknowledges) this.close("refused");
      return;
    }
    if ((flags & Flag.Syn) === 0) return;
    this.synchronized(segment);
    if (acknowledges) {
      this.sender.acknowledge(1, segment.window, 0, false);
      this.acknowledgment = "now";
      this.establish();
    } else {
      this.state = State.SynReceived;
      this.sender.synchronize();
    }
  }

  /** Takes what the peer's SYN says. */
  private synchronized(segment: Segment): void {
    this.irs = segment.seq;
    this.receiver.nxt = 1;
    this.acknowledged = 1;
    // RFC 7323: both scale or none does
    if (segment.scale < 0) this.localScale = -1;
    else this.remoteScale = segment.scale;
    const mss = Math.min(segment.mss || DEFAULT_MSS, this.ports.settings.mss);
    this.sender.start(Math.max(mss, LEAST_MSS), segment.window);
  }

  private establish(): void {
    this.state = this.sender.ending ? State.FinWait1 : State.Established;
    this.application.established?.(this);
  }

  /** "Other states": the numbered steps of the RFC */
  private receiveSynchronized(segment: Segment): void {
    const { flags } = segment;
    const offset = this.offsetOf(segment.seq);
    if (this.state === State.SynReceived && (flags & (Flag.Syn | Flag.Ack | Flag.Rst)) === Flag.Syn && offset === 0) {
      this.sender.synchronize();
      return;
    }
    // first, the sequence number
    const length = segmentLength(segment);
    if (!this.acceptable(offset, length)) {
      if ((flags & Flag.Rst) === 0) this.refuse(length > 0);
      return;
    }
    // second, RST; third (security) doesn't exist; fourth, SYN
    if ((flags & Flag.Rst) !== 0) {
      if (offset === this.receiver.nxt) this.close(this.active || this.open ? "reset" : "aborted");
      else this.refuse(false);
      return;
    }
    if ((flags & Flag.Syn) !== 0) {
      this.refuse(false);
      return;
    }
    // fifth, ACK
    if ((flags & Flag.Ack) === 0 || !this.receiveAck(segment, offset, length === 0)) return;
    // sixth (URG) isn't used; seventh, the text; eighth, FIN
    if (length > 0) this.receiveText(segment, offset);
  }

  /** The four cases of "check sequence number"; with a closed window the next segment's acknowledgment still counts. */
  private acceptable(offset: number, length: number): boolean {
    const { nxt, edge } = this.receiver;
    if (offset === nxt) return true;
    return offset < edge && (length === 0 ? offset >= nxt : offset + length > nxt);
  }

  /** Answers a segment that isn't acceptable with what would be. */
  private refuse(always: boolean): void {
    const now = this.ports.clock.now();
    if (!always && now - this.challenged < this.milliseconds(CHALLENGE_INTERVAL)) return;
    this.challenged = now;
    this.acknowledgment = "now";
    if (this.state === State.TimeWait) this.wait();
    if (!this.open) this.acknowledge();
  }

  /** Whether the segment goes on to be handled. */
  private receiveAck(segment: Segment, offset: number, empty: boolean): boolean {
    const { sender } = this;
    const ack = sender.una + ((segment.ack - this.sequence(sender.una)) | 0);
    const window = segment.window * 2 ** this.remoteScale;
    if (this.state === State.SynReceived) {
      if (ack <= sender.una || ack > sender.max) {
        this.ports.send(this, segment.ack, 0, 0, Flag.Rst);
        return false;
      }
      sender.acknowledge(ack, window, offset, false);
      this.establish();
      return this.open;
    }
    if (ack > sender.max) {
      this.refuse(false);
      return false;
    }
    // an old one is ignored, and what comes with it isn't
    if (ack < sender.una) return true;
    const before = this.unacknowledged;
    sender.acknowledge(ack, window, offset, empty);
    if (this.sender.finished) this.finAcknowledged();
    if (this.unacknowledged < before || before === Infinity) this.application.writable?.(this);
    return this.open;
  }

  private finAcknowledged(): void {
    if (this.state === State.FinWait1) this.state = State.FinWait2;
    else if (this.state === State.Closing) this.enterTimeWait();
    else if (this.state === State.LastAck) this.close("finished");
  }

  private receiveText(segment: Segment, offset: number): void {
    const { receiver, statistics } = this;
    const fin = (segment.flags & Flag.Fin) !== 0;
    const before = receiver.readable;
    const ended = receiver.finished;
    const inOrder = receiver.accept(offset, segment.frame, segment.at, segment.end, fin);
    const bytes = receiver.readable - before;
    if (bytes > 0) {
      statistics.lastByte = this.ports.clock.now();
      if (statistics.firstByte < 0) statistics.firstByte = statistics.lastByte;
      statistics.bytesIn += bytes;
    }
    const ends = receiver.finished && !ended;
    if (!inOrder || ends) this.acknowledgment = "now";
    else if (this.acknowledgment === "none") this.acknowledgment = "delayed";
    if (ends) this.finReceived();
    if (bytes > 0 || ends) this.application.readable?.(this);
  }

  private finReceived(): void {
    if (this.state === State.Established) this.state = State.CloseWait;
    else if (this.state === State.FinWait1) this.state = State.Closing;
    else if (this.state === State.FinWait2) this.enterTimeWait();
  }

  private enterTimeWait(): void {
    this.state = State.TimeWait;
    this.sender.cancel();
    this.wait();
  }

  private wait(): void {
    this.waitTimer.arm(2 * this.ports.settings.segmentLifetime * this.ports.clock.frequency);
  }

  private acknowledge(): void {
    // what is being sent again may be behind what the peer expects; a probed byte is before it
    const { nxt, max, window } = this.sender;
    this.ports.send(this, this.sequence(window === 0 ? nxt : max), 0, 0, Flag.Ack);
    this.acknowledgmentSent();
  }

  private acknowledgmentSent(): void {
    this.acknowledgment = "none";
    this.acknowledged = this.receiver.nxt;
    this.ackTimer.disarm();
  }

  private transmit(offset: number, length: number, fin: boolean): void {
    if (offset === 0) {
      const flags = this.state === State.SynSent ? Flag.Syn : Flag.Syn | Flag.Ack;
      this.ports.send(this, this.sequence(0), 0, 0, flags);
      return;
    }
    const { queue } = this.sender;
    const last = offset - 1 + length === queue.length;
    const flags = Flag.Ack | (last && length > 0 ? Flag.Psh : 0) | (fin ? Flag.Fin : 0);
    this.statistics.bytesOut = Math.max(this.statistics.bytesOut, offset - 1 + length);
    this.ports.send(this, this.sequence(offset), offset - 1, length, flags);
    this.acknowledgmentSent();
  }

  private close(how: End): void {
    if (this.state === State.Closed) return;
    this.state = State.Closed;
    this.sender.cancel();
    this.ackTimer.cancel();
    this.waitTimer.cancel();
    this.ports.remove(this, how);
    this.application.closed?.(this, how);
  }
}
