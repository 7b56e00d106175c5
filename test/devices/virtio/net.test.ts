// Virtual I/O Device (VIRTIO) Version 1.2, "Network Device".
import { describe, expect, test } from "vitest";
import { checkTransport, type Packet, packetOf } from "../../../src/devices/offload.js";
import { BROADCAST, GROUP, MAC, OTHER, partialTcp, plain, tcp } from "../../support/frames.js";
import { EVENT_IDX } from "../../support/virtio-driver.js";
import { nanoseconds } from "../../support/world.js";
import { F, HEADER, net, TRANSPORTS } from "./net-setup.js";

const NEEDS_CSUM = 1;
const DATA_VALID = 2;
const [TCPV4, TCPV6] = [1, 4];
const good = (frame: Uint8Array) => checkTransport(frame, packetOf(frame) as Packet) === "good";
const [RX, MAC_CLASS, MQ] = [0, 1, 4];

describe.each(TRANSPORTS)("on %s", (transport) => {
  test("a frame goes out and its chain comes back unwritten ('Packet Transmission')", () => {
    const { driver, link, send, device } = net({ transport });
    send(plain(OTHER));
    expect(link.sent).toEqual([plain(OTHER)]);
    expect(driver.take(1)).toEqual({ head: 0, length: 0 });
    expect(driver.acknowledge() & 1).toBe(1);
    expect(device.transmitted).toMatchObject({ frames: 1, packets: 1, bytes: 100 });
  });

  test("a frame comes in behind its header ('Processing of Incoming Packets')", () => {
    const { driver, world, link, supply, device } = net({ transport, features: 0 });
    const [buffer] = supply([1526]);
    link.arrive(plain(MAC, 60));
    world.run();
    expect(driver.take(0)).toEqual({ head: 0, length: HEADER + 60 });
    expect([...world.memory.slice(buffer, HEADER)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0]);
    expect(world.memory.slice(buffer + HEADER, 60)).toEqual(plain(MAC, 60));
    expect(world.line.rises).toBe(1);
    expect(device.received).toMatchObject({ frames: 1, bytes: 60 });
  });

  test("the link's state is in the configuration, and a change is told ('Device configuration layout')", () => {
    const { driver, link, device } = net({ transport, features: F.STATUS });
    expect(device.config[6]).toBe(1);
    link.setUp(false);
    expect(device.config[6]).toBe(0);
    expect(driver.acknowledge()).toBe(2);
  });
});

test("the configuration says address, pairs and MTU ('Device configuration layout')", () => {
  const { device, driver } = net({ config: { pairs: 4, mtu: 9000 }, features: F.MAC });
  expect([...device.config.subarray(0, 12)]).toEqual([...MAC, 1, 0, 4, 0, 9000 & 0xff, 9000 >> 8]);
  expect(driver.offered()[0] & F.MQ).toBe(F.MQ);
  expect(net().driver.offered()[0] & F.MQ).toBe(0);
});

