// The VMM's block service: ranges, bounce buffers, checked copies, fair turns. Real driver, a small controller.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { BlockOperation, BlockStatus, Segment } from "../../src/platform/ports.js";
import { BlockService, type BlockServiceOptions } from "../../src/vmm/block-service.js";
import { layOut } from "../../src/vmm/extents.js";
import { DmaPool } from "../../src/vmm/dma-pool.js";
import { GuestDmaPort } from "../../src/vmm/memory/guest-memory.js";
import { NvmeDriver } from "../../src/vmm/nvme-driver.js";
import { PlainNvme } from "./plain-nvme.js";
import { BAR, fixture, MIB, PlainDma, plainFunction, same } from "./services.js";

const RAM = 0x8000_0000;
const HALF = 512 * 1024;

function service(options: BlockServiceOptions = {}, entries = 64) {
  const f = fixture([8, 8]);
  const dma = new PlainDma(f.vmm.core);
  let driver: NvmeDriver | undefined;
  const device = new PlainNvme({ irq: { set: (level) => level && driver?.interrupt() }, dma, clock: f.events });
  f.bus.map(BAR, 0x4000, device, "pcie");
  const pool = new DmaPool(f.vmm);
  const made = new NvmeDriver(f.vmm, plainFunction(), pool, { entries, timeout: 1_000_000 });
  made.start(f.step);
  driver = made;
  const blocks = new BlockService(f.vmm, made, pool, options);
  const ports = f.memories.map((memory) => new GuestDmaPort(memory, (bytes) => f.vmm.copied("", bytes)));
  const first = blocks.open({ name: "guest0", extents: [{ start: 0, length: HALF }] });
  const second = blocks.open({ name: "guest1", extents: [{ start: HALF, length: HALF }] });
  const run = () => {
    while (f.step());
  };
  return { ...f, device, blocks, pool, dma, guests: [first, second], ports, run };
}

type Service = ReturnType<typeof service>;

function request(
  s: Service,
  guest: number,
  operation: BlockOperation,
  offset: number,
  segments: Segment[],
): BlockStatus[] {
  const length = segments.reduce((sum, segment) => sum + segment.length, 0);
  const ends: BlockStatus[] = [];
  s.guests[guest].submit({ operation, offset, length, segments, dma: s.ports[guest] }, (status) => ends.push(status));
  return ends;
}

/** Reads of 4 KiB, one behind the other, all at once; `order` is told whose ends. */
function flood(s: Service, guest: number, count: number, order: number[]): void {
  for (let i = 0; i < count; i++) {
    const read = { operation: "read" as const, offset: i * 4096, length: 4096, segments: [at(RAM, 4096)] };
    s.guests[guest].submit({ ...read, dma: s.ports[guest] }, () => order.push(guest));
  }
}

const at = (lo: number, length: number): Segment => ({ lo, hi: 0, length });

test("a read lands in the guest's scattered pages; each guest sees its own range from 0", () => {
  const s = service();
  const border = RAM + 4 * MIB - 1000;
  const a = request(s, 0, "read", 4096, [at(RAM + 24, 1500), at(border, 2000), at(RAM + 99, 596)]);
  const b = request(s, 1, "read", 512, [at(RAM + 4096, 1024)]);
  s.run();
  expect([a, b]).toEqual([[{ kind: "ok" }], [{ kind: "ok" }]]);
  const got = new Uint8Array(4096);
  s.memories[0].read(RAM + 24, got.subarray(0, 1500));
  s.memories[0].read(border, got.subarray(1500, 3500));
  s.memories[0].read(RAM + 99, got.subarray(3500));
  // The third segment overlaps the first one's bytes from 75 on.
  expect(same(got.subarray(1500), s.device.disk.subarray(4096 + 1500, 8192))).toBe(true);
  const other = new Uint8Array(1024);
  s.memories[1].read(RAM + 4096, other);
  expect(same(other, s.device.disk.subarray(HALF + 512, HALF + 1536))).toBe(true);
});

