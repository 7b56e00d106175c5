// A driver puts anything into the rings of any device on either transport, at any moment: the device reads what it was led to,
// writes what it was given, and does bounded work for each register write (VIRTIO 1.2, "Split Virtqueues").
import fc from "fast-check";
import { expect, test } from "vitest";
import { Medium } from "../../../src/backends/medium.js";
import { VirtioBlk } from "../../../src/devices/virtio/blk.js";
import { VirtioConsole } from "../../../src/devices/virtio/console.js";
import type { VirtioDevice } from "../../../src/devices/virtio/device.js";
import { NO_TIMES } from "../../../src/devices/virtio/dma-times.js";
import { VirtioNet } from "../../../src/devices/virtio/net.js";
import { Random } from "../../../src/backends/network/random.js";
import { Console } from "../../../src/platform/console.js";
import { FakeLink } from "../../support/fake-link.js";
import { BROADCAST, MAC, plain } from "../../support/frames.js";
import { dword, HostileWorld, outside, type Range, width } from "../../support/hostile.js";
import type { VirtioDriver } from "../../support/virtio-driver.js";
import { generatedImage } from "../../support/world.js";
import { behind, TRANSPORTS } from "./net-setup.js";

const SIZE = 8;
/** What a register write may cause: each of 8 chains leads through 8 descriptors and a table of 256. */
const ALLOWANCE = { dma: 20_000, events: 20_000 };
const MILLISECOND = 1_500_000;

/** Where rings lie, tables of indirect descriptors, and what is sent and filled: behind them, up to the memory's end and beyond. */
const RINGS = 0x8000_0000;
const TABLES = 0x8000_8000;
const DATA = 0x8010_0000;
const END = 0x8040_0000;

const place = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: DATA, max: END - 0x1_0000 }) },
  { weight: 1, arbitrary: fc.constantFrom(END - 16, END - 1, 0xffff_fff0, 0, 2 ** 40) },
);
const length = fc.oneof(
  { weight: 20, arbitrary: fc.constantFrom(0, 1, 2, 12, 16, 16, 32, 128, 512, 513, 1024, 1526, 8192) },
  { weight: 1, arbitrary: dword },
);
const INDIRECT = 4;
const WRITE = 2;
const NEXT = 1;
interface Descriptor {
  address: number;
  length: number;
  flags: number;
  next: number;
}

/** A chain as a driver would build it, directly or in a table, with one descriptor replaced now and then. */
const chain = fc.record({
  do: fc.constant("chain" as const),
  queue: fc.nat(2),
  slot: fc.nat(SIZE - 1),
  readable: fc.array(fc.tuple(place, length), { maxLength: 3 }),
  writable: fc.array(fc.tuple(place, length), { maxLength: 3 }),
  indirect: fc.option(fc.nat(15)),
  damage: fc.option(fc.record({ at: fc.nat(5), flags: fc.nat(0xffff), next: fc.oneof(fc.nat(9), fc.nat(0xffff)) }), {
    freq: 8,
  }),
  heads: fc.oneof(
    { weight: 8, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(fc.nat(SIZE), { maxLength: 9 }) },
  ),
});
const step = fc.oneof(
  { weight: 12, arbitrary: chain },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("pass" as const), cycles: fc.nat(100_000) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("arrive" as const),
      count: fc.nat(4),
      length: fc.integer({ min: 0, max: 2000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("index" as const),
      queue: fc.nat(2),
      value: fc.nat(0xffff),
      event: fc.nat(0xffff),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant("notify" as const), queue: fc.oneof(fc.nat(3), fc.nat(0xffff)) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const), features: fc.boolean() }) },
);
const access = fc.record({
  do: fc.constant("access" as const),
  offset: fc.oneof(
    fc.nat(0x40).map((i) => i * 4),
    fc.nat(0x3fff),
  ),
  size: width,
  write: fc.boolean(),
  value: fc.oneof(dword, fc.constantFrom(0, 1, 3, 8, 11, 15, 64, 0x80)),
});
type Step =
  | (typeof step extends fc.Arbitrary<infer T> ? T : never)
  | (typeof access extends fc.Arbitrary<infer T> ? T : never);
/** What lies where buffers are: small numbers, so that some of it makes headers. */
const SMALL = [0, 0, 0, 0, 0, 0, 1, 1, 4, 8, 16, 34, 255];

