// The same comparison gives the same JSON to the last digit, wherever and however it is run; only `host` may differ.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { ROOT, type Setting, scratch, yado } from "./command.js";

function report(args: readonly string[], setting: Setting): string {
  const { status, stdout } = yado([...args, "--json", "-", "--quiet"], setting);
  expect(status).toBe(0);
  const { host, ...rest } = JSON.parse(stdout) as { host: unknown };
  expect(host).toBeDefined();
  return JSON.stringify(rest);
}

test("compare: another directory, another path to the disk, another environment, another number of workers", () => {
  const cwd = scratch();
  writeFileSync(join(cwd, "disk.img"), generatedBytes(0x8_0000, 5));
  const args = [
    "--bs",
    "4K",
    "--modes",
    "native,emulated,assigned,assigned-service,assigned-rewrite,paravirtual,assigned-raw",
  ];
  const first = report(["compare", "--disk", join(cwd, "disk.img"), ...args], { cwd: ROOT });
  const env = { TZ: "Pacific/Auckland", LANG: "de_DE.UTF-8", LC_ALL: "de_DE.UTF-8", HOME: cwd };
  expect(report(["compare", "--disk", "disk.img", "--jobs", "1", ...args], { cwd, env })).toBe(first);
  expect(
    report(["compare", "--disk", "./disk.img", "--jobs", "5", ...args], { cwd, env: { TZ: "UTC", LANG: "C" } }),
  ).toBe(first);
});

test("run: several guests on one machine", () => {
  const scenario = ["run", "--scenario", join(ROOT, "scenarios/mixed-modes.yaml")];
  expect(report(scenario, { cwd: scratch(), env: { TZ: "Asia/Tokyo", LANG: "ja_JP.UTF-8" } })).toBe(
    report(scenario, {}),
  );
});

test("attack", () => {
  const args = ["attack", "--modes", "assigned,assigned-service", "--target", "guest"];
  expect(report(args, { cwd: scratch(), env: { HOME: "/nonexistent" } })).toBe(report([...args, "--jobs", "1"], {}));
});
