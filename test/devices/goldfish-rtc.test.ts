// Goldfish real-time clock, as Linux's driver (rtc-goldfish) uses it and QEMU's board has it.
import fc from "fast-check";
import { expect, test } from "vitest";
import { GoldfishRtc } from "../../src/devices/goldfish-rtc.js";
import { Access } from "../../src/platform/ports.js";
import { FREQUENCY, World } from "../support/world.js";

const [TIME_LOW, TIME_HIGH, ALARM_LOW, ALARM_HIGH] = [0x00, 0x04, 0x08, 0x0c];
const [IRQ_ENABLED, CLEAR_ALARM, ALARM_STATUS, CLEAR_INTERRUPT] = [0x10, 0x14, 0x18, 0x1c];
const START = 1_767_225_600;
const SECOND = 1_000_000_000n;

function rtc(start = START) {
  const world = new World();
  const device = new GoldfishRtc({ irq: world.irq, clock: world.events }, start);
  const read = (at: number) => device.read(at, 4);
  const write = (at: number, value: number) => device.write(at, 4, value);
  const time = () => BigInt(read(TIME_LOW)) | (BigInt(read(TIME_HIGH)) << 32n);
  /** High half first, as the low half starts the alarm. */
  const put = (low: number, high: number, value: bigint) => {
    write(high, Number((value >> 32n) & 0xffff_ffffn));
    write(low, Number(value & 0xffff_ffffn));
  };
  const setAlarm = (at: bigint) => put(ALARM_LOW, ALARM_HIGH, at);
  return { world, device, read, write, time, put, setAlarm };
}

test("the time is the configured start, in nanoseconds, and goes on with the clock", () => {
  const { world, time } = rtc();
  expect(time()).toBe(BigInt(START) * SECOND);
  world.pass(1.5 * FREQUENCY);
  expect(time()).toBe(BigInt(START) * SECOND + 1_500_000_000n);
});

test("TIME_HIGH belongs to the last read of TIME_LOW", () => {
  const { world, read } = rtc(4);
  read(TIME_LOW);
  world.pass(FREQUENCY);
  expect(read(TIME_HIGH)).toBe(0);
  read(TIME_LOW);
  expect(read(TIME_HIGH)).toBe(1);
});

test("the time can be set", () => {
  const { world, time, put } = rtc();
  put(TIME_LOW, TIME_HIGH, 5n * SECOND);
  world.pass(FREQUENCY);
  expect(time()).toBe(6n * SECOND);
});

test("an alarm interrupts at its time, if enabled; clearing the interrupt ends it", () => {
  const { world, read, write, setAlarm } = rtc();
  setAlarm((BigInt(START) + 2n) * SECOND);
  write(IRQ_ENABLED, 1);
  expect(read(ALARM_STATUS)).toBe(1);
  world.pass(2 * FREQUENCY - 1);
  expect(world.line.level).toBe(false);
  world.pass(1);
  expect([world.line.level, read(ALARM_STATUS)]).toEqual([true, 0]);
  write(IRQ_ENABLED, 0);
  expect(world.line.level).toBe(false);
  write(IRQ_ENABLED, 1);
  write(CLEAR_INTERRUPT, 1);
  expect(world.line.level).toBe(false);
});

test("an alarm that is over goes off at once; a cleared one never", () => {
  const { world, read, write, setAlarm } = rtc();
  write(IRQ_ENABLED, 1);
  setAlarm(BigInt(START) * SECOND);
  expect([world.line.level, read(ALARM_STATUS)]).toEqual([true, 0]);
  write(CLEAR_INTERRUPT, 1);
  setAlarm((BigInt(START) + 1n) * SECOND);
  write(CLEAR_ALARM, 1);
  world.pass(2 * FREQUENCY);
  expect([world.line.level, read(ALARM_STATUS), world.events.next()]).toEqual([false, 0, Infinity]);
});

test("an alarm beyond the clock's end is armed and never goes off", () => {
  const { world, read, setAlarm } = rtc();
  setAlarm(0xffff_ffff_ffff_ffffn);
  expect([read(ALARM_STATUS), world.events.next()]).toEqual([1, Infinity]);
  expect([read(ALARM_LOW), read(ALARM_HIGH)]).toEqual([0xffff_ffff, 0xffff_ffff]);
});

test("registers are 4 bytes wide; reset forgets alarm and setting", () => {
  const { device, world, time, put, setAlarm } = rtc();
  expect([device.read(TIME_LOW, 1), device.write(TIME_LOW, 2, 0)]).toEqual([-1, Access.Fault]);
  put(TIME_LOW, TIME_HIGH, 5n);
  setAlarm(100n * SECOND);
  device.reset();
  expect([time(), world.events.next()]).toEqual([BigInt(START) * SECOND, Infinity]);
});

test("any sequence of register accesses is survived", () => {
  const access = fc.record({
    at: fc.nat(0x10).map((dword) => dword * 4),
    value: fc.oneof(fc.nat(3), fc.integer({ min: 0, max: 0xffff_ffff })),
    write: fc.boolean(),
    pass: fc.nat(1_000_000_000),
  });
  fc.assert(
    fc.property(fc.array(access, { maxLength: 60 }), (accesses) => {
      const { world, read, write } = rtc();
      for (const { at, value, write: writes, pass } of accesses) {
        if (writes) write(at, value);
        else expect(read(at)).toBeLessThanOrEqual(0xffff_ffff);
        world.pass(pass);
      }
    }),
    { numRuns: 200, seed: 1 },
  );
});
