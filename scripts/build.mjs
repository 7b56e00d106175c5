// Builds what is stale: npm packages, both cores (asc) and the command (esbuild). An unchanged tree costs a few stats.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const at = (...parts) => join(root, ...parts);
const time = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0);

function newest(path, suffix) {
  let latest = 0;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const child = join(path, entry.name);
    if (entry.isDirectory()) latest = Math.max(latest, newest(child, suffix));
    else if (entry.name.endsWith(suffix)) latest = Math.max(latest, time(child));
  }
  return latest;
}

function step(what, command, args) {
  process.stderr.write(`${what} …\n`);
  const done = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (done.status !== 0) {
    process.stderr.write(`${what}: failed (${command} ${args.join(" ")})\n`);
    process.exit(1);
  }
}

if (time(at("node_modules/.package-lock.json")) < time(at("package-lock.json"))) {
  step("installing packages", "npm", ["ci", "--no-audit", "--no-fund"]);
}
mkdirSync(at("build"), { recursive: true });
const core = Math.max(newest(at("assembly"), ".ts"), time(at("asconfig.json")));
for (const [target, out] of [
  ["timed", "build/core.wasm"],
  ["flat", "build/core-flat.wasm"],
]) {
  if (time(at(out)) < core) {
    step(`compiling ${out}`, process.execPath, [
      "node_modules/assemblyscript/bin/asc.js",
      "--config",
      "asconfig.json",
      "--target",
      target,
    ]);
  }
}
const host = Math.max(newest(at("src"), ".ts"), newest(at("assembly"), ".ts"), time(at("package.json")));
if (existsSync(at("src/cli/main.ts")) && time(at("build/yado.mjs")) < host) {
  // not by way of node: esbuild's own installer replaces its script by the binary
  step("bundling build/yado.mjs", at("node_modules/.bin/esbuild"), [
    "src/cli/main.ts",
    "--bundle",
    "--platform=node",
    "--format=esm",
    "--target=node20",
    "--packages=external",
    "--outfile=build/yado.mjs",
    "--log-level=warning",
  ]);
}
