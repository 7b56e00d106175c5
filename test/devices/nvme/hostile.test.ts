// A driver may do anything: no exception, no endless work, no byte outside of what it named.
import fc from "fast-check";
import { expect, test } from "vitest";
import { NO_TIMES } from "../../../src/devices/nvme/parameters.js";
import { CC_ENABLE, type Sqe } from "../../support/nvme-driver.js";
import { nvme, ready } from "./setup.js";

const RUNS = { numRuns: 150, seed: 4 };
const dword = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: 0xffff_ffff }));
const address = fc.oneof(
  fc.integer({ min: 0x8000_0000, max: 0x8040_0000 }),
  fc.integer({ min: 0x8000, max: 0x8_0400 }).map((page) => page * 0x1000),
  fc.maxSafeNat(),
);
const sqe: fc.Arbitrary<Sqe> = fc.record({
  opcode: fc.oneof(fc.constantFrom(0, 1, 2, 4, 5, 6, 8, 9, 0xa, 0xc), fc.integer({ min: 0, max: 255 })),
  flags: fc.constantFrom(0, 0, 0, 1, 0x40),
  nsid: fc.constantFrom(0, 1, 1, 1, 2, 0xffff_ffff),
  prp1: address,
  prp2: address,
  cdw10: dword,
  cdw11: dword,
  cdw12: dword,
  cdw13: dword,
});

test("any sequence of register accesses is survived, with bounded work", () => {
  const access = fc.record({
    offset: fc.oneof(fc.integer({ min: 0, max: 0x40 }), fc.integer({ min: 0x1000, max: 0x1100 }), fc.nat(0x4000)),
    size: fc.constantFrom(1, 2, 4, 4, 4),
    write: fc.boolean(),
    value: fc.oneof(dword, fc.constantFrom(CC_ENABLE, 0, 0x000f_000f, 0x8000_0000, CC_ENABLE | (1 << 14))),
  });
  fc.assert(
    fc.property(fc.array(access, { maxLength: 60 }), fc.boolean(), (accesses, software) => {
      const { controller, world } = nvme(software ? { times: NO_TIMES } : {});
      for (const { offset, size, write, value } of accesses) {
        if (write) controller.write(offset, size, value);
        else expect(controller.read(offset, size)).toBeLessThanOrEqual(0xffff_ffff);
        world.pass(1_000);
      }
      world.run(undefined, 20_000);
    }),
    RUNS,
  );
});

test("any commands in the admin and an I/O queue are answered or fatal, with bounded work", () => {
  const step = fc.record({ queue: fc.constantFrom(0, 1), sqe, doorbell: fc.option(fc.nat(0xffff), { freq: 5 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.boolean(), (steps, software) => {
      const { driver, world } = ready(software ? { times: NO_TIMES } : {});
      for (const { queue, sqe: command, doorbell } of steps) {
        driver.push(queue, command);
        if (doorbell === null) driver.ringTail(queue);
        else driver.ringTail(queue, doorbell);
        world.run(undefined, 200_000);
        while (driver.take(0)) {}
        while (driver.take(1)) {}
      }
    }),
    RUNS,
  );
});

test("random bytes as submission queues", () => {
  const queue = fc.uint8Array({ minLength: 1024, maxLength: 1024 });
  fc.assert(
    fc.property(queue, queue, fc.nat(15), fc.nat(15), (admin, io, adminTail, ioTail) => {
      const { driver, world } = ready();
      world.memory.slice(driver.queues.get(0)!.sq.base, 1024).set(admin);
      world.memory.slice(driver.queues.get(1)!.sq.base, 1024).set(io);
      driver.ringTail(1, ioTail);
      driver.ringTail(0, adminTail);
      world.run(undefined, 200_000);
    }),
    { numRuns: 50, seed: 4 },
  );
});

test("a read writes its buffer and its completion, and nothing else", () => {
  fc.assert(
    fc.property(
      fc.nat(2047),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 0, max: 1023 }).map((i) => i * 4),
      (lba, blocks, offset) => {
        const { driver, world } = ready();
        const { memory } = world;
        const buffer = memory.allocate(0x4_0000) + 0x1_0000 + offset;
        const sqe = driver.transferSqe(2, lba, blocks, buffer);
        const completion = driver.queues.get(1)!.cq.base;
        memory.writtenTo.length = 0;
        driver.execute(1, sqe);
        const length = blocks * 512;
        const named = (at: number, bytes: number) =>
          (at >= buffer && at + bytes <= buffer + length) || (at === completion && bytes === 16);
        expect(memory.writtenTo.every((write) => named(write.address, write.length))).toBe(true);
        const data = memory.writtenTo.reduce((sum, write) => sum + write.length, 0) - 16;
        expect(data).toBe(lba + blocks <= 2048 ? length : 0);
      },
    ),
    RUNS,
  );
});

test("a PRP list that leads back to itself ends with the transfer's length", () => {
  const { driver, world } = ready({ mdts: 10 }, {}, 16);
  const { memory } = world;
  const list = memory.allocate(0x1000);
  for (let i = 0; i < 512; i++) memory.data.setBigUint64(list - memory.base + i * 8, BigInt(list), true);
  const reads = memory.reads;
  driver.execute(1, { opcode: 1, nsid: 1, prp1: list, prp2: list + 0xff8, cdw10: 0, cdw12: 2047 });
  expect(memory.reads - reads).toBeLessThan(300);
});
