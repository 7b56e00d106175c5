// `npm ci` on a fresh clone, on any platform and from any registry, needs a complete lock that names no registry.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

test("package-lock.json lists the builds for every platform", () => {
  const check = spawnSync(process.execPath, ["scripts/complete-lock.mjs", "--check"], { cwd: ROOT, encoding: "utf8" });
  expect(check.stderr).toBe("");
});

test("package-lock.json names no host", () => {
  expect(readFileSync(`${ROOT}package-lock.json`, "utf8")).not.toMatch(/"resolved":/);
});
