// Virtual I/O Device (VIRTIO) Version 1.2, "Block Device".
import { expect, test } from "vitest";
import { generatedBytes } from "../../../src/backends/disk-image.js";
import { sameBytes } from "../../support/world.js";
import { blk, blkOnMedium } from "./setup.js";

const IN = 0;
const OUT = 1;
const FLUSH = 4;
const GET_ID = 8;
const OK = 0;
const IOERR = 1;
const UNSUPP = 2;
const NEEDS_RESET = 64;
const contents = generatedBytes(0x10_0000, 1);

test('the configuration space: capacity, seg_max, blk_size, num_queues ("Device configuration layout")', () => {
  const { device } = blk({ blockSize: 4096, queueSize: 128 });
  expect(device.read(0x100, 4)).toBe(0x10_0000 / 512);
  expect(device.read(0x104, 4)).toBe(0);
  expect(device.read(0x10c, 4)).toBe(126);
  expect(device.read(0x114, 4)).toBe(4096);
  expect(device.read(0x122, 2)).toBe(1);
});

test("IN: the sectors arrive, in however many segments; used length counts them and the status", () => {
  const { driver, world } = blk();
  driver.start();
  const address = world.memory.allocate(0x2000);
  const data = [
    { address, length: 100, writable: true },
    { address: address + 100, length: 924, writable: true },
  ];
  const { buffers, status } = driver.blockRequest(IN, 5, data);
  driver.addIndirect(0, buffers);
  driver.notify(0);
  expect(driver.take(0)?.length).toBe(1025);
  expect(driver.byte(status)).toBe(OK);
  expect(sameBytes(world.memory.slice(address, 1024), contents.subarray(5 * 512, 7 * 512))).toBe(true);
});

test('a request may be framed in any way ("Message Framing")', () => {
  const { driver, world } = blk();
  driver.start();
  const { buffers } = driver.blockRequest(IN, 1);
  const header = buffers[0].address;
  const address = world.memory.allocate(0x1000);
  const pieces = [
    { address: header, length: 7 },
    { address: header + 7, length: 9 },
    { address, length: 513, writable: true },
  ];
  driver.add(0, pieces);
  driver.notify(0);
  expect(driver.byte(address + 512)).toBe(OK);
  expect(sameBytes(world.memory.slice(address, 512), contents.subarray(512, 1024))).toBe(true);
});

test("OUT changes the disk; the driver's memory keeps everything but the status", () => {
  const { driver, world, image } = blk();
  driver.start();
  const address = world.memory.allocate(0x1000);
  world.memory.slice(address, 512).fill(0x5a);
  const { buffers, status } = driver.blockRequest(OUT, 9, [{ address, length: 512 }]);
  driver.add(0, buffers);
  world.memory.writtenTo.length = 0;
  driver.notify(0);
  const read = new Uint8Array(512);
  image.read(9 * 512, read);
  expect(read).toEqual(new Uint8Array(512).fill(0x5a));
  expect(driver.take(0)?.length).toBe(1);
  expect(world.memory.writtenTo[0]).toEqual({ address: status, length: 1 });
});

test.each([
  ["half a sector", 0, 256],
  ["sectors behind the end", 2047, 1024],
  ["sector 2^60", 2 ** 60, 512],
])("IN of %s is an error", (_, sector, length) => {
  const { driver, world } = blk();
  driver.start();
  const address = world.memory.allocate(0x1000);
  const { buffers, status } = driver.blockRequest(IN, sector, [{ address, length, writable: true }]);
  driver.add(0, buffers);
  driver.notify(0);
  expect(driver.byte(status)).toBe(IOERR);
  expect(driver.take(0)?.length).toBe(0);
});

test("OUT to a read-only disk is an error (VIRTIO_BLK_F_RO)", () => {
  const { driver, world, disk } = blk({ readOnly: true });
  driver.start();
  const address = world.memory.allocate(0x1000);
  const { buffers, status } = driver.blockRequest(OUT, 0, [{ address, length: 512 }]);
  driver.add(0, buffers);
  driver.notify(0);
  expect(driver.byte(status)).toBe(IOERR);
  expect(disk.requests).toEqual([]);
});

test("FLUSH, GET_ID, and a type that there isn't", () => {
  const { driver, world, disk } = blk({ id: "an id" });
  driver.start();
  const flush = driver.blockRequest(FLUSH, 0);
  const address = world.memory.allocate(0x1000);
  const id = driver.blockRequest(GET_ID, 0, [{ address, length: 20, writable: true }]);
  const unknown = driver.blockRequest(99, 0);
  for (const { buffers } of [flush, id, unknown]) driver.addIndirect(0, buffers);
  driver.notify(0);
  expect([flush, id, unknown].map(({ status }) => driver.byte(status))).toEqual([OK, OK, UNSUPP]);
  expect(disk.requests.map((request) => request.operation)).toEqual(["flush"]);
  expect(String.fromCharCode(...world.memory.slice(address, 20))).toBe("an id".padEnd(20, "\0"));
});

test("data out of reach is an I/O error; a header or status out of reach breaks the device", () => {
  const { driver, world } = blk();
  driver.start();
  const bad = driver.blockRequest(IN, 0, [{ address: 0x1000, length: 512, writable: true }]);
  driver.add(0, bad.buffers);
  driver.notify(0);
  expect(driver.byte(bad.status)).toBe(IOERR);
  world.memory.hole(world.memory.base + 0x3f_0000, 16);
  driver.add(0, [
    { address: world.memory.base + 0x3f_0000, length: 16 },
    { address: bad.status, length: 1, writable: true },
  ]);
  driver.notify(0);
  expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
});

test.each([
  [
    "header",
    [
      { address: 0x8000_0000, length: 15 },
      { address: 0x8000_0000, length: 1, writable: true },
    ],
  ],
  ["status", [{ address: 0x8000_0000, length: 16 }]],
])("a request without a %s breaks the device", (_, buffers) => {
  const { driver } = blk();
  driver.start();
  driver.add(0, buffers);
  driver.notify(0);
  expect(driver.status & NEEDS_RESET).toBe(NEEDS_RESET);
});

test("on the medium, requests take its time and may overtake each other", () => {
  const { driver, world } = blkOnMedium();
  driver.start();
  const address = world.memory.allocate(0x2_0000);
  const large = driver.addIndirect(
    0,
    driver.blockRequest(IN, 0, [{ address, length: 0x1_0000, writable: true }]).buffers,
  );
  const small = driver.addIndirect(0, driver.blockRequest(FLUSH, 0).buffers);
  driver.notify(0);
  expect(driver.take(0)).toBeUndefined();
  world.run();
  expect([driver.take(0)?.head, driver.take(0)?.head]).toEqual([small, large]);
  expect(world.time).toBeGreaterThan(20_000);
});
