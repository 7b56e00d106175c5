// A DHCP server: RFC 2131, "Server behavior" and "Constructing and sending DHCP messages"; options by RFC 2132.
// Leases belong to hardware addresses, whatever client identifier is given, so that a boot loader and the system after it get the same one.
import type { Clock } from "../../../platform/ports.js";
import { BROADCAST_IPV4, BROADCAST_MAC, get16, get32, getMac, type Ipv4, type Mac, put16, put32 } from "./packet.js";
import type { Udp, UdpDatagram } from "./udp.js";

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;

const BOOTREQUEST = 1;
const BOOTREPLY = 2;
const COOKIE = 0x6382_5363;
/** Where the fields of a message are (figure 1). */
const enum At {
  Xid = 4,
  Flags = 10,
  Ciaddr = 12,
  Yiaddr = 16,
  Siaddr = 20,
  Giaddr = 24,
  Chaddr = 28,
  Cookie = 236,
  Options = 240,
}
/** RFC 1542, "Message structure": what every client takes, and the least that some take. */
const SHORTEST_MESSAGE = 300;
const BROADCAST_FLAG = 0x8000;

const enum Option {
  Pad = 0,
  Mask = 1,
  Router = 3,
  Dns = 6,
  DomainName = 15,
  Mtu = 26,
  Broadcast = 28,
  RequestedAddress = 50,
  LeaseTime = 51,
  MessageType = 53,
  ServerIdentifier = 54,
  RenewalTime = 58,
  RebindingTime = 59,
  End = 255,
}

const enum Message {
  Discover = 1,
  Offer = 2,
  Request = 3,
  Decline = 4,
  Ack = 5,
  Nak = 6,
  Release = 7,
  Inform = 8,
}

/** Seconds for which an offer is kept, and a declined address isn't given. */
const OFFERED = 60;
const DECLINED = 600;
/** Holds declined addresses. */
const NOBODY: Mac = -1;

export interface DhcpSettings {
  /** Ours, as the server's identifier, and the router's. */
  readonly address: Ipv4;
  readonly mask: Ipv4;
  readonly dns: Ipv4;
  readonly mtu: number;
  /** First and last address of the pool. */
  readonly first: Ipv4;
  readonly last: Ipv4;
  /** Seconds. */
  readonly leaseTime: number;
  /** Addresses that belong to a client for ever; they lie inside of the network. */
  readonly reserved: ReadonlyMap<Mac, Ipv4>;
}

interface Lease {
  mac: Mac;
  until: number;
}

/** A request's parts. */
interface Request {
  type: number;
  mac: Mac;
  ciaddr: Ipv4;
  requested: Ipv4;
  server: Ipv4;
  broadcast: boolean;
  bytes: Uint8Array;
}

export class DhcpServer {
  readonly counters = { offers: 0, acks: 0, naks: 0, malformed: 0, exhausted: 0 };
  private readonly leases = new Map<Ipv4, Lease>();
  private readonly reply = new Uint8Array(SHORTEST_MESSAGE);

  constructor(
    private readonly clock: Clock,
    private readonly udp: Udp,
    private readonly settings: DhcpSettings,
  ) {
    udp.bind(SERVER_PORT, (datagram) => this.receive(datagram));
  }

  /** The address that a client has, if any. */
  leaseOf(mac: Mac): Ipv4 | undefined {
    for (const [address, lease] of this.leases) {
      if (lease.mac === mac && lease.until > this.clock.now()) return address;
    }
    return undefined;
  }

  private receive(datagram: UdpDatagram): void {
    const request = parse(datagram.data);
    if (!request) {
      this.counters.malformed++;
      return;
    }
    switch (request.type) {
      case Message.Discover:
        this.discover(request);
        break;
      case Message.Request:
        this.request(request);
        break;
      case Message.Decline:
        if (this.leases.get(request.requested)?.mac === request.mac) this.take(request.requested, NOBODY, DECLINED);
        break;
      case Message.Release:
        if (this.leases.get(request.ciaddr)?.mac === request.mac) this.leases.delete(request.ciaddr);
        break;
      case Message.Inform:
        this.answer(request, Message.Ack, 0);
        break;
    }
  }

  /** "DHCPDISCOVER message" */
  private discover(request: Request): void {
    const address = this.choose(request);
    if (address === undefined) {
      this.counters.exhausted++;
      return;
    }
    if (this.leases.get(address)?.mac !== request.mac) this.take(address, request.mac, OFFERED);
    this.counters.offers++;
    this.answer(request, Message.Offer, address);
  }

  /** "DHCPREQUEST message": to select (with a server's identifier), after a reboot, or to renew (with an own address) */
  private request(request: Request): void {
    const { settings } = this;
    if (request.server !== 0 && request.server !== settings.address) {
      const offered = this.leaseOf(request.mac);
      if (offered !== undefined) this.leases.delete(offered);
      return;
    }
    const address = request.requested || request.ciaddr;
    if (this.mayTake(address, request.mac)) {
      const former = this.leaseOf(request.mac);
      if (former !== undefined && former !== address) this.leases.delete(former);
      this.take(address, request.mac, settings.leaseTime);
      this.counters.acks++;
      this.answer(request, Message.Ack, address);
    } else {
      this.counters.naks++;
      this.answer(request, Message.Nak, 0);
    }
  }

