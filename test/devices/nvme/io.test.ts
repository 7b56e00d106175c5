// NVM Express Base Specification 1.4, "NVM Command Set", "Physical Region Page Entry and List", queue rules.
import { expect, test } from "vitest";
import { DiskImage, generatedBytes } from "../../../src/backends/disk-image.js";
import { NvmeController } from "../../../src/devices/nvme/controller.js";
import { NO_TIMES } from "../../../src/devices/nvme/parameters.js";
import { NvmeDriver } from "../../support/nvme-driver.js";
import { InstantDisk, sameBytes, World } from "../../support/world.js";
import { nvme, ready, readyOnInstantDisk } from "./setup.js";

const FLUSH = 0;
const WRITE = 1;
const READ = 2;
const WRITE_ZEROES = 8;
const DSM = 9;
const disk = generatedBytes(0x10_0000, 1);

test('Read brings the disk\'s bytes, PRP1 alone, two PRPs, and a PRP list ("Read command")', () => {
  const { driver, world } = ready();
  const buffer = world.memory.allocate(0x1_0000);
  expect(driver.execute(1, driver.transferSqe(READ, 3, 1, buffer)).status).toBe(0);
  expect(sameBytes(world.memory.slice(buffer, 512), disk.subarray(3 * 512, 4 * 512))).toBe(true);
  expect(driver.execute(1, driver.transferSqe(READ, 0, 16, buffer)).status).toBe(0);
  expect(sameBytes(world.memory.slice(buffer, 0x2000), disk.subarray(0, 0x2000))).toBe(true);
  expect(driver.execute(1, driver.transferSqe(READ, 100, 100, buffer + 0x204)).status).toBe(0);
  expect(sameBytes(world.memory.slice(buffer + 0x204, 51_200), disk.subarray(51_200, 102_400))).toBe(true);
});

test("a PRP list that begins at a page's last entry goes on in the list that this entry names", () => {
  const { driver, world } = ready();
  const { memory } = world;
  const list = memory.allocate(0x1000);
  const next = memory.allocate(0x1000);
  const pages = Array.from({ length: 5 }, () => memory.allocate(0x2000));
  memory.data.setBigUint64(list + 0xff8 - memory.base, BigInt(next), true);
  pages.slice(1).forEach((page, i) => {
    memory.data.setBigUint64(next - memory.base + 8 * i, BigInt(page), true);
  });
  const sqe = { opcode: READ, nsid: 1, prp1: pages[0], prp2: list + 0xff8, cdw10: 0, cdw12: 39 };
  expect(driver.execute(1, sqe).status).toBe(0);
  const arrived = pages.map((page, i) =>
    sameBytes(memory.slice(page, 0x1000), disk.subarray(i * 0x1000, (i + 1) * 0x1000)),
  );
  expect(arrived).toEqual([true, true, true, true, true]);
});

test('Write changes the overlay, Read sees it, and the source doesn\'t ("Write command")', () => {
  const { driver, world, image } = ready();
  const buffer = world.memory.allocate(0x1000);
  world.memory.slice(buffer, 1024).fill(0xa5);
  expect(driver.execute(1, driver.transferSqe(WRITE, 7, 2, buffer)).status).toBe(0);
  const read = new Uint8Array(1024);
  image.read(7 * 512, read);
  expect(read).toEqual(new Uint8Array(1024).fill(0xa5));
  expect(disk.subarray(7 * 512, 9 * 512)).not.toEqual(read);
});

test.each([
  ["PRP1 not dword aligned", { prp1: 2 }, 0x013],
  ["PRP2 with an offset", { cdw12: 15, prp2: 0x200 }, 0x013],
  ["a list that isn't qword aligned", { cdw12: 31, prp2: 4 }, 0x013],
  ["namespace 2", { nsid: 2 }, 0x00b],
  ["blocks beyond the end", { cdw10: 2047, cdw12: 1 }, 0x080],
  ["a starting LBA of 2^63", { cdw11: 0x8000_0000 }, 0x080],
  ["more than MDTS", { cdw12: 0xffff }, 0x002],
  ["SGLs", { flags: 0x40 }, 0x002],
])("Read with %s fails and moves nothing", (_, change, status) => {
  const { driver, world, medium } = ready();
  const page = world.memory.allocate(0x4000);
  const fields = { opcode: READ, nsid: 1, cdw10: 0, cdw12: 0, prp1: 0, prp2: 0, ...change };
  const cqe = driver.execute(1, { ...fields, prp1: page + fields.prp1, prp2: page + 0x2000 + fields.prp2 });
  expect(cqe).toMatchObject({ status, doNotRetry: true });
  expect(medium.counters.bytesRead).toBe(0);
});

