// A driver may do anything: no exception, no endless work, no byte outside of what it named.
import fc from "fast-check";
import { expect, test } from "vitest";
import { EVENT_IDX, INDIRECT_DESC } from "../../support/virtio-driver.js";
import { blk, blkOnMedium } from "./setup.js";

const RUNS = { numRuns: 200, seed: 4 };
const dword = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: 0xffff_ffff }));

test("any sequence of register accesses is survived", () => {
  const access = fc.record({
    offset: fc.oneof(
      fc.nat(0x40).map((i) => i * 4),
      fc.nat(0x200),
    ),
    size: fc.constantFrom(1, 2, 4, 4, 4),
    write: fc.boolean(),
    value: fc.oneof(dword, fc.constantFrom(0, 1, 3, 11, 15, 0x8000_0000)),
  });
  fc.assert(
    fc.property(fc.array(access, { maxLength: 60 }), (accesses) => {
      const { device } = blk();
      for (const { offset, size, write, value } of accesses) {
        if (write) device.write(offset, size, value);
        else expect(device.read(offset, size)).toBeLessThanOrEqual(0xffff_ffff);
      }
    }),
    RUNS,
  );
});

test("any descriptor table and available ring are survived, with bounded work", () => {
  const descriptor = fc.record({
    address: fc.oneof(fc.integer({ min: 0x8000_0000, max: 0x8040_0000 }), fc.maxSafeNat()),
    length: fc.oneof(fc.constantFrom(0, 1, 16, 32, 512), dword),
    flags: fc.nat(7),
    next: fc.oneof(fc.nat(9), fc.nat(0xffff)),
  });
  fc.assert(
    fc.property(
      fc.array(descriptor, { minLength: 8, maxLength: 8 }),
      fc.array(fc.oneof(fc.nat(8), fc.nat(0xffff)), { maxLength: 12 }),
      fc.boolean(),
      (descriptors, heads, eventIndex) => {
        const { driver, world } = blkOnMedium();
        driver.start(INDIRECT_DESC | (eventIndex ? EVENT_IDX : 0), 8);
        descriptors.forEach(({ address, length, flags, next }, i) => {
          driver.describe(driver.rings[0].descriptors, i, address, length, flags, next);
        });
        for (const head of heads) {
          driver.offer(0, head);
          driver.notify(0);
        }
        world.run(undefined, 100_000);
      },
    ),
    RUNS,
  );
});

test("a request that reads over its own rings does bounded work", () => {
  const { driver, world } = blk();
  driver.start(INDIRECT_DESC, 8);
  const ring = driver.rings[0];
  const data = [{ address: ring.available, length: 512, writable: true }];
  driver.addIndirect(0, driver.blockRequest(0, 3, data).buffers);
  const { reads } = world.memory;
  for (let i = 0; i < 50; i++) driver.notify(0);
  expect(world.memory.reads - reads).toBeLessThan(50 * 20);
});

test("a read writes its buffers, its status and its used ring, and nothing else", () => {
  fc.assert(
    fc.property(
      fc.nat(2047),
      fc.array(fc.integer({ min: 1, max: 3000 }), { minLength: 1, maxLength: 8 }),
      (sector, lengths) => {
        const { driver, world } = blkOnMedium();
        const { memory } = world;
        driver.start();
        const start = memory.allocate(0x1_0000);
        const data = lengths.map((length, i) => ({ address: start + i * 0x1000, length, writable: true }));
        const { buffers, status } = driver.blockRequest(0, sector, data);
        driver.addIndirect(0, buffers);
        memory.writtenTo.length = 0;
        driver.notify(0);
        world.run();
        const { used, size } = driver.rings[0];
        const named = [...data, { address: status, length: 1 }, { address: used, length: 6 + 8 * size }];
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
