// A driver may do anything: no exception, no endless work, no byte outside of what it named.
import fc from "fast-check";
import { expect, test } from "vitest";
import { NO_TIMES } from "../../../src/devices/e1000e/parameters.js";
import { E1000eDriver, RCTL, TCTL, TDBAL, TDLEN } from "../../support/e1000e-driver.js";
import { e1000e, frame, Messages, ready, tcpFrame, withChecksums } from "./setup.js";

const RUNS = { numRuns: 150, seed: 82574 };
const dword = fc.oneof(fc.integer({ min: 0, max: 64 }), fc.integer({ min: 0, max: 0xffff_ffff }));
const REGISTERS = [
  0x00, 0x08, 0x10, 0x14, 0x18, 0x20, 0xc0, 0xc4, 0xc8, 0xd0, 0xd8, 0xdc, 0xe0, 0xe4, 0xe8, 0x100, 0x400, 0x1000,
  0x2170, 0x2800, 0x2804, 0x2808, 0x2810, 0x2818, 0x2820, 0x282c, 0x2900, 0x2908, 0x2918, 0x3800, 0x3804, 0x3808,
  0x3810, 0x3818, 0x3820, 0x3900, 0x3908, 0x3918, 0x5000, 0x5008, 0x5818, 0x102c,
];
const offset = fc.oneof(fc.constantFrom(...REGISTERS), fc.nat(0x1_ffff));
const value = fc.oneof(
  dword,
  fc.constantFrom(0x8000_0000, 0x8000_1000, 0x0400_0000, 2, 0x0400_8002, 0x8402, 0xffff_ffff, 0x8000),
);
const FRAMES = [frame(60), frame(1514), frame(9000), withChecksums(tcpFrame(new Uint8Array(1000))), new Uint8Array(14)];

test("any sequence of register accesses is survived, with bounded work", () => {
  const access = fc.record({
    offset,
    size: fc.constantFrom(1, 2, 4, 4, 4, 4),
    write: fc.boolean(),
    value,
    frame: fc.nat(9),
  });
  fc.assert(
    fc.property(fc.array(access, { maxLength: 80 }), fc.boolean(), fc.boolean(), (accesses, software, byMessage) => {
      const messages = byMessage ? new Messages() : undefined;
      const { controller, world, cable } = e1000e(software ? { times: NO_TIMES } : {}, messages);
      for (const each of accesses) {
        if (each.write) controller.write(each.offset & ~3, each.size, each.value);
        else expect(controller.read(each.offset, each.size)).toBeLessThanOrEqual(0xffff_ffff);
        if (FRAMES[each.frame]) cable.arrive(FRAMES[each.frame]);
        world.pass(2_000);
      }
      world.run(undefined, 100_000);
    }),
    RUNS,
  );
});

const special = fc.constantFrom(
  0x2002_0000,
  0x2610_0000,
  0x2f10_0400,
  0x2b10_ffff,
  0x0b00_0100,
  0x0f00_0040,
  0x2e0f_ffff,
);
const address = fc.oneof(fc.integer({ min: 0x8000_0000, max: 0x8040_0000 }), dword);
const descriptor = fc.tuple(address, fc.constantFrom(0, 0, 0, 1, 0xffff_ffff), fc.oneof(special, dword), dword);

test("any transmit descriptors, tail and memory: the driver's memory isn't written but for statuses", () => {
  fc.assert(
    fc.property(
      fc.array(descriptor, { maxLength: 32 }),
      fc.nat(40),
      fc.option(fc.nat(0x3f_ffff)),
      fc.boolean(),
      (descriptors, tail, hole, software) => {
        const { driver, world, cable } = e1000e(software ? { times: NO_TIMES } : {});
        driver.setUpTransmit(32);
        if (hole !== null) world.memory.hole(0x8000_0000 + hole, 0x10_0000);
        for (const dwords of descriptors) driver.push(...dwords);
        world.memory.writtenTo.length = 0;
        driver.write(0x3818, tail);
        world.run(undefined, 2_000_000);
        const { base } = driver.tx;
        const inside = world.memory.writtenTo.every(
          (write) =>
            write.length <= 4 && write.address >= base + 12 && write.address < base + 512 && write.address % 16 === 12,
        );
        expect(inside).toBe(true);
        expect(cable.sent.every(({ length }) => length >= 14 && length <= 9018)).toBe(true);
      },
    ),
    { ...RUNS, numRuns: 100 },
  );
});

test("any receive descriptors and settings: nothing but named buffers and the ring is written", () => {
  const buffer = fc.oneof(fc.integer({ min: 0, max: 0x30_0000 }), fc.constant(0x3f_ff00));
  fc.assert(
    fc.property(
      fc.array(buffer, { minLength: 16, maxLength: 16 }),
      fc.nat(20),
      dword,
      dword,
      (buffers, tail, rctl, psrctl) => {
        const { driver, world, cable } = ready();
        const { base } = driver.rx;
        driver.write(RCTL, 0);
        driver.write(0x2170, psrctl);
        driver.write(0x5008, psrctl & 1 ? 0x8000 : 0);
        buffers.forEach((at, i) => {
          driver.word(base + 16 * i, 0x8010_0000 + at);
          driver.word(base + 16 * i + 8, 0x8010_0000 + at);
        });
        driver.write(RCTL, rctl | 2);
        world.memory.writtenTo.length = 0;
        driver.write(0x2818, tail);
        for (const each of FRAMES) cable.arrive(each);
        world.run(undefined, 100_000);
        const outside = world.memory.writtenTo.filter((write) => {
          const inRing = write.address >= base && write.address + write.length <= base + 256;
          return !inRing && write.address < 0x8010_0000;
        });
        expect(outside).toEqual([]);
      },
    ),
    RUNS,
  );
});

test("a ring of nothing but contexts ends at its tail", () => {
  const { driver, world } = ready();
  for (let i = 0; i < 15; i++) driver.context([255, 255, 65535], [255, 255], 255, 65535);
  driver.ring();
  world.run();
  expect(world.memory.reads).toBeLessThan(5);
});

test("segments of a byte each fill no more than the packet buffer", () => {
  const { driver, world, cable } = ready();
  cable.hold = true;
  driver.context([14, 24, 33], [34, 50], 54, 1);
  driver.data(new Uint8Array(0xf_ffff - 54), 0x0f, 3);
  driver.ring();
  world.run();
  expect(world.memory.reads).toBeLessThan(12);
  cable.release();
});

test("one event has bounded work however long the ring is", () => {
  const { driver, world } = e1000e({ times: NO_TIMES });
  const base = world.memory.allocate(0x10_0000);
  driver.write(TCTL, 2);
  driver.write(TDBAL, base);
  driver.write(TDLEN, 0xf_ff80);
  world.memory.reads = 0;
  driver.write(0x3818, 0xfff0);
  expect(world.memory.reads).toBeLessThan(10);
  world.run(undefined, 20_000);
  expect(driver.read(0x3810)).toBe(0xfff0);
  expect(driver).toBeInstanceOf(E1000eDriver);
});
