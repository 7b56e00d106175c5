// IEEE 802.1Q, "Principles of Bridge operation".
import { expect, test } from "vitest";
import { generatedSource } from "../../../src/backends/network/index.js";
import { BROADCAST_MAC, putMac } from "../../../src/backends/network/peer/packet.js";
import { call } from "../../../src/backends/network/peer/tcp-services.js";
import { Switch, type SwitchParameters } from "../../../src/backends/network/switch.js";
import { Wire } from "../../../src/backends/network/wire.js";
import { FREQUENCY, GUEST, MILLISECOND, network, PEER, VirtualTime } from "../../support/network.js";

/** A switch with four stations; `seen` says which stations got a frame. */
function lan(parameters: Partial<SwitchParameters> = {}) {
  const time = new VirtualTime();
  const joint = new Switch(time.clock, parameters);
  const wires = [0, 1, 2, 3].map(() => new Wire(time.clock));
  const ports = wires.map((wire) => joint.join(wire.b));
  let seen: number[] = [];
  wires.forEach((wire, n) => {
    wire.a.attach({ receive: () => seen.push(n), linkChanged: () => {} });
  });
  const send = (station: number, to: number, from = station) => {
    const frame = new Uint8Array(60);
    putMac(frame, 0, to);
    putMac(frame, 6, from);
    seen = [];
    wires[station].a.send(frame, () => {});
    time.run(MILLISECOND);
    return seen;
  };
  return { time, wires, ports, send };
}

test("an unknown destination and a group are flooded, a known one gets its frames alone", () => {
  const { send, ports } = lan();
  expect(send(0, 1)).toEqual([1, 2, 3]);
  expect(send(1, 0)).toEqual([0]);
  expect(send(0, 1)).toEqual([1]);
  expect(send(0, BROADCAST_MAC)).toEqual([1, 2, 3]);
  expect(send(2, 0x0100_5e00_0001)).toEqual([0, 1, 3]);
  expect(ports[1].counters).toEqual({ receivedFrames: 1, forwardedFrames: 1, floodedFrames: 3, filteredFrames: 0 });
});

test("a frame for a station at the same port isn't forwarded, and a station that moves is found", () => {
  const { send, ports } = lan();
  send(0, 99, 10);
  expect(send(0, 10, 11)).toEqual([]);
  expect(ports[0].counters.filteredFrames).toBe(1);
  send(3, 99, 10);
  expect(send(0, 10, 11)).toEqual([3]);
});

test("an address that hasn't sent for the ageing time is forgotten, as is a port's that goes down", () => {
  const { time, send, wires } = lan({ ageing: 300 });
  send(1, 99);
  time.run(299 * FREQUENCY);
  expect(send(0, 1)).toEqual([1]);
  time.run(2 * FREQUENCY);
  expect(send(0, 1)).toEqual([1, 2, 3]);
  send(1, 99);
  wires[1].setUp(false);
  wires[1].setUp(true);
  expect(send(0, 1)).toEqual([1, 2, 3]);
});

test("the table is bounded: one address more displaces the oldest", () => {
  const { send } = lan({ addresses: 2 });
  send(1, 99);
  send(2, 99);
  send(3, 99);
  expect(send(3, 1)).toEqual([0, 1, 2]);
  expect(send(3, 2)).toEqual([2]);
});

test("a port's queue drops at its tail when more comes than leaves", () => {
  const { time, wires, ports } = lan({ queueFrames: 8 });
  const frame = new Uint8Array(1514);
  putMac(frame, 0, 3);
  wires[3].a.send(new Uint8Array(60).fill(3, 11, 12), () => {});
  time.run(MILLISECOND);
  for (const n of [0, 1]) {
    let left = 100;
    const next = () => {
      if (left-- > 0) wires[n].a.send(frame, next);
    };
    next();
  }
  time.run(FREQUENCY);
  expect(wires[3].b.counters.arrivedFrames + ports[3].dropped).toBe(200);
  expect(ports[3].dropped).toBeGreaterThan(80);
});

test("guests on one switch talk to the peer and to each other", () => {
  const { time, net, guests, peer } = network({ guests: 3 });
  const trips: (number | undefined)[] = [];
  for (const guest of guests) guest.icmp.ping(PEER, 56, FREQUENCY, (cycles) => trips.push(cycles));
  guests[0].icmp.ping(GUEST + 2, 56, FREQUENCY, (cycles) => trips.push(cycles));
  time.run(FREQUENCY);
  expect(trips.every((cycles) => cycles! > 0)).toBe(true);
  expect(trips.length).toBe(4);
  guests[1].tcp.listen(4000, () => ({ readable: (c) => c.read() }));
  const bytes = 1_000_000;
  call(guests[0].tcp, { destination: GUEST + 1, destinationPort: 4000, send: generatedSource(bytes, 1) });
  call(guests[2].tcp, { destination: PEER, destinationPort: 9, send: generatedSource(bytes, 1) });
  time.run(10 * FREQUENCY);
  expect([...guests[1].tcp.all][0].statistics.bytesIn).toBe(bytes);
  expect(peer.host.tcp.history[0].bytesIn).toBe(bytes);
  expect(net.switch!.ports.every((port) => port.dropped === 0)).toBe(true);
});