test("a write larger than a buffer is split and arrives whole", () => {
  const s = service({ bufferBytes: 8192, buffers: 3 });
  const data = Uint8Array.from({ length: 100 * 512 }, (_, i) => (i * 7) & 0xff);
  s.memories[0].write(RAM + 77, data);
  const ends = request(s, 0, "write", 1024, [at(RAM + 77, 20_000), at(RAM + 77 + 20_000, data.length - 20_000)]);
  s.run();
  expect(ends).toEqual([{ kind: "ok" }]);
  expect(same(s.device.disk.subarray(1024, 1024 + data.length), data)).toBe(true);
  expect(s.guests[0].counters).toMatchObject({ requests: 1, parts: 7, bytesWritten: data.length });
  expect(s.copied.bytes).toBe(data.length);
});

test.each<[string, number, number]>([
  ["past the end", HALF - 512, 1024],
  ["before the start", -512, 512],
  ["huge", 2 ** 60, 512],
  ["not a number", Number.NaN, 512],
  ["in half a block", 100, 512],
])("a request %s is refused without touching the disk", (_, offset, length) => {
  const s = service();
  const before = s.device.commands.length;
  const ends = request(s, 0, "read", offset, [at(RAM, length)]);
  s.run();
  expect(ends).toEqual([{ kind: "out-of-range" }]);
  expect(s.device.commands).toHaveLength(before);
});

test("memory that isn't the guest's is a DMA fault that names it, and nothing is changed", () => {
  const s = service();
  const outside = RAM + 8 * MIB;
  const reads = request(s, 0, "read", 0, [at(RAM, 512), at(outside, 512)]);
  const writes = request(s, 0, "write", 0, [{ lo: 0, hi: 0xffff_ffff, length: 512 }]);
  const disk = s.device.disk.slice();
  s.run();
  expect(reads).toEqual([{ kind: "dma-fault", cause: 7, lo: outside, hi: 0 }]);
  expect(writes).toEqual([{ kind: "dma-fault", cause: 5, lo: 0, hi: 0xffff_ffff }]);
  expect(same(s.device.disk, disk)).toBe(true);
  expect(s.guests[0].counters.errors).toBe(2);
});

test("a read-only range refuses writes and lets flushes pass", () => {
  const s = service();
  s.guests[0] = s.blocks.open({ name: "guest0", extents: [{ start: 0, length: 4096 }], readOnly: true });
  const write = request(s, 0, "write", 0, [at(RAM, 512)]);
  const flush = request(s, 0, "flush", 0, []);
  s.run();
  expect([write, flush]).toEqual([[{ kind: "read-only" }], [{ kind: "ok" }]]);
  expect(s.device.commands.at(-1)).toBe(0x100);
});

