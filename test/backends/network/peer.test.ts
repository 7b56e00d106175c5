// What the peer answers: ARP, ICMP, UDP, DHCP, DNS.
import { expect, test } from "vitest";
import { buildNetwork } from "../../../src/backends/network/index.js";
import {
  BROADCAST_IPV4,
  BROADCAST_MAC,
  get16,
  get32,
  put16,
  put32,
} from "../../../src/backends/network/peer/packet.js";
import type { UdpDatagram } from "../../../src/backends/network/peer/udp.js";
import { UserError } from "../../../src/platform/user-error.js";
import {
  FREQUENCY,
  GUEST,
  GUEST_MAC,
  guestHost,
  ip,
  MILLISECOND,
  network,
  PEER,
  VirtualTime,
} from "../../support/network.js";

const text = (value: string) => new TextEncoder().encode(value);

/** Sends a datagram from the guest's port 5000 and gives the data of what comes back. */
function ask(world: ReturnType<typeof network>, destination: number, destinationPort: number, data: Uint8Array) {
  const answers: Uint8Array[] = [];
  world.guest.udp.bind(5000, (datagram) => answers.push(datagram.data.slice()));
  world.guest.udp.send({ source: GUEST, sourcePort: 5000, destination, destinationPort }, data);
  world.time.run(FREQUENCY);
  return answers;
}

test("an echo request comes back after two latencies and its frames' times, ARP first (RFC 792, 'Echo or Echo Reply Message')", () => {
  const { time, guest, peer } = network();
  const trips: (number | undefined)[] = [];
  guest.icmp.ping(PEER, 56, FREQUENCY, (cycles) => trips.push(cycles));
  time.run(FREQUENCY);
  guest.icmp.ping(PEER, 56, FREQUENCY, (cycles) => trips.push(cycles));
  time.run(FREQUENCY);
  expect(trips[1]).toBe(2 * (5000 + (8 + 98 + 4) * 8) * 1.5);
  expect(trips[0]).toBeGreaterThan(trips[1]!);
  expect(peer.host.icmp.counters.echoesAnswered).toBe(2);
  expect(peer.host.arp.counters).toMatchObject({ requestsAnswered: 1, requestsSent: 0 });
});

test("an address that nobody has is asked for three times, and what waited for it is dropped (RFC 1122, 'ARP Packet Queue')", () => {
  const { time, guest } = network();
  const trips: (number | undefined)[] = [];
  guest.icmp.ping(ip("10.0.2.99"), 56, 5 * FREQUENCY, (cycles) => trips.push(cycles));
  time.run(10 * FREQUENCY);
  expect(trips).toEqual([undefined]);
  expect(guest.arp.counters).toMatchObject({ requestsSent: 3, unanswered: 1 });
});

test("the source gives as many numbered datagrams as it is asked for", () => {
  const world = network();
  const request = new Uint8Array(12);
  const view = new DataView(request.buffer);
  view.setUint32(0, 7);
  view.setUint32(4, 3);
  view.setUint32(8, 20);
  const given = ask(world, PEER, 5002, request);
  expect(given.map((data) => [new DataView(data.buffer, data.byteOffset).getUint32(0), data.length])).toEqual([
    [7, 20],
    [8, 20],
    [9, 20],
  ]);
});

test("UDP services: echo (RFC 862), discard (RFC 863), character generator (RFC 864)", () => {
  const world = network();
  expect(ask(world, PEER, 7, text("hello"))).toEqual([text("hello")]);
  expect(ask(world, PEER, 9, text("hello"))).toEqual([]);
  const [generated] = ask(world, PEER, 19, text("x"));
  expect(new TextDecoder().decode(generated.subarray(0, 76))).toBe(
    ' !"#$%&\'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefg\r\n!"',
  );
  expect(world.peer.udp.counters).toMatchObject({ discardedDatagrams: 1, discardedBytes: 5 });
});

test("a datagram that is too long to be sent back isn't, as the peer doesn't fragment", () => {
  const time = new VirtualTime();
  const net = buildNetwork({ mtu: 576 }, time.clock);
  const guest = guestHost(net.link, time.clock);
  const world = { time, net, peer: net.peer, guests: [guest], guest };
  expect(ask(world, PEER, 7, new Uint8Array(548))).toHaveLength(1);
  expect(ask(world, PEER, 7, new Uint8Array(549))).toEqual([]);
});