  /** The address that the client has, the one that it asks for, or the first that is free. */
  private choose({ mac, requested }: Request): Ipv4 | undefined {
    const own = this.settings.reserved.get(mac) ?? this.leaseOf(mac);
    if (own !== undefined) return own;
    if (this.mayTake(requested, mac)) return requested;
    for (let address = this.settings.first; address <= this.settings.last; address++) {
      if (this.mayTake(address, mac)) return address;
    }
    return undefined;
  }

  private mayTake(address: Ipv4, mac: Mac): boolean {
    const { first, last, reserved } = this.settings;
    const own = reserved.get(mac);
    if (own !== undefined) return own === address;
    if (address < first || address > last) return false;
    for (const taken of reserved.values()) if (taken === address) return false;
    const lease = this.leases.get(address);
    return !lease || lease.mac === mac || lease.until <= this.clock.now();
  }

  private take(address: Ipv4, mac: Mac, seconds: number): void {
    this.leases.set(address, { mac, until: this.clock.now() + seconds * this.clock.frequency });
  }

  private answer(request: Request, type: Message, address: Ipv4): void {
    const { reply } = this;
    reply.fill(0);
    reply[0] = BOOTREPLY;
    reply[1] = 1;
    reply[2] = 6;
    put32(reply, At.Xid, get32(request.bytes, At.Xid));
    put16(reply, At.Flags, get16(request.bytes, At.Flags));
    put32(reply, At.Ciaddr, type === Message.Nak || type === Message.Offer ? 0 : request.ciaddr);
    put32(reply, At.Yiaddr, address);
    reply.set(request.bytes.subarray(At.Chaddr, At.Chaddr + 16), At.Chaddr);
    put32(reply, At.Cookie, COOKIE);
    const at = this.putOptions(type, address !== 0);
    reply[at] = Option.End;
    this.send(request, type, address);
  }

  private putOptions(type: Message, leased: boolean): number {
    const { settings, reply } = this;
    let at: number = At.Options;
    const put = (option: Option, length: number, value: number) => {
      reply[at] = option;
      reply[at + 1] = length;
      if (length === 4) put32(reply, at + 2, value);
      else if (length === 2) put16(reply, at + 2, value);
      else reply[at + 2] = value;
      at += 2 + length;
    };
    put(Option.MessageType, 1, type);
    put(Option.ServerIdentifier, 4, settings.address);
    if (type === Message.Nak) return at;
    if (leased) {
      put(Option.LeaseTime, 4, settings.leaseTime);
      put(Option.RenewalTime, 4, settings.leaseTime >>> 1);
      put(Option.RebindingTime, 4, settings.leaseTime - (settings.leaseTime >>> 3));
    }
    put(Option.Mask, 4, settings.mask);
    put(Option.Router, 4, settings.address);
    put(Option.Dns, 4, settings.dns);
    put(Option.Broadcast, 4, (settings.address | ~settings.mask) >>> 0);
    put(Option.Mtu, 2, settings.mtu);
    return at;
  }

  /** To the client's address if it has one, to all if it asks for that or is refused, else to the address that it gets. */
  private send(request: Request, type: Message, address: Ipv4): void {
    const ports = { source: this.settings.address, sourcePort: SERVER_PORT, destinationPort: CLIENT_PORT };
    if (type !== Message.Nak && request.ciaddr !== 0) {
      this.udp.send({ ...ports, destination: request.ciaddr }, this.reply, request.mac);
    } else if (type === Message.Nak || request.broadcast || address === 0) {
      this.udp.send({ ...ports, destination: BROADCAST_IPV4 }, this.reply, BROADCAST_MAC);
    } else {
      this.udp.send({ ...ports, destination: address }, this.reply, request.mac);
    }
  }
}

function parse(bytes: Uint8Array): Request | undefined {
  const legal =
    bytes.length >= At.Options &&
    bytes[0] === BOOTREQUEST &&
    bytes[1] === 1 &&
    bytes[2] === 6 &&
    get32(bytes, At.Cookie) === COOKIE &&
    // relays aren't for this network
    get32(bytes, At.Giaddr) === 0;
  if (!legal) return undefined;
  const request: Request = {
    type: 0,
    mac: getMac(bytes, At.Chaddr),
    ciaddr: get32(bytes, At.Ciaddr),
    requested: 0,
    server: 0,
    broadcast: (get16(bytes, At.Flags) & BROADCAST_FLAG) !== 0,
    bytes,
  };
  for (let at: number = At.Options; at < bytes.length && bytes[at] !== Option.End; ) {
    if (bytes[at] === Option.Pad) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    const value = at + 2;
    if (value + length > bytes.length) break;
    if (bytes[at] === Option.MessageType && length === 1) request.type = bytes[value];
    if (bytes[at] === Option.RequestedAddress && length === 4) request.requested = get32(bytes, value);
    if (bytes[at] === Option.ServerIdentifier && length === 4) request.server = get32(bytes, value);
    at = value + length;
  }
  return request.type === 0 ? undefined : request;
}
