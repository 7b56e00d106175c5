// RFC 768, "Fields"; RFC 1122, "User Datagram Protocol -- UDP".
import { type Icmp, Unreachable } from "./icmp.js";
import type { Datagram, Ipv4Layer } from "./ipv4.js";
import {
  checksum,
  ETHERNET_HEADER,
  get16,
  type Ipv4,
  type Mac,
  PAYLOAD,
  Protocol,
  pseudoSum,
  put16,
  sum16,
} from "./packet.js";

const HEADER = 8;

/** From whom to whom. */
export interface UdpAddresses {
  source: Ipv4;
  sourcePort: number;
  destination: Ipv4;
  destinationPort: number;
}

export interface UdpDatagram extends UdpAddresses {
  sourceMac: Mac;
  broadcast: boolean;
  /** Valid only during the call. */
  data: Uint8Array;
}

export type UdpHandler = (datagram: UdpDatagram) => void;

export class Udp {
  readonly counters = { received: 0, sent: 0, badChecksums: 0, malformed: 0, noPort: 0 };
  private readonly ports = new Map<number, UdpHandler>();

  constructor(
    private readonly ip: Ipv4Layer,
    private readonly icmp: Icmp,
    private readonly mtu: number,
  ) {
    ip.handle(Protocol.Udp, (datagram) => this.receive(datagram));
  }

  /** Bytes of the longest datagram's data. */
  get mostData(): number {
    return this.mtu - (PAYLOAD - ETHERNET_HEADER) - HEADER;
  }

  bind(port: number, handler: UdpHandler): void {
    this.ports.set(port, handler);
  }

  /** Sends a datagram, to the MAC address given or the one that ARP finds. */
  send(to: UdpAddresses, data: Uint8Array, mac?: Mac): void {
    if (data.length > this.mostData) throw new RangeError(`a UDP datagram of ${data.length} bytes`);
    this.counters.sent++;
    const packet = this.ip.packet();
    const { bytes } = packet;
    const length = HEADER + data.length;
    put16(bytes, PAYLOAD, to.sourcePort);
    put16(bytes, PAYLOAD + 2, to.destinationPort);
    put16(bytes, PAYLOAD + 4, length);
    put16(bytes, PAYLOAD + 6, 0);
    bytes.set(data, PAYLOAD + HEADER);
    const pseudo = pseudoSum(to.source, to.destination, Protocol.Udp, length);
    // a checksum of zero means that there is none
    put16(bytes, PAYLOAD + 6, checksum(sum16(bytes, PAYLOAD, PAYLOAD + length, pseudo)) || 0xffff);
    this.ip.send(packet, length, Protocol.Udp, to.source, to.destination, mac);
  }

  /** Answers a datagram from the address and port that it was sent to. */
  reply(to: UdpDatagram, source: Ipv4, data: Uint8Array): void {
    const { sourcePort, destinationPort } = to;
    this.send({ source, sourcePort: destinationPort, destination: to.source, destinationPort: sourcePort }, data);
  }

  private receive(datagram: Datagram): void {
    const { counters } = this;
    const { frame, at, end, source, destination, sourceMac, broadcast } = datagram;
    const length = end - at >= HEADER ? get16(frame, at + 4) : 0;
    if (length < HEADER || at + length > end) {
      counters.malformed++;
      return;
    }
    const unchecked = get16(frame, at + 6) === 0;
    const pseudo = pseudoSum(source, destination, Protocol.Udp, length);
    if (!unchecked && checksum(sum16(frame, at, at + length, pseudo)) !== 0) {
      counters.badChecksums++;
      return;
    }
    const destinationPort = get16(frame, at + 2);
    const handler = this.ports.get(destinationPort);
    if (!handler) {
      counters.noPort++;
      this.icmp.unreachable(datagram, Unreachable.Port);
      return;
    }
    counters.received++;
    const data = frame.subarray(at + HEADER, at + length);
    handler({ source, sourcePort: get16(frame, at), destination, destinationPort, sourceMac, broadcast, data });
  }
}