interface Given {
  device: VirtioDevice;
  arrive(length: number): void;
}
const DEVICES: Record<string, (world: HostileWorld, software: boolean) => Given> = {
  blk: (world) => ({
    device: new VirtioBlk(new Medium(world.clock, generatedImage()), { queues: 3 }),
    arrive: () => {},
  }),
  net: (world, software) => {
    const link = new FakeLink();
    const times = software ? { times: NO_TIMES } : {};
    const device = new VirtioNet({ link, clock: world.clock }, { ...times });
    const to = (length: number) => (length % 2 ? BROADCAST : MAC);
    return {
      device,
      arrive: (length) => link.arrive(length < 14 ? new Uint8Array(length) : plain(to(length), length)),
    };
  },
  console: (world, software) => {
    const console = new Console();
    const device = new VirtioConsole({ clock: world.clock, console }, ...(software ? [NO_TIMES] : []));
    return {
      device,
      arrive: (length) => {
        console.type("x".repeat(length));
        device.poll();
      },
    };
  },
};

/** What the driver has named so far. */
class Named {
  readonly toRead: Range[] = [];
  readonly toWrite: Range[] = [];
  private readonly rings: Range[][] = [];

  ring(
    index: number,
    { descriptors, available, used }: { descriptors: number; available: number; used: number },
  ): void {
    this.rings[index] = [
      { address: descriptors, length: 16 * SIZE },
      { address: available, length: 6 + 2 * SIZE },
    ];
    this.toRead.push(...this.rings[index]);
    this.toWrite.push({ address: used, length: 6 + 8 * SIZE });
  }
  buffer({ address, length, flags }: Descriptor): void {
    if (flags & WRITE) this.toWrite.push({ address, length });
    else this.toRead.push({ address, length });
  }
}

const inMemory = (address: number) => address >= RINGS && address + 4 <= END;

/** Reset to DRIVER_OK, the rings empty and where they were. */
function restart(driver: VirtioDriver, features: number): void {
  const { data, base } = driver.world.memory;
  driver.negotiate(features & driver.offered()[0]);
  driver.rings.forEach((ring, queue) => {
    const { registers } = driver;
    ring.next = 0;
    if (inMemory(ring.available)) data.setUint32(ring.available - base, 0, true);
    driver.set(registers.QueueSel, queue);
    driver.set(registers.QueueSize, ring.size);
    driver.set64(registers.QueueDesc, ring.descriptors);
    driver.set64(registers.QueueDriver, ring.available);
    driver.set64(registers.QueueDevice, ring.used);
    driver.set(registers.QueueReady, 1);
  });
  driver.set(driver.registers.Status, 15);
}

const ALL_FEATURES = 0xffff_ffff;
const NEEDS_RESET = 64;

function addChain(
  driver: VirtioDriver,
  named: Named,
  each: typeof chain extends fc.Arbitrary<infer T> ? T : never,
): void {
  const { queue, slot, indirect, damage } = each;
  const inTable = indirect !== null;
  const table = inTable ? TABLES + 0x100 * indirect : driver.rings[queue].descriptors;
  const at = (i: number) => (inTable ? i : (slot + i) % SIZE);
  const buffers = [...each.readable.map((b) => [...b, 0]), ...each.writable.map((b) => [...b, WRITE])];
  buffers.forEach(([address, bytes, flags], i) => {
    const more = i < buffers.length - 1 ? NEXT : 0;
    const described: Descriptor = { address, length: bytes, flags: flags | more, next: at(i + 1) };
    if (damage?.at === i) Object.assign(described, { flags: damage.flags & ~INDIRECT, next: damage.next });
    named.buffer(described);
    driver.describe(table, at(i), described.address, described.length, described.flags, described.next);
  });
  if (inTable) {
    const odd = damage?.at === 5 ? damage.flags & 0x7f : 0;
    const bytes = 16 * buffers.length + odd;
    named.toRead.push({ address: table, length: bytes });
    driver.describe(driver.rings[queue].descriptors, slot, table, bytes, INDIRECT);
  }
  driver.offer(queue, slot);
  for (const head of each.heads) driver.offer(queue, head);
  driver.notify(queue);
}

