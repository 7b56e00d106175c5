// The judges of the LAN, and of S10: figures made up both ways. Thresholds: docs/claims.md.
import { expect, test } from "vitest";
import { inAll } from "../../src/claims/types.js";
import type { GuestReport } from "../../src/metrics/report.js";
import { attackCase, evidence, guest, judged, lanWorkloads, NO_LOOKUPS, part, run } from "./figures.js";

const HOLDS = "holds";
const FAILS = "doesn't hold";
const lan = (id: string, runs: Parameters<typeof evidence>[0], attacks = [attackCase({ device: "nic" })]) =>
  judged(id, evidence(runs, attacks), "LAN");

test("a claim holds when each of its parts does, fails with one, and is open while one is", () => {
  expect(inAll([HOLDS, HOLDS])).toBe(HOLDS);
  expect(inAll([HOLDS, "not shown yet"])).toBe("not shown yet");
  expect(inAll([HOLDS, "not shown yet", FAILS])).toBe(FAILS);
  expect(inAll([])).toBe("not shown yet");
});

const sharer = (over: Partial<GuestReport> = {}) => guest({ mmioExits: { e1000e: 20 }, elsewhere: 5, ...over });

test("S1 looks at the interface's registers", () => {
  expect(lan("S1", { "lan-shared-emulated": [run({}, sharer(), sharer())] }).verdict).toBe(HOLDS);
  const disks = sharer({ mmioExits: { nvme: 20 } });
  expect(lan("S1", { "lan-shared-emulated": [run({}, sharer(), disks)] }).verdict).toBe(FAILS);
});

const profile = ["kernel", "userspace"].flatMap((name) =>
  ["emulated", "paravirtual"].map((mode) => run({ profile: name, mode }, guest())),
);

test("S3 and S4 go by streams out and in and by round trips", () => {
  const s3 = (rates: readonly number[]) =>
    lan("S3", { ...lanWorkloads("native", "emulated", rates), "lan-profile": profile });
  expect(s3([49]).verdict).toBe(HOLDS);
  expect(s3([49, 49, 49, 49, 49, 51])).toMatchObject({
    verdict: FAILS,
    why: expect.stringContaining("response of 64K (51 %"),
  });
  const polling = ["native", "assigned"].map((mode) => run({ mode }, guest()));
  const s4 = (rates: readonly number[]) =>
    lan("S4", { ...lanWorkloads("native", "assigned", rates), "lan-polling": polling });
  expect(s4([98]).verdict).toBe(HOLDS);
  expect(s4([98, 96, 98]).verdict).toBe(FAILS);
});

const place = { start: 0x8800_0000, bytes: 60, pages: 1, owner: "vmm", what: "code and data", intended: false };
const addresses = (over: Readonly<Record<string, Partial<GuestReport>>> = {}) => ({
  "lan-addresses": [
    run({ mode: "assigned" }, guest({ iotlb: { ...NO_LOOKUPS, hits: 9 } })),
    run({ mode: "assigned-service" }, guest({ driver: "modified", exits: { ecall: 40 }, ...over.service })),
    run({ mode: "assigned-rewrite" }, guest({ mmioExits: { e1000e: 20 }, ...over.rewrite })),
  ],
  "lan-stray": [
    run({}, guest({ status: "io-errors", landed: [place], taken: [{ ...place, bytes: 300 }], ...over.raw }), guest()),
  ],
  ...lanWorkloads("native", "assigned-service", [90]),
});

test("S5 names where frames landed, and where those came from that were sent", () => {
  const { verdict, why } = lan("S5", addresses());
  expect(verdict).toBe(HOLDS);
  expect(why).toContain("60 B that were meant for the driver landed in memory that it didn't mean, of vmm");
  expect(why).toContain("took 300 B from memory");
  expect(lan("S5", addresses({ raw: { status: "ok" } })).verdict).toBe(FAILS);
});

test("S7 and S8 hold where help without an IOTLB brings the right datagrams", () => {
  expect(lan("S7", addresses()).verdict).toBe(HOLDS);
  expect(lan("S7", addresses({ service: { driver: "stock" } })).verdict).toBe(FAILS);
  expect(lan("S8", { ...addresses(), ...lanWorkloads("native", "assigned-rewrite", [90]) }).verdict).toBe(HOLDS);
  const untrapped = addresses({ rewrite: { mmioExits: { nvme: 20 } } });
  expect(lan("S8", { ...untrapped, ...lanWorkloads("native", "assigned-rewrite", [90]) }).verdict).toBe(FAILS);
});

