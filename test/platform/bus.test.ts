import { expect, test } from "vitest";
import { Bus } from "../../src/platform/bus.js";
import { Access, type MmioDevice } from "../../src/platform/ports.js";

/** Records accesses; refuses offset 0x80. */
class Recorder implements MmioDevice {
  readonly log: string[] = [];
  constructor(private readonly answer = 0) {}
  read(offset: number, size: number): number {
    this.log.push(`r${size}@${offset}`);
    return offset === 0x80 ? -1 : this.answer + offset;
  }
  write(offset: number, size: number, value: number): Access {
    this.log.push(`w${size}@${offset}=${value}`);
    return offset === 0x80 ? Access.Fault : Access.Ok;
  }
  reset(): void {}
}

test("accesses reach the device at their offset; 8 bytes go low half first", () => {
  const bus = new Bus();
  const device = new Recorder(0x100);
  bus.map(0x1000, 0x100, device);
  expect(bus.read(0x1008, 8)).toBe(Access.Ok);
  expect([bus.lo, bus.hi]).toEqual([0x108, 0x10c]);
  bus.write(0x1010, 8, 1, 2);
  bus.write(0x1001, 1, 3);
  expect(device.log).toEqual(["r4@8", "r4@12", "w4@16=1", "w4@20=2", "w1@1=3"]);
});

test("no device, a misaligned access, one across the end, or a device that refuses: fault", () => {
  const bus = new Bus();
  bus.map(0x1000, 0x84, new Recorder());
  for (const [address, size] of [
    [0xfff, 1],
    [0x1084, 1],
    [0x1002, 4],
    [0x1080, 8],
    [0x1080, 4],
    [2 ** 53, 4],
    [2 ** 64 - 4096, 8],
  ]) {
    expect(bus.read(address, size)).toBe(Access.Fault);
    expect(bus.write(address, size, 0)).toBe(Access.Fault);
  }
});

test("fixed regions that overlap are our bug", () => {
  const bus = new Bus();
  bus.map(0x1000, 0x100, new Recorder());
  expect(() => bus.map(0x10ff, 1, new Recorder())).toThrow("overlap");
});

test("a moved region answers where it is now and nowhere else", () => {
  const bus = new Bus();
  const region = bus.movable(0x100, new Recorder(7), "pcie");
  expect(bus.find(0x2000)).toBeUndefined();
  bus.move(region, 0x2000);
  expect(bus.find(0x2010)).toMatchObject({ offset: 0x10 });
  expect(bus.reachOf(0x2010)).toBe("pcie");
  bus.move(region, 0x3000);
  expect(bus.find(0x2010)).toBeUndefined();
  bus.move(region, undefined);
  expect(bus.find(0x3000)).toBeUndefined();
});

test("where regions collide by a guest's doing, the first added is seen, the other comes back when it may", () => {
  const bus = new Bus();
  const first = bus.movable(0x100, new Recorder(), "pcie");
  const second = bus.movable(0x100, new Recorder(), "pcie");
  bus.move(second, 0x2000);
  bus.move(first, 0x2080);
  expect(bus.find(0x2000)).toBeUndefined();
  expect(bus.find(0x2080)?.region).toBe(first);
  bus.move(first, 0x8000);
  expect(bus.find(0x2080)?.region).toBe(second);
});
