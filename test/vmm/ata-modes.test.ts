// An ATA disk in every attach mode: the same bytes, by the same driver of the guest. Programming Interface for Bus Master IDE
// Controller 1.0 (SFF-8038i).
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { checksum } from "../../src/metrics/checksum.js";
import { run } from "../../src/scenario/run.js";
import type { GuestResult, RunConfig } from "../../src/scenario/types.js";
import { bootargs, defaultWorkload, SAFE_MODES, type Workload } from "../../src/scenario/workload.js";
import type { AttachModeName, DiskName } from "../../src/vmm/types.js";

const MIB = 0x10_0000;
const kernel = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));
const image = generatedBytes(MIB, 7);

const guest = (mode: AttachModeName, workload: Partial<Workload>, name: DiskName = "ata") => ({
  kernel,
  mode,
  ram: 16 * MIB,
  bootargs: bootargs({ ...defaultWorkload, bs: 65536, ...workload }, mode, [], { disk: name }),
});

function runOne(mode: AttachModeName, workload: Partial<Workload> = {}, config: Partial<RunConfig> = {}) {
  const result = run({
    guests: [guest(mode, workload)],
    disks: [{ interface: "ata", size: MIB, image }],
    core: "flat",
    maxCycles: 1e10,
    ...config,
  });
  return { ...result, guest: result.guests[0] };
}

test.each(SAFE_MODES)("%s: the guest reads the disk's own bytes", async (mode) => {
  const { guest: result } = runOne(mode);
  expect(result.console).toContain(mode === "paravirtual" ? "virtio" : "Yado ATA disk");
  expect(result.stop).toEqual({ kind: "shutdown", code: 0 });
  expect(result.checksum).toBe(await checksum("crc32c", image));
  expect([result.bytes, result.operations]).toEqual([MIB, 16]);
});

test.each(SAFE_MODES)("%s: what the guest writes is on the disk afterwards", (mode) => {
  const workload = { kind: "randwrite", bs: 4096, verify: true, hash: "none" } as const;
  const written = runOne(mode, workload, { keepDisks: true });
  const reference = runOne("native", workload, { keepDisks: true });
  expect(written.guest.result).toMatchObject({ errors: "0", mismatches: "0" });
  expect(Buffer.compare(written.disks![0], reference.disks![0])).toBe(0);
  expect(Buffer.compare(written.disks![0], image)).not.toBe(0);
});

const sum = ({ guest: own, exit, vmm, idle }: GuestResult["counters"]["cyclesBy"]) => own + exit + vmm + idle;

test("who exits for what: emulation and rewriting for thirteen registers a command, assignment for interrupts alone", () => {
  const perOperation = (mode: AttachModeName) => {
    const { counters, operations } = runOne(mode, { kind: "seqread", hash: "none", bs: 4096 }).guest;
    const { exits, directMmio, bytesCopied } = counters;
    return [exits["mmio:ata"] ?? 0, directMmio, bytesCopied].map((n) => n / operations);
  };
  expect(perOperation("emulated")).toEqual([13, 0, expect.any(Number)]);
  expect(perOperation("assigned-rewrite")).toEqual([13, 0, 0]);
  expect(perOperation("assigned")).toEqual([0, 13, 0]);
});

test("every cycle is accounted for, and the same run twice gives the same result to the last digit", () => {
  const result = runOne("emulated", { bs: 4096 });
  expect(sum(result.cyclesBy)).toBe(result.cycles);
  expect(result).toEqual(runOne("emulated", { bs: 4096 }));
});

test("assigned-raw: the data land in the VMM's memory, and the checksum is wrong", () => {
  const { guest: result } = runOne("assigned-raw", {}, { allowRaw: true });
  expect(result.result).toMatchObject({ driver: "ata", errors: "0" });
  expect(result.landed[0]).toMatchObject({ owner: "vmm", intended: false });
});

test("polled, the interrupt's bit in the bus master's status tells of the end", () => {
  const { counters, bytes } = runOne("native", { wait: "poll" }).guest;
  expect([bytes, counters.interrupts.raised]).toEqual([MIB, 16]);
});

test("an emulated and a paravirtual guest share an ATA disk beside an NVMe one", () => {
  const half = { start: 0, length: MIB / 2 };
  const { guests } = run({
    guests: [
      { ...guest("emulated", {}), name: "a", disk: 1, range: half },
      { ...guest("paravirtual", {}), name: "b", disk: 1, range: half },
      { ...guest("assigned", {}, "nvme"), name: "c", disk: 0 },
    ],
    disks: [
      { size: MIB, image },
      { interface: "ata", size: MIB, image },
    ],
    core: "flat",
    maxCycles: 1e10,
  });
  expect(guests.map(({ result }) => [result?.driver, result?.errors])).toEqual([
    ["ata", "0"],
    ["virtio", "0"],
    ["nvme", "0"],
  ]);
  expect(guests[0].checksum).toBe(guests[1].checksum);
});

const CHECKED = ["emulated", "assigned", "assigned-rewrite"] as const;

test.each(CHECKED)("%s: a driver that names the VMM's memory is stopped, and the disk lives on", (mode) => {
  const { guest: result, damage } = runOne(mode, { kind: "seqread" }, { attack: { target: "vmm" } });
  expect(result.attacks.map(({ op, status }) => [op, status])).toEqual([
    ["read", "bus-master-error"],
    ["check", "success"],
    ["write", "bus-master-error"],
    ["check", "success"],
  ]);
  expect(damage).toEqual([]);
});

test.each(SAFE_MODES)("%s: a guest that is reset in the middle runs again to its end", async (mode) => {
  const { guest: result } = runOne(mode, { bs: 16384 }, { events: [{ at: 3e6, guest: 0, action: "reset" }] });
  expect(result.stop).toEqual({ kind: "shutdown", code: 0 });
  expect(result.checksum).toBe(await checksum("crc32c", image));
  expect(result.console.match(/probe: \d+ MiB at/g)).toHaveLength(2);
});

test.each(["emulated", "paravirtual"] as const)(
  "%s: the disk is reset in the middle, and the guest doesn't notice",
  async (mode) => {
    const events = [2.5e6, 3e6, 3.5e6].map((at) => ({ at, disk: 0, action: "reset" as const }));
    const { guest: result } = runOne(mode, { bs: 16384 }, { events });
    expect(result.result).toMatchObject({ errors: "0", timeouts: "0" });
    expect(result.checksum).toBe(await checksum("crc32c", image));
  },
);
