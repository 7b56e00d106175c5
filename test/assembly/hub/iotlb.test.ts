// RISC-V IOMMU 1.0, "Caching in-memory data structures": the IOTLB, its sharing and its replacement.
import { describe, expect, test } from "vitest";
import { Counter } from "../../../assembly/isa/counter.js";
import { Replacement } from "../../../assembly/isa/iommu.js";
import { HubMachine, iotinvalGvma, PAGE, PageTable } from "../../support/iommu.js";

const at = (page: number) => 0x10_0000 + page * PAGE;

/** Devices 1 and 2 of guests 1 and 2, with `pages` pages each, all on one physical page. */
function guests(pages: number, shape: [entries: number, ways: number, policy: Replacement, seed?: number]): HubMachine {
  const m = new HubMachine().start();
  expect(m.exports.hubConfigure(shape[0], shape[1], shape[2], shape[3] ?? 1)).toBe(1);
  const page = m.allocate();
  for (const device of [1, 2]) {
    const second = new PageTable(m, "second");
    for (let i = 0; i < pages; i++) second.map(at(i), page);
    m.device(device, { second, gscid: device });
  }
  return m;
}
const touch = (m: HubMachine, device: number, ...pages: number[]) =>
  pages.map((page) => m.dmaRead(device, at(page), 8).hits);

describe("sharing", () => {
  test("devices of one guest (one GSCID) share translations, those of another don't", () => {
    const m = guests(4, [64, 0, Replacement.Lru]);
    const second = new PageTable(m, "second");
    second.map(at(0), m.allocate());
    m.device(3, { second, gscid: 1 });
    expect(touch(m, 1, 0)).toEqual([0]);
    expect(touch(m, 3, 0)).toEqual([1]);
    expect(touch(m, 2, 0)).toEqual([0]);
  });

  test("evictions, and those that another guest's miss caused", () => {
    const m = guests(8, [4, 0, Replacement.Lru]);
    touch(m, 1, 0, 1, 2, 3);
    expect(m.counter(Counter.IotlbEvictions)).toBe(0);
    touch(m, 1, 4);
    expect([m.counter(Counter.IotlbEvictions), m.counter(Counter.IotlbEvictionsByOthers)]).toEqual([1, 0]);
    touch(m, 2, 0, 1);
    expect([m.counter(Counter.IotlbEvictions), m.counter(Counter.IotlbEvictionsByOthers)]).toEqual([3, 2]);
    expect(touch(m, 1, 3, 4)).toEqual([1, 1]);
    expect(touch(m, 1, 1)).toEqual([0]);
    expect([m.counter(Counter.IotlbHits), m.counter(Counter.IotlbMisses)]).toEqual([2, 8]);
  });

  test("a place that an invalidation freed is filled before anything is evicted", () => {
    const m = guests(8, [4, 0, Replacement.Lru]);
    touch(m, 1, 0, 1, 2, 3);
    m.command(iotinvalGvma({ gscid: 1, address: at(3) }));
    touch(m, 1, 4);
    expect(m.counter(Counter.IotlbEvictions)).toBe(0);
    expect(touch(m, 1, 0, 1, 2, 4, 3)).toEqual([1, 1, 1, 1, 0]);
  });
});

describe("replacement", () => {
  test("LRU puts out what was used longest ago", () => {
    const m = guests(8, [4, 0, Replacement.Lru]);
    touch(m, 1, 0, 1, 2, 3, 0, 4);
    expect(touch(m, 1, 0, 2, 3, 4)).toEqual([1, 1, 1, 1]);
    expect(touch(m, 1, 1)).toEqual([0]);
  });
  test("FIFO puts out what came first, however often it was used", () => {
    const m = guests(8, [4, 0, Replacement.Fifo]);
    touch(m, 1, 0, 1, 2, 3, 0, 0, 4);
    expect(touch(m, 1, 1, 2, 3, 4)).toEqual([1, 1, 1, 1]);
    expect(touch(m, 1, 0)).toEqual([0]);
  });
  test("tree pseudo-LRU puts out what its bits point at", () => {
    // Fills go from the last way to the first: ways 3, 2, 1, 0 hold pages 0, 1, 2, 3. After using page 0 (way 3) the root points
    // left, and the left node points away from way 0, used last on that side: way 1, page 2.
    const m = guests(8, [4, 0, Replacement.Plru]);
    touch(m, 1, 0, 1, 2, 3, 0, 4);
    expect(touch(m, 1, 0, 1, 3, 4)).toEqual([1, 1, 1, 1]);
    expect(touch(m, 1, 2)).toEqual([0]);
  });
  test("random depends on its seed alone", () => {
    const run = (seed: number) => {
      const m = guests(16, [8, 0, Replacement.Random, seed]);
      for (let i = 0; i < 200; i++) touch(m, 1, (i * 7) % 16);
      return m.counter(Counter.IotlbHits);
    };
    expect(run(7)).toBe(run(7));
    expect(new Set([1, 2, 3, 4, 5].map(run)).size).toBeGreaterThan(1);
  });
  test("with few ways, pages of one set displace each other", () => {
    const m = guests(32, [8, 2, Replacement.Lru]);
    expect(touch(m, 1, 0, 4, 8, 0)).toEqual([0, 0, 0, 0]);
    expect(touch(m, 1, 1, 5, 1, 5)).toEqual([0, 0, 1, 1]);
  });
});

test.each([
  [100, 100],
  [32, 4],
  [7, 1],
])(
  "LRU of %i entries in %i ways agrees with a model of it, over random accesses and invalidations",
  (entries, ways) => {
    const m = guests(160, [entries, ways, Replacement.Lru]);
    const sets = Array.from({ length: entries / ways }, (): number[] => []);
    let x = 1;
    for (let i = 0; i < 3000; i++) {
      x = (x * 1103515245 + 12345) & 0x7fffffff;
      const page = (x >>> 8) % 160;
      const set = sets[(at(page) / PAGE) % sets.length];
      const place = set.indexOf(page);
      if (i % 16 === 0) {
        const gone = m.counted(Counter.IotlbInvalidations, () =>
          m.command(iotinvalGvma({ gscid: 1, address: at(page) })),
        );
        expect(gone).toBe(place < 0 ? 0 : 1);
      } else expect(m.dmaRead(1, at(page), 8).hits).toBe(place < 0 ? 0 : 1);
      if (place >= 0) set.splice(place, 1);
      if (i % 16 !== 0) set.push(page);
      if (set.length > ways) set.shift();
    }
  },
);

test("shapes that cannot be are refused", () => {
  const m = new HubMachine();
  const shape = (entries: number, ways: number, policy = Replacement.Lru) =>
    m.exports.hubConfigure(entries, ways, policy, 1);
  expect([
    shape(0, 1),
    shape(8192, 4),
    shape(64, 3),
    shape(4, 8),
    shape(48, 0, Replacement.Plru),
    shape(64, 4, 4 as Replacement),
  ]).toEqual([0, 0, 0, 0, 0, 0]);
  expect([shape(1, 1), shape(48, 3), shape(1024, 0, Replacement.Plru), shape(4096, 0)]).toEqual([1, 1, 1, 1]);
});