describe("'Packet Transmission'", () => {
  const offloads = F.CSUM | F.TSO4 | F.TSO6;

  test("a partial checksum is completed", () => {
    const { link, send } = net({ features: offloads });
    const { frame, transport } = partialTcp();
    send(frame, { flags: NEEDS_CSUM, start: transport, offset: 16 });
    expect(link.sent).toEqual([tcp()]);
  });

  test("without the feature the fields mean nothing", () => {
    const { link, send } = net({ features: 0 });
    const { frame, transport } = partialTcp();
    send(frame, { flags: NEEDS_CSUM, start: transport, offset: 16 });
    expect(link.sent).toEqual([frame]);
  });

  test.each([
    { version: 4, gsoType: TCPV4 },
    { version: 6, gsoType: TCPV6 },
  ] as const)("TCP over IPv$version is cut, one segment after the other", ({ version, gsoType }) => {
    const { driver, world, link, send, device } = net({ features: offloads });
    const { frame, transport } = partialTcp({ version, payload: 40_000 });
    link.hold = true;
    send(frame, { flags: NEEDS_CSUM, start: transport, offset: 16, gsoType, gsoSize: 1400 });
    expect(link.sent.length).toBe(1);
    for (let i = 1; i < 29; i++) link.release();
    world.run();
    expect(link.sent.length).toBe(29);
    expect(link.sent.every(good)).toBe(true);
    const payload = link.sent.flatMap((segment) => [...segment.subarray(transport + 20)]);
    expect(payload).toEqual([...frame.subarray(transport + 20)]);
    expect(driver.usedIndex(1)).toBe(1);
    expect(device.transmitted).toMatchObject({ packets: 1, frames: 29 });
  });

  test("what makes no sense isn't sent, counted, and given back", () => {
    const { driver, link, send, device } = net({ features: offloads });
    const { frame, transport } = partialTcp({ payload: 3000 });
    const cut = { flags: NEEDS_CSUM, start: transport, offset: 16, gsoType: TCPV4, gsoSize: 1400 };
    send(frame); // longer than the MTU
    send(frame, { ...cut, gsoSize: 0 });
    send(frame, { ...cut, gsoType: TCPV6 });
    send(frame, { ...cut, gsoType: 3 });
    send(frame, { ...cut, flags: 0 });
    send(frame, { ...cut, gsoSize: 9000 });
    send(frame, { ...cut, start: 4000 });
    send(plain(OTHER), { flags: NEEDS_CSUM, start: 99, offset: 0 });
    send(plain(OTHER, 14).subarray(0, 13));
    expect(link.sent).toEqual([]);
    expect(device.transmitted.malformed).toBe(9);
    expect(driver.usedIndex(1)).toBe(9);
  });

  test("a packet that can't be fetched is given back, and the next one goes", () => {
    const { driver, world, link, send, device } = net();
    driver.add(1, [{ address: 0x10, length: 100 }]);
    send(plain(OTHER));
    world.run();
    expect(link.sent).toEqual([plain(OTHER)]);
    expect([device.transmitted.faults, driver.usedIndex(1)]).toEqual([1, 2]);
  });

  test("while packets wait, no notification is asked for ('Available Buffer Notification Suppression')", () => {
    const { driver, world, put } = net({ features: EVENT_IDX });
    const add = () => driver.add(1, [put(new Uint8Array(HEADER)), put(plain(OTHER))]);
    add();
    driver.notify(1);
    expect(driver.availEvent(1)).toBe(1);
    add();
    add();
    driver.notify(1);
    expect(driver.availEvent(1)).toBe(1);
    world.run();
    expect([driver.availEvent(1), driver.usedIndex(1)]).toEqual([3, 3]);
  });

  test("only the first packet of a run waits for memory; the others follow at the link's rate", () => {
    const times = { dmaRead: 1000, dmaWrite: 0, linkBandwidth: 8e9 };
    const { driver, world, link, put } = net({ config: { times } });
    for (let i = 0; i < 3; i++) driver.add(1, [put(new Uint8Array(HEADER)), put(plain(OTHER, 988))]);
    driver.notify(1);
    world.run(() => link.sent.length === 3);
    expect(nanoseconds(world.time)).toBe(1000 + 3 * 1000);
  });

  test("translations that miss hold the engine up", () => {
    const times = { dmaRead: 0, dmaWrite: 0, linkBandwidth: Infinity };
    const { driver, world, link, put } = net({ config: { times } });
    driver.add(1, [put(new Uint8Array(HEADER)), put(plain(OTHER))]);
    world.memory.translation = () => 30;
    driver.notify(1);
    world.run(() => link.sent.length === 1);
    expect(world.time).toBe(60);
  });
});

