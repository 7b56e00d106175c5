// The programs of guests/bench: they reproduce from their sources, and compute the same on both builds as on QEMU.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bareMachine, runBare } from "../bench/bare.js";
import { nameOfRun, partsOfLines, sharesOf, timesOf } from "../bench/profile.mjs";
import {
  bundled,
  compiledLoops,
  cost,
  onQemu,
  qemuInstalled,
  rate,
  withPrograms,
  writeJson,
} from "../bench/support.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PROGRAMS = ["sieve", "crc32", "quicksort", "matmul", "memcpy", "chase", "fib", "bytecode", "float"];
const BUILDS = ["flat", "timed"] as const;

/** What a program prints on a bare machine, with few repetitions. */
const onYado = (build: (typeof BUILDS)[number], elf: string) => runBare(bareMachine(build, readFileSync(elf)));

const build = spawnSync(process.execPath, [join(ROOT, "guests/bench/build.mjs"), "--check"], { encoding: "utf8" });

test.skipIf(build.status === 2 || build.status === 3)("the committed programs reproduce from their sources", () => {
  expect(build.stderr).toBe("");
  expect(build.status).toBe(0);
});

describe.each(BUILDS)("on a bare machine, %s", (core) => {
  test("the sieve finds the 23,000 primes below 2^18", () => {
    const output = withPrograms((program) => onYado(core, program("sieve", { repetitions: 2 })));
    expect(output).toBe(`checksum=${(2 * 23_000).toString(16).padStart(16, "0")}`);
  });

  test("Fibonacci numbers 24, 25 and 26", () => {
    const output = withPrograms((program) => onYado(core, program("fib", { repetitions: 3 })));
    expect(output).toBe(`checksum=${((46_368 * 7 + 75_025) * 7 + 121_393).toString(16).padStart(16, "0")}`);
  });

  test.skipIf(!qemuInstalled).each(PROGRAMS)("%s prints what it prints on QEMU", (name) => {
    withPrograms((program) => {
      const elf = program(name, { repetitions: 3 });
      expect(onYado(core, elf)).toBe(onQemu(elf).output);
    });
  });

  test("a hypervisor in HS-mode answers ECALLs and emulates a device of its guest", () => {
    const output = withPrograms((program) => onYado(core, program("hypervisor-exit", { ecalls: 100, accesses: 51 })));
    expect(output).toMatch(/^ecalls=0*64 accesses=0*33 checksum=/);
  });

  test.skipIf(!qemuInstalled)("… as on QEMU", () => {
    withPrograms((program) => {
      const elf = program("hypervisor-exit", { ecalls: 100, accesses: 51 });
      expect(onYado(core, elf)).toBe(onQemu(elf).output);
    });
  });
});

test("the loops of exits run, a guest's among them", () => {
  const arguments_ = [bundled("exit-runner"), "2000", compiledLoops()];
  const { status, stderr, stdout } = spawnSync(process.execPath, arguments_, { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  expect(Object.values(JSON.parse(stdout)).length).toBeGreaterThan(5);
});

test.each(["netrecv", "seqread"])("the probe's %s runs, and its host time is shared out", (kind) => {
  const workload = { kind, bs: 1024, qd: 4, hash: "none" };
  const arguments_ = [bundled("io-runner"), JSON.stringify({ mode: "emulated", workload, operations: 400 })];
  const { status, stderr, stdout } = spawnSync(process.execPath, arguments_, { encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  const { operations, exits, dmaBytes, shares } = JSON.parse(stdout);
  expect(operations).toBe(360);
  expect(exits).toBeGreaterThan(0);
  expect(dmaBytes).toBeGreaterThan(360 * 1024);
  expect(Object.values<number>(shares).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
});

describe("a CPU profile by parts of the tree", () => {
  const run = nameOfRun(join(ROOT, "build/core.wasm"));
  const parts = partsOfLines(
    "// src/vmm/vmm.ts\nvar a;\n// src/devices/nvme/engine.ts\nvar b;\n// node_modules/x/y.js\nvar c;",
  );
  const frame = (functionName: string, lineNumber = -1, url = lineNumber < 0 ? "" : "file:///b.mjs") => ({
    callFrame: { functionName, lineNumber, columnNumber: 0, scriptId: "0", url },
  });
  const profile = {
    nodes: [
      { id: 1, ...frame("(root)"), children: [2, 3, 4, 10] },
      { id: 2, ...frame("(garbage collector)") },
      { id: 3, ...frame("post", 5) },
      { id: 4, ...frame("measured", 5), children: [5, 7, 9] },
      { id: 5, ...frame(run, 0, "wasm://wasm/1"), children: [6] },
      { id: 6, ...frame("wasm-function[1]", 0, "wasm://wasm/1") },
      { id: 7, ...frame("handle", 1), children: [8] },
      { id: 8, ...frame("set") },
      { id: 9, ...frame("wasm-function[2]", 0, "wasm://wasm/1") },
      { id: 10, ...frame("(idle)") },
    ],
    startTime: 0,
    endTime: 90,
    samples: [2, 3, 5, 6, 7, 8, 9, 10, 10],
    timeDeltas: [0, 10, 10, 10, 10, 10, 10, 10, 10],
  };
  const times = timesOf(profile, { run, bundle: "/b.mjs", parts }, "measured");

  test("what `run` calls is the guest's, other Wasm the hub's", () => {
    expect([times.guest, times.hub]).toEqual([20, 10]);
  });

  test("lines belong to files, and V8's own functions to their callers", () => {
    expect(parts).toEqual(["vmm", "vmm", "devices", "devices", "rest", "rest"]);
    expect([times.vmm, times.devices]).toEqual([20, 0]);
  });

  test("the profiler and idle time don't count, garbage collection does", () => {
    expect([times.garbage, times.rest]).toEqual([10, 0]);
  });

  test("a short run's time is set-up, and the rest is shared out", () => {
    const { guest, garbage, hub } = sharesOf(times, { ...times, guest: 5, garbage: 20, vmm: 0, hub: 5 });
    expect([guest, garbage, hub]).toEqual([15 / 40, 0, 5 / 40]);
  });
});

test("figures are written in both formats, and in the second smaller is always better", () => {
  const directory = mkdtempSync(join(tmpdir(), "yado-figures-"));
  try {
    writeJson(directory, [
      rate("hart/sieve/flat", "mips", 500, "MIPS", 1000, "ns/instruction"),
      cost("exit/a", "time", 30, "ns"),
    ]);
    const read = (file: string) => JSON.parse(readFileSync(join(directory, file), "utf8"));
    expect(read("bencher.json")).toEqual({
      "hart/sieve/flat": { mips: { value: 500 } },
      "exit/a": { time: { value: 30 } },
    });
    expect(read("custom-smaller-is-better.json")).toEqual([
      { name: "hart/sieve/flat mips", unit: "ns/instruction", value: 2, extra: "500 MIPS" },
      { name: "exit/a time", unit: "ns", value: 30, extra: "30.0 ns" },
    ]);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
