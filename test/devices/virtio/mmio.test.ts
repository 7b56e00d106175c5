// Virtual I/O Device (VIRTIO) Version 1.2, "Virtio Over MMIO", "Device Status Field", "Feature Bits", "Device Reset".
import { expect, test } from "vitest";
import { Access } from "../../../src/platform/ports.js";
import { EVENT_IDX, INDIRECT_DESC } from "../../support/virtio-driver.js";
import { blk } from "./setup.js";

const FEATURES_OK = 8;
const NEEDS_RESET = 64;

test('magic, version 2, device 2 ("MMIO Device Register Layout")', () => {
  const { driver } = blk();
  expect([0x0, 0x4, 0x8].map((offset) => driver.read(offset))).toEqual([0x7472_6976, 2, 2]);
});

test('offers version 1, indirect descriptors, event indices, and what the disk has ("Reserved Feature Bits")', () => {
  const [low, high] = blk().driver.offered();
  expect(high).toBe(1);
  expect(low).toBe((INDIRECT_DESC | EVENT_IDX | (1 << 2) | (1 << 6) | (1 << 9)) >>> 0);
  expect(blk({ readOnly: true }).driver.offered()[0] & (1 << 5)).toBe(1 << 5);
});

test('FEATURES_OK stays clear without VERSION_1, or with what wasn\'t offered ("Feature Bits")', () => {
  const { driver } = blk();
  expect(driver.negotiate(0, 0)).toBe(false);
  expect(driver.negotiate(1 << 1)).toBe(false);
  expect(driver.negotiate(0, 3)).toBe(false);
  expect(driver.negotiate(INDIRECT_DESC)).toBe(true);
});

test("features are fixed once FEATURES_OK is set", () => {
  const { driver } = blk();
  driver.negotiate(0);
  driver.write(0x24, 1);
  driver.write(0x20, 0);
  driver.write(0x70, 11);
  expect(driver.status & FEATURES_OK).toBe(FEATURES_OK);
});

test('status bits are set one by one and cleared by a reset alone ("Device Status Field")', () => {
  const { driver } = blk();
  driver.write(0x70, 1);
  driver.write(0x70, 2);
  expect(driver.status).toBe(3);
  driver.write(0x70, 0);
  expect(driver.status).toBe(0);
});

test("control registers take aligned 32-bit accesses only; the configuration space takes any aligned one", () => {
  const { device } = blk();
  expect(device.read(0x0, 1)).toBe(-1);
  expect(device.read(0x2, 4)).toBe(-1);
  expect(device.write(0x70, 2, 1)).toBe(Access.Fault);
  expect(device.read(0x100, 1)).toBe(0x00);
  expect(device.read(0x101, 1)).toBe(0x08);
  expect(device.read(0x100, 2)).toBe(0x0800);
  expect(device.read(0x1fc, 4)).toBe(0);
});

test("there is no shared memory region, and no queue beyond the last", () => {
  const { driver } = blk();
  expect([0xb0, 0xb4, 0xb8, 0xbc].map((offset) => driver.read(offset))).toEqual(new Array(4).fill(0xffff_ffff));
  driver.write(0x30, 1);
  expect(driver.read(0x34)).toBe(0);
  driver.write(0x44, 1);
  expect(driver.read(0x44)).toBe(0);
});

test.each([0, 3, 512, 0xffff_ffff])("a queue of size %i isn't made ready", (size) => {
  const { driver } = blk({ queueSize: 256 });
  driver.negotiate(0);
  driver.write(0x30, 0);
  driver.write(0x38, size);
  driver.write(0x44, 1);
  expect(driver.read(0x44)).toBe(0);
});

test("a ready queue's registers don't change (\"Virtqueue Configuration\")", () => {
  const { driver, device } = blk();
  driver.start();
  const before = structuredClone(device.queues[0].state);
  driver.write(0x38, 4);
  driver.write64(0x80, 0x1234_5670);
  expect(device.queues[0].state).toEqual(before);
});

test('the interrupt line follows InterruptStatus ("Notifications From The Device")', () => {
  const { driver, world } = blk();
  driver.start();
  driver.addIndirect(0, driver.blockRequest(4, 0).buffers);
  driver.notify(0);
  expect(world.line.level).toBe(true);
  expect(driver.acknowledge()).toBe(1);
  expect(world.line.level).toBe(false);
  expect(driver.acknowledge()).toBe(0);
});

test('nothing happens before DRIVER_OK ("Device Status Field")', () => {
  const { driver, world } = blk();
  driver.negotiate(0);
  driver.setUp(0, 16);
  driver.add(0, driver.blockRequest(4, 0).buffers);
  const { reads, writes } = world.memory;
  driver.notify(0);
  expect([world.memory.reads, world.memory.writes]).toEqual([reads, writes]);
});

test('a reset drops what is in flight: no used buffer, no byte, no interrupt ("Device Reset")', () => {
  const { driver, disk, world } = blk();
  driver.start();
  disk.hold = true;
  const address = world.memory.allocate(0x1000);
  driver.add(0, driver.blockRequest(0, 0, [{ address, length: 512, writable: true }]).buffers);
  driver.notify(0);
  expect(disk.held.length).toBe(1);
  driver.write(0x70, 0);
  const { writes } = world.memory;
  disk.release();
  expect(world.memory.writes).toBe(writes);
  expect(world.line.level).toBe(false);
  expect([0x44, 0x60, 0x70].map((offset) => driver.read(offset))).toEqual([0, 0, 0]);
});

test("a queue that is taken back while a request is in flight gets no used buffer (QueueReady)", () => {
  const { driver, disk } = blk();
  driver.start();
  disk.hold = true;
  driver.add(0, driver.blockRequest(4, 0).buffers);
  driver.notify(0);
  driver.write(0x44, 0);
  driver.setUp(0, 16);
  disk.release();
  expect(driver.usedIndex(0)).toBe(0);
});

test('a changed configuration changes the generation and interrupts ("Device Configuration Space")', () => {
  const { driver, device } = blk();
  driver.start();
  const before = driver.read(0xfc);
  device.configurationChanged();
  expect(driver.read(0xfc)).not.toBe(before);
  expect(driver.acknowledge()).toBe(2);
});

test('a broken ring: DEVICE_NEEDS_RESET and a configuration interrupt, until a reset ("Device Status Field")', () => {
  const reasons: string[] = [];
  const { driver } = blk({}, { broken: (reason) => reasons.push(reason) });
  driver.start();
  driver.offer(0, 77);
  driver.notify(0);
  expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
  expect(driver.acknowledge()).toBe(2);
  expect(reasons).toEqual(["descriptor index beyond the queue size"]);
  driver.notify(0);
  expect(reasons.length).toBe(1);
  driver.start();
  const { buffers, status } = driver.blockRequest(4, 0);
  driver.add(0, buffers);
  driver.notify(0);
  expect(driver.byte(status)).toBe(0);
});