/** A miss per frame below `enough` entries. */
const ring = (enough: number) =>
  [32, 64, 72, 76, 96, 128].map((entries) =>
    run(
      { "iotlb-entries": String(entries) },
      guest({ operations: 100, iotlb: { ...NO_LOOKUPS, hits: 300, misses: entries < enough ? 100 : 10 } }),
    ),
  );
const tenant = () => guest({ iotlb: { ...NO_LOOKUPS, hits: 10, evictionsByOthers: 3 } });
const shared = { "lan-iotlb-shared": [run({}, tenant(), tenant())] };

test("S6 holds where the IOTLB must hold what the rings name, 74 pages", () => {
  expect(lan("S6", { "lan-iotlb-ring": ring(74), ...shared }).verdict).toBe(HOLDS);
  expect(lan("S6", { "lan-iotlb-ring": ring(74), ...shared }, [attackCase({})]).verdict).toBe(FAILS);
});

test.each([64, 96, 0, 1000])("S6 doesn't hold where %i entries are the first that do", (enough) => {
  expect(lan("S6", { "lan-iotlb-ring": ring(enough), ...shared }).verdict).toBe(FAILS);
});

test("S9 goes by the interface's attacks alone", () => {
  const open = { mode: "assigned-service" as const, protects: false, verdict: "leaked" as const, faults: [] };
  const cases = [attackCase({ device: "nic" }), attackCase({ device: "nic", ...open })];
  expect(lan("S9", {}, cases).verdict).toBe(HOLDS);
  expect(lan("S9", {}, [cases[0], attackCase(open)]).verdict).toBe(FAILS);
});

/** So many guests that each are served `rate` requests a second. */
const crowd = (guests: number, rate: number) =>
  Array.from({ length: guests }, () => guest({ operations: rate, seconds: 1, response: { mean: 50, most: 90 } }));
const crowds = (rate: number) => ({
  "lan-own-nics": [1, 2, 4].map((guests) => run({ guests: String(guests) }, ...crowd(guests, 2000))),
  "lan-one-nic": ["emulated", "paravirtual"].flatMap((mode) =>
    [1, 8].map((guests) => run({ guests: String(guests), mode }, ...crowd(guests, guests > 1 ? rate : 2000))),
  ),
});

test("S10 holds while one device serves all, and says what it doesn't show", () => {
  const { verdict, why } = lan("S10", crowds(1950));
  expect(verdict).toBe(HOLDS);
  expect(why).toContain("is at work for 2.5 % of the time");
  expect(why).toContain("What a network interface costs in money no figure here tells");
});

test("S10 doesn't hold where guests go short", () => {
  expect(lan("S10", crowds(1800)).verdict).toBe(FAILS);
});

test("S10 isn't shown while nothing was run", () => {
  expect(part("S10", "LAN").judge(evidence({})).verdict).toBe("not shown yet");
});

const virtio = { driver: "virtio", elsewhere: 5 } as const;
const together = {
  "lan-shared-paravirtual": [run({}, guest(virtio), guest(virtio))],
  "lan-competing": [
    run({ mode: "paravirtual", guests: "2" }, guest({ throughputMBps: 60 }), guest({ throughputMBps: 58 })),
  ],
};

test("S11 doesn't go by workloads in which both modes are as fast as the wire", () => {
  const figures = { ...lanWorkloads("emulated", "paravirtual", [99, 120], virtio), ...together };
  expect(lan("S11", figures).verdict).toBe(FAILS);
  const [native, ...rest] = figures["lan-stream-out"];
  const atWire = { ...native, guests: [guest({ throughputMBps: 100 })] };
  const { verdict, why } = lan("S11", { ...figures, "lan-stream-out": [atWire, ...rest] });
  expect(verdict).toBe(HOLDS);
  expect(why).toContain(
    "Both are as fast as native (at least 97 %), so that throughput tells nothing, with stream out of 64",
  );
  expect(why).toContain("2 paravirtual (58.0 to 60.0 MB/s)");
});
