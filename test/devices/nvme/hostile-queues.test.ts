// A driver makes queues with any parameters, rings any doorbell at any time, and resets in the middle: the controller reads what it was
// led to, writes what it was given, and does bounded work (NVMe 1.4, "Controller Level Reset", "Queue Level Reset", "Doorbells").
import fc from "fast-check";
import { expect, test } from "vitest";
import { Medium } from "../../../src/backends/medium.js";
import { NvmeController } from "../../../src/devices/nvme/controller.js";
import { NO_TIMES } from "../../../src/devices/nvme/parameters.js";
import { dword, HostileWorld, outside, type Range, width } from "../../support/hostile.js";
import { CC_ENABLE } from "../../support/nvme-driver.js";
import { generatedImage } from "../../support/world.js";

const ALLOWANCE = { dma: 10_000, events: 10_000 };
const MILLISECOND = 1_500_000;
const CC = 0x14;
const AQA = 0x24;
const ASQ = 0x28;
const ACQ = 0x30;
const ADMIN_BASES = [ASQ, ASQ + 4, ACQ, ACQ + 4];
const DOORBELLS = 0x1000;

/** Submission queues, completion queues, PRP lists and data don't overlap, so that each access shows what it was for. */
const SQS = 0x8000_0000;
const CQS = 0x8008_0000;
const LISTS = 0x8010_0000;
const DATA = 0x8020_0000;
const END = 0x8040_0000;
const LARGEST_PAGE = 0x1_0000;

const aligned = (start: number, end: number) =>
  fc.integer({ min: start / 4096, max: end / 4096 - 1 }).map((page) => page * 4096);
const usual = (arbitrary: fc.Arbitrary<number>) =>
  fc.oneof(
    { weight: 12, arbitrary },
    { weight: 1, arbitrary: fc.constantFrom(0, 3, 0x1000, 0xffff_f000, 2 ** 40, 0x803f_f000) },
  );
const buffer = usual(
  fc.oneof(
    aligned(DATA, END),
    fc.integer({ min: DATA / 4, max: END / 4 - 1 }).map((at) => at * 4),
  ),
);
const list = usual(
  fc.oneof(
    aligned(LISTS, DATA),
    fc.integer({ min: LISTS / 8, max: DATA / 8 - 1 }).map((at) => at * 8),
  ),
);
const id = fc.oneof(fc.nat(4), fc.nat(0xffff));
const entries = fc.oneof(fc.nat(20), fc.constantFrom(0xffff, 0x3ff));

