// Virtual I/O Device (VIRTIO) Version 1.2, "Split Virtqueues".
import { expect, test } from "vitest";
import { EVENT_IDX, INDIRECT_DESC } from "../../support/virtio-driver.js";
import { blk } from "./setup.js";

const FLUSH = 4;
const NEEDS_RESET = 64;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;

/** A started device whose first request is described by the test; what became of it. */
function broken(describe: (driver: ReturnType<typeof blk>["driver"], table: number) => void, low = INDIRECT_DESC) {
  const { driver } = blk({ queueSize: 16 });
  driver.start(low, 8);
  describe(driver, driver.rings[0].descriptors);
  driver.offer(0, 0);
  driver.notify(0);
  return (driver.status & NEEDS_RESET) !== 0;
}

test('chains, direct and indirect, come back in the used ring ("The Virtqueue Used Ring")', () => {
  const { driver } = blk();
  driver.start();
  const heads = [
    driver.add(0, driver.blockRequest(FLUSH, 0).buffers),
    driver.addIndirect(0, driver.blockRequest(FLUSH, 0).buffers),
  ];
  driver.notify(0);
  expect([driver.take(0), driver.take(0), driver.take(0)]).toEqual([
    { head: heads[0], length: 1 },
    { head: heads[1], length: 1 },
    undefined,
  ]);
});

test('descriptors may precede an indirect one ("Indirect Descriptors")', () => {
  const { driver, world } = blk();
  driver.start();
  const { buffers, status } = driver.blockRequest(FLUSH, 0);
  const table = world.memory.allocate(16, 16);
  driver.describe(table, 0, buffers[1].address, 1, WRITE);
  driver.describe(driver.rings[0].descriptors, 0, buffers[0].address, 16, NEXT, 1);
  driver.describe(driver.rings[0].descriptors, 1, table, 16, INDIRECT | WRITE);
  driver.offer(0, 0);
  driver.notify(0);
  expect(driver.byte(status)).toBe(0);
});

test("indices wrap at the queue size and at 65536", () => {
  const { driver, world } = blk();
  driver.start(INDIRECT_DESC, 4);
  const { buffers } = driver.blockRequest(FLUSH, 0);
  const table = world.memory.allocate(32, 16);
  driver.describe(table, 0, buffers[0].address, 16, NEXT, 1);
  driver.describe(table, 1, buffers[1].address, 1, WRITE);
  driver.describe(driver.rings[0].descriptors, 0, table, 32, INDIRECT);
  for (let i = 0; i < 65_540; i++) {
    driver.offer(0, 0);
    driver.notify(0);
  }
  expect(driver.usedIndex(0)).toBe(4);
  expect(driver.status & NEEDS_RESET).toBe(0);
});

test.each([
  ["a descriptor loop", (d, t) => d.describe(t, 0, 0x8000_0000, 16, NEXT, 0)],
  ["a next index beyond the queue", (d, t) => d.describe(t, 0, 0x8000_0000, 16, NEXT, 8)],
  ["an indirect table of no entries", (d, t) => d.describe(t, 0, 0x8000_0000, 0, INDIRECT)],
  ["an indirect table of an odd size", (d, t) => d.describe(t, 0, 0x8000_0000, 24, INDIRECT)],
  ["an indirect table out of reach", (d, t) => d.describe(t, 0, 0x10, 32, INDIRECT)],
  ["an indirect descriptor with NEXT", (d, t) => d.describe(t, 0, 0x8000_0000, 32, INDIRECT | NEXT, 1)],
  ["an indirect table in an indirect table", (d, t) => d.describe(t, 0, t, 16, INDIRECT)],
  [
    "a readable descriptor behind a writable one",
    (d, t) => {
      d.describe(t, 0, 0x8000_0000, 16, NEXT | WRITE, 1);
      d.describe(t, 1, 0x8000_0000, 16, 0);
    },
  ],
  [
    "more than 2^32 bytes",
    (d, t) => {
      d.describe(t, 0, 0x8000_0000, 0xffff_ffff, NEXT, 1);
      d.describe(t, 1, 0x8000_0000, 16, 0);
    },
  ],
] as [string, Parameters<typeof broken>[0]][])("%s breaks the device", (_, describe) => {
  expect(broken(describe)).toBe(true);
});

