// `yado compare` of network interfaces, on the machine itself.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compareText } from "../../src/metrics/text.js";
import { compare } from "../../src/scenario/compare.js";
import { resolveWorkload } from "../../src/scenario/resolve.js";
import { run } from "../../src/scenario/run.js";
import type { WorkloadFile } from "../../src/scenario/schema.js";

const kernel = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));

async function compared(file: WorkloadFile, image = new Uint8Array()) {
  const workload = resolveWorkload(file, (key) => key, image.length);
  const modes = ["native", "emulated", "paravirtual"] as const;
  const options = { kernel, image, modes, workload, memory: 16 << 20, machine: { core: "flat" as const } };
  const { report } = await compare(options, { run: async (config) => run(config), version: "0" });
  return { report, text: compareText(report, { width: 200 }) };
}

test("netstream: what has come to the peer, no mode above the wire", async () => {
  const { report, text } = await compared({ kind: "netstream", total: 294_400 });
  expect(report.disk).toBeNull();
  expect(report.network).toMatchObject({ bandwidth: 1e9, peer: { emulated: { discardedBytes: 294_400 } } });
  expect(report.modes.map(({ status, bytes }) => [status, bytes])).toEqual(Array(3).fill(["ok", 294_400]));
  expect(Math.max(...report.modes.map(({ network }) => network?.megabitsPerSecond ?? 0))).toBeLessThan(957.1);
  expect(text).toContain("netstream of 287.50 KiB, messages of 1.44 KiB");
  expect(text).toMatch(/Mb\/s +×native +messages\/s/);
  expect(text).toMatch(/In messages of 1\.44 KiB the wire can carry 957 Mb\/s of data: native fills 9\d/);
  expect(text).not.toMatch(/I\/O|MB\/s|disk/);
});

test("netrecv: the host knows what the peer gives", async () => {
  const { report, text } = await compared({ kind: "netrecv", bs: 5000, total: 50_000 });
  expect(report.modes.map(({ checksum }) => checksum)).toEqual(Array(3).fill(report.expectedChecksum));
  expect(text).toMatch(/exits\/packet +busy\/packet/);
  expect(text).toContain("equal the one that the host computed from what the peer gave.");
});

test("netrr: who waits how long", async () => {
  const { report, text } = await compared({ kind: "netrr", bs: 64, qd: 1, total: 6400 });
  const trips = report.modes.map(({ network }) => network?.roundTrip?.mean ?? 0);
  expect(trips[0]).toBeGreaterThan(10);
  expect(Math.min(...trips)).toBe(trips[0]);
  expect(text).toMatch(/A round trip of 64 B takes native 1\d\.\d µs and \S+ [\d.]+ µs/);
});

test("netserve has both devices, and the disk's own checksum", async () => {
  const image = Uint8Array.from({ length: 0x2_0000 }, (_, i) => i ^ (i >> 8));
  const { report } = await compared({ kind: "netserve", bs: 16384 }, image);
  expect(report.modes.map(({ status }) => status)).toEqual(Array(3).fill("ok"));
  expect(report.expectedChecksum).toBe(report.disk?.crc32c);
});
