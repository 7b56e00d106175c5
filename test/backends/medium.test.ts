import { expect, test } from "vitest";
import { FAST_MEDIUM, Medium, type MediumParameters, NAND_MEDIUM } from "../../src/backends/medium.js";
import type { BlockOperation, BlockStatus, Segment } from "../../src/platform/ports.js";
import { generatedImage, nanoseconds, sameBytes, World } from "../support/world.js";
import { ready } from "../devices/nvme/setup.js";

function medium(parameters: Partial<MediumParameters> = {}, readOnly = false) {
  const world = new World();
  const image = generatedImage(0x40_0000, 1, readOnly);
  const disk = new Medium(world.events, image, parameters);
  const submit = (operation: BlockOperation, offset: number, segments: Segment[]) => {
    const outcome: { status?: BlockStatus; at: number } = { at: 0 };
    const length = segments.reduce((sum, segment) => sum + segment.length, 0);
    disk.submit({ operation, offset, length, segments, dma: world.memory }, (status) => {
      outcome.status = status;
      outcome.at = world.events.now();
    });
    return outcome;
  };
  const room = (length: number): Segment => ({ lo: world.memory.allocate(length), hi: 0, length });
  return { world, image, disk, submit, room };
}

test("a 4 KiB read takes 7 µs from doorbell to completion on the fast medium, 80 µs on NAND", () => {
  for (const [parameters, microseconds] of [
    [FAST_MEDIUM, 7],
    [NAND_MEDIUM, 80],
  ] as const) {
    const { driver, world } = ready({}, parameters);
    const buffer = world.memory.allocate(0x1000);
    const start = world.time;
    driver.submit(1, driver.transferSqe(2, 0, 8, buffer));
    world.run(() => driver.peek(1) !== undefined);
    expect(nanoseconds(world.time - start) / 1000).toBeCloseTo(microseconds, 1);
  }
});

test("reads and writes move the disk's bytes segment by segment", () => {
  const { world, image, submit, room } = medium();
  const [a, b] = [room(100), room(412)];
  const read = submit("read", 1024, [a, b]);
  world.run();
  expect(read.status).toEqual({ kind: "ok" });
  const bytes = new Uint8Array(512);
  image.read(1024, bytes);
  expect(sameBytes(world.memory.slice(a.lo, 100), bytes.subarray(0, 100))).toBe(true);
  expect(sameBytes(world.memory.slice(b.lo, 412), bytes.subarray(100))).toBe(true);
  submit("write", 0, [b, a]);
  world.run();
  image.read(0, bytes);
  expect(sameBytes(world.memory.slice(b.lo, 412), bytes.subarray(0, 412))).toBe(true);
});

test("large transfers run at the speed of the link or of the medium, whichever is slower", () => {
  const rate = (parameters: Partial<MediumParameters>) => {
    const { world, submit, room } = medium(parameters);
    const target = room(0x20_0000);
    submit("read", 0, [target]);
    const fill = world.events.next();
    world.run();
    return 0x20_0000 / nanoseconds(world.time - fill);
  };
  const link = (57.88 / 8) * (256 / 280);
  expect(rate({ bandwidth: 100e9 })).toBeCloseTo(link, 2);
  expect(rate({ bandwidth: 2e9 })).toBeCloseTo(2, 2);
});

test("translation cycles stall the transfer, one after the other unless the device overlaps them", () => {
  const run = (parameters: Partial<MediumParameters>, translation: number) => {
    const { world, submit, room, disk } = medium(parameters);
    world.memory.translation = () => translation;
    submit(
      "read",
      0,
      Array.from({ length: 64 }, () => room(4096)),
    );
    world.run();
    return { time: world.time, stall: disk.counters.stallCycles };
  };
  const none = run({}, 0);
  expect(run({}, 600)).toEqual({ time: none.time + 64 * 600, stall: 64 * 600 });
  expect(run({ outstandingTranslations: 4 }, 600).time).toBe(none.time + 64 * 150);
});

test("channels work at a time, their transfers one after the other", () => {
  const run = (channels: number) => {
    const { world, submit, room } = medium({ channels });
    for (let i = 0; i < 8; i++) submit("read", i * 4096, [room(4096)]);
    world.run();
    return nanoseconds(world.time) / 1000;
  };
  expect(run(1)).toBeGreaterThan(8 * 5.1);
  expect(run(8)).toBeLessThan(5.1 + 8 * 0.7);
});

test("a fault ends the request where it happens, with its address", () => {
  const { world, submit, room, disk } = medium();
  const target = room(8192);
  world.memory.hole(target.lo + 4096, 4096);
  const outcome = submit("read", 0, [target]);
  world.run();
  expect(outcome.status).toEqual({ kind: "dma-fault", cause: 257, lo: target.lo + 4096, hi: 0 });
  expect(disk.counters.errors).toBe(1);
});

test.each([
  ["a range behind the end", "read", 0x40_0000 - 256, { kind: "out-of-range" }],
  ["an offset that is no number", "read", Number.NaN, { kind: "out-of-range" }],
  ["a write to a read-only disk", "write", 0, { kind: "read-only" }],
] as const)("%s is refused", (_, operation, offset, status) => {
  const { world, submit, room } = medium({}, true);
  const outcome = submit(operation, offset, [room(512)]);
  expect(outcome.status).toBeUndefined();
  world.run();
  expect(outcome.status).toEqual(status);
});

test("segments that are too short, and empty ones, don't confuse it", () => {
  const { world, disk, room } = medium();
  const outcomes: string[] = [];
  const segments = [{ lo: 0, hi: 0, length: 0 }, room(512), { lo: 0, hi: 0, length: 0 }];
  for (const length of [512, 1024, 0]) {
    disk.submit({ operation: "read", offset: 0, length, segments, dma: world.memory }, ({ kind }) =>
      outcomes.push(kind),
    );
  }
  world.run();
  expect(outcomes.sort()).toEqual(["medium-error", "ok", "ok"]);
});