test("with one buffer, a guest that floods leaves every second turn to the other", () => {
  const s = service({ buffers: 1 });
  const order: number[] = [];
  const read = (guest: number) =>
    s.guests[guest].submit(
      { operation: "read", offset: 0, length: 512, segments: [at(RAM, 512)], dma: s.ports[guest] },
      () => order.push(guest),
    );
  for (let i = 0; i < 20; i++) read(0);
  for (let i = 0; i < 5; i++) read(1);
  s.run();
  expect(order.slice(0, 11)).toEqual([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
  expect(order).toHaveLength(25);
  expect(s.guests[0].counters.waits).toBe(19);
});

test("the disk is given work by weights, whoever asked first, and holds no more commands than allowed", () => {
  const s = service({ depth: 4 });
  s.guests[0] = s.blocks.open({ name: "light", extents: [{ start: 0, length: HALF }], share: { weight: 1 } });
  s.guests[1] = s.blocks.open({ name: "heavy", extents: [{ start: 0, length: HALF }], share: { weight: 3 } });
  const order: number[] = [];
  flood(s, 0, 100, order);
  flood(s, 1, 90, order);
  expect(s.guests[0].underway).toBe(4);
  s.run();
  const heavy = order.slice(4, 104).filter((guest) => guest === 1).length;
  expect(Math.abs(heavy - 75)).toBeLessThanOrEqual(1);
  expect(order).toHaveLength(190);
  expect(s.guests[1].turns).toMatchObject({ pieces: 90, bytes: 90 * 4096 });
});

test("a limit in bytes, and one in commands, hold a guest to them in machine time", () => {
  const s = service({ bufferBytes: 4096 });
  const frequency = s.events.frequency;
  s.guests[0] = s.blocks.open({ name: "bytes", extents: [{ start: 0, length: HALF }], share: { rate: 4_096_000 } });
  s.guests[1] = s.blocks.open({ name: "commands", extents: [{ start: 0, length: HALF }], share: { pieces: 2000 } });
  const order: number[] = [];
  const before = s.events.now();
  flood(s, 0, 110, order);
  flood(s, 1, 120, order);
  s.run();
  const milliseconds = ((s.events.now() - before) / frequency) * 1000;
  expect(order).toHaveLength(230);
  expect(milliseconds).toBeGreaterThan(99);
  expect(milliseconds).toBeLessThan(101);
});

test("a file's bytes come from its extents, with copies and without", () => {
  const s = service();
  const extents = [
    { start: 16_384, length: 8192 },
    { start: 65_536, length: 4096 },
    { start: 0, length: 4096 },
  ];
  const [disk] = [s.device.disk];
  const bytes = [disk.subarray(16_384, 24_576), disk.subarray(65_536, 69_632), disk.subarray(0, 4096)];
  const file = new Uint8Array(16_384);
  for (const [i, part] of bytes.entries()) file.set(part, [0, 8192, 12_288][i]);
  s.guests[0] = s.blocks.open({ name: "copied", extents });
  s.guests[1] = s.blocks.open({ name: "direct", extents, direct: s.memories[1] });
  s.pool.admit(s.memories[1].pieces(RAM, 8 * MIB)!, 0x1000);
  const copied = request(s, 0, "read", 512, [at(RAM + 8, 15_872)]);
  const direct = request(s, 1, "read", 4096, [at(RAM + 4 * MIB - 4096, 12_288)]);
  s.run();
  expect([copied, direct]).toEqual([[{ kind: "ok" }], [{ kind: "ok" }]]);
  const got = new Uint8Array(15_872);
  s.memories[0].read(RAM + 8, got);
  expect(same(got, file.subarray(512))).toBe(true);
  s.memories[1].read(RAM + 4 * MIB - 4096, got.subarray(0, 12_288));
  expect(same(got.subarray(0, 12_288), file.subarray(4096))).toBe(true);
  expect(s.guests.map(({ counters }) => counters.parts)).toEqual([3, 3]);
  expect(s.copied.bytes).toBe(15_872);
});

test("a guest that is dropped hears nothing more, its memory stays as it is, and the others go on", () => {
  const s = service({ depth: 4 });
  const order: number[] = [];
  flood(s, 0, 50, order);
  flood(s, 1, 50, order);
  s.memories[0].write(RAM, new Uint8Array(4096).fill(0xa5));
  s.guests[0].drop();
  const before = s.device.commands.length;
  s.run();
  expect(order).toEqual(Array(50).fill(1));
  expect(s.device.commands.length - before).toBe(4 + 50);
  const kept = new Uint8Array(4096);
  s.memories[0].read(RAM, kept);
  expect(kept.every((byte) => byte === 0xa5)).toBe(true);
  expect(s.guests[0].underway).toBe(0);
  flood(s, 0, 3, order);
  s.run();
  expect(order.slice(50)).toEqual([0, 0, 0]);
});

test("a dead disk fails every request, once", () => {
  const s = service({ buffers: 2, bufferBytes: 4096 });
  s.device.deaf = true;
  const long = request(s, 0, "read", 0, [at(RAM, 40_960)]);
  const flush = request(s, 1, "flush", 0, []);
  s.run();
  const late = request(s, 1, "write", 0, [at(RAM, 40_960)]);
  s.run();
  expect([long, flush, late]).toEqual([
    [{ kind: "medium-error" }],
    [{ kind: "medium-error" }],
    [{ kind: "medium-error" }],
  ]);
});

test("a share that isn't on the disk is our user's mistake", () => {
  const { blocks } = service();
  expect(() => blocks.open({ name: "x", extents: [{ start: HALF, length: HALF + 512 }] })).toThrow(RangeError);
  expect(() => blocks.open({ name: "x", extents: [{ start: 100, length: 512 }] })).toThrow(/whole blocks/);
});

test("whatever is asked: one answer each, the disk outside the range and memory outside the pool untouched", () => {
  const word = fc.oneof(fc.integer({ min: 0, max: 0xffff_ffff }), fc.integer({ min: RAM, max: RAM + 9 * MIB }));
  const segment = fc.record({ lo: word, hi: fc.constantFrom(0, 0, 0, 1, 0xffff_ffff), length: fc.nat(70_000) });
  const step = fc.record({
    guest: fc.nat(1),
    operation: fc.constantFrom<BlockOperation>("read", "write", "flush"),
    block: fc.integer({ min: -4, max: 1100 }),
    blocks: fc.nat(300),
    segments: fc.array(segment, { maxLength: 4 }),
  });
  const s = service({ buffers: 3, bufferBytes: 16_384 });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const tail = s.device.disk.slice(HALF);
      const from = s.dma.named.length;
      let answers = 0;
      for (const { guest, operation, block, blocks, segments } of steps) {
        const length = blocks * 512;
        const rest = length - segments.reduce((sum, one) => sum + one.length, 0);
        const all = rest > 0 ? [...segments, at(RAM, rest)] : segments;
        const writer = operation === "write" ? 0 : guest;
        s.guests[writer].submit(
          { operation, offset: block * 512, length, segments: all, dma: s.ports[writer] },
          () => answers++,
        );
      }
      s.run();
      const { start, bytes } = s.pool;
      const named = s.dma.named.slice(from);
      expect(named.every((one) => one.address >= start && one.address + one.length <= start + bytes)).toBe(true);
      expect(answers).toBe(steps.length);
      expect(same(s.device.disk.subarray(HALF), tail)).toBe(true);
    }),
    { numRuns: 60 },
  );
});

