// Intel 82574 GbE Controller Family Datasheet 3.4, "Packet Transmission", "TCP Segmentation".
import { expect, test } from "vitest";
import { NO_TIMES } from "../../../src/devices/e1000e/parameters.js";
import {
  CTRL,
  CTRL_RST,
  CTRL_VME,
  DEXT,
  EOP,
  IC,
  IFCS,
  RS,
  TCTL,
  TDH,
  TDT,
  TSE,
  VLE,
} from "../../support/e1000e-driver.js";
import { sameBytes } from "../../support/world.js";
import { checksumsRight, e1000e, frame, pseudoSum, ready, tagged, tcpFrame } from "./setup.js";

const SEND = EOP | IFCS | RS;
const BOTH_SUMS = 3;

test("a legacy descriptor's buffer leaves as a frame, and its status comes back ('Legacy Transmit Descriptor Format')", () => {
  const { driver, world, cable } = ready();
  const sent = frame(100);
  const descriptor = driver.legacy(sent);
  driver.ring();
  world.run();
  expect(cable.sent).toEqual([sent]);
  expect(driver.done(descriptor)).toBe(true);
  expect(driver.read(TDH)).toBe(driver.read(TDT));
});

test("without RS no status is written back ('Transmit Descriptor Write-Back')", () => {
  const { driver, world, cable } = ready();
  const descriptor = driver.legacy(frame(), EOP | IFCS);
  driver.ring();
  world.run();
  expect(cable.sent.length).toBe(1);
  expect(driver.done(descriptor)).toBe(false);
});

test("a packet of several buffers is one frame ('Data Storage')", () => {
  const { driver, world, cable } = ready();
  const sent = frame(1000);
  driver.legacy(sent.subarray(0, 14), IFCS);
  driver.data(sent.subarray(14, 700), IFCS);
  driver.data(sent.subarray(700), SEND);
  driver.ring();
  world.run();
  expect(cable.sent).toEqual([sent]);
});

test("a checksum begins where the first descriptor says, and goes where the last does ('Checksum Offset and Checksum Start')", () => {
  const { driver, world, cable } = ready();
  const packet = tcpFrame(new Uint8Array(100));
  new DataView(packet.buffer).setUint16(50, pseudoSum(packet, packet.length - 34));
  driver.legacy(packet.subarray(0, 14), IFCS, { css: 34 });
  driver.legacy(packet.subarray(14), SEND | IC, { css: 0, cso: 50 });
  driver.legacy(packet, SEND | IC, { css: 34, cso: 50 });
  driver.ring();
  world.run();
  expect(cable.sent[0]).toEqual(cable.sent[1]);
});

test("without segmentation a data descriptor's tag is the last one's", () => {
  const { driver, world, cable } = ready();
  driver.write(CTRL, driver.read(CTRL) | CTRL_VME);
  const packet = frame(100);
  driver.data(packet.subarray(0, 14), IFCS);
  driver.data(packet.subarray(14), SEND | VLE, 0, 0x6005);
  driver.ring();
  world.run();
  expect(cable.sent).toEqual([tagged(packet, 0x6005)]);
});

test("short packets are padded ('Transmit Control Register', PSP)", () => {
  const { driver, world, cable } = ready();
  driver.legacy(frame(20));
  driver.ring();
  world.run();
  expect(cable.sent[0].length).toBe(60);
  expect(sameBytes(cable.sent[0].subarray(0, 20), frame(20))).toBe(true);
});

test("a legacy descriptor's checksum goes from CSS to the end and is stored at CSO", () => {
  const { driver, world, cable } = ready();
  const packet = new Uint8Array(64);
  packet.set([0x12, 0x34, 0x56], 14);
  driver.legacy(packet, SEND | IC, { css: 14, cso: 20 });
  driver.ring();
  world.run();
  expect([cable.sent[0][20], cable.sent[0][21]]).toEqual([0x97, 0xcb]); // ~(0x1234 + 0x5600)
});

test("IP and TCP checksums as the context says ('Transmit Checksum Offloading')", () => {
  const { driver, world, cable } = ready();
  const packet = tcpFrame(Uint8Array.of(1, 2, 3, 4, 5));
  new DataView(packet.buffer).setUint16(50, pseudoSum(packet, 25));
  driver.context([14, 24, 33], [34, 50]);
  driver.data(packet, SEND, BOTH_SUMS);
  driver.ring();
  world.run();
  expect(checksumsRight(cable.sent[0].subarray(0, 59))).toBe(true);
});

test("segmentation repeats the headers and brings them up to date ('TCP Segmentation')", () => {
  const { driver, world, cable } = ready();
  const payload = Uint8Array.from({ length: 2500 }, (_, i) => i * 7);
  const FIN_PSH_ACK = 0x19;
  const packet = tcpFrame(payload, { sequence: 0xffff_ff00, flags: FIN_PSH_ACK, identification: 0xffff });
  new DataView(packet.buffer).setUint16(50, pseudoSum(packet, 0));
  driver.context([14, 24, 33], [34, 50], 54, 1000);
  driver.data(packet.subarray(0, 54), IFCS | TSE, BOTH_SUMS);
  driver.data(packet.subarray(54), SEND | TSE);
  driver.ring();
  world.run();
  const views = cable.sent.map((each) => new DataView(each.buffer));
  expect(cable.sent.map(({ length }) => length)).toEqual([1054, 1054, 554]);
  expect(cable.sent.map(checksumsRight)).toEqual([true, true, true]);
  expect(views.map((view) => view.getUint16(16))).toEqual([1040, 1040, 540]);
  expect(views.map((view) => view.getUint16(18))).toEqual([0xffff, 0, 1]);
  expect(views.map((view) => view.getUint32(38))).toEqual([0xffff_ff00, 0x2e8, 0x6d0]);
  expect(cable.sent.map((each) => each[47])).toEqual([0x10, 0x10, FIN_PSH_ACK]);
  expect(cable.sent.flatMap((each) => [...each.subarray(54)])).toEqual([...payload]);
});

