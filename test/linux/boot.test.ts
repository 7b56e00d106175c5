// A stock Debian kernel boots to a shell, and leaves as it is told. The kernel is the judge: it was built by others.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { boot, guest, PROMPT, scratch } from "./debian.js";

describe.skipIf(!guest)("Debian's kernel with BusyBox", () => {
  describe.each(["built-in", "opensbi"] as const)("under the %s firmware", (firmware) => {
    test.each([1, 4])("boots to a shell on %i hart(s) and powers off with exit code 0", async (harts) => {
      const { status, lines, stderr } = await boot({ firmware, harts, script: "nproc\nuname -r\npoweroff -f" });
      expect(stderr).toBe("");
      expect(lines).toContain(PROMPT);
      expect(lines.slice(lines.indexOf(PROMPT) + 1)).toEqual([String(harts), guest!.version, "reboot: Power down", ""]);
      expect(status).toBe(0);
    });

    test("executes as many instructions in every run", async () => {
      const script = "poweroff -f";
      const [one, other] = [await boot({ firmware, script }), await boot({ firmware, script })];
      expect(one.counts).toEqual(other.counts);
      expect(one.lines).toEqual(other.lines);
    });
  });

  test("four harts take turns in the same order in every run", async () => {
    const script = "for i in 0 1 2 3; do taskset $((1 << i)) sha256sum /bin/busybox & done\nwait\npoweroff -f";
    const [one, other] = [await boot({ harts: 4, script }), await boot({ harts: 4, script })];
    const sums = one.lines.filter((line) => line.endsWith("/bin/busybox"));
    expect(sums).toHaveLength(4);
    expect(new Set(sums).size).toBe(1);
    expect(one.counts).toEqual(other.counts);
    expect(one.lines).toEqual(other.lines);
  });

  test("takes its command line as users give it, with nothing left out", async () => {
    const { status, lines } = await boot({ append: "earlycon=sbi", script: "poweroff -f" });
    expect(lines).toContain(PROMPT);
    expect(status).toBe(0);
  });

  test("obeys what is typed at its console", async () => {
    const input = "echo $((6 * 7)) by hand\nexit\n";
    const { lines, status } = await boot({ script: "sh\npoweroff -f", input });
    expect(lines).toContain("42 by hand");
    expect(status).toBe(0);
  });

  test("restarts the machine when it reboots", async () => {
    const image = join(scratch(), "disk.img");
    writeFileSync(image, Buffer.alloc(4096));
    const { lines, counts, status } = await boot({
      modules: ["virtio_blk"],
      options: ["--disk", `file=${image},if=virtio`],
      script: "grep -q been /dev/vda && poweroff -f\necho been here > /dev/vda\nsync\nreboot -f",
    });
    expect(lines.filter((line) => line === PROMPT)).toHaveLength(2);
    expect(lines).toContain("reboot: Restarting system");
    expect(counts.reboots).toBe(1);
    expect(status).toBe(0);
  });

  test("finds the extensions that the harts have, for hypervisors too", async () => {
    const { lines } = await boot({ modules: ["kvm"], script: "poweroff -f" });
    expect(lines).toContainEqual(expect.stringMatching(/^kvm .* hypervisor extension available$/));
    expect(lines).toContainEqual(expect.stringMatching(/^kvm .* using Sv57x4 G-stage page table format$/));
  });

  test("knows the time that the machine was given", async () => {
    const { lines } = await boot({ script: "date -u +%Y-%m-%d\npoweroff -f" });
    expect(lines[lines.indexOf(PROMPT) + 1]).toBe("2026-01-01");
  });
});
