// The host that serves the guests: DHCP, names, and small services.
import type { Clock, Link } from "../../../platform/ports.js";
import type { FileContent } from "../content.js";
import { DhcpServer } from "./dhcp.js";
import { DnsServer } from "./dns.js";
import { Host, type HostSettings } from "./host.js";
import type { Ipv4, Mac } from "./packet.js";
import { serveHttp } from "./http.js";
import { serveTcp } from "./tcp-services.js";
import { UdpServices } from "./udp-services.js";

export interface PeerSettings extends HostSettings {
  /** The second of `addresses` is the name server's. */
  readonly firstLease: Ipv4;
  readonly lastLease: Ipv4;
  /** Seconds. */
  readonly leaseTime: number;
  readonly reserved: ReadonlyMap<Mac, Ipv4>;
  readonly names: ReadonlyMap<string, Ipv4>;
  readonly files: ReadonlyMap<string, FileContent>;
}

export class Peer {
  readonly host: Host;
  readonly dhcp: DhcpServer;
  readonly dns: DnsServer;
  readonly udp: UdpServices;

  constructor(link: Link, clock: Clock, settings: PeerSettings) {
    const host = new Host(link, clock, settings);
    const [address, dns] = settings.addresses;
    this.host = host;
    this.dhcp = new DhcpServer(clock, host.udp, {
      address,
      mask: settings.mask,
      dns,
      mtu: settings.mtu,
      first: settings.firstLease,
      last: settings.lastLease,
      leaseTime: settings.leaseTime,
      reserved: settings.reserved,
    });
    this.dns = new DnsServer(host.udp, dns, settings.names);
    this.udp = new UdpServices(clock, host.udp, address);
    serveTcp(host.tcp);
    serveHttp(host.tcp, settings.files);
  }
}