test("a PRP list entry with an offset is refused", () => {
  const { driver, world } = ready();
  const { memory } = world;
  const list = memory.allocate(0x1000);
  memory.data.setBigUint64(list - memory.base, BigInt(list + 8), true);
  expect(driver.execute(1, { opcode: READ, nsid: 1, prp1: list, prp2: list, cdw12: 31 }).status).toBe(0x013);
});

test.each([
  ["the data", { prp1: 0x1000 }],
  ["the PRP list", { prp1: 0x9000_0000, prp2: 0x1000, cdw12: 31 }],
])("%s out of reach is a Data Transfer Error that may be retried", (_, fields) => {
  const { driver } = ready();
  const cqe = driver.execute(1, { opcode: READ, nsid: 1, ...fields });
  expect(cqe).toMatchObject({ status: 0x004, doNotRetry: false });
});

test('Flush reaches the medium, also for every namespace ("Flush command")', () => {
  const { driver, medium } = ready();
  expect(driver.execute(1, { opcode: FLUSH, nsid: 1 }).status).toBe(0);
  expect(driver.execute(1, { opcode: FLUSH, nsid: 0xffff_ffff }).status).toBe(0);
  expect(driver.execute(1, { opcode: FLUSH, nsid: 0 }).status).toBe(0x00b);
  expect(medium.counters.flushes).toBe(2);
});

test('FUA, and a volatile write cache that is off, flush behind each write ("Volatile Write Cache")', () => {
  const { driver, world, medium } = ready();
  const prp1 = world.memory.allocate(0x1000);
  driver.execute(1, { opcode: WRITE, nsid: 1, prp1 });
  expect(medium.counters.flushes).toBe(0);
  driver.execute(1, { opcode: WRITE, nsid: 1, prp1, cdw12: 1 << 30 });
  expect(medium.counters.flushes).toBe(1);
  driver.admin({ opcode: 9, cdw10: 6, cdw11: 0 });
  driver.execute(1, { opcode: WRITE, nsid: 1, prp1 });
  expect(medium.counters.flushes).toBe(2);
});

test('Write Zeroes names no memory and isn\'t limited by MDTS ("Write Zeroes command")', () => {
  const { driver, image, world } = ready({ mdts: 1 });
  const { reads } = world.memory;
  expect(driver.execute(1, { opcode: WRITE_ZEROES, nsid: 1, cdw10: 8, cdw12: 1023 }).status).toBe(0);
  expect(world.memory.reads - reads).toBe(1);
  const contents = new Uint8Array(0x10_0000);
  image.read(0, contents);
  const expected = disk.slice();
  expected.fill(0, 4096, 4096 + 1024 * 512);
  expect(sameBytes(contents, expected)).toBe(true);
});

test("256 MiB of zeroes are written in bounded steps, even on a disk that answers at once", () => {
  const world = new World();
  const source = { name: "large", size: 2 ** 29, read: () => true };
  const backend = new InstantDisk(new DiskImage(source));
  backend.answer = { kind: "ok" };
  const ports = { irq: world.irq, dma: world.memory, clock: world.events, backend };
  const driver = new NvmeDriver(new NvmeController(ports, { blockSize: 4096, times: NO_TIMES }), world);
  driver.enable();
  driver.createQueues(1);
  driver.submit(1, { opcode: WRITE_ZEROES, nsid: 1, cdw12: 0xffff });
  expect(backend.requests.length).toBe(1);
  expect(driver.collect(1, 1)[0].status).toBe(0);
  expect(backend.requests.reduce((sum, { length }) => sum + length, 0)).toBe(2 ** 28);
});

