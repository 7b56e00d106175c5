// The programs of guests/bench: they reproduce from their sources, and compute the same on both builds as on QEMU.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { bareMachine, runBare } from "../bench/bare.js";
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