test("an indirect loop longer than QueueSizeMax breaks the device", () => {
  const { driver, world } = blk({ queueSize: 16 });
  driver.start();
  const table = world.memory.allocate(64, 16);
  driver.describe(table, 0, table, 1, NEXT, 1);
  driver.describe(table, 1, table, 1, NEXT, 0);
  driver.describe(driver.rings[0].descriptors, 0, table, 32, INDIRECT);
  driver.offer(0, 0);
  driver.notify(0);
  expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
});

test("an indirect descriptor without the feature breaks the device", () => {
  expect(broken((d, t) => d.describe(t, 0, 0x8000_0000, 32, INDIRECT), 0)).toBe(true);
});

test("more available buffers than descriptors break the device", () => {
  const { driver, world } = blk();
  driver.start();
  world.memory.data.setUint16(driver.rings[0].available + 2 - world.memory.base, 17, true);
  driver.notify(0);
  expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
});

test("buffers that are offered again and again before they come back break the device", () => {
  const { driver, disk } = blk();
  driver.start(INDIRECT_DESC, 4);
  disk.hold = true;
  const head = driver.addIndirect(0, driver.blockRequest(FLUSH, 0).buffers);
  for (let i = 0; i < 10; i++) {
    driver.notify(0);
    driver.offer(0, head);
  }
  expect(disk.requests.length).toBe(4);
  expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
});

test('no interrupt while VIRTQ_AVAIL_F_NO_INTERRUPT is set ("Used Buffer Notification Suppression")', () => {
  const { driver, world } = blk();
  driver.start();
  driver.suppress(0, true);
  driver.add(0, driver.blockRequest(FLUSH, 0).buffers);
  driver.notify(0);
  expect(driver.usedIndex(0)).toBe(1);
  expect(world.line.level).toBe(false);
});

test("with event indices, used_event says which buffer interrupts, and flags don't count", () => {
  const { driver } = blk();
  driver.start(INDIRECT_DESC | EVENT_IDX);
  driver.suppress(0, true);
  driver.setUsedEvent(0, 1);
  const request = () => driver.addIndirect(0, driver.blockRequest(FLUSH, 0).buffers);
  request();
  driver.notify(0);
  expect(driver.acknowledge()).toBe(0);
  request();
  driver.notify(0);
  expect(driver.acknowledge()).toBe(1);
  request();
  driver.notify(0);
  expect(driver.acknowledge()).toBe(0);
});

test('avail_event asks for a notification of the next buffer ("Available Buffer Notification Suppression")', () => {
  const { driver } = blk();
  driver.start(INDIRECT_DESC | EVENT_IDX);
  for (let i = 0; i < 3; i++) driver.addIndirect(0, driver.blockRequest(FLUSH, 0).buffers);
  driver.notify(0);
  expect(driver.availEvent(0)).toBe(3);
});

test("ring accesses are few: one request costs 7 calls for rings and descriptors, eight at once 3.5 each", () => {
  const { driver, device } = blk();
  driver.start(INDIRECT_DESC, 16);
  driver.addIndirect(0, driver.blockRequest(FLUSH, 0).buffers);
  driver.notify(0);
  expect(device.ringDmaCalls).toBe(7);
  for (let i = 0; i < 8; i++) driver.addIndirect(0, driver.blockRequest(FLUSH, 0).buffers);
  driver.notify(0);
  expect(device.ringDmaCalls - 7).toBe(5 + 8 * 2);
});

test("buffers that are done together come back together, with one interrupt", () => {
  const used: number[] = [];
  const { driver, world } = blk({}, { used: (_, buffers) => used.push(buffers) });
  driver.start();
  for (let i = 0; i < 5; i++) driver.addIndirect(0, driver.blockRequest(FLUSH, 0).buffers);
  driver.notify(0);
  expect(used).toEqual([5]);
  expect(world.line.rises).toBe(1);
});