test("a reset between a forced write and its flush leaves the medium alone", () => {
  const { driver, disk: backend, world } = readyOnInstantDisk();
  const prp1 = world.memory.allocate(0x1000);
  backend.hold = true;
  driver.submit(1, { opcode: WRITE, nsid: 1, prp1, cdw12: 1 << 30 });
  world.run();
  driver.disable();
  backend.answer = { kind: "ok" };
  backend.release();
  expect(backend.requests.map(({ operation }) => operation)).toEqual(["write"]);
});

test('Dataset Management checks its ranges ("Dataset Management command")', () => {
  const { driver, world } = ready();
  const { memory } = world;
  const prp1 = memory.allocate(0x1000);
  memory.data.setUint32(prp1 + 4 - memory.base, 8, true);
  expect(driver.execute(1, { opcode: DSM, nsid: 1, prp1, cdw11: 4 }).status).toBe(0);
  memory.data.setUint32(prp1 + 16 + 8 - memory.base, 5000, true);
  expect(driver.execute(1, { opcode: DSM, nsid: 1, prp1, cdw10: 1, cdw11: 4 }).status).toBe(0x080);
});

test('a write-protected namespace says so and refuses ("Namespace Write Protect")', () => {
  const { driver, world } = ready({ writeProtected: true });
  expect(driver.identify(0, 1)[99]).toBe(1);
  const prp1 = world.memory.allocate(0x1000);
  expect(driver.execute(1, { opcode: WRITE, nsid: 1, prp1 }).status).toBe(0x020);
  expect(driver.execute(1, { opcode: WRITE_ZEROES, nsid: 1 }).status).toBe(0x020);
});

test.each([
  [{ kind: "medium-error" }, READ, 0x281],
  [{ kind: "medium-error" }, WRITE, 0x280],
  [{ kind: "read-only" }, WRITE, 0x020],
  [{ kind: "out-of-range" }, READ, 0x080],
] as const)("the backend's %o becomes status %#", (answer, opcode, status) => {
  const { driver, disk: backend, world } = readyOnInstantDisk();
  backend.answer = answer;
  const prp1 = world.memory.allocate(0x1000);
  expect(driver.execute(1, { opcode, nsid: 1, prp1 }).status).toBe(status);
});

test('blocks of 4 KiB ("LBA Format Data Structure")', () => {
  const { driver, world } = ready({ blockSize: 4096 });
  const buffer = world.memory.allocate(0x2000);
  expect(driver.execute(1, driver.transferSqe(READ, 5, 2, buffer, 4096)).status).toBe(0);
  expect(sameBytes(world.memory.slice(buffer, 0x2000), disk.subarray(0x5000, 0x7000))).toBe(true);
  expect(driver.execute(1, driver.transferSqe(READ, 256, 1, buffer, 4096)).status).toBe(0x080);
});

test("pages of 16 KiB (CC.MPS): PRP1 reaches further", () => {
  const { driver, world } = nvme();
  driver.enable(16, (6 << 16) | (4 << 20) | (2 << 7) | 1);
  const { memory } = world;
  const [cq, sq, buffer] = [0, 0, 0].map(() => memory.allocate(0x4000, 0x4000));
  const cdw10 = (15 << 16) | 1;
  expect(driver.status).toBe(1);
  driver.admin({ opcode: 5, prp1: cq, cdw10, cdw11: 3 });
  driver.admin({ opcode: 1, prp1: sq, cdw10, cdw11: (1 << 16) | 1 });
  driver.attach(1, sq, cq, 16, 16);
  expect(driver.execute(1, { opcode: READ, nsid: 1, prp1: buffer, cdw12: 31 }).status).toBe(0);
  expect(sameBytes(memory.slice(buffer, 0x4000), disk.subarray(0, 0x4000))).toBe(true);
});

