// A driver may do anything to a network device or a console: no exception, no endless work, no byte outside of what it named.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { VirtioConsole } from "../../../src/devices/virtio/console.js";
import { Console } from "../../../src/platform/console.js";
import { BROADCAST, MAC, partialTcp, plain } from "../../support/frames.js";
import { EVENT_IDX, INDIRECT_DESC } from "../../support/virtio-driver.js";
import { World } from "../../support/world.js";
import { behind, F, HEADER, headerBytes, net } from "./net-setup.js";

const RUNS = { numRuns: 150, seed: 4 };
const dword = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: 0xffff_ffff }));
const descriptor = fc.record({
  address: fc.oneof(fc.integer({ min: 0x8000_0000, max: 0x8040_0000 }), fc.maxSafeNat()),
  length: fc.oneof(fc.constantFrom(0, 1, 12, 60, 1526), dword),
  flags: fc.nat(7),
  next: fc.oneof(fc.nat(9), fc.nat(0xffff)),
});
const descriptors = fc.array(descriptor, { minLength: 8, maxLength: 8 });
const heads = fc.array(fc.oneof(fc.nat(8), fc.nat(0xffff)), { maxLength: 12 });
const features = fc.constantFrom(0, F.MRG, F.MRG | F.CSUM | F.TSO4 | F.TSO6 | F.GUEST_CSUM, F.CTRL_VQ | F.CTRL_RX);

test("any descriptor table and available ring of any queue are survived, with bounded work", () => {
  fc.assert(
    fc.property(
      descriptors,
      heads,
      fc.nat(2),
      features,
      fc.boolean(),
      (table, offered, queue, accepted, eventIndex) => {
        const rings = INDIRECT_DESC | (eventIndex ? EVENT_IDX : 0);
        const { driver, world, link } = net({ features: accepted | rings, size: 8 });
        table.forEach(({ address, length, flags, next }, i) => {
          driver.describe(driver.rings[queue].descriptors, i, address, length, flags, next);
        });
        for (const head of offered) {
          driver.offer(queue, head);
          driver.notify(queue);
          link.arrive(plain(BROADCAST, 1514));
        }
        const { reads } = world.memory;
        world.run(undefined, 200_000);
        expect(world.memory.reads - reads).toBeLessThan(20_000);
      },
    ),
    RUNS,
  );
});

test("any header over any packet is survived", () => {
  const header = fc.record({
    flags: fc.nat(7),
    gsoType: fc.oneof(fc.constantFrom(0, 1, 4), fc.nat(255)),
    gsoSize: fc.oneof(fc.constantFrom(1, 2, 536, 1460), fc.nat(0xffff)),
    start: fc.oneof(fc.constantFrom(34, 54), fc.nat(0xffff)),
    offset: fc.oneof(fc.constant(16), fc.nat(0xffff)),
  });
  const changes = fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 4 });
  fc.assert(
    fc.property(header, changes, fc.nat(4000), fc.constantFrom(4, 6), (fields, changed, payload, version) => {
      const { send, link } = net({ features: F.CSUM | F.TSO4 | F.TSO6 });
      const { frame } = partialTcp({ payload, version });
      for (const [at, value] of changed) frame[at % frame.length] = value;
      send(frame, fields);
      expect(link.sent.every(({ length }) => length >= 14 && length <= 1518)).toBe(true);
    }),
    RUNS,
  );
});

test("any control command is answered", () => {
  const data = fc.array(fc.oneof(fc.nat(3), fc.nat(255)), { maxLength: 40 });
  fc.assert(
    fc.property(fc.nat(5), fc.nat(6), data, (kind, command, bytes) => {
      const it = net({ features: F.CTRL_VQ | F.CTRL_RX | F.CTRL_MAC | F.MQ, config: { pairs: 2 }, queues: 5 });
      expect(it.command(kind, command, bytes, 4)).toBeLessThanOrEqual(1);
      it.link.arrive(plain(MAC));
      it.world.run();
    }),
    RUNS,
  );
});

test("received frames are written into their buffers and the used ring, and nowhere else", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(
      sizes,
      fc.array(fc.integer({ min: 60, max: 1514 }), { maxLength: 4 }),
      fc.boolean(),
      (room, frames, merge) => {
        const { driver, world, link, supply } = net({ features: merge ? F.MRG : 0 });
        const { memory } = world;
        const buffers = supply(room).map((address, i) => ({ address, length: room[i] }));
        memory.writtenTo.length = 0;
        for (const length of frames) link.arrive(plain(MAC, length));
        world.run();
        const { used, size } = driver.rings[0];
        const named = [...buffers, { address: used, length: 6 + 8 * size }];
        const inside = (write: { address: number; length: number }) =>
          named.some(
            ({ address, length }) => write.address >= address && write.address + write.length <= address + length,
          );
        expect(memory.writtenTo.every(inside)).toBe(true);
      },
    ),
    RUNS,
  );
});

test("a packet cut into single bytes takes an event for each frame, and no memory for all of them", () => {
  const { driver, link, world, put, device } = net({ features: F.CSUM | F.TSO4 });
  const { frame, transport } = partialTcp({ payload: 60_000 });
  const header = headerBytes({ flags: 1, start: transport, offset: 16, gsoType: 1, gsoSize: 1 });
  link.hold = true;
  driver.add(1, [put(header), put(frame)]);
  driver.notify(1);
  world.run();
  for (let i = 0; i < 1000; i++) link.release();
  expect([link.sent.length, device.transmitted.frames]).toEqual([1001, 1001]);
  expect(link.sent[500].length).toBe(transport + 20 + 1);
  expect(HEADER).toBe(header.length);
});

describe("the console", () => {
  test("any descriptor table and available ring are survived, with bounded work", () => {
    fc.assert(
      fc.property(descriptors, heads, fc.nat(1), (table, offered, queue) => {
        const world = new World();
        const console = new Console();
        const device = new VirtioConsole({ clock: world.events, console });
        const driver = behind("mmio", world, device);
        driver.negotiate(INDIRECT_DESC);
        driver.setUp(0, 8);
        driver.setUp(1, 8);
        driver.set(driver.registers.Status, 15);
        table.forEach(({ address, length, flags, next }, i) => {
          driver.describe(driver.rings[queue].descriptors, i, address, length, flags, next);
        });
        console.type("x".repeat(5000));
        for (const head of offered) {
          driver.offer(queue, head);
          driver.notify(queue);
        }
        world.pass(10_000_000);
        expect(device.counters.received).toBeLessThanOrEqual(5000);
      }),
      RUNS,
    );
  });
});
