// RFC 792, "Echo or Echo Reply Message" and "Destination Unreachable Message"; RFC 1122, "Internet Control Message Protocol".
import type { Clock, EventHandle } from "../../../platform/ports.js";
import type { Datagram, Ipv4Layer } from "./ipv4.js";
import { checksum, ETHERNET_HEADER, get16, type Ipv4, PAYLOAD, Protocol, put16, put32, sum16 } from "./packet.js";

const enum Type {
  EchoReply = 0,
  Unreachable = 3,
  Echo = 8,
}

export const enum Unreachable {
  Protocol = 2,
  Port = 3,
}

const HEADER = 8;
/** Echo requests of ours that may be unanswered at a time. */
const MOST_PINGS = 64;

interface Ping {
  started: number;
  done: (roundTrip: number | undefined) => void;
  timer: EventHandle;
}

export class Icmp {
  readonly counters = { echoesAnswered: 0, badChecksums: 0, malformed: 0, unreachableSent: 0, unreachableReceived: 0 };
  private readonly pings = new Map<number, Ping>();
  private sequence = 0;

  constructor(
    private readonly clock: Clock,
    private readonly ip: Ipv4Layer,
    private readonly address: Ipv4,
    private readonly mtu: number,
  ) {
    ip.handle(Protocol.Icmp, (datagram) => this.receive(datagram));
    ip.unknownProtocol = (datagram) => this.unreachable(datagram, Unreachable.Protocol);
  }

  /** Sends an echo request with `bytes` of data; `done` gets the cycles until its reply, or undefined after `timeout` cycles. */
  ping(destination: Ipv4, bytes: number, timeout: number, done: (roundTrip: number | undefined) => void): void {
    if (this.pings.size >= MOST_PINGS) throw new RangeError(`${MOST_PINGS} echo requests are unanswered`);
    this.sequence = (this.sequence + 1) & 0xffff;
    const sequence = this.sequence;
    const packet = this.ip.packet();
    const length = HEADER + Math.min(bytes, this.mtu - HEADER - (PAYLOAD - ETHERNET_HEADER));
    put32(packet.bytes, PAYLOAD, Type.Echo << 24);
    put32(packet.bytes, PAYLOAD + 4, sequence);
    for (let i = HEADER; i < length; i++) packet.bytes[PAYLOAD + i] = i;
    put16(packet.bytes, PAYLOAD + 2, checksum(sum16(packet.bytes, PAYLOAD, PAYLOAD + length)));
    const timer = this.clock.after(timeout, () => {
      this.pings.delete(sequence);
      done(undefined);
    });
    this.pings.set(sequence, { started: this.clock.now(), done, timer });
    this.ip.send(packet, length, Protocol.Icmp, this.address, destination);
  }

  private receive({ frame, at, end, source, destination, broadcast }: Datagram): void {
    if (end - at < HEADER) {
      this.counters.malformed++;
      return;
    }
    if (checksum(sum16(frame, at, end)) !== 0) {
      this.counters.badChecksums++;
      return;
    }
    const type = frame[at];
    if (type === Type.Echo && !broadcast && source !== 0 && end - at + (PAYLOAD - ETHERNET_HEADER) <= this.mtu) {
      this.counters.echoesAnswered++;
      this.reply(frame.subarray(at, end), destination, source);
    } else if (type === Type.EchoReply) {
      this.answered(get16(frame, at + 6));
    } else if (type === Type.Unreachable) {
      this.counters.unreachableReceived++;
    }
  }

  private reply(request: Uint8Array, source: Ipv4, destination: Ipv4): void {
    const packet = this.ip.packet();
    const { bytes } = packet;
    bytes.set(request, PAYLOAD);
    put32(bytes, PAYLOAD, Type.EchoReply << 24);
    put16(bytes, PAYLOAD + 2, checksum(sum16(bytes, PAYLOAD, PAYLOAD + request.length)));
    this.ip.send(packet, request.length, Protocol.Icmp, source, destination);
  }

  private answered(sequence: number): void {
    const ping = this.pings.get(sequence);
    if (!ping) return;
    this.pings.delete(sequence);
    ping.timer.cancel();
    ping.done(this.clock.now() - ping.started);
  }

  /** Tells the sender of a packet that it couldn't be delivered, with its IPv4 header and the 8 bytes behind. */
  unreachable({ frame, at, end, source, destination, broadcast }: Datagram, code: Unreachable): void {
    if (broadcast || source === 0) return;
    this.counters.unreachableSent++;
    const packet = this.ip.packet();
    const { bytes } = packet;
    const quoted = frame.subarray(ETHERNET_HEADER, Math.min(at + 8, end));
    put32(bytes, PAYLOAD, (Type.Unreachable << 24) | (code << 16));
    put32(bytes, PAYLOAD + 4, 0);
    bytes.set(quoted, PAYLOAD + HEADER);
    const length = HEADER + quoted.length;
    put16(bytes, PAYLOAD + 2, checksum(sum16(bytes, PAYLOAD, PAYLOAD + length)));
    this.ip.send(packet, length, Protocol.Icmp, destination, source);
  }
}
