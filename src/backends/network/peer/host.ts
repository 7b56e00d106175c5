// A host at the far end of a link: RFC 1122 as far as a guest meets it. It takes no time to think.
import type { Clock, Link, LinkReceiver } from "../../../platform/ports.js";
import { Transmitter } from "../transmitter.js";
import { Arp } from "./arp.js";
import { Icmp } from "./icmp.js";
import { Ipv4Layer } from "./ipv4.js";
import {
  BROADCAST_MAC,
  ETHERNET_HEADER,
  EtherType,
  get16,
  getMac,
  type Ipv4,
  IPV4_HEADER,
  type Mac,
} from "./packet.js";
import type { Connection } from "./tcp/connection.js";
import { TCP_HEADER } from "./tcp/segment.js";
import { Tcp } from "./tcp/tcp.js";
import { Udp } from "./udp.js";

/** Frames that may wait for the link, and those up to which TCP adds data to them. */
const QUEUE = 1024;
const TCP_QUEUE = 32;

export interface HostSettings {
  readonly mac: Mac;
  /** Ours; the first is the one that we are known by. */
  readonly addresses: readonly Ipv4[];
  readonly mask: Ipv4;
  /** Bytes of the longest IPv4 packet. */
  readonly mtu: number;
  /** Bytes of a TCP connection's receive buffer. Default 256 KiB. */
  readonly receiveBuffer?: number;
  /** Seconds that a TCP segment may live. Default 30. */
  readonly segmentLifetime?: number;
  readonly seed: number;
}

export class Host implements LinkReceiver {
  readonly counters = { receivedFrames: 0, otherStations: 0, unknownTypes: 0, malformed: 0 };
  readonly arp: Arp;
  readonly ip: Ipv4Layer;
  readonly icmp: Icmp;
  readonly udp: Udp;
  readonly tcp: Tcp;
  private readonly transmitter: Transmitter;
  /** Connections with data that wait for the link, in turn. */
  private readonly waiting = new Set<Connection>();

  constructor(
    link: Link,
    readonly clock: Clock,
    readonly settings: HostSettings,
  ) {
    const { addresses, mac, mtu } = settings;
    this.transmitter = new Transmitter(link, QUEUE, ETHERNET_HEADER + mtu, () => this.drained());
    this.arp = new Arp(clock, this.transmitter, mac, addresses);
    this.ip = new Ipv4Layer(settings, this.transmitter, this.arp);
    this.icmp = new Icmp(clock, this.ip, addresses[0], mtu);
    this.udp = new Udp(this.ip, this.icmp, mtu);
    const mss = mtu - IPV4_HEADER - TCP_HEADER;
    const { receiveBuffer = 0x4_0000, segmentLifetime = 30, seed } = settings;
    this.tcp = new Tcp(clock, this.ip, addresses[0], { mss, receiveBuffer, segmentLifetime }, seed, this);
    link.attach(this);
  }

  get address(): Ipv4 {
    return this.settings.addresses[0];
  }

  /** Frames that found the transmit queue full. */
  get droppedFrames(): number {
    return this.transmitter.dropped;
  }

  receive(frame: Uint8Array): void {
    const { counters } = this;
    counters.receivedFrames++;
    if (frame.length < ETHERNET_HEADER) {
      counters.malformed++;
      return;
    }
    const destination = getMac(frame, 0);
    if (destination !== this.settings.mac && destination !== BROADCAST_MAC) {
      counters.otherStations++;
      return;
    }
    const type = get16(frame, 12);
    if (type === EtherType.Ipv4) this.ip.receive(frame);
    else if (type === EtherType.Arp) this.arp.receive(frame);
    else counters.unknownTypes++;
  }

  linkChanged(): void {}

  room(connection: Connection): boolean {
    if (this.transmitter.length < TCP_QUEUE) return true;
    this.waiting.add(connection);
    return false;
  }

  /** A frame has left. A connection that finds no room again is last in turn. */
  private drained(): void {
    for (const connection of this.waiting) {
      if (this.transmitter.length >= TCP_QUEUE) break;
      this.waiting.delete(connection);
      connection.resume();
    }
  }
}