function play(given: Given, driver: VirtioDriver, named: Named, each: Step): void {
  const { data, base } = driver.world.memory;
  switch (each.do) {
    case "chain":
      addChain(driver, named, each);
      break;
    case "index":
      data.setUint16(driver.rings[each.queue].available + 2 - base, each.value, true);
      driver.setUsedEvent(each.queue, each.event);
      break;
    case "notify":
      driver.set(driver.registers.notify(each.queue), each.queue);
      break;
    case "arrive":
      for (let i = 0; i < each.count; i++) given.arrive(each.length + i);
      break;
    case "access":
      if (each.write) driver.device.write(each.offset, each.size, each.size === 4 ? each.value : each.value & 0xff);
      else expect(driver.device.read(each.offset, each.size)).toBeLessThanOrEqual(0xffff_ffff);
      break;
    case "restart":
      restart(driver, each.features ? ALL_FEATURES : 0);
      break;
  }
  if (each.do !== "access" && driver.status & NEEDS_RESET) restart(driver, ALL_FEATURES);
}

function fill(world: HostileWorld, seed: number): void {
  const random = new Random(seed);
  const bytes = Uint8Array.from({ length: 509 }, () => SMALL[random.next() % SMALL.length]);
  for (let at = DATA; at + bytes.length < END; at += bytes.length) world.memory.slice(at, bytes.length).set(bytes);
}

const cases = Object.keys(DEVICES).flatMap((name) => TRANSPORTS.map((transport) => [name, transport] as const));

test.each(cases)("%s over %s: nothing that the driver didn't name is read or written", (name, transport) => {
  let used = 0;
  fc.assert(
    fc.property(
      fc.nat(),
      fc.array(step, { minLength: 30, maxLength: 50 }),
      fc.boolean(),
      fc.nat(255),
      (seed, steps, software, shift) => {
        const world = new HostileWorld();
        fill(world, seed);
        const named = new Named();
        const given = DEVICES[name](world, software);
        const driver = behind(transport, world, given.device);
        for (let queue = 0; queue < 3; queue++) {
          const at = RINGS + queue * 0x1000 + 8 * shift;
          const ring = { descriptors: at, available: at + 0x200 + (shift & 6), used: at + 0x400 };
          driver.rings[queue] = { size: SIZE, ...ring, free: 0, next: 0, seen: 0 };
          named.ring(queue, ring);
        }
        restart(driver, ALL_FEATURES);
        world.watched.forget();
        for (const each of steps) {
          world.step(ALLOWANCE, () => play(given, driver, named, each), each.do === "pass" ? each.cycles : 100);
        }
        world.step(ALLOWANCE, () => {}, MILLISECOND);
        expect(outside(world.watched.wroteTo, named.toWrite)).toEqual([]);
        expect(outside(world.watched.readFrom, [...named.toRead, ...named.toWrite])).toEqual([]);
        used += world.watched.wroteTo.length;
      },
    ),
    { numRuns: 50, seed: 1 },
  );
  expect(used).toBeGreaterThan(500);
});

test.each(cases)("%s over %s: rings anywhere, any registers: bounded work and no exception", (name, transport) => {
  const anywhere = fc.oneof(
    { weight: 9, arbitrary: place },
    { weight: 1, arbitrary: fc.constant(0xffff_ffff_ffff_f800) },
  );
  const ring = fc.record({ descriptors: anywhere, available: anywhere, used: anywhere });
  const steps = fc.oneof({ weight: 3, arbitrary: access }, { weight: 2, arbitrary: step });
  fc.assert(
    fc.property(
      fc.array(ring, { minLength: 3, maxLength: 3 }),
      fc.nat(),
      fc.array(steps, { minLength: 20, maxLength: 80 }),
      fc.boolean(),
      (rings, seed, all, software) => {
        const world = new HostileWorld();
        fill(world, seed);
        const given = DEVICES[name](world, software);
        const driver = behind(transport, world, given.device);
        rings.forEach((at, queue) => {
          driver.rings[queue] = { size: SIZE, ...at, free: 0, next: 0, seen: 0 };
        });
        restart(driver, ALL_FEATURES);
        // chains and indices need rings in memory
        const possible = all.filter((one) => !["chain", "index"].includes(one.do));
        for (const each of possible) {
          const cycles = each.do === "pass" ? each.cycles : 100;
          world.step(ALLOWANCE, () => play(given, driver, new Named(), each), cycles);
        }
        world.step(ALLOWANCE, () => {}, MILLISECOND);
      },
    ),
    { numRuns: 50, seed: 2 },
  );
});