test("segmentation with an MSS of 0 sends nothing and counts it ('TCP Segmentation Context Tx Fail')", () => {
  const { driver, world, cable } = ready();
  driver.context([14, 24, 33], [34, 50], 54, 0);
  const descriptor = driver.data(tcpFrame(new Uint8Array(3000)), SEND | TSE, BOTH_SUMS);
  driver.ring();
  world.run();
  expect(cable.sent).toEqual([]);
  expect(driver.done(descriptor)).toBe(true);
  expect(driver.read(0x40fc)).toBe(1);
});

test("a tag is inserted behind the addresses ('802.1q VLAN Support')", () => {
  const { driver, world, cable } = ready();
  driver.write(CTRL, CTRL_VME);
  driver.legacy(frame(100), SEND | VLE, { vlan: 0x6005 });
  driver.data(frame(100), SEND | VLE, 0, 0x0123);
  driver.ring();
  world.run();
  expect(cable.sent).toEqual([tagged(frame(100), 0x6005), tagged(frame(100), 0x0123)]);
});

test("frames leave one at a time, and a full packet buffer holds descriptors back ('Packet Buffer')", () => {
  const { driver, world, cable } = e1000e();
  driver.setUpTransmit(64);
  cable.hold = true;
  for (let i = 0; i < 60; i++) driver.legacy(frame(1500));
  driver.ring();
  world.run();
  expect(cable.sent.length).toBe(1);
  expect(driver.read(TDH)).toBeGreaterThan(10);
  expect(driver.read(TDH)).toBeLessThan(20);
  cable.release();
  world.run();
  expect(cable.sent.length).toBe(60);
});

test("a stream of small frames has the wire's pace", () => {
  const { driver, world, cable } = e1000e();
  driver.setUpTransmit(256);
  for (let i = 0; i < 200; i++) driver.legacy(frame(1500), EOP | IFCS);
  driver.ring();
  const began = world.time;
  world.run();
  const wire = 200 * (1500 + 24) * 12;
  expect(cable.sent.length).toBe(200);
  expect(world.time - began).toBeLessThan(wire * 1.01 + 5000);
});

test("both queues are served in turn ('Transmit Arbitration')", () => {
  const { driver, world, cable } = ready();
  const base = world.memory.allocate(256);
  [0, 1].forEach((i) => {
    driver.word(base + 16 * i, driver.buffer(frame(200 + i)));
    driver.word(base + 16 * i + 8, (SEND << 24) | (200 + i));
  });
  driver.write(0x3900, base);
  driver.write(0x3908, 256);
  driver.legacy(frame(100));
  driver.legacy(frame(101));
  driver.write(TCTL, 0);
  driver.ring();
  driver.write(0x3918, 2);
  driver.write(TCTL, 2);
  world.run();
  expect(cable.sent.map(({ length }) => length)).toEqual([100, 200, 101, 201]);
});

test("statistics count what left ('Statistics Registers')", () => {
  const { driver, world } = ready();
  driver.legacy(frame(60));
  driver.legacy(frame(1000, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]));
  driver.ring();
  world.run();
  expect([0x4080, 0x40d4, 0x40d8, 0x40e8, 0x40f4].map((at) => driver.read(at))).toEqual([2, 2, 1, 1, 1]);
  expect([driver.read(0x4090), driver.read(0x4094)]).toEqual([1068, 0]);
  expect([driver.read(0x4090), driver.read(0x4080)]).toEqual([0, 0]);
});

test("without a link descriptors stay where they are, and go on with it", () => {
  const { driver, world, cable } = ready();
  cable.plug(false);
  driver.legacy(frame());
  driver.ring();
  world.run();
  expect(cable.sent).toEqual([]);
  cable.plug(true);
  world.run();
  expect(cable.sent.length).toBe(1);
});

test("a ring in memory that isn't there stops until the tail is written again", () => {
  const { driver, world, cable, controller } = ready();
  world.memory.hole(driver.tx.base, 16);
  driver.legacy(frame(), SEND & ~DEXT);
  driver.ring();
  world.run();
  expect(controller.counters.faults).toBe(1);
  world.memory.holes.length = 0;
  driver.ring();
  world.run();
  expect(cable.sent.length).toBe(1);
});

test("a software model without times sends and reports within the doorbell", () => {
  const { driver, cable, world } = ready({ times: NO_TIMES });
  const descriptor = driver.legacy(frame());
  driver.ring();
  expect(cable.sent.length).toBe(1);
  expect(driver.done(descriptor)).toBe(true);
  cable.arrive(frame());
  expect(driver.take()?.bytes).toEqual(frame());
  expect(world.line.level).toBe(false);
});

test("a reset while frames wait and leave: what was under way is gone, and the wire takes the next in its turn", () => {
  const { driver, cable, world } = ready();
  cable.hold = true;
  for (let i = 0; i < 5; i++) driver.legacy(frame(1000));
  driver.ring();
  world.run();
  driver.write(CTRL, CTRL_RST);
  driver.setUpTransmit();
  driver.legacy(frame(100));
  driver.ring();
  world.run();
  expect(cable.sent.map(({ length }) => length)).toEqual([1000]);
  cable.release();
  world.run();
  expect(cable.sent.map(({ length }) => length)).toEqual([1000, 100]);
});
