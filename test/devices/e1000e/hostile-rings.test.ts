// A driver moves rings, heads and tails at any time, sends descriptors of all kinds with any bits, and resets in the middle, while
// frames of any kind arrive: the controller reads what it was led to, writes what it was given, sends only frames that the wire can
// carry, and does bounded work.
import fc from "fast-check";
import { expect, test } from "vitest";
import { E1000eController } from "../../../src/devices/e1000e/controller.js";
import { NO_TIMES, PCIE_TIMES } from "../../../src/devices/e1000e/parameters.js";
import {
  Cable,
  CTRL,
  CTRL_RST,
  DEXT,
  E1000eDriver,
  RCTL,
  RDBAL,
  RFCTL,
  RFCTL_EXSTEN,
  TCTL,
  TCTL_EN,
  TDBAL,
} from "../../support/e1000e-driver.js";
import { dword, HostileWorld, outside, type Range } from "../../support/hostile.js";
import { frame, Messages, tagged, tcpFrame, withChecksums } from "./setup.js";

const ALLOWANCE = { dma: 5_000, events: 5_000 };
const MILLISECOND = 1_500_000;
const [LENGTH, HEAD, TAIL] = [0x8, 0x10, 0x18];
const STRIDE = 0x100;
const PSRCTL = 0x2170;
/** Transmit rings, receive rings, what is sent, what is filled: apart, so that each access shows what it was for. */
const TX = 0x8000_0000;
const RX = 0x8008_0000;
const SEND = 0x8010_0000;
const FILL = 0x8020_0000;
const END = 0x8040_0000;
const RING_BYTES = 128 * 32;
/** Most bytes of a receive buffer, as the settings below have them. */
const LARGEST_BUFFER = 16 * 1024;

const usual = (arbitrary: fc.Arbitrary<number>) =>
  fc.oneof({ weight: 12, arbitrary }, { weight: 1, arbitrary: fc.constantFrom(0, END - 16, 0xffff_ffff, 2 ** 40) });
const toSend = usual(fc.integer({ min: SEND, max: FILL - 0x1_0000 }));
const toFill = usual(fc.integer({ min: FILL, max: END - LARGEST_BUFFER }));
const options = fc.constantFrom(0x01, 0x09, 0x0b, 0x0f, 0x8b, 0x4b, 0x00, 0x0a, 0xff & ~DEXT);

