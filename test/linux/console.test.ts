// Debian's own driver for the virtio console beside the serial line: the kernel logs to both, and the shell is on the former.
import { describe, expect, test } from "vitest";
import { LEAN } from "../../scripts/linux/guest.mjs";
import { boot, guest, PROMPT } from "./debian.js";

describe.skipIf(!guest).each(["none", "aplic-imsic"])("a virtio console with aia=%s", (aia) => {
  test("takes the kernel's log, and a shell on it obeys what is typed", async () => {
    const { status, lines, stderr } = await boot({
      options: ["--console", "virtio", "--aia", aia],
      append: `console=hvc0 ${LEAN}`,
      script: "cat /proc/consoles\nsh\npoweroff -f",
      input: "echo $((6 * 7)) by hand\nexit\n",
    });
    expect(stderr).toBe("");
    expect(lines).toContain(PROMPT);
    expect(lines).toContainEqual(expect.stringMatching(/^hvc0 .*EC/));
    expect(lines).toContain("42 by hand");
    expect(lines.filter((line) => line === "reboot: Power down")).toHaveLength(2);
    expect(status).toBe(0);
  });
});

test.skipIf(!guest)("without one the serial line is typed at, as it was", async () => {
  const { status, lines } = await boot({
    options: ["--console", "uart"],
    script: "sh\npoweroff -f",
    input: "echo $((6 * 7)) by hand\nexit\n",
  });
  expect(lines).toContain("42 by hand");
  expect(status).toBe(0);
});
