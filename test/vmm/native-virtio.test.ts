// virtio devices as physical ones: what the same driver costs without a VMM. And interfaces with two queue pairs.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compare } from "../../src/scenario/compare.js";
import { resolveWorkload } from "../../src/scenario/resolve.js";
import { run } from "../../src/scenario/run.js";
import type { WorkloadFile } from "../../src/scenario/schema.js";
import type { RunConfig } from "../../src/scenario/types.js";
import { bootargs, defaultWorkload } from "../../src/scenario/workload.js";

const kernel = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));
const image = Uint8Array.from({ length: 0x4_0000 }, (_, i) => (i * 3) ^ (i >> 7));

async function compared(file: WorkloadFile) {
  const workload = resolveWorkload(file, (key) => key, image.length);
  const modes = ["native", "paravirtual"] as const;
  const devices = { interface: "virtio-mmio", nicInterface: "virtio-mmio" } as const;
  const options = { kernel, image, ...devices, modes, workload, memory: 16 << 20, machine: { core: "flat" as const } };
  return (await compare(options, { run: async (config) => run(config), version: "0" })).report;
}

test.each<WorkloadFile>([
  { kind: "checksum", bs: 8192 },
  { kind: "netrecv", total: 147_200 },
  { kind: "netserve", bs: 8192 },
  { kind: "netsave", bs: 8192 },
])("$kind: the driver of a native virtio device is that of paravirtualization, and costs less", async (file) => {
  const { modes } = await compared(file);
  expect(modes.map(({ status }) => status)).toEqual(["ok", "ok"]);
  const [native, paravirtual] = modes.map(({ console }) => /driver=(\S+) /.exec(console)?.[1]);
  expect(native).toBe(paravirtual);
  expect(native).toMatch(/^virtio/);
  expect(modes[0].perOperation.busy).toBeLessThan(modes[1].perOperation.busy);
  expect(modes[0].exitsTotal).toBe(0);
  expect(modes[0].dma.bytesWritten + modes[0].dma.bytesRead).toBeGreaterThan(modes[0].bytes);
});

test("a virtio device of a VMM's machine is refused: the VMM has no driver for it", () => {
  const config = (more: Partial<RunConfig>) => ({
    guests: [{ kernel, mode: "paravirtual" as const, bootargs: "" }],
    ...more,
  });
  expect(() => run(config({ disks: [{ size: 4096, interface: "virtio" }] }))).toThrow("a physical virtio device");
  expect(() => run(config({ nics: [{ interface: "virtio-mmio" }] }))).toThrow("a physical virtio-mmio device");
});

const workload = { ...defaultWorkload, kind: "netrr" as const, bs: 1000, qd: 8, total: 400_000 };

test.each([1, 2, 8])("a paravirtual guest whose driver knows two queue pairs, offered %i", (queues) => {
  const guest = {
    kernel,
    mode: "paravirtual" as const,
    nic: 0,
    queues,
    bootargs: bootargs(workload, "paravirtual", ["queues=2"]),
  };
  const other = { ...guest, queues: 1, bootargs: bootargs(workload, "paravirtual", ["host=16"]) };
  const { guests } = run({ core: "flat", nics: [{}], guests: [guest, other] });
  expect(guests.map(({ stop, result }) => [stop, result?.lost, result?.operations])).toEqual(
    Array(2).fill([{ kind: "shutdown", code: 0 }, "0", "400"]),
  );
  const used = Math.min(queues, 2);
  expect(guests[0].console).toContain(`, ${used} of ${queues} queue pairs of 256`);
  const byPair = (guests[0].result?.received_by_pair ?? "1").split(",").map(Number);
  expect(byPair.length).toBe(used);
  expect(Math.min(...byPair)).toBeGreaterThan(0);
});

test("and natively: frames come to the pair that a frame of their flow last left from", () => {
  const guest = {
    kernel,
    mode: "native" as const,
    nic: 0,
    bootargs: bootargs(workload, "native", ["queues=2"], { nic: "virtio-mmio" }),
  };
  const { guests } = run({ core: "flat", nics: [{ interface: "virtio-mmio", queues: 2 }], guests: [guest] });
  const [first, second] = (guests[0].result?.received_by_pair ?? "").split(",").map(Number);
  expect(guests[0].result).toMatchObject({ errors: "0", operations: "400" });
  expect([first, second]).toEqual([1, 400]); // the answer to ARP, and what followed requests of which the last left from pair 1
});
