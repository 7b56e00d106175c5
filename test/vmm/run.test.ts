// Whole runs of the probe guest: the same bytes in every attach mode, every cycle accounted for, the same twice.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { checksum } from "../../src/metrics/checksum.js";
import { run } from "../../src/scenario/run.js";
import type { GuestConfig, GuestResult, RunConfig } from "../../src/scenario/types.js";
import { bootargs, covered, defaultWorkload, SAFE_MODES, type Workload } from "../../src/scenario/workload.js";
import type { AttachModeName } from "../../src/vmm/types.js";

const MIB = 0x10_0000;
const kernel = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));
const image = generatedBytes(MIB, 7);

function guest(mode: AttachModeName, workload: Partial<Workload> = {}, more: Partial<GuestConfig> = {}): GuestConfig {
  return {
    kernel,
    mode,
    ram: 16 * MIB,
    bootargs: bootargs({ ...defaultWorkload, bs: 65536, qd: 8, ...workload }, mode),
    ...more,
  };
}

function runOne(mode: AttachModeName, workload: Partial<Workload> = {}, config: Partial<RunConfig> = {}) {
  const result = run({
    guests: [guest(mode, workload)],
    disks: [{ size: MIB, image }],
    core: "flat",
    maxCycles: 1e9,
    ...config,
  });
  return { ...result, guest: result.guests[0] };
}

const sum = ({ guest: own, exit, vmm, idle }: GuestResult["counters"]["cyclesBy"]) => own + exit + vmm + idle;

test.each(SAFE_MODES)("%s: the guest reads the disk's own bytes", async (mode) => {
  const { guest: result, cycles, cyclesBy, damage } = runOne(mode);
  expect(result.stop).toEqual({ kind: "shutdown", code: 0 });
  expect(result.checksum).toBe(await checksum("crc32c", image));
  expect(result.bytes).toBe(MIB);
  expect(result.operations).toBe(16);
  expect(damage).toEqual([]);
  expect(sum(cyclesBy)).toBe(cycles);
  expect(sum(result.counters.cyclesBy) + result.counters.elsewhere).toBe(result.counters.cycles);
});

test.each(SAFE_MODES)("%s: what the guest writes is on the disk afterwards", (mode) => {
  const written = runOne(mode, { kind: "seqwrite", hash: "none" }, { keepDisks: true });
  const reference = runOne("native", { kind: "seqwrite", hash: "none" }, { keepDisks: true });
  expect(written.guest.stop).toEqual({ kind: "shutdown", code: 0 });
  expect(Buffer.compare(written.disks![0], reference.disks![0])).toBe(0);
  expect(Buffer.compare(written.disks![0], image)).not.toBe(0);
});

test("every mode takes requests of 1 MiB as they are", () => {
  const requests = (mode: AttachModeName) => runOne(mode, { bs: MIB, qd: 2 }).guest.operations;
  expect(SAFE_MODES.map(requests)).toEqual(SAFE_MODES.map(() => 1));
});

test.each(["seqread", "seqwrite"] as const)("%s: the last request is whole, as the host expects it", async (kind) => {
  const workload = { ...defaultWorkload, kind, bs: 48 * 1024, total: 64 * 1024 };
  const { guest: result } = runOne("native", { ...workload, hash: "crc32c" });
  expect(result.bytes).toBe(covered(workload, MIB));
  const read = kind === "seqread" ? await checksum("crc32c", image.subarray(0, covered(workload, MIB))) : "none";
  expect(result.checksum).toBe(read);
});

test("the same run twice gives the same result to the last digit", () => {
  expect(runOne("emulated")).toEqual(runOne("emulated"));
});

test("who exits for what: emulation for registers, assignment for interrupts alone, native never", () => {
  const exits = (mode: AttachModeName) => runOne(mode).guest.counters;
  expect(exits("native").exits).toEqual({});
  expect(exits("assigned").exits["mmio:nvme"]).toBeUndefined();
  expect(exits("assigned").directMmio).toBeGreaterThan(16);
  expect(exits("emulated").directMmio).toBe(0);
  expect(exits("emulated").exits["mmio:nvme"]).toBeGreaterThan(16);
  expect(exits("assigned-service").exits.ecall).toBeGreaterThan(MIB / 4096);
});

test("who copies: emulated every byte, paravirtual descriptors and what isn't whole pages, assigned nothing", () => {
  const copied = (mode: AttachModeName, bs = 65536) => runOne(mode, { bs }).guest.counters.bytesCopied;
  expect(copied("assigned")).toBe(0);
  expect(copied("emulated")).toBeGreaterThanOrEqual(MIB);
  expect(copied("paravirtual")).toBeLessThan(MIB / 16);
  expect(copied("paravirtual", 512)).toBeGreaterThanOrEqual(MIB);
});

