// The network interface in every attach mode: the probe's own driver against the peer, and who exits and copies for what.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { characters } from "../../src/backends/network/peer/udp-services.js";
import { checksum } from "../../src/metrics/checksum.js";
import { run } from "../../src/scenario/run.js";
import type { RunConfig } from "../../src/scenario/types.js";
import { bootargs, defaultWorkload, type Workload, type WorkloadKind } from "../../src/scenario/workload.js";
import type { AttachModeName } from "../../src/vmm/types.js";

const kernel = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));
const SAFE: readonly AttachModeName[] = [
  "native",
  "emulated",
  "assigned",
  "assigned-service",
  "assigned-rewrite",
  "paravirtual",
];
const COUNT = 300;

function guest(mode: AttachModeName, kind: WorkloadKind, over: Partial<Workload> = {}, host = 15) {
  const hash = kind === "netstream" ? "none" : "crc32c";
  const workload: Workload = { ...defaultWorkload, kind, bs: 1472, qd: 16, total: COUNT * 1472, hash, ...over };
  return { kernel, mode, nic: 0, bootargs: bootargs(workload, mode, [`host=${host}`]) };
}

const lan = (one: ReturnType<typeof guest>, more: Partial<RunConfig> = {}) =>
  run({ core: "flat", nics: [{}], guests: [one], ...more });

/** What the peer's source gives. */
function given(): Uint8Array {
  const all = new Uint8Array(COUNT * 1472);
  const view = new DataView(all.buffer);
  for (let i = 0; i < COUNT; i++) {
    all.set(characters(1472), i * 1472);
    view.setUint32(i * 1472, i);
  }
  return all;
}

/** 1472 bytes of data in a frame of 1514, with preamble, check sequence and gap 24 bytes more (IEEE 802.3). */
const WIRE_MBPS = (125 * 1472) / (1514 + 24);

test.each(SAFE)("%s: every datagram sent reaches the sink, no faster than the wire", (mode) => {
  const result = lan(guest(mode, "netstream", { total: 1000 * 1472 }));
  expect(result.guests[0].result).toMatchObject({ errors: "0", operations: "1000", lost: "0" });
  expect(result.peer).toMatchObject({ discardedDatagrams: 1000, discardedBytes: 1_472_000 });
  expect(result.guests[0].throughputMBps).toBeLessThanOrEqual(WIRE_MBPS);
});

const SIZES = [64, 1473, 0x1000, 0x1_0000];

test.each(SAFE)("%s: messages of 64 B to 64 KiB, in as many datagrams as they take", (mode) => {
  const results = SIZES.flatMap((bs) =>
    (["netstream", "netrecv", "netrr"] as const).map((kind) => lan(guest(mode, kind, { bs, total: 4 * bs })).guests[0]),
  );
  expect(results.map(({ result }) => [result?.errors, result?.lost, result?.operations])).toEqual(
    results.map(() => ["0", "0", "4"]),
  );
  expect(results.map(({ bytes }) => bytes)).toEqual(SIZES.flatMap((bs) => Array(3).fill(4 * bs)));
});

test("netstream counts what has come to the peer: where the wire loses frames, less than was sent", () => {
  const result = lan(guest("native", "netstream", { total: 300 * 1472 }), { network: { loss: 0.1 } });
  const { bytes, result: said } = result.guests[0];
  expect(bytes).toBe(result.peer?.discardedBytes);
  expect(Number(said?.lost)).toBe(300 - bytes / 1472);
  expect(Number(said?.lost)).toBeGreaterThan(0);
});

test.each(SAFE)("%s: what the source gives arrives whole and in order", async (mode) => {
  const [{ result }] = lan(guest(mode, "netrecv")).guests;
  expect(result).toMatchObject({ errors: "0", lost: "0", operations: `${COUNT}` });
  expect(result?.checksum).toBe(await checksum("crc32c", given()));
});

test("a request and its response cost a native guest least, and a paravirtual one fewer exits than an emulated one", () => {
  const by = Object.fromEntries(
    SAFE.map((mode) => [mode, lan(guest(mode, "netrr", { bs: 64, qd: 1, total: 64 * 100 })).guests[0]]),
  );
  const latency = (mode: AttachModeName) => Number(by[mode].result?.latency_mean_ns);
  const mmio = (mode: AttachModeName) =>
    (by[mode].counters.exits["mmio-read"] ?? 0) + (by[mode].counters.exits["mmio-write"] ?? 0);
  expect(SAFE.map((mode) => by[mode].result?.lost)).toEqual(SAFE.map(() => "0"));
  expect(latency("native")).toBeLessThan(latency("assigned"));
  expect(latency("assigned")).toBeLessThan(latency("assigned-service"));
  expect(latency("assigned-service")).toBeLessThan(latency("emulated"));
  expect(mmio("paravirtual")).toBeLessThan(mmio("emulated"));
});

test("who exits and who copies: emulation for registers, assignment for interrupts alone", () => {
  const emulated = lan(guest("emulated", "netrecv")).guests[0].counters;
  const assigned = lan(guest("assigned", "netrecv")).guests[0].counters;
  const native = lan(guest("native", "netrecv")).guests[0].counters;
  expect(emulated.exits["mmio:e1000e"]).toBeGreaterThan(0);
  expect(emulated.bytesCopied).toBeGreaterThan(COUNT * 1472);
  expect(emulated.directMmio).toBe(0);
  expect(assigned.exits["mmio:e1000e"]).toBeUndefined();
  expect(assigned.bytesCopied).toBe(0);
  expect(assigned.directMmio).toBeGreaterThan(0);
  expect(native.exits).toEqual({});
});

test("assigned: smaller pages make the IOTLB work harder", () => {
  const misses = (pageSize: number) => {
    const config = { pageSize, iotlb: { entries: 16 } };
    return lan(guest("assigned", "netrecv"), config).guests[0].counters.iotlb.misses;
  };
  expect(misses(4096)).toBeGreaterThan(misses(0x20_0000));
});

test("assigned-raw: the device takes guest addresses for physical ones, so the peer never understands a frame", () => {
  const { guests, peer } = lan(guest("assigned-raw", "netstream"), { allowRaw: true });
  expect(guests[0].result).toMatchObject({ failure: "no-peer" });
  expect(peer?.discardedDatagrams).toBe(0);
});

test("assigned-raw is refused unless asked for by name", () => {
  expect(() => lan(guest("assigned-raw", "netstream"))).toThrow("without consent");
});

test("two guests share an interface, a third has its own, in three modes under one VMM", async () => {
  const { guests } = run({
    core: "flat",
    nics: [{}, {}],
    guests: [
      guest("emulated", "netrecv", {}, 15),
      guest("paravirtual", "netrecv", {}, 16),
      { ...guest("assigned", "netrecv", {}, 17), nic: 1 },
    ],
  });
  const expected = await checksum("crc32c", given());
  expect(guests.map(({ result }) => [result?.checksum, result?.lost])).toEqual(guests.map(() => [expected, "0"]));
});

test("a guest with an interface of its own shares it with nobody", () => {
  const guests = [guest("assigned", "netrecv", {}, 15), guest("emulated", "netrecv", {}, 16)];
  expect(() => run({ nics: [{}], guests })).toThrow("takes network interface 0 for itself");
});

test("the same run twice gives the same result to the last digit", () => {
  const once = () => lan(guest("emulated", "netrr", { bs: 64, qd: 4, total: 64 * 50 }));
  expect(JSON.stringify(once())).toBe(JSON.stringify(once()));
});
