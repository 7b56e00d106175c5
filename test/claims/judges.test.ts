// Judges are pure: figures made up both ways. Thresholds: docs/claims.md.
import { expect, test } from "vitest";
import type { GuestReport } from "../../src/metrics/report.js";
import { attackCase, evidence, guest, judged, NO_CHARACTERS, NO_LOOKUPS, run, workloads } from "./figures.js";

const HOLDS = "holds";
const FAILS = "doesn't hold";

const sharer = (name: string, over: Partial<GuestReport> = {}) =>
  guest({ name, mode: "emulated", mmioExits: { nvme: 20 }, elsewhere: 5, ...over });

test.each([
  ["all is well", {}, HOLDS],
  ["data is wrong", { status: "wrong-checksum" }, FAILS],
  ["the driver knows of the VMM", { driver: "virtio" }, FAILS],
  ["nothing trapped", { mmioExits: {} }, FAILS],
  ["the guest ran alone", { elsewhere: 0 }, FAILS],
] as const)("S1, %s", (_, over, verdict) => {
  const runs = { "shared-emulated": [run({}, sharer("a"), sharer("b", over))] };
  expect(judged("S1", evidence(runs)).verdict).toBe(verdict);
});

/** Busy for `share` of the time that a line of 115,200 baud takes, which it fills to `rate`. */
const typist = (share: number, rate = 1, over: Partial<GuestReport> = {}, baud = 115_200) =>
  guest({
    bytes: 2048,
    mmioExits: { uart: 9 },
    ...over,
    serial: {
      ...NO_CHARACTERS,
      baud,
      arrived: 2048,
      charactersPerSecond: (rate * baud) / 10,
      ofLineRate: rate,
      hartSeconds: (share * 10) / 115_200,
      lineSeconds: 10 / baud,
    },
  });
const VIRTIO = { mode: "paravirtual", driver: "virtio" } as const;
const EMULATED = { mode: "emulated" } as const;
interface Typed {
  readonly emulated?: GuestReport;
  readonly assigned?: GuestReport;
  readonly virtio?: GuestReport;
  readonly sharers?: readonly GuestReport[];
}
const typed = ({ emulated, assigned, virtio, sharers }: Typed) =>
  evidence({
    console: [
      run({ mode: "native", profile: "kernel" }, typist(0.01)),
      run({ mode: "emulated", profile: "kernel" }, emulated ?? typist(0.5, 1, EMULATED)),
      run({ mode: "emulated", profile: "userspace" }, typist(0.6, 1, EMULATED)),
      run({ mode: "assigned", profile: "kernel" }, assigned ?? typist(0.02)),
      run({ mode: "paravirtual", profile: "kernel" }, virtio ?? typist(0.05, 1, VIRTIO)),
      run({ mode: "paravirtual", profile: "userspace" }, typist(0.06, 1, VIRTIO)),
    ],
    "console-rates": [
      run({ mode: "emulated", baud: "115200" }, typist(0.5, 1, EMULATED)),
      run({ mode: "emulated", baud: "1000000" }, typist(0.5, 0.4, EMULATED, 1_000_000)),
      run({ mode: "paravirtual", baud: "1000000" }, typist(0.05, 0.9, VIRTIO, 1_000_000)),
    ],
    "console-shared": [
      run({}, ...(sharers ?? [typist(0.1, 0.3, EMULATED), typist(0.1, 0.3, EMULATED), typist(0.1, 0.3, VIRTIO)])),
    ],
  });

test("S2 holds while the hart is done with a character before the line is, and says where that ends", () => {
  const { verdict, why } = judged("S2", typed({ emulated: typist(0.99) }));
  expect(verdict).toBe(HOLDS);
  expect(why).toContain("1,000,000 baud is used to 40 %");
});

test("S2 doesn't hold where the hart needs longer than the line, or slows it", () => {
  expect(judged("S2", typed({ emulated: typist(1.01) })).verdict).toBe(FAILS);
  expect(judged("S2", typed({ emulated: typist(0.2, 0.94) })).verdict).toBe(FAILS);
});

const LINE = "serial line";

