// What guests leave at the other end is judged by the host's own bytes.
import { expect, test } from "vitest";
import { crc32c, spelledCrc32c } from "../../src/metrics/checksum.js";
import { guest as report } from "../claims/figures.js";
import { type FarEnd, given, judged } from "../../src/scenario/far-end.js";
import { defaultWorkload, type Workload, type WorkloadKind } from "../../src/scenario/workload.js";

const image = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) ^ (i >> 8));
const before = { image, extents: [{ start: 1024, length: 2048 }], length: 2048 };
const workload = (kind: WorkloadKind): Workload => ({ ...defaultWorkload, kind, bs: 1024 });
const peer = (bytes: Uint8Array) => ({
  echoes: 0,
  discardedDatagrams: 0,
  discardedBytes: 0,
  given: 0,
  stored: [{ address: "10.0.2.15", datagrams: 2, bytes: 2048, missing: 0, checksum: spelledCrc32c(crc32c(bytes)) }],
});
const end = (more: Partial<FarEnd>): FarEnd => ({
  address: "10.0.2.15",
  peer: peer(image.subarray(1024, 3072)),
  lossy: false,
  before,
  after: undefined,
  ...more,
});
const lost = (count: number) => report({ network: { ...NETWORK, lost: count } });
const NETWORK = {
  datagrams: 1,
  datagramsPerSecond: 1,
  megabitsPerSecond: 1,
  lost: 0,
  exitsPerDatagram: 0,
  busyPerDatagram: 0,
  roundTrip: null,
};

test("what a guest serves is its part of the disk", () => {
  expect(judged(report(), workload("netserve"), end({})).status).toBe("ok");
  const other = judged(report(), workload("netserve"), end({ peer: peer(image.subarray(0, 2048)) }));
  expect(other).toMatchObject({
    status: "wrong-data",
    problem: expect.stringContaining("the peer has stored crc32c:"),
  });
  const elsewhere = judged(report(), workload("netserve"), end({ address: "10.0.2.16" }));
  expect(elsewhere.problem).toContain("the peer has stored nothing");
});

test("what a guest saves is what the peer gave, in its part of the disk", () => {
  const after = new Uint8Array(4096);
  after.set(given(workload("netsave"), 2048), 1024);
  expect(judged(report(), workload("netsave"), end({ after })).status).toBe("ok");
  after[1030]++;
  expect(judged(report(), workload("netsave"), end({ after }))).toMatchObject({ status: "wrong-data" });
});

test("lost datagrams are wrong only where the wires lose none", () => {
  expect(judged(lost(3), workload("netstream"), end({})).problem).toContain("3 of its datagrams were lost");
  expect(judged(lost(3), workload("netstream"), end({ lossy: true })).status).toBe("ok");
});