test('rings wrap: the phase tag changes with each round, SQ head is reported ("Phase Tag")', () => {
  const { driver } = ready({}, {}, 4);
  const heads = Array.from({ length: 11 }, () => driver.execute(1, { opcode: FLUSH, nsid: 1 }).sqHead);
  expect(heads).toEqual([1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
});

test('a full completion queue makes completions wait for room ("Full Queue")', () => {
  const { driver, world, controller } = nvme();
  driver.enable();
  const { memory } = world;
  const cq = memory.allocate(0x1000);
  const sq = memory.allocate(0x1000);
  driver.admin({ opcode: 5, prp1: cq, cdw10: (2 << 16) | 1, cdw11: 3 });
  driver.admin({ opcode: 1, prp1: sq, cdw10: (15 << 16) | 1, cdw11: (1 << 16) | 1 });
  driver.attach(1, sq, cq, 16, 3);
  const { completions } = controller.counters;
  const cids = Array.from({ length: 10 }, () => driver.push(1, { opcode: FLUSH, nsid: 1 }));
  driver.ringTail(1);
  world.run();
  expect(controller.counters.completions - completions).toBe(2);
  expect(driver.collect(1, 10).map((cqe) => cqe.cid)).toEqual(cids);
});

test("nothing more is fetched for a completion queue that is full; deleting the submission queue gives up what waits", () => {
  const { driver, world, controller } = nvme();
  driver.enable();
  const { memory } = world;
  const [cq, sq] = [memory.allocate(0x1000), memory.allocate(0x1000)];
  driver.admin({ opcode: 5, prp1: cq, cdw10: (1 << 16) | 1, cdw11: 3 });
  driver.admin({ opcode: 1, prp1: sq, cdw10: (31 << 16) | 1, cdw11: (1 << 16) | 1 });
  driver.attach(1, sq, cq, 32, 2);
  const { commands } = controller.counters;
  for (let i = 0; i < 24; i++) driver.push(1, { opcode: FLUSH, nsid: 1 });
  driver.ringTail(1, 8);
  world.run();
  driver.ringTail(1);
  world.run();
  expect(controller.counters.commands - commands).toBe(8);
  expect(driver.admin({ opcode: 0, cdw10: 1 }).status).toBe(0);
  driver.take(1);
  world.run();
  expect(driver.peek(1)).toBeUndefined();
  expect(driver.admin({ opcode: 4, cdw10: 1 }).status).toBe(0);
});

test('several submission queues share a completion queue and take turns ("Round Robin Arbitration")', () => {
  const { driver, world } = ready({}, {}, 32);
  driver.admin({ opcode: 9, cdw10: 1, cdw11: 0 });
  const sq = world.memory.allocate(0x1000);
  driver.admin({ opcode: 1, prp1: sq, cdw10: (31 << 16) | 2, cdw11: (1 << 16) | 1 });
  driver.attach(2, sq, 0, 32, 0, 1);
  for (let i = 0; i < 4; i++) driver.push(1, { opcode: FLUSH, nsid: 1 });
  for (let i = 0; i < 4; i++) driver.push(2, { opcode: FLUSH, nsid: 1 });
  driver.ringTail(1);
  driver.ringTail(2);
  expect(driver.collect(1, 8).map((cqe) => cqe.sqid)).toEqual([1, 2, 1, 2, 1, 2, 1, 2]);
});

test("no more than `outstanding` commands are fetched before some complete", () => {
  const { driver, disk: backend, world, controller } = readyOnInstantDisk({ outstanding: 3 });
  backend.hold = true;
  const { commands } = controller.counters;
  for (let i = 0; i < 10; i++) driver.push(1, { opcode: FLUSH, nsid: 1 });
  driver.ringTail(1);
  world.run();
  expect(controller.counters.commands - commands).toBe(3);
  backend.release();
  world.run();
  expect(controller.counters.commands - commands).toBe(6);
});

test('a submission queue is deleted when what was fetched is complete ("Delete I/O Submission Queue command")', () => {
  const { driver, disk: backend, world } = readyOnInstantDisk();
  backend.hold = true;
  driver.submit(1, { opcode: FLUSH, nsid: 1 });
  world.run();
  driver.submit(0, { opcode: 0, cdw10: 1 });
  world.run();
  expect(driver.peek(0)).toBeUndefined();
  backend.release();
  world.run();
  expect(driver.take(1)?.status).toBe(0);
  expect(driver.take(0)?.status).toBe(0);
});

test("a burst of commands is fetched by one DMA read", () => {
  const { driver, controller } = ready();
  const { fetches } = controller.counters;
  for (let i = 0; i < 8; i++) driver.push(1, { opcode: FLUSH, nsid: 1 });
  driver.ringTail(1);
  driver.collect(1, 8);
  expect(controller.counters.fetches - fetches).toBe(1);
});