test.each([
  ["S1", "one has the line alone", { sharers: [typist(0.1, 1, EMULATED), typist(0.1, 0.3, EMULATED)] }],
  ["S1", "nothing traps", { sharers: [typist(0.1, 0.5, EMULATED), typist(0.1, 0.5, { ...EMULATED, mmioExits: {} })] }],
  ["S1", "only one is emulated", { sharers: [typist(0.1, 0.5, EMULATED), typist(0.1, 0.5, VIRTIO)] }],
  [
    "S1",
    "characters are missing",
    { sharers: [typist(0.1, 0.5, { ...EMULATED, bytes: 2049 }), typist(0.1, 0.5, EMULATED)] },
  ],
  ["S4", "characters leave more slowly", { assigned: typist(0.02, 0.96) }],
  ["S4", "the driver was modified", { assigned: typist(0.02, 1, { driver: "modified" }) }],
  ["S11", "the hart works as much as emulated", { virtio: typist(0.5, 1, VIRTIO) }],
  ["S11", "the line isn't filled", { virtio: typist(0.05, 0.9, VIRTIO) }],
  ["S11", "the driver is the UART's", { virtio: typist(0.05, 1, { mode: "paravirtual" }) }],
  ["S11", "nobody shares", { sharers: [typist(0.1, 0.5, EMULATED), typist(0.1, 0.5, EMULATED)] }],
] as const)("%s of the serial line doesn't hold where %s", (id, _, over) => {
  expect(judged(id, typed({}), LINE).verdict).toBe(HOLDS);
  expect(judged(id, typed(over), LINE).verdict).toBe(FAILS);
});

const profile = ["kernel", "userspace"].map((name) => run({ profile: name }, guest()));

test("S3 holds where less than half is left everywhere", () => {
  expect(judged("S3", evidence({ ...workloads("native", "emulated", [49]), profile })).verdict).toBe(HOLDS);
});

test("S3 doesn't hold where half is left of one workload, which is named", () => {
  const { verdict, why } = judged("S3", evidence({ ...workloads("native", "emulated", [51, 10]), profile }));
  expect(verdict).toBe(FAILS);
  expect(why).toContain("Not so with stream of 512 (51 %");
});

const polling = ["native", "assigned"].map((mode) => run({ mode }, guest()));

test.each([
  ["nothing is lost", [97], {}, HOLDS],
  ["one workload loses", [100, 96, 100], {}, FAILS],
  ["the driver was modified", [100], { driver: "modified" }, FAILS],
  ["the guest failed", [100], { status: "io-errors" }, FAILS],
] as const)("S4, %s", (_, rates, over, verdict) => {
  const figures = evidence({ ...workloads("native", "assigned", rates, over), polling });
  expect(judged("S4", figures).verdict).toBe(verdict);
});

const place = { start: 0x8800_0000, bytes: 4096, pages: 1, owner: "vmm", what: "code and data", intended: false };
const addresses = (over: Readonly<Record<string, Partial<GuestReport>>> = {}) =>
  evidence({
    addresses: [
      run({ mode: "assigned" }, guest({ iotlb: { ...NO_LOOKUPS, hits: 9 }, ...over.assigned })),
      run({ mode: "assigned-service" }, guest({ driver: "modified", exits: { ecall: 40 }, ...over.service })),
      run({ mode: "assigned-rewrite" }, guest({ mmioExits: { nvme: 20 }, ...over.rewrite })),
      run({ mode: "assigned-raw" }, guest({ status: "wrong-checksum", landed: [place], ...over.raw })),
    ],
  });

test("S5 holds where data are wrong, and names whose memory was hit", () => {
  const { verdict, why } = judged("S5", addresses());
  expect(verdict).toBe(HOLDS);
  expect(why).toContain("vmm (code and data)");
});

test.each([
  ["nothing goes wrong", { raw: { status: "ok", landed: [] } }],
  ["nobody knows where it went", { raw: { landed: [{ ...place, intended: true }] } }],
  ["the translated guest fails too", { assigned: { status: "hung" } }],
] as const)("S5 doesn't hold where %s", (_, over) => {
  expect(judged("S5", addresses(over)).verdict).toBe(FAILS);
});

test("S7 and S8 hold where help without an IOTLB makes the data right", () => {
  expect(judged("S7", addresses()).verdict).toBe(HOLDS);
  expect(judged("S8", addresses()).verdict).toBe(HOLDS);
});

test.each([
  ["S7", "nobody asks", { service: { exits: {} } }],
  ["S7", "the ordinary driver does it", { service: { driver: "stock" } }],
  ["S7", "an IOTLB helps", { service: { iotlb: { ...NO_LOOKUPS, misses: 1 } } }],
  ["S7", "data are wrong", { service: { status: "wrong-checksum" } }],
  ["S7", "it goes well without help", { raw: { status: "ok" } }],
  ["S8", "nothing traps", { rewrite: { mmioExits: {} } }],
  ["S8", "the driver was modified", { rewrite: { driver: "modified" } }],
] as const)("%s doesn't hold where %s", (id, _, over) => {
  expect(judged(id, addresses(over)).verdict).toBe(FAILS);
});

/** Requests of 8 KiB; misses from a working set of `limit` bytes on. */
const kneeAt = (limit: number) =>
  [4, 8, 12, 14, 16, 20, 24, 32].map((qd) =>
    run(
      { "iotlb-entries": "32", qd: String(qd) },
      guest({ iotlb: { ...NO_LOOKUPS, hits: 100, misses: qd * 8192 >= limit ? 100 : 1 } }),
    ),
  );
