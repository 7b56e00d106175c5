// Software puts BARs where it likes, over each other and over what is there for good (PCI Local Bus Specification 3.0, "Address Maps"): what
// answers is what its own BAR says, decoded and within the bridge's windows, and nothing hides a device of the board.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Bus } from "../../src/platform/bus.js";
import { msixBarSize } from "../../src/platform/msix.js";
import { type PcieFunctionConfig, PcieRoot } from "../../src/platform/pcie.js";
import { Access, type MmioDevice } from "../../src/platform/ports.js";
import { dword, width } from "../support/hostile.js";

const WINDOWS = [
  { start: 0x4000_0000, size: 0x1_0000 },
  { start: 0x4_0000_0000, size: 0x1_0000 },
];
/** Something of the board's in the middle of a window. */
const FIXED = { start: 0x4000_4000, size: 0x1000 };
const MEMORY = 2;
const VECTORS = 4;
const FUNCTIONS: readonly PcieFunctionConfig[] = [
  {
    slot: 1,
    identity: { vendor: 1, device: 1, classCode: 0 },
    bars: [{ index: 0, size: 0x4000 }],
    pin: 1,
    express: true,
  },
  {
    slot: 2,
    identity: { vendor: 1, device: 2, classCode: 0 },
    bars: [
      { index: 0, size: 0x1000, width: 32 },
      { index: 1, size: msixBarSize(VECTORS), width: 32 },
      { index: 4, size: 0x2000, prefetchable: true },
    ],
    msix: { vectors: VECTORS, bar: 1 },
    pin: 2,
  },
  { slot: 31, identity: { vendor: 1, device: 3, classCode: 0 }, bars: [{ index: 2, size: 16, width: 32 }] },
];

/** A device that answers with its name. */
const named = (name: number): MmioDevice => ({ read: () => name, write: () => Access.Ok, reset: () => {} });

function board() {
  const bus = new Bus();
  const sent: number[] = [];
  const regions = new Map<string, ReturnType<Bus["movable"]>>();
  const root = new PcieRoot({
    windows: WINDOWS,
    intx: () => ({ set: () => {} }),
    onMap: (fn, bar, address) => bus.move(regions.get(`${fn.slot} ${bar}`)!, address),
    messages: () => ({ send: (_lo, _hi, data) => sent.push(data) > 0 }),
  });
  bus.map(FIXED.start, FIXED.size, named(99));
  const functions = FUNCTIONS.map((config) => {
    for (const { index, size } of config.bars ?? []) {
      regions.set(`${config.slot} ${index}`, bus.movable(size, named(config.slot * 10 + index), "pcie"));
    }
    return root.add(config);
  });
  return { bus, root, functions, sent };
}

const place = fc.oneof(
  fc.nat(15).map((page) => WINDOWS[0].start + page * 0x1000),
  fc.constantFrom(0, 0x3fff_f000, 0x4000_fff0, 0x4001_0000, 0xffff_f000, 0xffff_ffff),
  dword,
);
const step = fc.oneof(
  fc.record({
    slot: fc.constantFrom(1, 2, 31),
    register: fc.constantFrom(0x10, 0x14, 0x18, 0x20, 0x24),
    size: fc.constant(4),
    value: fc.oneof(place, fc.constantFrom(4, 5, 0)),
  }),
  fc.record({
    slot: fc.constantFrom(1, 2, 31),
    register: fc.constant(4),
    size: fc.constant(2),
    value: fc.constantFrom(6, 2, 4, 0x406),
  }),
  fc
    .record({ slot: fc.nat(31), register: fc.nat(0xfff), size: width, value: dword })
    .map((each) => ({ ...each, register: each.register - (each.register % each.size) })),
);

/** What a BAR says, whatever has become of it. */
function wanted(
  root: PcieRoot,
  slot: number,
  { index, size, width: bits }: { index: number; size: number; width?: number },
) {
  const word = (at: number) => root.read((slot << 15) + at, 4);
  const low = Math.floor(word(0x10 + 4 * index) / size) * size;
  return low + (bits === 32 ? 0 : word(0x14 + 4 * index) * 0x1_0000_0000);
}

test("any writes to configuration spaces", () => {
  let seen = 0;
  fc.assert(
    fc.property(
      fc.array(step, { minLength: 5, maxLength: 60 }),
      fc.array(place, { minLength: 8, maxLength: 8 }),
      (steps, probes) => {
        const { bus, root, functions, sent } = board();
        for (const { slot, register, size, value } of steps) {
          const before = sent.length;
          root.write((slot << 15) + register, size, size === 4 ? value : value % 2 ** (8 * size));
          functions[1].msix?.raise(value % VECTORS);
          expect(sent.length - before).toBeLessThanOrEqual(VECTORS + 1);
        }
        const bars = FUNCTIONS.flatMap(({ slot, bars: all = [] }) =>
          all.map((bar) => ({ name: slot * 10 + bar.index, size: bar.size, at: wanted(root, slot, bar), slot })),
        );
        const there = bars.filter(({ at, size, slot }) => {
          const decodes = (root.read((slot << 15) + 4, 2) & MEMORY) !== 0;
          return decodes && WINDOWS.some((window) => at >= window.start && at + size <= window.start + window.size);
        });
        const starts = [
          ...bars.map(({ at }) => at),
          ...bars.map(({ at, size }) => at + size - 4),
          ...probes,
          FIXED.start,
        ];
        for (const address of starts.map((at) => at - (at % 4))) {
          const found = bus.read(address, 4) === Access.Ok ? bus.lo : undefined;
          const claims = there
            .filter(({ at, size }) => address >= at && address + 4 <= at + size)
            .map(({ name }) => name);
          const fixed = address >= FIXED.start && address < FIXED.start + FIXED.size;
          if (fixed) expect(found).toBe(99);
          else if (found !== undefined) expect(claims).toContain(found);
          if (found !== undefined && !fixed) seen++;
        }
        expect(functions.map(({ slot }) => root.read(slot << 15, 4))).toEqual([0x0001_0001, 0x0002_0001, 0x0003_0001]);
      },
    ),
    { numRuns: 300, seed: 11 },
  );
  expect(seen).toBeGreaterThan(100);
});
