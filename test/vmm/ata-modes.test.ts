// An ATA disk in every attach mode: the same bytes, by the same driver of the guest. Programming Interface for Bus Master IDE
// Controller 1.0 (SFF-8038i).
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { checksum } from "../../src/metrics/checksum.js";
import { run } from "../../src/scenario/run.js";
import type { RunConfig } from "../../src/scenario/types.js";
import { bootargs, defaultWorkload, SAFE_MODES, type Workload } from "../../src/scenario/workload.js";
import type { AttachModeName, DiskName } from "../../src/vmm/types.js";

const MIB = 0x10_0000;
const kernel = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));
const image = generatedBytes(MIB, 7);

const guest = (mode: AttachModeName, workload: Partial<Workload>, name: DiskName = "ata") => ({
  kernel,
  mode,
  ram: 16 * MIB,
  bootargs: bootargs({ ...defaultWorkload, bs: 65536, ...workload }, mode, [], name),
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