const tenant = (over: Partial<GuestReport["iotlb"]> = {}, status: GuestReport["status"] = "ok") =>
  guest({ status, iotlb: { ...NO_LOOKUPS, hits: 10, evictionsByOthers: 3, ...over } });
const iotlb = (over: object = {}, attacks = [attackCase({})]) =>
  evidence(
    {
      "iotlb-knee": kneeAt(32 * 4096),
      "iotlb-shared": [run({}, tenant(), tenant())],
      "page-size": ["4K", "2M"].map((size) => run({ "page-size": size }, guest())),
      ...over,
    },
    attacks,
  );

test("S6 holds with the knee at entries × page size, a shared table and refused addresses", () => {
  expect(judged("S6", iotlb())).toMatchObject({
    verdict: HOLDS,
    figures: expect.arrayContaining([
      { name: "32 entries: entries × page size", value: 131_072, unit: "bytes" },
      { name: "32 entries: largest working set that fits", value: 114_688, unit: "bytes" },
      { name: "32 entries: next larger one measured", value: 131_072, unit: "bytes" },
    ]),
  });
});

test.each([
  ["the knee stands too early", iotlb({ "iotlb-knee": kneeAt(12 * 8192) })],
  ["the knee stands too late", iotlb({ "iotlb-knee": kneeAt(24 * 8192) })],
  ["there is no knee", iotlb({ "iotlb-knee": kneeAt(Number.POSITIVE_INFINITY) })],
  ["everything misses", iotlb({ "iotlb-knee": kneeAt(0) })],
  ["nobody takes an entry from another", iotlb({ "iotlb-shared": [0, 0].map(() => run({}, tenant())).slice(1) })],
  ["a guest's data are wrong", iotlb({ "iotlb-shared": [run({}, tenant(), tenant({}, "wrong-checksum"))] })],
  ["an attack comes through", iotlb({}, [attackCase({ verdict: "damaged" })])],
  ["a refusal leaves no record", iotlb({}, [attackCase({ faults: [] })])],
  ["nobody attacked", iotlb({}, [])],
] as const)("S6 doesn't hold where %s", (_, figures) => {
  expect(judged("S6", figures).verdict).toBe(FAILS);
});

const damage = [{ owner: "vmm", what: "code and data", bytes: 4096, first: 0 }];
const trusting = attackCase({ mode: "assigned-service", protects: false, verdict: "damaged", damage, faults: [] });

test("S9 holds where what isn't checked does harm and what is checked doesn't", () => {
  expect(judged("S9", evidence({}, [attackCase({}), trusting])).verdict).toBe(HOLDS);
});

test.each([
  ["a check lets it through", [attackCase({ verdict: "leaked" }), trusting]],
  ["no attack was made", [attackCase({ verdict: "none" }), trusting]],
  ["the IOMMU recorded nothing", [attackCase({ faults: [] }), trusting]],
  ["no harm is done without a check", [attackCase({}), { ...trusting, verdict: "stopped" as const }]],
  ["nobody attacked", []],
])("S9 doesn't hold where %s", (_, attacks) => {
  expect(judged("S9", evidence({}, attacks)).verdict).toBe(FAILS);
});

const virtio = { driver: "virtio", elsewhere: 5 } as const;
const pair = (over: Partial<GuestReport> = {}) => [run({}, guest({ ...virtio }), guest({ ...virtio, ...over }))];

test.each([
  ["faster everywhere, shared, modified", [101], {}, HOLDS],
  ["slower somewhere", [200, 200, 99, 200], {}, FAILS],
  ["sharing fails", [200], { status: "wrong-data" }, FAILS],
  ["the driver is the ordinary one", [200], { driver: "stock" }, FAILS],
] as const)("S11, %s", (_, rates, over, verdict) => {
  const runs = { ...workloads("emulated", "paravirtual", rates, virtio), "shared-paravirtual": pair(over) };
  expect(judged("S11", evidence(runs)).verdict).toBe(verdict);
});

const MIXED = ["emulated", "assigned", "assigned-service", "assigned-rewrite", "paravirtual"] as const;
const both = guest({ name: "server", mode: "mixed", elsewhere: 5 });
const mixture = MIXED.map((mode) => guest({ name: mode, mode, elsewhere: 5 }));

test("S12 holds with every mode in one run, and not with one fewer or one that failed", () => {
  const of = (guests: readonly GuestReport[]) =>
    judged("S12", evidence({ "mixed-modes": [run({}, ...guests)], "mixed-devices": [run({}, both)] }));
  expect(of(mixture).verdict).toBe(HOLDS);
  expect(of(mixture.slice(1))).toMatchObject({ verdict: FAILS, why: "Not in the run: emulated." });
  expect(of([...mixture.slice(1), guest({ mode: "emulated", elsewhere: 0 })]).verdict).toBe(FAILS);
});
