// Rewriting of PRD tables, Programming Interface for Bus Master IDE Controller 1.0 (SFF-8038i), "Physical Region Descriptor Table". A
// guest's driver made by hand against the shadow registers; behind them the board's controller, whose DMA is watched.
import fc from "fast-check";
import { expect, test } from "vitest";
import { AtaShadow } from "../../src/vmm/attach/ata-shadow.js";
import { plainAta } from "./plain-ata.js";
import { fixture, MIB, same } from "./services.js";

const RAM = 0x8000_0000;
/** In the guest's first chunk of 4 MiB; data in its second, which lies elsewhere physically. */
const TABLE = RAM + 0x1000;
const DATA = RAM + 4 * MIB;
const EOT = 0x8000_0000;
const [READ_DMA, BUS_MASTER] = [0xc8, 4];
const [COMMAND, STATUS, POINTER] = [0, 2, 4];
const [ACTIVE, ERROR, INTERRUPT] = [1, 2, 4];

type Entry = readonly [address: number, flags: number];

function guest() {
  const f = fixture([8, 8]);
  const [memory, other] = f.memories;
  const ata = plainAta(f, () => {});
  const shadow = new AtaShadow(f.vmm, { name: "guest0", memory }, ata.ports);
  const bus = (at: number, size = 1) => shadow.bars[BUS_MASTER].read(at, size);
  const setBus = (at: number, value: number, size = 1) => shadow.bars[BUS_MASTER].write(at, size, value);
  const table = (entries: readonly Entry[], at = TABLE) => {
    memory.write(at, new Uint8Array(Uint32Array.from(entries.flat()).buffer));
    setBus(POINTER, at, 4);
  };
  /** READ DMA of sectors from 0 on: begun, and brought to its end. */
  const start = (count: number) => {
    const registers = [0, count & 0xff, 0, 0, 0, 0x40, READ_DMA];
    for (const [i, value] of registers.entries()) shadow.bars[0].write(1 + i, 1, value);
    ata.dma.named.length = 0;
    setBus(COMMAND, 9);
  };
  const read = (count: number) => {
    start(count);
    while (f.step());
  };
  /** Physical bytes [start, end) that the guest's driver can make the device touch: its RAM and its shadow table. */
  const own = [...memory.pieces(RAM, 8 * MIB)!.map(({ hpa, length }) => [hpa, hpa + length])];
  return { ...f, ...ata, shadow, memory, other, bus, setBus, table, start, read, own };
}

test("a transfer lands in the guest's memory, wherever that is, and the guest sees its own table's address", () => {
  const { table, read, bus, shadow, memory, disk, dma } = guest();
  table([
    [DATA, 1024],
    [DATA + 0x1_0000, EOT | 1024],
  ]);
  read(4);
  const bytes = new Uint8Array(1024);
  memory.read(DATA + 0x1_0000, bytes);
  expect(same(bytes, disk.subarray(1024, 2048))).toBe(true);
  expect([bus(POINTER, 4), bus(COMMAND), bus(STATUS)]).toEqual([TABLE, 9, INTERRUPT]);
  expect(shadow.counters).toMatchObject({ tablesRewritten: 1, addressesRewritten: 2, addressesRejected: 0 });
  expect(dma.named.some(({ address }) => address === TABLE)).toBe(false);
});

test("a region over two physical pieces becomes two", () => {
  const { table, read, memory, disk, shadow } = guest();
  table([[DATA - 1024, EOT | 2048]]);
  read(4);
  const bytes = new Uint8Array(2048);
  memory.read(DATA - 1024, bytes);
  expect(same(bytes, disk.subarray(0, 2048))).toBe(true);
  expect(shadow.counters.tablesRewritten).toBe(1);
});

test.each<[string, readonly Entry[], number]>([
  ["a region outside the guest's RAM", [[RAM + 8 * MIB, EOT | 512]], TABLE],
  ["a region that ends outside", [[RAM + 8 * MIB - 512, EOT | 1024]], TABLE],
  [
    "one of several",
    [
      [DATA, 512],
      [0x1000, EOT | 512],
    ],
    TABLE,
  ],
])("%s: no transfer, and the error that the device would have seen", (_, entries, at) => {
  const { table, read, bus, setBus, dma, shadow } = guest();
  table(entries, at);
  read(2);
  expect([bus(STATUS) & (ERROR | ACTIVE | INTERRUPT), dma.named]).toEqual([ERROR, []]);
  expect(shadow.counters).toMatchObject({ tablesRejected: 1, addressesRejected: 1 });
  setBus(COMMAND, 0);
  setBus(STATUS, ERROR);
  expect(bus(STATUS) & ERROR).toBe(0);
});

test("a table outside the guest's RAM is refused", () => {
  const { setBus, read, bus, dma } = guest();
  setBus(POINTER, 0x2000, 4);
  read(1);
  expect([bus(STATUS) & ERROR, dma.named]).toEqual([ERROR, []]);
});

test("what is written into the table after the start has no effect", () => {
  const { table, start, step, memory, disk } = guest();
  table([[DATA, EOT | 512]]);
  start(1);
  table([[DATA + 0x1000, EOT | 512]]);
  while (step());
  const bytes = new Uint8Array(512);
  memory.read(DATA, bytes);
  expect(same(bytes, disk.subarray(0, 512))).toBe(true);
});

test("whatever a guest writes, the device reads its shadow table and moves the guest's bytes alone", () => {
  const entry = fc.tuple(
    fc.oneof(
      fc.nat(0xffff_ffff),
      fc.nat(8 * MIB).map((n) => RAM + n),
      fc.constantFrom(DATA, DATA - 512, RAM),
    ),
    fc.oneof(fc.nat(0xffff_ffff), fc.nat(0xffff), fc.constantFrom(512 | EOT, 1024, EOT)),
  );
  const pointer = fc.oneof(fc.constant(TABLE), fc.nat(0xffff_ffff), fc.constantFrom(RAM + 8 * MIB - 8, DATA - 8));
  const access = fc.record({ bar: fc.nat(4), at: fc.nat(15), value: fc.nat(255) });
  const step = fc.record({ entries: fc.array(entry, { minLength: 1, maxLength: 6 }), pointer, count: fc.nat(255) });
  fc.assert(
    fc.property(fc.array(fc.tuple(step, fc.array(access, { maxLength: 6 })), { maxLength: 6 }), (steps) => {
      const { table, read, setBus, shadow, dma, own, vmm, other } = guest();
      const shadows = [...own];
      const base = vmm.allocate(8, 8, "end of the shadow tables");
      const foreign = other.pieces(RAM, 8 * MIB)!;
      for (const [{ entries, pointer: at, count }, accesses] of steps) {
        table(entries);
        setBus(POINTER, at, 4);
        read(count);
        for (const { bar, at: port, value } of accesses) shadow.bars[bar].write(port % (bar % 2 ? 4 : 8), 1, value);
        setBus(COMMAND, 0);
        const strange = dma.named.filter(({ address, length, write }) => {
          const inside = shadows.some(([start, end]) => address >= start && address + length <= end);
          const isShadow = !write && address < base && address >= base - 0x4_0000;
          return !inside && !isShadow;
        });
        expect(strange).toEqual([]);
      }
      expect(foreign.every(({ hpa }) => dma.named.every(({ address }) => address !== hpa))).toBe(true);
    }),
    { numRuns: 25, seed: 8 },
  );
});
