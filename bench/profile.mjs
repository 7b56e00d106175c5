// Where host time goes: V8's CPU profile by parts of the tree. Guest execution is what happens inside the core's export `run`:
// the interpreter with MMU, caches, traps, and the exits that Wasm finishes by itself. All else is outside of it.
import { readFileSync } from "node:fs";

/** Parts, in the order of tables. */
export const PARTS = ["guest", "hub", "devices", "backends", "vmm", "board", "counting", "garbage", "rest"];

/** Directories of the parts that are TypeScript; the longest that fits counts. */
const DIRECTORIES = {
  "src/devices/": "devices",
  "src/backends/": "backends",
  "src/vmm/": "vmm",
  "src/platform/": "board",
  "src/core/": "board",
  "src/session/": "board",
  "src/scenario/": "counting",
  "src/metrics/": "counting",
};

/** What V8's profiler calls the export `run` of a compiled core: an exported function's `name` is its index. */
export function nameOfRun(wasm) {
  const module = new WebAssembly.Module(readFileSync(wasm));
  const imports = { env: { memory: new WebAssembly.Memory({ initial: 1024, maximum: 65536 }), abort: () => {} } };
  return `wasm-function[${new WebAssembly.Instance(module, imports).exports.run.name}]`;
}

/** The part that each line of an esbuild bundle belongs to, by the comments that name files. */
export function partsOfLines(bundle) {
  let part = "rest";
  return bundle.split("\n").map((line) => {
    const [, file] = /^\/\/ ([a-z]\S*\.[a-z]+)$/.exec(line) ?? [];
    if (file) part = DIRECTORIES[Object.keys(DIRECTORIES).find((directory) => file.startsWith(directory))] ?? "rest";
    return part;
  });
}

/**
 * A profile's µs by part. Functions of V8 itself count for whoever called them, and what has no caller but the profiler and
 * Node's start doesn't count at all.
 * @param {object} profile   as the inspector's Profiler.stop gives it
 * @param {object} names     `run`: see nameOfRun; `bundle`: the end of the bundle's URL; `parts`: see partsOfLines
 * @param {string} [root]    the function in which all that counts happens; everything, if left out
 */
export function timesOf(profile, { run, bundle, parts }, root) {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const times = new Map();
  profile.samples.forEach((id, i) => {
    // a sample's time is that until the next one
    const until = profile.timeDeltas[i + 1] ?? 0;
    times.set(id, (times.get(id) ?? 0) + Math.max(0, until));
  });
  const sums = Object.fromEntries(PARTS.map((part) => [part, 0]));
  const visit = (id, caller) => {
    const { callFrame, children = [] } = nodes.get(id);
    const part = partOf(callFrame, caller);
    if (part) sums[part] += times.get(id) ?? 0;
    for (const child of children) visit(child, part);
  };
  const partOf = ({ functionName, url, lineNumber }, caller) => {
    if (functionName === "(garbage collector)") return "garbage";
    if (functionName === "(program)") return "rest";
    if (caller === "guest") return "guest";
    if (!caller && root !== undefined && functionName !== root) return undefined;
    if (functionName === run) return "guest";
    if (functionName.startsWith("wasm-function")) return "hub";
    if (url.endsWith(bundle)) return parts[lineNumber] ?? "rest";
    return caller ?? (root === undefined && !functionName.startsWith("(") ? "rest" : undefined);
  };
  visit(profile.nodes[0].id, undefined);
  return sums;
}

/** Shares of the time by which a long run exceeds a short one, which is all set-up: together 1. */
export function sharesOf(long, short) {
  const more = PARTS.map((part) => Math.max(0, long[part] - short[part]));
  const all = more.reduce((sum, time) => sum + time, 0);
  return Object.fromEntries(PARTS.map((part, i) => [part, all > 0 ? more[i] / all : 0]));
}