describe("'Setting Up Receive Buffers'", () => {
  test("a frame is spread over buffers that are used up to their ends, and together", () => {
    const { driver, world, link, supply } = net({ features: F.MRG });
    const [a, b, c] = supply([40, 50, 60, 70]);
    link.arrive(plain(MAC, 100));
    world.run();
    expect([0, 1, 2].map(() => driver.take(0)?.length)).toEqual([40, 50, 22]);
    expect(driver.take(0)).toBeUndefined();
    const { memory } = world;
    expect([...memory.slice(a + 10, 2)]).toEqual([3, 0]);
    const bytes = [...memory.slice(a + HEADER, 28), ...memory.slice(b, 50), ...memory.slice(c, 22)];
    expect(bytes).toEqual([...plain(MAC, 100)]);
    expect(world.line.rises).toBe(1);
  });

  test("without merging one buffer must hold all: else the frame is lost, and the buffer stays", () => {
    const { driver, world, link, supply, device } = net({ features: 0 });
    supply([80]);
    link.arrive(plain(MAC, 100));
    link.arrive(plain(MAC, 60));
    world.run();
    expect(device.received).toMatchObject({ frames: 1, unbuffered: 1 });
    expect(driver.usedIndex(0)).toBe(1);
  });

  test("frames that find no buffers are lost and counted", () => {
    const { world, link, supply, device } = net({ features: F.MRG });
    link.arrive(plain(MAC));
    supply([60]);
    link.arrive(plain(MAC));
    supply([60]);
    link.arrive(plain(MAC));
    world.run();
    expect(device.received).toMatchObject({ frames: 1, unbuffered: 2 });
  });

  test("frames that come faster than the engine moves them overflow its FIFO", () => {
    const times = { dmaRead: 0, dmaWrite: 0, linkBandwidth: 1e6 };
    const { world, link, supply, device } = net({ config: { times }, size: 256 });
    supply(new Array(200).fill(1600));
    for (let i = 0; i < 60; i++) link.arrive(plain(MAC, 1514));
    world.run();
    expect(device.received).toMatchObject({ frames: 44, overflown: 16 });
  });

  test("buffers that can't be reached go back empty", () => {
    const { driver, world, link, device } = net();
    driver.add(0, [{ address: 0x10, length: 2000, writable: true }]);
    link.arrive(plain(MAC));
    world.run();
    expect(driver.take(0)).toEqual({ head: 0, length: 0 });
    expect(device.received).toMatchObject({ frames: 0, faults: 1 });
  });

  test("frames longer than the MTU allows, and frames without a driver, are lost", () => {
    const { driver, world, link, supply, device } = net();
    supply([4000, 4000]);
    link.arrive(plain(MAC, 1519));
    link.arrive(plain(MAC, 1518));
    world.run();
    driver.negotiate(0);
    link.arrive(plain(MAC));
    world.run();
    expect(device.received).toMatchObject({ frames: 1, tooLong: 1, unready: 1 });
  });
});

test("good checksums are vouched for, bad ones and none are not ('Processing of Incoming Packets')", () => {
  const { driver, world, link, supply } = net({ features: F.GUEST_CSUM });
  const bad = tcp();
  bad[60] ^= 1;
  const buffers = supply([1526, 1526, 1526]);
  for (const frame of [tcp({ version: 6 }), bad, plain(MAC)]) link.arrive(frame);
  world.run();
  expect(buffers.map((address) => driver.byte(address))).toEqual([DATA_VALID, 0, 0]);
});

describe("'Control Virtqueue'", () => {
  const features = F.CTRL_VQ | F.CTRL_RX | F.CTRL_RX_EXTRA | F.CTRL_MAC | F.MRG;
  /** Which of the destinations get through. */
  const passing = ({ link, world, device, supply }: ReturnType<typeof net>, to: readonly (readonly number[])[]) => {
    supply(to.map(() => 200));
    return to.map((address) => {
      const before = device.received.frames;
      link.arrive(plain(address));
      world.run();
      return device.received.frames - before;
    });
  };

  test("own address and broadcast pass, others by mode ('Packet Receive Filtering')", () => {
    const it = net({ features, size: 64 });
    const to = [MAC, OTHER, GROUP, BROADCAST];
    expect(passing(it, to)).toEqual([1, 0, 0, 1]);
    expect(it.command(RX, 0, [1])).toBe(0);
    expect(passing(it, to)).toEqual([1, 1, 1, 1]);
    it.command(RX, 0, [0]);
    it.command(RX, 1, [1]);
    expect(passing(it, to)).toEqual([1, 0, 1, 1]);
    it.command(RX, 3, [1]);
    it.command(RX, 2, [1]);
    expect(passing(it, to)).toEqual([1, 1, 0, 1]);
    it.command(RX, 4, [1]);
    it.command(RX, 5, [1]);
    expect(passing(it, to)).toEqual([0, 0, 0, 0]);
  });

  test("a driver without VIRTIO_NET_F_CTRL_RX gets every frame, and no command of it", () => {
    const it = net({ features: F.CTRL_VQ });
    expect(passing(it, [OTHER, GROUP])).toEqual([1, 1]);
    expect(it.command(RX, 0, [0])).toBe(1);
  });

  test("tables of addresses ('Setting MAC Address Filtering')", () => {
    const it = net({ features, size: 64 });
    expect(it.command(MAC_CLASS, 0, [1, 0, 0, 0, ...OTHER, 1, 0, 0, 0, ...GROUP])).toBe(0);
    expect(passing(it, [MAC, OTHER, GROUP, [...GROUP.slice(0, 5), 9]])).toEqual([1, 1, 1, 0]);
    expect(it.command(MAC_CLASS, 0, [2, 0, 0, 0, ...OTHER, 0, 0, 0, 0])).toBe(1);
    expect(it.command(MAC_CLASS, 0, [0, 0, 0, 0, 0, 0, 0, 0])).toBe(0);
    expect(passing(it, [OTHER])).toEqual([0]);
  });

  test("the device's address changes, until it is reset", () => {
    const it = net({ features });
    expect(it.command(MAC_CLASS, 1, [2, 2, 2, 2, 2, 2])).toBe(0);
    expect([...it.device.config.subarray(0, 6)]).toEqual([2, 2, 2, 2, 2, 2]);
    expect(passing(it, [MAC, [2, 2, 2, 2, 2, 2]])).toEqual([0, 1]);
    it.driver.negotiate(0);
    expect([...it.device.config.subarray(0, 6)]).toEqual(MAC);
  });

  test("commands that aren't any are refused", () => {
    const it = net({ features });
    const refused = [it.command(RX, 6, [1]), it.command(RX, 0, []), it.command(RX, 0, [2]), it.command(9, 0, [])];
    expect([...refused, it.command(MQ, 0, [1, 0]), it.command(MAC_CLASS, 1, [1])]).toEqual([1, 1, 1, 1, 1, 1]);
  });
});

