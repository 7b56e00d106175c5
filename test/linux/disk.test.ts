// Debian's own drivers and file system on Yado's disks, judged by the host: checksums, e2fsck, debugfs.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { boot, guest, PROMPT, scratch } from "./debian.js";

const MiB = 1 << 20;
const SIZE = 8 * MiB;
const INTERFACES = [
  { kind: "nvme", modules: ["nvme"], device: "/dev/nvme0n1" },
  { kind: "ata", modules: ["sd_mod", "ata_piix"], device: "/dev/sda" },
  { kind: "virtio", modules: ["virtio_blk"], device: "/dev/vda" },
];
/** Drivers look for their disks on their own time. */
const until = (device: string) => `while [ ! -e ${device} ]; do sleep 1; done`;
const EXT4 = ["crc32c_generic", "ext4"];

const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
const command = (name: string, ...args: string[]) => spawnSync(name, args, { encoding: "utf8", env });
const tools = ["mkfs.ext4", "e2fsck", "debugfs"].every((tool) => command(tool, "-V").error === undefined);
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe.skipIf(!guest).each(INTERFACES)("Debian's driver on a disk of $kind", ({ kind, modules, device }) => {
  test.each([1, 4])("reads every byte of it, with %i hart(s)", async (harts) => {
    const image = join(scratch(), "disk.img");
    const bytes = generatedBytes(SIZE, 7);
    writeFileSync(image, bytes);
    const { status, lines } = await boot({
      modules,
      harts,
      options: ["--disk", `file=${image},if=${kind}`],
      script: `${until(device)}\nsha256sum ${device}\npoweroff -f`,
    });
    expect(lines[lines.indexOf(PROMPT) + 1]).toBe(`${sha256(bytes)}  ${device}`);
    expect(status).toBe(0);
    expect(sha256(readFileSync(image))).toBe(sha256(bytes));
  });

  test.skipIf(!tools)("mounts ext4, writes it, and leaves it clean", async () => {
    const image = join(scratch(), "disk.img");
    writeFileSync(image, new Uint8Array(16 * MiB));
    expect(command("mkfs.ext4", "-q", image).status).toBe(0);
    const { status, lines } = await boot({
      modules: [...modules, ...EXT4],
      options: ["--disk", `file=${image},if=${kind}`],
      script: [
        until(device),
        `mount -t ext4 ${device} /mnt`,
        "mkdir /mnt/made",
        "echo written inside > /mnt/made/file",
        "cp /bin/busybox /mnt/made/busybox",
        "umount /mnt",
        "sha256sum /bin/busybox",
        "poweroff -f",
      ].join("\n"),
    });
    expect(status).toBe(0);
    expect(lines.filter((line) => line.includes("EXT4-fs error"))).toEqual([]);
    const check = command("e2fsck", "-fn", image);
    expect(check.stdout).not.toContain("Fix?");
    expect(check.status).toBe(0);
    expect(command("debugfs", "-R", "cat /made/file", image).stdout).toBe("written inside\n");
    const copy = join(scratch(), "busybox");
    command("debugfs", "-R", `dump /made/busybox ${copy}`, image);
    expect(lines).toContain(`${sha256(readFileSync(copy))}  /bin/busybox`);
  });
});

test.skipIf(!guest)("libata moves sectors of an ATA disk by Ultra DMA", async () => {
  const image = join(scratch(), "disk.img");
  writeFileSync(image, new Uint8Array(MiB));
  const modes = "/sys/class/ata_device/dev1.0";
  const { lines } = await boot({
    modules: ["sd_mod", "ata_piix"],
    options: ["--disk", `file=${image},if=ata`],
    script: `${until("/dev/sda")}\ncat ${modes}/class ${modes}/dma_mode\npoweroff -f`,
  });
  expect(lines.slice(lines.indexOf(PROMPT) + 1)).toEqual(expect.arrayContaining(["ata", "XFER_UDMA_5"]));
});
