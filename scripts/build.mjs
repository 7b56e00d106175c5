// Builds what is stale: npm packages, both cores (asc) and the command (esbuild). An unchanged tree costs a few stats. What is built
// bears the time at which its build began, so that a source saved meanwhile is newer, and appears as a whole.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, utimesSync } from "node:fs";
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

/** Builds `outputs` by a command that is told where to put each, if one is older than `sources`. */
function build(outputs, sources, command, args) {
  if (outputs.every((output) => time(at(output)) >= sources)) return;
  const began = new Date(Date.now() - 1);
  const unfinished = outputs.map((output) => `${output}.${process.pid}`);
  step(`building ${outputs[0]}`, command, args(...unfinished));
  unfinished.forEach((file, i) => {
    utimesSync(at(file), began, began);
    renameSync(at(file), at(outputs[i]));
  });
}

const core = Math.max(newest(at("assembly"), ".ts"), time(at("asconfig.json")));
for (const [target, name] of [
  ["timed", "core"],
  ["flat", "core-flat"],
]) {
  build([`build/${name}.wasm`, `build/${name}.wat`], core, process.execPath, (wasm, wat) => [
    "node_modules/assemblyscript/bin/asc.js",
    ...["--config", "asconfig.json", "--target", target, "--outFile", wasm, "--textFile", wat],
  ]);
}
const host = Math.max(newest(at("src"), ".ts"), newest(at("assembly"), ".ts"), time(at("package.json")));
// not by way of node: esbuild's own installer replaces its script by the binary
build(["build/yado.mjs"], host, at("node_modules/.bin/esbuild"), (bundle) => [
  "src/cli/main.ts",
  ...["--bundle", "--platform=node", "--format=esm", "--target=node20", "--packages=external"],
  ...[`--outfile=${bundle}`, "--log-level=warning"],
]);
