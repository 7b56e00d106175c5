// The network around the machine: a wire for each guest, a switch when there are several, and a host that serves them.
import type { Clock, Link } from "../../platform/ports.js";
import { UserError } from "../../platform/user-error.js";
import type { FileContent } from "./content.js";
import { type Ipv4, type Mac, parseIpv4, parseMac } from "./peer/packet.js";
import { Peer } from "./peer/peer.js";
import { Switch } from "./switch.js";
import { type FrameObserver, GIGABIT, Wire } from "./wire.js";

export { type ByteSource, bytesSource, type FileContent, generatedSource } from "./content.js";
export { PcapWriter } from "./pcap.js";
export { Peer } from "./peer/peer.js";
export { Switch } from "./switch.js";
export { Wire } from "./wire.js";

/** Plain data; everything has a default. */
export interface NetworkConfig {
  /** bit/s of every wire. Default 1e9. */
  readonly bandwidth?: number;
  /** ns from end to end of a wire. Default 5000. */
  readonly latency?: number;
  /** Probability (0…1) that a frame is lost on a guest's wire, in both directions or [from the guest, to the guest]. Default 0. */
  readonly loss?: number | readonly [fromGuest: number, toGuest: number];
  /** Of losses and of initial sequence numbers. Default 1. */
  readonly seed?: number;
  /** Guests' links, 1…64; with more than one a switch joins them. Default 1. */
  readonly guests?: number;
  /** The peer's address: gateway, DHCP server and all services. Default 10.0.2.2. */
  readonly address?: string;
  /** Bits of the network's prefix, 8…30. Default 24. */
  readonly prefix?: number;
  /** The name server's address, also the peer's. Default: the one behind `address`. */
  readonly dnsAddress?: string;
  /** The peer's MAC address. Default 52:54:00:12:35:02. */
  readonly mac?: string;
  /** First address that DHCP gives. Default: the network's number 15. */
  readonly firstLease?: string;
  /** Seconds that a lease lasts. Default 86400. */
  readonly leaseTime?: number;
  /** Addresses that DHCP keeps for MAC addresses. */
  readonly leases?: Readonly<Record<string, string>>;
  /** Bytes of the peer's longest IPv4 packet, 576…9000. Default 1500. */
  readonly mtu?: number;
  /** IPv4 addresses by name. */
  readonly dns?: Readonly<Record<string, string>>;
  /** What the HTTP server has, by path ("/file"). */
  readonly files?: Readonly<Record<string, FileContent>>;
}

export interface Network {
  /** The guests' ends, for their network interfaces. */
  readonly links: readonly Link[];
  /** The first of them. */
  readonly link: Link;
  /** The guests' wires (the guest at end `a`), for counters, `setUp` and observers. */
  readonly wires: readonly Wire[];
  readonly wire: Wire;
  readonly peer: Peer;
  readonly switch: Switch | undefined;
  /** Has `observer` see what passes each guest's interface (for `--pcap`). */
  observe(observer: FrameObserver): void;
}

/** Throws UserError, its place being `network.<key>`, for a configuration that makes no sense. */
export function buildNetwork(config: NetworkConfig, clock: Clock): Network {
  const guests = number(config, "guests", 1, 1, 64);
  const seed = config.seed ?? 1;
  const parameters = {
    bandwidth: number(config, "bandwidth", GIGABIT.bandwidth, 1_000, 1e12),
    latency: number(config, "latency", GIGABIT.latency, 0, 1e10),
  };
  const loss = losses(config.loss ?? 0);
  const wires = Array.from({ length: guests }, (_, n) => new Wire(clock, { ...parameters, loss, seed: seed + n }));
  let end: Link = wires[0].b;
  let joint: Switch | undefined;
  if (guests > 1) {
    joint = new Switch(clock);
    const trunk = new Wire(clock, parameters);
    for (const wire of wires) joint.join(wire.b);
    joint.join(trunk.a);
    end = trunk.b;
  }
  const peer = new Peer(end, clock, { ...peerSettings(config), seed });
  return {
    links: wires.map((wire) => wire.a),
    link: wires[0].a,
    wires,
    wire: wires[0],
    peer,
    switch: joint,
    observe: (observer) => {
      for (const wire of wires) wire.a.observers.push(observer);
    },
  };
}

function peerSettings(config: NetworkConfig) {
  const mask = (~0 << (32 - number(config, "prefix", 24, 8, 30))) >>> 0;
  const address = ipv4("address", config.address ?? "10.0.2.2");
  const network = (address & mask) >>> 0;
  const last = ((network | ~mask) >>> 0) - 1;
  const inside = (key: string, value: Ipv4): Ipv4 => {
    if (value > network && value <= last) return value;
    throw new UserError("the address isn't in the peer's network", `network.${key}`, "Choose one with the same prefix");
  };
  const dnsAddress = inside("dnsAddress", config.dnsAddress ? ipv4("dnsAddress", config.dnsAddress) : address + 1);
  const firstLease = config.firstLease ? ipv4("firstLease", config.firstLease) : Math.min(network + 15, last);
  return {
    mac: mac("mac", config.mac ?? "52:54:00:12:35:02"),
    addresses: [inside("address", address), dnsAddress],
    mask,
    mtu: number(config, "mtu", 1500, 576, 9000),
    firstLease: inside("firstLease", firstLease),
    lastLease: last,
    leaseTime: number(config, "leaseTime", 86_400, 60, 0xffff_fffe),
    reserved: new Map(
      Object.entries(config.leases ?? {}).map(([key, value]) => [
        mac("leases", key),
        inside(`leases.${key}`, ipv4(`leases.${key}`, value)),
      ]),
    ),
    names: new Map(Object.entries(config.dns ?? {}).map(([name, value]) => [name, ipv4(`dns.${name}`, value)])),
    files: new Map(Object.entries(config.files ?? {})),
  };
}

type NumericKey = "bandwidth" | "latency" | "guests" | "prefix" | "leaseTime" | "mtu";

function number(config: NetworkConfig, key: NumericKey, otherwise: number, least: number, most: number): number {
  const value = config[key] ?? otherwise;
  if (value >= least && value <= most && (key === "bandwidth" || key === "latency" || Number.isInteger(value))) {
    return value;
  }
  throw new UserError(`${value} is out of range`, `network.${key}`, `Choose a number from ${least} to ${most}`);
}

function losses(loss: number | readonly [number, number]): readonly [number, number] {
  const both = typeof loss === "number" ? ([loss, loss] as const) : loss;
  if (both.every((one) => one >= 0 && one <= 1)) return both;
  throw new UserError(`${both.join(" and ")} are no probabilities`, "network.loss", "Choose numbers from 0 to 1");
}

function ipv4(key: string, text: string): Ipv4 {
  const address = parseIpv4(text);
  if (address !== undefined) return address;
  throw new UserError(`"${text}" is no IPv4 address`, `network.${key}`, "Write it like 10.0.2.2");
}

function mac(key: string, text: string): Mac {
  const address = parseMac(text);
  // the lowest bit of the first byte makes it a group's
  if (address !== undefined && Math.floor(address / 0x100_0000_0000) % 2 === 0) return address;
  throw new UserError(`"${text}" is no MAC address of a station`, `network.${key}`, "Write it like 52:54:00:12:35:02");
}
