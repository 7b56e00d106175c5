// virtio devices as physical ones: what the same driver costs without a VMM.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compare } from "../../src/scenario/compare.js";
import { resolveWorkload } from "../../src/scenario/resolve.js";
import { run } from "../../src/scenario/run.js";
import type { WorkloadFile } from "../../src/scenario/schema.js";
import type { RunConfig } from "../../src/scenario/types.js";

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
