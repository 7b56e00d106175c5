// Debian's own drivers with message-signalled interrupts: every queue has its MSI-X vector, and each is delivered to the hart that
// the kernel chose. RISC-V Advanced Interrupt Architecture 1.0, "Incoming MSI Controller (IMSIC)"; PCI Local Bus 3.0, "MSI-X".
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { boot, guest, scratch } from "./debian.js";

const HARTS = 4;
const SIZE = 1 << 20;
const SCRIPT = [
  "for disk in vda nvme0n1; do",
  "  for harts in 1 2 4 8; do taskset $harts dd if=/dev/$disk of=/dev/null bs=64k iflag=direct; done",
  "done",
  "cat /proc/interrupts",
  "cat /sys/class/rtc/rtc0/name /sys/class/rtc/rtc0/date",
  "poweroff -f",
].join("\n");

/** Harts that took a queue's interrupt, from its line of /proc/interrupts. */
function takers(lines: readonly string[], queue: string): number[] {
  const counts = lines
    .find((line) => line.endsWith(` ${queue}`) && line.includes("PCI-MSIX"))
    ?.trim()
    .split(/\s+/);
  return (counts ?? []).slice(1, HARTS + 1).flatMap((count, hart) => (Number(count) > 0 ? [hart] : []));
}

describe.skipIf(!guest)("Debian's drivers with AIA", () => {
  test.each(["built-in", "opensbi"] as const)("a queue and a message for each hart (firmware %s)", async (firmware) => {
    const image = (name: string) => join(scratch(), name);
    const [first, second] = [image("a.img"), image("b.img")];
    for (const file of [first, second]) writeFileSync(file, generatedBytes(SIZE, 3));
    const { status, lines } = await boot({
      modules: ["nvme", "virtio_blk"],
      harts: HARTS,
      firmware,
      options: ["--aia", "aplic-imsic", "--disk", `file=${first},if=virtio`, "--disk", `file=${second},if=nvme`],
      script: SCRIPT,
    });
    const queues = Array.from({ length: HARTS }, (_, i) => [`virtio0-req.${i}`, `nvme0q${i + 1}`]).flat();
    expect(queues.map((queue) => takers(lines, queue))).toEqual([[0], [0], [1], [1], [2], [2], [3], [3]]);
    expect(lines).toContain("2026-01-01");
    expect(status).toBe(0);
  });
});