test("a port where nobody listens is unreachable (RFC 1122, 'UDP')", () => {
  const world = network();
  expect(ask(world, PEER, 1234, text("hello"))).toEqual([]);
  expect(world.guest.icmp.counters.unreachableReceived).toBe(1);
});

test("a stream of datagrams arrives at the rate that was asked for", () => {
  const { time, guest, peer } = network();
  const numbers: number[] = [];
  guest.udp.bind(6000, ({ data }) => numbers.push(get32(data, 0)));
  let done = -1;
  peer.udp.stream({ destination: GUEST, destinationPort: 6000, count: 10, bytes: 1000, rate: 1000 }, () => {
    done = time.clock.now();
  });
  time.run(FREQUENCY);
  expect(numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(done).toBe(10 * MILLISECOND);
});

// RFC 1035, "Messages"
function query(name: string, type = 1) {
  const labels = name.split(".").flatMap((label) => [label.length, ...text(label)]);
  return Uint8Array.from([0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, type, 0, 1]);
}

test("names of the table have addresses, others don't exist (RFC 1035, 'Messages')", () => {
  const world = network({ dns: { "Server.Example": "10.0.2.2" } });
  const dns = ip("10.0.2.3");
  const [found] = ask(world, dns, 53, query("server.EXAMPLE"));
  expect(get16(found, 0)).toBe(0x1234);
  expect(get16(found, 2)).toBe(0x8580);
  expect(get16(found, 6)).toBe(1);
  expect(get32(found, found.length - 4)).toBe(PEER);
  const [other] = ask(world, dns, 53, query("nowhere.example"));
  expect(get16(other, 2)).toBe(0x8583);
  const [ipv6] = ask(world, dns, 53, query("server.example", 28));
  expect([get16(ipv6, 2), get16(ipv6, 6)]).toEqual([0x8580, 0]);
  const [none] = ask(world, dns, 53, query("server.example").subarray(0, 20));
  expect(get16(none, 2) & 15).toBe(1);
});

// RFC 2131, figure 1 and "Client-server interaction"
function dhcpMessage(type: number, options: readonly number[] = [], ciaddr = 0, mac = GUEST_MAC) {
  const message = new Uint8Array(300);
  message.set([1, 1, 6]);
  put32(message, 4, 0xabcd);
  put16(message, 10, 0x8000);
  put32(message, 12, ciaddr);
  put16(message, 28, Math.floor(mac / 2 ** 32));
  put32(message, 30, mac >>> 0);
  put32(message, 236, 0x6382_5363);
  message.set([53, 1, type, ...options, 255], 240);
  return message;
}

const address = (option: number, value: number) => [
  option,
  4,
  value >>> 24,
  (value >> 16) & 255,
  (value >> 8) & 255,
  value & 255,
];

function dhcpClient(world: ReturnType<typeof network>) {
  const answers: { type: number; address: number; options: Map<number, Uint8Array> }[] = [];
  world.guest.udp.bind(68, ({ data }: UdpDatagram) => {
    const options = new Map<number, Uint8Array>();
    for (let at = 240; data[at] !== 255; at += 2 + data[at + 1]) {
      options.set(data[at], data.slice(at + 2, at + 2 + data[at + 1]));
    }
    answers.push({ type: options.get(53)![0], address: get32(data, 16), options });
  });
  return (message: Uint8Array) => {
    const to = { source: 0, sourcePort: 68, destination: BROADCAST_IPV4, destinationPort: 67 };
    world.guest.udp.send(to, message, BROADCAST_MAC);
    world.time.run(MILLISECOND);
    return answers.pop();
  };
}

test("a client discovers, requests and has 10.0.2.15, with router, mask and name server (RFC 2131, 'Client-server interaction - allocating a network address')", () => {
  const world = network();
  const send = dhcpClient(world);
  const offer = send(dhcpMessage(1))!;
  expect([offer.type, offer.address]).toEqual([2, GUEST]);
  const ack = send(dhcpMessage(3, [...address(50, GUEST), ...address(54, PEER)]))!;
  expect([ack.type, ack.address]).toEqual([5, GUEST]);
  expect([1, 3, 6, 54, 51].map((option) => get32(ack.options.get(option)!, 0))).toEqual([
    0xffff_ff00,
    PEER,
    ip("10.0.2.3"),
    PEER,
    86_400,
  ]);
  expect(world.peer.dhcp.leaseOf(GUEST_MAC)).toBe(GUEST);
});

test("what another has is refused, and given again when its lease is over (RFC 2131, 'DHCPREQUEST message')", () => {
  const world = network({ leaseTime: 60 });
  const send = dhcpClient(world);
  const other = GUEST_MAC + 1;
  expect(send(dhcpMessage(3, address(50, GUEST)))!.type).toBe(5);
  expect(send(dhcpMessage(3, address(50, GUEST), 0, other))!.type).toBe(6);
  expect(send(dhcpMessage(3, address(50, ip("192.168.0.1")), 0, other))!.type).toBe(6);
  expect(send(dhcpMessage(1, address(50, GUEST), 0, other))!.address).toBe(GUEST + 1);
  world.time.run(61 * FREQUENCY);
  expect(send(dhcpMessage(1, address(50, GUEST), 0, other))!.address).toBe(GUEST);
});

test("a lease can be renewed, declined and released; a reserved address is its owner's (RFC 2131, 'Server behavior')", () => {
  const world = network({ leases: { "52:54:00:12:34:58": "10.0.2.16" } });
  const send = dhcpClient(world);
  send(dhcpMessage(3, address(50, GUEST)));
  // a unicast to the client's address: the guest has it
  expect(send(dhcpMessage(3, [], GUEST))!.type).toBe(5);
  expect(send(dhcpMessage(8, [], GUEST))!.address).toBe(0);
  expect(send(dhcpMessage(4, address(50, GUEST)))).toBe(undefined);
  expect(send(dhcpMessage(1))!.address).toBe(GUEST + 2);
  expect(send(dhcpMessage(1, [], 0, GUEST_MAC + 2))!.address).toBe(GUEST + 1);
});

test("a pool that is used up gives nothing", () => {
  const world = network({ firstLease: "10.0.2.254" });
  const send = dhcpClient(world);
  expect(send(dhcpMessage(1))!.address).toBe(ip("10.0.2.254"));
  expect(send(dhcpMessage(1, [], 0, GUEST_MAC + 1))).toBe(undefined);
  expect(world.peer.dhcp.counters.exhausted).toBe(1);
});

test("wrong checksums are counted and drop the packet (RFC 1071; as of a device that computes them)", () => {
  const { time, net, peer, guest } = network();
  guest.icmp.ping(PEER, 0, FREQUENCY, () => {});
  time.run(MILLISECOND);
  const frames: Uint8Array[] = [];
  net.observe((frame, outgoing) => outgoing && frames.push(frame.slice()));
  guest.icmp.ping(PEER, 56, FREQUENCY, () => {});
  guest.udp.send({ source: GUEST, sourcePort: 5000, destination: PEER, destinationPort: 9 }, text("hello"));
  time.run(MILLISECOND);
  const [echo, datagram] = frames;
  for (const [frame, at] of [
    [echo, 14 + 8],
    [echo, 60],
    [datagram, 14 + 20 + 10],
  ] as const) {
    const broken = frame.slice();
    broken[at] ^= 1;
    net.link.send(broken, () => {});
    time.run(MILLISECOND);
  }
  expect(peer.host.ip.counters.badChecksums).toBe(1);
  expect(peer.host.icmp.counters.badChecksums).toBe(1);
  expect(peer.host.udp.counters.badChecksums).toBe(1);
});

test("a configuration that makes no sense is the user's error, with its place", () => {
  const { clock } = new VirtualTime();
  const place = (config: object) => {
    expect(() => buildNetwork(config, clock)).toThrow(UserError);
    expect(() => buildNetwork(config, clock)).toThrow(`network.${Object.keys(config)[0]}`);
  };
  place({ bandwidth: 0 });
  place({ latency: Number.NaN });
  place({ loss: 2 });
  place({ guests: 1.5 });
  place({ address: "10.0.2" });
  place({ firstLease: "10.0.3.15" });
  place({ mac: "01:00:00:00:00:00" });
  place({ dns: { a: "b" } });
});