const common = { flags: fc.constantFrom(0, 0, 0, 0, 0, 1, 0x40), nsid: fc.constantFrom(1, 1, 1, 0, 2, 0xffff_ffff) };
const command = fc.oneof(
  fc.record({
    ...common,
    opcode: fc.oneof(fc.constantFrom(1, 2), fc.constantFrom(0, 1, 2, 8, 9, 0xa, 0xc, 6), fc.nat(255)),
    prp1: buffer,
    prp2: fc.oneof(buffer, list),
    cdw10: fc.oneof(fc.nat(2100), dword),
    cdw11: fc.constantFrom(0, 0, 0, 1, 4),
    cdw12: fc.oneof(fc.nat(40), fc.nat(300), dword),
  }),
  fc.record({
    opcode: fc.constantFrom(4, 0),
    flags: fc.constant(0),
    nsid: fc.constant(0),
    prp1: fc.constant(0),
    prp2: fc.constant(0),
    cdw10: id,
    cdw11: fc.constant(0),
    cdw12: fc.constant(0),
  }),
);
const creation = fc.record({
  completion: fc.boolean(),
  base: fc.boolean(),
  offset: usual(fc.nat(31).map((page) => page * 4096)),
  id,
  cqid: id,
  entries,
  control: fc.constantFrom(1, 1, 3, 3, 0),
});
const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ do: fc.constant("command" as const), queue: fc.nat(3), command, silent: fc.boolean() }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("create" as const), creation }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("doorbell" as const), index: fc.nat(9), value: entries }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("take" as const) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("pass" as const), cycles: fc.nat(60_000) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("reset" as const),
      wait: fc.nat(3000),
      mps: fc.constantFrom(0, 0, 1, 4),
      size: fc.integer({ min: 1, max: 31 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("access" as const),
      offset: fc.oneof(
        fc.nat(0x10).map((i) => i * 4),
        fc.nat(0x3fff),
      ),
      size: width,
      write: fc.boolean(),
      value: fc.oneof(dword, fc.constantFrom(CC_ENABLE, CC_ENABLE | (1 << 14), 0)),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;
type Command = Record<"opcode" | "flags" | "nsid" | "prp1" | "prp2" | "cdw10" | "cdw11" | "cdw12", number>;

/** A driver that remembers what it named, and nothing else. */
class Driver {
  readonly toRead: Range[] = [{ address: LISTS, length: DATA - LISTS }];
  /** Entries that are 0 name the first page: what Identify writes may come to lie over a list. */
  readonly toWrite: Range[] = [{ address: 0, length: LARGEST_PAGE }];
  /** Where commands to a queue go, and the tail. */
  private readonly queues = new Map<number, { base: number; size: number; tail: number }>();
  private readonly heads = new Map<number, { base: number; size: number; head: number; phase: number }>();
  taken = 0;

  constructor(
    private readonly controller: NvmeController,
    private readonly world: HostileWorld,
  ) {}

  private write(offset: number, value: number): void {
    this.controller.write(offset, 4, value >>> 0);
  }

  enable(mps: number, size: number): void {
    this.queues.clear();
    this.heads.clear();
    this.name(SQS, CQS, size + 1);
    this.queues.set(0, { base: SQS, size: size + 1, tail: 0 });
    this.heads.set(0, { base: CQS, size: size + 1, head: 0, phase: 1 });
    this.world.memory.slice(CQS, LISTS - CQS).fill(0);
    this.write(AQA, (size << 16) | size);
    this.write(ASQ, SQS);
    this.write(ACQ, CQS);
    this.write(CC, CC_ENABLE | (mps << 7));
  }
  disable(): void {
    this.write(CC, 0);
  }

  private name(sq: number, cq: number, size: number): void {
    this.toRead.push({ address: sq, length: 64 * size });
    this.toWrite.push({ address: cq, length: 16 * size });
  }

  send(queue: number, { opcode, flags, nsid, prp1, prp2, cdw10, cdw11, cdw12 }: Command, silent: boolean): void {
    const ring = this.queues.get(queue);
    if (!ring) return;
    const { data, base } = this.world.memory;
    const at = ring.base + 64 * ring.tail - base;
    data.setUint32(at, opcode | (flags << 8) | ((ring.tail & 0xff) << 16), true);
    data.setUint32(at + 4, nsid, true);
    data.setBigUint64(at + 24, BigInt(prp1), true);
    data.setBigUint64(at + 32, BigInt(prp2), true);
    [cdw10, cdw11, cdw12].forEach((value, i) => {
      data.setUint32(at + 40 + 4 * i, value >>> 0, true);
    });
    for (const address of [prp1, prp2]) this.buffer(address);
    ring.tail = (ring.tail + 1) % ring.size;
    if (!silent) this.write(DOORBELLS + 8 * queue, ring.tail);
  }

  /** From an address to the end of its page, of whatever size it is. */
  buffer(address: number): void {
    const range = { address, length: LARGEST_PAGE - (address % LARGEST_PAGE) };
    this.toRead.push(range);
    this.toWrite.push(range);
  }

  create({
    completion,
    offset,
    id,
    cqid,
    entries,
    control,
  }: typeof creation extends fc.Arbitrary<infer T> ? T : never): void {
    const base = (completion ? CQS + 0x1_0000 : SQS + 0x1_0000) + offset;
    const size = entries + 1;
    const cdw10 = ((entries << 16) | id) >>> 0;
    const cdw11 = completion ? control : ((cqid << 16) | (control & 1)) >>> 0;
    const fields = { flags: 0, nsid: 0, prp2: 0, cdw10, cdw11, cdw12: 0 };
    this.send(0, { ...fields, opcode: completion ? 5 : 1, prp1: base }, false);
    if (completion) this.toWrite.push({ address: base, length: 16 * size });
    else this.toRead.push({ address: base, length: 64 * size });
    const there = base >= SQS && base + 64 * size <= LISTS && size <= 64;
    if (completion && there && !this.heads.has(id)) this.heads.set(id, { base, size, head: 0, phase: 1 });
    if (!completion && there && base + 64 * size <= CQS) this.queues.set(id, { base, size, tail: 0 });
  }

  /** Takes every completion there is. */
  take(): void {
    const { data, base } = this.world.memory;
    for (const [id, ring] of this.heads) {
      const before = ring.head;
      for (let left = ring.size; left > 0; left--) {
        if (((data.getUint32(ring.base + 16 * ring.head + 12 - base, true) >>> 16) & 1) !== ring.phase) break;
        this.taken++;
        ring.head = (ring.head + 1) % ring.size;
        if (ring.head === 0) ring.phase ^= 1;
      }
      if (ring.head !== before) this.write(DOORBELLS + 8 * id + 4, ring.head);
    }
  }
}

function play(controller: NvmeController, driver: Driver, each: Step): void {
  switch (each.do) {
    case "command":
      driver.send(each.queue, each.command, each.silent);
      break;
    case "create":
      driver.create(each.creation);
      break;
    case "doorbell":
      controller.write(DOORBELLS + 4 * each.index, 4, each.value);
      break;
    case "take":
      driver.take();
      break;
    case "reset":
      driver.disable();
      break;
    case "access":
      if (ADMIN_BASES.includes(each.offset & ~3)) break;
      if (each.write) controller.write(each.offset, each.size, each.size === 4 ? each.value : each.value & 0xff);
      else expect(controller.read(each.offset, each.size)).toBeLessThanOrEqual(0xffff_ffff);
      break;
  }
}

/** Entries of PRP lists: mostly pages of data, some lists, some nonsense. */
function fillLists(world: HostileWorld, pages: readonly number[], driver: Driver): void {
  const { data, base } = world.memory;
  for (const page of pages) driver.buffer(page);
  for (let at = LISTS, i = 0; at < DATA; at += 8, i = (i + 1) % pages.length)
    data.setBigUint64(at - base, BigInt(pages[i]), true);
}

test("nothing that the driver didn't name is read or written", () => {
  const pages = fc.array(
    usual(fc.oneof({ weight: 30, arbitrary: aligned(DATA, END) }, { weight: 1, arbitrary: list })),
    {
      minLength: 7,
      maxLength: 61,
    },
  );
  let taken = 0;
  fc.assert(
    fc.property(pages, fc.array(step, { minLength: 20, maxLength: 60 }), fc.boolean(), (lists, steps, software) => {
      const world = new HostileWorld();
      const backend = new Medium(world.clock, generatedImage());
      const config = software ? { times: NO_TIMES } : {};
      const ports = { irq: world.irq, dma: world.watched, clock: world.clock, backend };
      const controller = new NvmeController(ports, config);
      const driver = new Driver(controller, world);
      fillLists(world, lists, driver);
      world.step(ALLOWANCE, () => driver.enable(0, 15), 10 * MILLISECOND);
      // a queue pair for a start
      for (const completion of [true, false]) {
        driver.create({ completion, base: true, offset: 0, id: 1, cqid: 1, entries: 15, control: 3 });
        world.step(ALLOWANCE, () => driver.take(), 10_000);
      }
      for (const each of steps) {
        world.step(ALLOWANCE, () => play(controller, driver, each), each.do === "pass" ? each.cycles : 3000);
        if (each.do !== "reset") continue;
        world.step(ALLOWANCE, () => {}, each.wait);
        world.step(ALLOWANCE, () => driver.enable(each.mps, each.size), 10 * MILLISECOND);
      }
      world.step(ALLOWANCE, () => driver.take(), 10 * MILLISECOND);
      expect(outside(world.watched.wroteTo, driver.toWrite)).toEqual([]);
      expect(outside(world.watched.readFrom, driver.toRead)).toEqual([]);
      taken += driver.taken;
    }),
    { numRuns: 150, seed: 3 },
  );
  expect(taken).toBeGreaterThan(1500);
});