describe("'Automatic receive steering in multiqueue mode'", () => {
  const features = F.CTRL_VQ | F.MQ | F.CSUM;
  const setUp = () => net({ features, config: { pairs: 4 }, queues: 9, size: 32 });
  /** Frames that each receive queue got. */
  const counts = ({ driver }: ReturnType<typeof net>) => [0, 2, 4, 6].map((queue) => driver.usedIndex(queue));

  test("only the first pair is used, until more are asked for", () => {
    const it = setUp();
    for (const queue of [0, 2, 4, 6]) it.supply(new Array(20).fill(200), queue);
    const arrive = () => {
      for (let port = 0; port < 16; port++) it.link.arrive(tcp({ from: 5000 + port }));
      it.world.run();
    };
    arrive();
    expect(counts(it)).toEqual([16, 0, 0, 0]);
    expect(it.command(MQ, 0, [4, 0], 8)).toBe(0);
    arrive();
    expect(counts(it).filter((count) => count === 0)).toEqual([]);
    expect(counts(it).reduce((sum, count) => sum + count)).toBe(32);
  });

  test("a flow's frames come where it was sent from", () => {
    const it = setUp();
    it.supply([200, 200], 6);
    it.command(MQ, 0, [4, 0], 8);
    it.send(tcp(), {}, 7);
    it.link.arrive(tcp({ back: true }));
    it.world.run();
    expect(counts(it)).toEqual([0, 0, 0, 1]);
  });

  test("with fewer pairs nothing more comes to the others, not even what has arrived already", () => {
    const it = setUp();
    for (const queue of [0, 2, 4, 6]) it.supply(new Array(20).fill(200), queue);
    it.command(MQ, 0, [4, 0], 8);
    for (let port = 0; port < 16; port++) it.link.arrive(tcp({ from: 5000 + port }));
    it.command(MQ, 0, [1, 0], 8);
    it.world.run();
    // the first is on its way
    expect(counts(it)[0]).toBeGreaterThanOrEqual(15);
  });

  test("numbers of pairs that there aren't are refused", () => {
    const it = setUp();
    expect([it.command(MQ, 0, [0, 0], 8), it.command(MQ, 0, [5, 0], 8), it.command(MQ, 1, [], 8)]).toEqual([1, 1, 1]);
  });

  test("without the feature the control queue is the third", () => {
    const it = net({ features: F.CTRL_VQ | F.CTRL_RX, config: { pairs: 4 } });
    expect(it.command(RX, 0, [1], 2)).toBe(0);
  });
});

test("after a reset nothing of before is sent or written, though the wire ends its frame", () => {
  const { driver, world, link, put, supply, device } = net();
  link.hold = true;
  for (let i = 0; i < 3; i++) driver.add(1, [put(new Uint8Array(HEADER)), put(plain(OTHER))]);
  driver.notify(1);
  world.run();
  supply([200]);
  link.arrive(plain(MAC));
  driver.negotiate(0);
  world.memory.writtenTo.length = 0;
  link.release();
  world.run();
  expect([link.sent.length, world.memory.writtenTo]).toEqual([1, []]);
  driver.setUp(1, 16);
  driver.set(driver.registers.Status, 15);
  driver.add(1, [put(new Uint8Array(HEADER)), put(plain(BROADCAST))]);
  driver.notify(1);
  world.run();
  expect(link.sent[1]).toEqual(plain(BROADCAST));
  expect(device.received.frames).toBe(1);
});