test("two files side by side are two disks: whatever is written, with copies and without, is read back and nothing else is", () => {
  const FILE = 24 * 512 * 8;
  const step = fc.record({
    guest: fc.nat(1),
    block: fc.nat(FILE / 512 - 1),
    blocks: fc.integer({ min: 1, max: 60 }),
    aligned: fc.boolean(),
    byte: fc.integer({ min: 1, max: 255 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 10 }), fc.constantFrom(4096, 8192, 20_480), (steps, unit) => {
      const s = service({ depth: 3, bufferBytes: 8192 });
      const files = layOut([FILE, FILE], unit);
      s.guests = files.map((extents, i) => s.blocks.open({ name: `g${i}`, extents, direct: s.memories[i] }));
      s.pool.admit(s.memories[0].pieces(RAM, 8 * MIB)!, 0x1000);
      s.pool.admit(s.memories[1].pieces(RAM, 8 * MIB)!, 0x1000);
      const models = files.map((extents) => {
        const parts = extents.map(({ start, length }) => [...s.device.disk.subarray(start, start + length)]);
        return Uint8Array.from(parts.flat());
      });
      const rest = s.device.disk.slice(2 * FILE);
      for (const { guest, block, blocks, aligned, byte } of steps) {
        const first = aligned ? block - (block % 8) : block;
        const length = Math.min((aligned ? Math.ceil(blocks / 8) * 8 : blocks) * 512, FILE - first * 512);
        const from = aligned ? RAM : RAM + 24;
        s.memories[guest].write(from, new Uint8Array(length).fill(byte));
        expect(request(s, guest, "write", first * 512, [at(from, length)])).toEqual([]);
        s.run();
        models[guest].fill(byte, first * 512, first * 512 + length);
      }
      for (const [guest, model] of models.entries()) {
        request(s, guest, "read", 0, [at(RAM + MIB, FILE)]);
        s.run();
        const got = new Uint8Array(FILE);
        s.memories[guest].read(RAM + MIB, got);
        expect(same(got, model)).toBe(true);
      }
      expect(same(s.device.disk.subarray(2 * FILE), rest)).toBe(true);
    }),
    { numRuns: 40 },
  );
});