const descriptor = fc.oneof(
  fc.record({
    type: fc.constant("legacy" as const),
    address: toSend,
    length: fc.oneof(fc.nat(2000), fc.nat(0xffff)),
    command: options,
    special: dword,
  }),
  fc.record({
    type: fc.constant("data" as const),
    address: toSend,
    length: fc.oneof(fc.nat(3000), fc.nat(0xf_ffff)),
    command: options,
    special: dword,
  }),
  fc.record({
    type: fc.constant("context" as const),
    ip: fc.oneof(fc.constant(0x0021_180e), dword),
    tcp: fc.oneof(fc.constant(0x0000_3222), dword),
    command: fc.nat(15),
    sizes: fc.oneof(
      fc.integer({ min: 1, max: 1460 }).map((mss) => mss * 0x1_0000 + 54 * 256),
      fc.constantFrom(0x0001_3600, 0xffff_ff00, 0x0000_3600, 0x05b4_0000),
      dword,
    ),
  }),
);
const unit = fc.oneof(fc.nat(40), fc.nat(0xffff));
const arriving = fc.oneof(
  fc.uint8Array({ maxLength: 100 }),
  fc.constantFrom(
    frame(60),
    frame(1514),
    frame(1518),
    frame(9000),
    frame(20_000),
    tagged(frame(100), 0xffff),
    withChecksums(tcpFrame(new Uint8Array(1000))),
  ),
);
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({ do: fc.constant("push" as const), queue: fc.nat(1), descriptor, ring: fc.boolean() }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant("supply" as const),
      queue: fc.nat(1),
      buffers: fc.array(toFill, { minLength: 1, maxLength: 16 }),
    }),
  },
  { weight: 8, arbitrary: fc.record({ do: fc.constant("arrive" as const), frame: arriving }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("pass" as const), cycles: fc.nat(30_000) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("index" as const),
      transmit: fc.boolean(),
      queue: fc.nat(1),
      register: fc.constantFrom(HEAD, TAIL),
      value: unit,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("move" as const),
      transmit: fc.boolean(),
      queue: fc.nat(1),
      place: fc.nat(7),
      units: fc.nat(RING_BYTES / 128),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("settings" as const),
      rctl: fc.oneof(
        fc.constantFrom(0x801a, 0x0400_803a, 0x0203_801a, 0x0400_841a),
        dword.map((bits) => (bits | 0x1a) >>> 0),
        dword,
      ),
      extended: fc.boolean(),
      sizes: fc.tuple(fc.nat(0x7f), fc.nat(16), fc.nat(16), fc.nat(16)),
      rss: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("reset" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("plug" as const), up: fc.constantFrom(true, true, false) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("interrupts" as const),
      offset: fc.constantFrom(
        0xc0,
        0xc4,
        0xc8,
        0xd0,
        0xd8,
        0xdc,
        0xe0,
        0xe4,
        0xe8,
        0xf8,
        0x18,
        0x2820,
        0x282c,
        0x3820,
        0x382c,
      ),
      value: dword,
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Descriptor = typeof descriptor extends fc.Arbitrary<infer T> ? T : never;

class Hostile {
  readonly toRead: Range[] = [];
  readonly toWrite: Range[] = [];
  private readonly driver: E1000eDriver;
  /** By direction and queue: the ring, and where the next descriptor goes. */
  private readonly rings = new Map<string, { base: number; units: number; next: number }>();

  constructor(
    private readonly controller: E1000eController,
    private readonly cable: Cable,
    world: HostileWorld,
  ) {
    this.driver = new E1000eDriver(controller, world);
    world.watched.seen = (address, bytes) => this.fetched(address, bytes);
  }

  /** What descriptors name, those too that the controller has written itself. */
  private fetched(at: number, bytes: DataView): void {
    const address = (offset: number) => bytes.getUint32(offset, true) + bytes.getUint32(offset + 4, true) * 2 ** 32;
    if (at < RX) {
      for (let i = 0; i < bytes.byteLength; i += 16) {
        const extended = bytes.getUint8(i + 11) & DEXT;
        const length = bytes.getUint32(i + 8, true) & (extended ? 0xf_ffff : 0xffff);
        this.toRead.push({ address: address(i), length });
      }
    } else if (at < SEND) {
      for (let i = 0; i < bytes.byteLength; i += 8) this.toWrite.push({ address: address(i), length: LARGEST_BUFFER });
    }
  }

  setUp(): void {
    for (const queue of [0, 1]) {
      this.move(true, queue, queue, 1);
      this.move(false, queue, queue, 1);
    }
    this.driver.write(TCTL, TCTL_EN | 8);
    this.driver.write(RFCTL, RFCTL_EXSTEN);
    this.driver.write(RCTL, 0x0400_801a);
  }

  /** A ring of so many times 8 descriptors in one of the places for rings. */
  private move(transmit: boolean, queue: number, place: number, units: number): void {
    const base = (transmit ? TX : RX) + place * RING_BYTES;
    const at = (transmit ? TDBAL : RDBAL) + queue * STRIDE;
    this.rings.set(`${transmit} ${queue}`, { base, units: units * 8, next: 0 });
    // statuses are written into transmit rings, whole descriptors into receive rings
    for (const ranges of [this.toRead, this.toWrite]) ranges.push({ address: base, length: units * 128 });
    this.driver.write(at + LENGTH, 0);
    this.driver.write(at, base);
    this.driver.write(at + 4, 0);
    this.driver.write(at + HEAD, 0);
    this.driver.write(at + TAIL, 0);
    this.driver.write(at + LENGTH, units * 128);
  }

  private words(at: number, words: readonly number[]): void {
    words.forEach((value, i) => {
      this.driver.word(at + 4 * i, value);
    });
  }

  private push(queue: number, each: Descriptor): void {
    const ring = this.rings.get(`true ${queue}`);
    if (!ring || ring.units === 0) return;
    const at = ring.base + 16 * ring.next;
    ring.next = (ring.next + 1) % ring.units;
    if (each.type === "context") {
      this.words(at, [each.ip, each.tcp, (each.command | DEXT) << 24, each.sizes]);
      return;
    }
    const { address, length, special } = each;
    const command = each.type === "data" ? ((each.command | DEXT) << 24) | (1 << 20) : each.command << 24;
    this.words(at, [address % 2 ** 32, Math.floor(address / 2 ** 32), command | length, special]);
  }

  private supply(queue: number, buffers: readonly number[]): void {
    const ring = this.rings.get(`false ${queue}`);
    if (!ring || ring.units === 0) return;
    for (const address of buffers) {
      this.words(ring.base + 16 * ring.next, [address % 2 ** 32, Math.floor(address / 2 ** 32), address % 2 ** 32, 0]);
      ring.next = (ring.next + 1) % ring.units;
    }
    this.driver.write(RDBAL + queue * STRIDE + TAIL, ring.next);
  }

  play(each: Step): void {
    const { driver, cable } = this;
    switch (each.do) {
      case "push":
        this.push(each.queue, each.descriptor);
        if (each.ring) driver.write(TDBAL + each.queue * STRIDE + TAIL, this.rings.get(`true ${each.queue}`)!.next);
        break;
      case "supply":
        this.supply(each.queue, each.buffers);
        break;
      case "arrive":
        cable.arrive(each.frame);
        break;
      case "index":
        driver.write((each.transmit ? TDBAL : RDBAL) + each.queue * STRIDE + each.register, each.value);
        break;
      case "move":
        this.move(each.transmit, each.queue, each.place, each.units);
        break;
      case "settings": {
        const [header, ...kib] = each.sizes;
        driver.write(PSRCTL, header | (kib[0] << 8) | (kib[1] << 16) | (kib[2] << 24));
        driver.write(RFCTL, each.extended ? RFCTL_EXSTEN : 0);
        driver.write(0x5818, each.rss ? 0x0003_0001 : 0);
        driver.write(0x5c00, 0x8000_8000);
        driver.write(RCTL, each.rctl);
        break;
      }
      case "reset":
        driver.write(CTRL, CTRL_RST);
        this.setUp();
        break;
      case "plug":
        cable.plug(each.up);
        break;
      case "interrupts":
        driver.write(each.offset, each.value);
        expect(this.controller.read(each.offset, 4)).toBeGreaterThanOrEqual(0);
        break;
    }
  }
}

test("nothing that the driver didn't name is read or written, and what it sends are frames", () => {
  const totals = { sent: 0, filled: 0 };
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 30, maxLength: 80 }),
      fc.boolean(),
      fc.boolean(),
      (steps, software, byMessage) => {
        const world = new HostileWorld();
        const cable = new Cable(world);
        const messages = byMessage ? new Messages() : undefined;
        const ports = { irq: world.irq, dma: world.watched, clock: world.clock, link: cable, messages };
        const controller = new E1000eController(ports, {
          times: software ? NO_TIMES : { ...PCIE_TIMES, autoNegotiation: 0 },
        });
        const hostile = new Hostile(controller, cable, world);
        hostile.setUp();
        for (const each of steps)
          world.step(ALLOWANCE, () => hostile.play(each), each.do === "pass" ? each.cycles : 500);
        world.step(ALLOWANCE, () => {}, MILLISECOND);
        expect(outside(world.watched.wroteTo, hostile.toWrite)).toEqual([]);
        expect(outside(world.watched.readFrom, hostile.toRead)).toEqual([]);
        expect(cable.sent.filter(({ length }) => length < 14 || length > 9018)).toEqual([]);
        totals.sent += cable.sent.length;
        totals.filled += world.watched.wroteTo.filter(({ address }) => address >= FILL).length;
      },
    ),
    { numRuns: 120, seed: 5 },
  );
  expect(totals.sent).toBeGreaterThan(1000);
  expect(totals.filled).toBeGreaterThan(200);
});
