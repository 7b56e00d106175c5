// What every bench needs: programs with their counts, CPU time of child processes, figures and their output.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROGRAMS = join(ROOT, "guests/bench");

/**
 * One published figure.
 * @typedef {object} Figure
 * @property {string} name      bench/case/variant
 * @property {string} measure   what is measured, e.g. "mips"
 * @property {number} value
 * @property {string} unit
 * @property {[value: number, unit: string]} smaller  the same fact as a number that is better when smaller
 */

/** A figure that is better when smaller. @returns {Figure} */
export const cost = (name, measure, value, unit) => ({ name, measure, value, unit, smaller: [value, unit] });

/** A rate; `unitOfTime` is the unit of scale/value. @returns {Figure} */
export const rate = (name, measure, value, unit, scale, unitOfTime) => ({
  name,
  measure,
  value,
  unit,
  smaller: [scale / value, unitOfTime],
});

export const geometricMean = (values) =>
  Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Digits that a reader can use: three of them. */
export const digits = (value) => (Math.abs(value) >= 1000 ? Math.round(value).toString() : value.toPrecision(3));

/** Rows of cells as lines of text, the first column to the left and the others to the right. */
export function table(header, rows) {
  const all = [header, ...rows].map((row) => row.map(String));
  const widths = header.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row) => row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join("  ");
  return [line(all[0]), widths.map((width) => "-".repeat(width)).join("  "), ...all.slice(1).map(line)].join("\n");
}

/** File offset of a u32 variable of an ELF64 (little endian): System V ABI, "Symbol Table", "Program Header". */
function offsetOf(elf, symbol) {
  const address = (at) => Number(elf.readBigUInt64LE(at));
  const sections = Array.from({ length: elf.readUInt16LE(60) }, (_, i) => address(40) + i * elf.readUInt16LE(58));
  const symbols = sections.find((section) => elf.readUInt32LE(section + 4) === 2);
  const strings = address(sections[elf.readUInt32LE(symbols + 40)] + 24);
  const start = address(symbols + 24);
  for (let at = start; at < start + address(symbols + 32); at += 24) {
    const name = strings + elf.readUInt32LE(at);
    if (elf.toString("latin1", name, elf.indexOf(0, name)) !== symbol) continue;
    const section = sections[elf.readUInt16LE(at + 6)];
    return address(at + 8) - address(section + 16) + address(section + 24);
  }
  throw new Error(`no symbol ${symbol}`);
}

/** Copies of guests/bench programs, with other numbers in their variables, for the length of `use`. */
export function withPrograms(use) {
  const scratch = mkdtempSync(join(tmpdir(), "yado-bench-"));
  let serial = 0;
  try {
    return use((name, variables = {}) => {
      const elf = readFileSync(join(PROGRAMS, `${name}.elf`));
      for (const [symbol, change] of Object.entries(variables)) {
        const at = offsetOf(elf, symbol);
        elf.writeUInt32LE(typeof change === "function" ? change(elf.readUInt32LE(at)) : change, at);
      }
      const path = join(scratch, `${name}-${serial++}.elf`);
      writeFileSync(path, elf);
      return path;
    });
  } finally {
    rmSync(scratch, { recursive: true });
  }
}

/** Runs a command and returns what it printed and the user CPU and wall seconds of it and its children. */
export function timed(command, args) {
  const run = spawnSync("bash", ["-c", 'TIMEFORMAT="%3U %3R"; time "$@" 2>&1', "bash", command, ...args], {
    cwd: ROOT,
    encoding: "utf8",
    env: { ...process.env, LC_ALL: "C" },
    stdio: ["ignore", "pipe", "pipe"],
    maxBuffer: 1 << 28,
  });
  if (run.status !== 0)
    throw new Error(`${command} ${args.join(" ")}: status ${run.status}\n${run.stdout}${run.stderr}`);
  const [user, wall] = run.stderr.trim().split("\n").at(-1).split(" ").map(Number);
  return { output: run.stdout.trim(), user, wall };
}

export const qemuInstalled = spawnSync("qemu-system-riscv64", ["--version"]).status === 0;

/** One program on QEMU's TCG. */
export const onQemu = (elf, ...more) =>
  timed("qemu-system-riscv64", [
    ...["-M", "virt", "-bios", "none", "-kernel", elf, "-nographic", "-accel", "tcg,thread=single"],
    ...more,
  ]);

/** Bundles bench/<name>.ts to build/bench-<name>.mjs, and returns its path. */
export function bundled(name) {
  const out = join(ROOT, `build/bench-${name}.mjs`);
  buildSync({
    entryPoints: [join(ROOT, `bench/${name}.ts`)],
    outfile: out,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    packages: "external",
    logLevel: "warning",
  });
  return out;
}

/** Compiles assembly/bench/loops.ts with the core in it (the timed build), and returns the path of the module. */
export function compiledLoops() {
  const out = "build/bench-loops.wasm";
  const asc = ["node_modules/assemblyscript/bin/asc.js", "assembly/bench/loops.ts", "--config", "asconfig.json"];
  const done = spawnSync(
    process.execPath,
    [...asc, "--target", "timed", "--outFile", out, "--textFile", "build/bench-loops.wat"],
    { cwd: ROOT, stdio: ["ignore", 2, 2] },
  );
  if (done.status !== 0) throw new Error("assembly/bench/loops.ts does not compile");
  return join(ROOT, out);
}

/** Writes the figures in Bencher Metric Format and as github-action-benchmark's `customSmallerIsBetter`. */
export function writeJson(directory, figures) {
  mkdirSync(directory, { recursive: true });
  const bencher = {};
  for (const { name, measure, value } of figures) {
    bencher[name] ??= {};
    bencher[name][measure] = { value };
  }
  const smaller = figures.map(({ name, measure, value, unit, smaller: [small, smallUnit] }) => ({
    name: `${name} ${measure}`,
    unit: smallUnit,
    value: small,
    extra: `${digits(value)} ${unit}`,
  }));
  const write = (file, content) => writeFileSync(join(directory, file), `${JSON.stringify(content, null, 2)}\n`);
  write("bencher.json", bencher);
  write("custom-smaller-is-better.json", smaller);
}
