// The probe guest: its ELF reproduces from source, and QEMU as outside judge sees it read and write correctly.
import { execFileSync, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";

const GUESTS = fileURLToPath(new URL("../../guests/", import.meta.url));
const QEMU = "qemu-system-riscv64";
const scratch = mkdtempSync(join(tmpdir(), "yado-probe-"));
afterAll(() => rmSync(scratch, { recursive: true }));

const NVME = ["-device", "nvme,drive=d,serial=1"];
const VIRTIO = ["-global", "virtio-mmio.force-legacy=false", "-device", "virtio-blk-device,drive=d"];
const noQemu = spawnSync(QEMU, ["--version"]).status !== 0;
const judged = test.skipIf(noQemu);
if (noQemu) console.warn(`${QEMU} isn't installed: the probe guest isn't judged by it here`);

/** A disk image of 4 MiB of random bytes. */
function diskImage(name: string): { path: string; bytes: Buffer } {
  const disk = { path: join(scratch, name), bytes: randomBytes(4 << 20) };
  writeFileSync(disk.path, disk.bytes);
  return disk;
}

/** Runs a guest under QEMU; the fields of its last `yado-result` line. */
function run(image: string, device: string[], bootargs: string): Record<string, string> {
  const drive = ["-drive", `file=${image},if=none,id=d,format=raw`];
  const machine = ["-M", "virt", "-m", "128", "-nographic", "-kernel", join(GUESTS, "probe/probe.elf")];
  const output = execFileSync(QEMU, [...machine, "-append", bootargs, ...drive, ...device], {
    encoding: "utf8",
    timeout: 60_000,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const line = output.split("\n").findLast((text) => text.startsWith("yado-result ")) ?? "";
  return Object.fromEntries(
    line
      .trim()
      .split(" ")
      .slice(1)
      .map((word) => word.split("=") as [string, string]),
  );
}

/** CRC-32C (RFC 3720), bit by bit into a table, byte by byte over the data. */
function crc32c(bytes: Buffer): string {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
    return crc;
  });
  let crc = ~0;
  for (const byte of bytes) crc = (crc >>> 8) ^ table[(crc ^ byte) & 255];
  return `crc32c:${(~crc >>> 0).toString(16).padStart(8, "0")}`;
}

/** The 64-bit word that a write workload leaves at `offset` (see docs/guide-probe.md). */
function patternWord(offset: bigint, seed: bigint): bigint {
  const x = BigInt.asUintN(64, (offset / 8n + seed * 0x9e3779b97f4a7c15n) * 0xbf58476d1ce4e5b9n);
  return x ^ (x >> 31n);
}

test("the committed ELF files reproduce from source, byte for byte", { timeout: 120_000 }, (context) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(GUESTS, "build.mjs"), "--check"], {
    encoding: "utf8",
  });
  context.skip(status === 2 || status === 3, stderr);
  expect(stdout).toBe("hello: reproduced\nprobe: reproduced\n");
});

judged("NVMe: the CRC-32C of the disk, read in order", { timeout: 90_000 }, () => {
  const disk = diskImage("nvme-read.img");
  const result = run(disk.path, NVME, "workload=checksum bs=16384 qd=16");
  expect(result).toMatchObject({ driver: "nvme", errors: "0", bytes: "4194304", operations: "256" });
  expect(result.checksum).toBe(crc32c(disk.bytes));
});

judged("virtio-blk: the SHA-256 of the disk, read in order", { timeout: 90_000 }, () => {
  const disk = diskImage("virtio-read.img");
  const result = run(disk.path, VIRTIO, "workload=checksum hash=sha256 pages=2m");
  expect(result).toMatchObject({ driver: "virtio", errors: "0", bytes: "4194304", operations: "64" });
  expect(result.checksum).toBe(`sha256:${createHash("sha256").update(disk.bytes).digest("hex")}`);
});

judged("NVMe: sequential writes leave the pattern on the disk", { timeout: 90_000 }, () => {
  const disk = diskImage("nvme-write.img");
  const result = run(disk.path, NVME, "workload=seqwrite seed=5 start=1m length=64k bs=8k verify=1");
  expect(result).toMatchObject({ errors: "0", mismatches: "0", bytes: "65536" });
  const expected = Buffer.from(disk.bytes);
  for (let at = 1 << 20; at < (1 << 20) + 65536; at += 8) expected.writeBigUInt64LE(patternWord(BigInt(at), 5n), at);
  expect(readFileSync(disk.path).equals(expected)).toBe(true);
});

judged.each([
  ["NVMe", NVME],
  ["virtio-blk", VIRTIO],
])("%s: random writes read back as written, deep and large queue", { timeout: 90_000 }, (_, device) => {
  const disk = diskImage("random.img");
  const result = run(disk.path, device, "workload=randwrite bs=4096 qd=64 total=2m verify=1 uart=interrupt");
  expect(result).toMatchObject({ errors: "0", mismatches: "0", timeouts: "0", bytes: "2097152", operations: "512" });
});

judged("a DMA address that is no memory doesn't end the run", { timeout: 90_000 }, () => {
  const disk = diskImage("attack.img");
  const result = run(disk.path, NVME, "attack=nowhere attack-address=0x10000000000 attack-op=read total=1m");
  expect(result).toMatchObject({ errors: "0", bytes: "1048576", checksum: crc32c(disk.bytes.subarray(0, 1 << 20)) });
});
