// Debian's drivers of the APLIC and the IMSIC (riscv,aplic and riscv,imsics), which others wrote, on ours.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { boot, guest, PROMPT, scratch } from "./debian.js";

/** Lines of /proc/interrupts: what the kernel's interrupt controllers are called. */
const CONTROLLERS = {
  aplic: [/APLIC-DIRECT.*ttyS0/, /APLIC-DIRECT.*nvme0q1/],
  "aplic-imsic": [/APLIC-MSI.*ttyS0/, /PCI-MSIX.*nvme0q1/],
} as const;

describe.skipIf(!guest).each(["aplic", "aplic-imsic"] as const)("AIA %s", (aia) => {
  test.each([
    ["built-in", 1],
    ["opensbi", 4],
  ] as const)("serial line and disk interrupt under the %s firmware, with %i hart(s)", async (firmware, harts) => {
    const image = join(scratch(), "disk.img");
    const bytes = generatedBytes(1 << 20, 7);
    writeFileSync(image, bytes);
    const { status, lines } = await boot({
      firmware,
      harts,
      modules: ["nvme"],
      options: ["--aia", aia, "--disk", `file=${image},if=nvme`],
      script: "sha256sum /dev/nvme0n1\ncat /proc/interrupts\npoweroff -f",
    });
    const after = lines.slice(lines.indexOf(PROMPT) + 1);
    expect(after[0]).toBe(`${createHash("sha256").update(bytes).digest("hex")}  /dev/nvme0n1`);
    for (const line of CONTROLLERS[aia]) expect(after.filter((text) => line.test(text))).toHaveLength(1);
    expect(status).toBe(0);
  });
});
