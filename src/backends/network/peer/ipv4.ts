// RFC 791, "Internet Header Format"; RFC 1122, "Internet Protocol -- IP". Packets are neither fragmented nor reassembled.
import type { Packet, Transmitter } from "../transmitter.js";
import type { Arp } from "./arp.js";
import {
  BROADCAST_IPV4,
  BROADCAST_MAC,
  checksum,
  ETHERNET_HEADER,
  EtherType,
  get16,
  get32,
  getMac,
  type Ipv4,
  IPV4_HEADER,
  type Mac,
  PAYLOAD,
  type Protocol,
  put16,
  put32,
  putEthernet,
  putMac,
  sum16,
} from "./packet.js";

const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS_OR_OFFSET = 0x3fff;
const TIME_TO_LIVE = 64;

/** A packet for us; valid only during the call that hands it on. Its payload is frame[at, end). */
export interface Datagram {
  frame: Uint8Array;
  /** Where the IPv4 header begins is always ETHERNET_HEADER. */
  at: number;
  end: number;
  source: Ipv4;
  destination: Ipv4;
  sourceMac: Mac;
  /** Whether it came by broadcast, of Ethernet or of IPv4. */
  broadcast: boolean;
}

export type ProtocolHandler = (datagram: Datagram) => void;

export interface Ipv4Settings {
  readonly mac: Mac;
  /** Ours; the first is the one that we are known by. */
  readonly addresses: readonly Ipv4[];
  readonly mask: Ipv4;
}

export class Ipv4Layer {
  readonly counters = {
    received: 0,
    sent: 0,
    badChecksums: 0,
    malformed: 0,
    /** Fragments, which we drop. */
    fragments: 0,
    /** Packets that aren't for us. */
    notForUs: 0,
    unknownProtocols: 0,
  };
  private readonly handlers = new Map<number, ProtocolHandler>();
  private readonly datagram: Datagram = {
    frame: new Uint8Array(0),
    at: 0,
    end: 0,
    source: 0,
    destination: 0,
    sourceMac: 0,
    broadcast: false,
  };
  private readonly subnetBroadcast: Ipv4;
  private identification = 0;
  /** Gets packets of a protocol that nobody handles. */
  unknownProtocol: ProtocolHandler = () => {};

  constructor(
    private readonly settings: Ipv4Settings,
    private readonly transmitter: Transmitter,
    private readonly arp: Arp,
  ) {
    this.subnetBroadcast = (settings.addresses[0] | ~settings.mask) >>> 0;
  }

  handle(protocol: Protocol, handler: ProtocolHandler): void {
    this.handlers.set(protocol, handler);
  }

  receive(frame: Uint8Array): void {
    const { counters, datagram } = this;
    const start = ETHERNET_HEADER;
    const header = (frame[start] & 15) * 4;
    const total = frame.length >= PAYLOAD ? get16(frame, start + 2) : 0;
    if (frame[start] >> 4 !== 4 || header < IPV4_HEADER || total < header || start + total > frame.length) {
      counters.malformed++;
      return;
    }
    if (checksum(sum16(frame, start, start + header)) !== 0) {
      counters.badChecksums++;
      return;
    }
    const source = get32(frame, start + 12);
    const destination = get32(frame, start + 16);
    const broadcast = destination === BROADCAST_IPV4 || destination === this.subnetBroadcast;
    if (!(broadcast || this.settings.addresses.includes(destination)) || !this.maySend(source)) {
      counters.notForUs++;
      return;
    }
    if ((get16(frame, start + 6) & MORE_FRAGMENTS_OR_OFFSET) !== 0) {
      counters.fragments++;
      return;
    }
    counters.received++;
    datagram.frame = frame;
    datagram.at = start + header;
    datagram.end = start + total;
    datagram.source = source;
    datagram.destination = destination;
    datagram.sourceMac = getMac(frame, 6);
    datagram.broadcast = broadcast || (frame[0] & 1) === 1;
    const handler = this.handlers.get(frame[start + 9]);
    if (handler) {
      handler(datagram);
    } else {
      counters.unknownProtocols++;
      this.unknownProtocol(datagram);
    }
  }

  /** RFC 1122, "Addressing": no host's address is ours, a group's or a broadcast. 0.0.0.0 is a host that has none yet. */
  private maySend(source: Ipv4): boolean {
    return source < 0xe000_0000 && source !== this.subnetBroadcast && !this.settings.addresses.includes(source);
  }

  /** A packet to fill from PAYLOAD on, and to hand to `send`. */
  packet(): Packet {
    return this.transmitter.packet();
  }

  /**
   * Sends a packet whose payload has been filled in, to the MAC address given or the one that ARP finds.
   * Hosts outside of our network are asked for by ARP as if they were inside.
   */
  send(packet: Packet, length: number, protocol: Protocol, source: Ipv4, destination: Ipv4, mac?: Mac): void {
    const { bytes } = packet;
    const at = ETHERNET_HEADER;
    this.counters.sent++;
    putEthernet(bytes, BROADCAST_MAC, this.settings.mac, EtherType.Ipv4);
    put16(bytes, at, 0x4500);
    put16(bytes, at + 2, IPV4_HEADER + length);
    this.identification = (this.identification + 1) & 0xffff;
    put16(bytes, at + 4, this.identification);
    put16(bytes, at + 6, DONT_FRAGMENT);
    bytes[at + 8] = TIME_TO_LIVE;
    bytes[at + 9] = protocol;
    put16(bytes, at + 10, 0);
    put32(bytes, at + 12, source);
    put32(bytes, at + 16, destination);
    put16(bytes, at + 10, checksum(sum16(bytes, at, PAYLOAD)));
    packet.length = PAYLOAD + length;
    if (mac !== undefined) {
      putMac(bytes, 0, mac);
      this.transmitter.send(packet);
    } else if (destination === BROADCAST_IPV4 || destination === this.subnetBroadcast) {
      this.transmitter.send(packet);
    } else {
      this.arp.resolve(packet, destination);
    }
  }
}
