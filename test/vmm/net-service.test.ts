// The VMM's switch (IEEE 802.1Q, "Principles of Bridge operation") over an interface that only remembers.
import { expect, test } from "vitest";
import type { PhysicalNic } from "../../src/vmm/e1000e-driver.js";
import { NetService } from "../../src/vmm/net-service.js";
import { fixture } from "./services.js";

const BROADCAST = 0xff;

/** A frame between stations that one byte names; the payload's first byte tells frames apart. */
function frame(to: number, from: number, tag = 0): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.fill(to === BROADCAST ? 0xff : 0, 0, 6);
  if (to !== BROADCAST) bytes[5] = to;
  bytes[11] = from;
  bytes[14] = tag;
  return bytes;
}

function setup(guests: number) {
  const { vmm, step } = fixture();
  const sent: number[] = [];
  const nic: PhysicalNic & { left: number; wanted: boolean } = {
    up: true,
    speed: 1e9,
    busy: false,
    left: Infinity,
    wanted: false,
    get room() {
      return nic.left > 0;
    },
    send: (bytes: Uint8Array) => {
      nic.left--;
      sent.push(bytes[14]);
    },
    kick: () => {},
    wantRoom: (wanted: boolean) => {
      nic.wanted = wanted;
    },
  };
  const service = new NetService(vmm, nic);
  const ports = Array.from({ length: guests }, (_, i) => {
    const got: number[] = [];
    const link = service.open(`guest${i}`, (work) => work());
    link.attach({ receive: (bytes) => got.push(bytes[14]), linkChanged: () => {} });
    return { link, got };
  });
  const settle = () => {
    while (step()) {}
  };
  return { service, nic, sent, ports, settle };
}

test("an address that nobody has sent from leads everywhere but back, as a group's does", () => {
  const { sent, ports, settle } = setup(3);
  ports[0].link.send(frame(9, 1, 7), () => {});
  settle();
  ports[0].link.send(frame(BROADCAST, 1, 8), () => {});
  settle();
  expect(ports.map(({ got }) => got)).toEqual([[], [7, 8], [7, 8]]);
  expect(sent).toEqual([7, 8]);
});

test("a learned address leads to its port alone: between guests nothing reaches the wire", () => {
  const { service, sent, ports, settle } = setup(3);
  ports[1].link.send(frame(BROADCAST, 2), () => {});
  settle();
  sent.length = 0;
  ports[0].link.send(frame(2, 1, 7), () => {});
  settle();
  service.received(frame(1, 9, 5));
  expect([sent, ports[0].got, ports[1].got, ports[2].got]).toEqual([[], [0, 5], [7], [0]]);
});

test("while the interface is full a frame waits, and its sender is told when it has gone; guests take turns", () => {
  const { service, nic, sent, ports, settle } = setup(2);
  const told: number[] = [];
  nic.left = 0;
  for (const [i, { link }] of ports.entries()) link.send(frame(9, i + 1, i), () => told.push(i));
  settle();
  expect([sent, nic.wanted]).toEqual([[], true]);
  nic.left = 1;
  service.room();
  expect([sent, told, nic.wanted]).toEqual([[0], [0], true]);
  nic.left = 0;
  ports[0].link.send(frame(9, 1, 2), () => told.push(2));
  nic.left = 2;
  service.room();
  expect([sent, told, nic.wanted]).toEqual([[0, 1, 2], [0, 1, 2], false]);
});

test("what is no frame is dropped, and its sender goes on", () => {
  const { ports, sent, settle } = setup(1);
  let told = 0;
  ports[0].link.send(new Uint8Array(13), () => told++);
  ports[0].link.send(new Uint8Array(4096), () => told++);
  settle();
  expect([told, sent, ports[0].link.counters.dropped]).toEqual([2, [], 2]);
});
