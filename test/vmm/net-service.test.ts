// The VMM's switch (IEEE 802.1Q, "Principles of Bridge operation") over an interface that only remembers.
import { expect, test } from "vitest";
import type { Share } from "../../src/vmm/fair-queue.js";
import type { PhysicalNic } from "../../src/vmm/e1000e-driver.js";
import { NetService } from "../../src/vmm/net-service.js";
import { E1000eController } from "../../src/devices/e1000e/controller.js";
import { NO_TIMES } from "../../src/devices/e1000e/parameters.js";
import { Rctl, Reg } from "../../src/devices/e1000e/registers.js";
import { fixture, PlainDma } from "./services.js";

const BROADCAST = 0xff;
/** Statistics register MPC: frames that found the packet buffer full. */
const MISSED_PACKETS = 0x4010;

/** A frame between stations that one byte names; the payload's first byte tells frames apart. */
function frame(to: number, from: number, tag = 0): Uint8Array {
  const bytes = new Uint8Array(60);
  bytes.fill(to === BROADCAST ? 0xff : 0, 0, 6);
  if (to !== BROADCAST) bytes[5] = to;
  bytes[11] = from;
  bytes[14] = tag;
  return bytes;
}

function setup(guests: number, shares: readonly Share[] = []) {
  const { vmm, step, events } = fixture();
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
    const link = service.open(`guest${i}`, (work) => work(), shares[i]);
    link.attach({ receive: (bytes) => got.push(bytes[14]), linkChanged: () => {} });
    return { link, got };
  });
  const settle = () => {
    while (step()) {}
  };
  return { vmm, events, service, nic, sent, ports, settle };
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

/** Sends frames to the wire one after the other, as a network interface does that has a ring full of them. */
function keepSending({ ports }: ReturnType<typeof setup>, guest: number, count = Infinity): void {
  let left = count;
  const next = () => {
    if (left-- > 0) ports[guest].link.send(frame(9, guest + 1, guest), next);
  };
  next();
}

test("the wire is given to guests by their weights while it is the bottleneck", () => {
  const s = setup(3, [{ weight: 1 }, { weight: 2 }, { weight: 4 }]);
  s.nic.left = 0;
  for (const guest of [0, 1, 2]) keepSending(s, guest);
  for (let i = 0; i < 100; i++) {
    s.nic.left = 7;
    s.service.room();
  }
  const counts = [0, 1, 2].map((guest) => s.sent.filter((one) => one === guest).length);
  expect(counts).toEqual([100, 200, 400]);
});

test("a limit counts what a frame takes of the wire, framing included; another guest isn't held up by it", () => {
  // 84 bytes a frame: 1,000 frames a second
  const s = setup(2, [{ rate: 84_000 }, {}]);
  keepSending(s, 0, 125);
  s.ports[1].link.send(frame(9, 2, 1), () => {});
  const { frequency } = s.events;
  s.settle();
  const milliseconds = (s.events.now() / frequency) * 1000;
  expect(s.sent).toHaveLength(126);
  expect(s.sent.indexOf(1)).toBeLessThan(30);
  expect(milliseconds).toBeGreaterThan(98);
  expect(milliseconds).toBeLessThan(101);
});

test("a port that is dropped forgets its frame and is told nothing; later frames pass", () => {
  const { service, nic, sent, ports, settle } = setup(2);
  let told = 0;
  nic.left = 0;
  ports[0].link.send(frame(9, 1, 5), () => told++);
  ports[1].link.send(frame(9, 2, 6), () => {});
  ports[0].link.drop();
  nic.left = Infinity;
  service.room();
  settle();
  expect([sent, told]).toEqual([[6], 0]);
  ports[0].link.send(frame(9, 1, 7), () => told++);
  settle();
  expect([sent, told]).toEqual([[6, 7], 1]);
});

test("a guest that doesn't read loses its own frames, and no other's", () => {
  const { vmm, service, ports, settle } = setup(2);
  const deaf = service.open("deaf", (work) => work());
  const dma = new PlainDma(vmm.core);
  const model = new E1000eController(
    { irq: { set: () => {} }, dma, clock: vmm.clock, link: deaf },
    { times: NO_TIMES },
  );
  model.write(Reg.RCTL, 4, Rctl.EN | Rctl.UPE | Rctl.BAM);
  for (let i = 0; i < 3000; i++) service.received(frame(BROADCAST, 9, i & 0xff));
  settle();
  expect(ports.map(({ got }) => got.length)).toEqual([3000, 3000]);
  expect(deaf.counters.receivedFrames).toBe(3000);
  expect(model.read(MISSED_PACKETS, 4)).toBeGreaterThan(2500);
});