test.each(["assigned", "paravirtual"] as const)("%s: smaller pages make the IOTLB work harder", (mode) => {
  const misses = (iommuPageSize: number) => runOne(mode, {}, { iommuPageSize }).guest.counters.iotlb;
  expect(misses(0x20_0000).misses).toBeLessThan(misses(0x1000).misses);
  expect(misses(0x1000).walkReferences).toBeGreaterThanOrEqual(3 * 128);
});

test("where addresses aren't translated the IOTLB has nothing to do", () => {
  expect(runOne("assigned-service").guest.counters.iotlb.misses).toBe(0);
});

test("assigned-raw: the data land in the VMM's memory, and the checksum is wrong", async () => {
  const raw = runOne("assigned-raw", {}, { allowRaw: true });
  expect(raw.guest.checksum).not.toBe(await checksum("crc32c", image));
  expect(raw.guest.landed.filter(({ intended }) => !intended)).toEqual([
    { start: 0x8040_0000, bytes: MIB, pages: 128, owner: "vmm", what: "code and data", intended: false },
  ]);
  expect(raw.damage).toHaveLength(1);
  expect(raw.damage[0]).toMatchObject({ owner: "vmm", what: "code and data" });
});

test("two guests share a disk, each with its own driver and its own half", async () => {
  const half = MIB / 2;
  const { guests, cycles, cyclesBy } = run({
    guests: [guest("emulated"), guest("paravirtual")],
    disks: [{ size: MIB, image }],
    core: "flat",
    maxCycles: 1e9,
  });
  expect(guests.map(({ stop }) => stop)).toEqual([0, 0].map((code) => ({ kind: "shutdown", code })));
  expect(guests[0].checksum).toBe(await checksum("crc32c", image.subarray(0, half)));
  expect(guests[1].checksum).toBe(await checksum("crc32c", image.subarray(half)));
  expect(sum(cyclesBy)).toBe(cycles);
  for (const { counters } of guests) expect(sum(counters.cyclesBy) + counters.elsewhere).toBe(counters.cycles);
});

test("modes side by side: each guest its own, also with a short time slice", async () => {
  const { guests } = run({
    guests: [guest("assigned", {}, { disk: 1 }), guest("emulated"), guest("assigned-rewrite", {}, { disk: 2 })],
    disks: [0, 1, 2].map(() => ({ size: MIB, image })),
    core: "flat",
    timeSlice: 100_000,
    maxCycles: 1e9,
  });
  const expected = await checksum("crc32c", image);
  expect(guests.map((one) => one.checksum)).toEqual([expected, expected, expected]);
  expect(guests.reduce((n, { counters }) => n + (counters.exits.timer ?? 0), 0)).toBeGreaterThan(10);
});

test("guests that share every disk there can be, with small pages: the VMM has memory enough", () => {
  const disks = Array.from({ length: 4 }, () => ({ size: MIB / 4 }));
  const modes: AttachModeName[] = ["emulated", "paravirtual", "emulated", "paravirtual"];
  const guests = modes.map((mode, disk) => guest(mode, { bs: 4096 }, { name: `guest${disk}`, disk }));
  const result = run({ guests, disks, core: "flat", maxCycles: 1e9, pageSize: 4096 });
  expect(result.guests.map(({ bytes }) => bytes)).toEqual(Array(4).fill(MIB / 4));
  expect(() => run({ guests, disks, core: "flat", vmmRam: 16 * MIB })).toThrow(/^vmm-memory: 16777216 bytes/);
});

test("what can't be assembled is the user's error", () => {
  const base = { disks: [{ size: MIB, image }] };
  const attempt =
    (guests: GuestConfig[], more: Partial<RunConfig> = {}) =>
    () =>
      run({ ...base, guests, ...more });
  expect(attempt([guest("assigned-raw")])).toThrow(/allowRaw/);
  expect(attempt([guest("assigned"), guest("emulated")])).toThrow(/disk 0 for itself/);
  expect(attempt([guest("native"), guest("emulated")])).toThrow(/native guest beside others/);
  expect(attempt([])).toThrow(/no guest/);
  expect(attempt([guest("emulated", {}, { disk: 3 })])).toThrow(/no disk 3/);
  expect(attempt([guest("emulated", {}, { ram: 1000 })])).toThrow(/1000 bytes of RAM/);
  expect(attempt([guest("emulated")], { pageSize: 8192 })).toThrow(/pages of 8192/);
  expect(attempt([guest("emulated")], { iotlb: { entries: 64, ways: 7 } })).toThrow(/IOTLB/i);
  expect(attempt([guest("emulated", {}, { range: { start: 0, length: 2 * MIB } })])).toThrow(/range/);
});
