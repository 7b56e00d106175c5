// What can't be used: one message with place and remedy, exit code 2, no stack trace, nothing written.
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT, scratch, yado } from "./command.js";

/** Runs in a directory with the given files; checks what holds for every refusal, and returns the message. */
function refused(args: readonly string[], files: Readonly<Record<string, string | Uint8Array>> = {}): string {
  const cwd = scratch();
  for (const [name, contents] of Object.entries(files)) writeFileSync(join(cwd, name), contents);
  const { status, stdout, stderr } = yado(args, { cwd });
  expect(stderr).not.toMatch(/^ +at .*:\d+:\d+/m);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(readdirSync(cwd).sort()).toEqual(Object.keys(files).sort());
  return stderr;
}

const hello = join(ROOT, "guests/hello/hello.elf");
const disk = { "disk.img": new Uint8Array(4096) };

describe("compare", () => {
  test.each<[string, string[], string]>([
    ["a missing disk", ["--disk", "none.img"], "--disk: can't open none.img: there is no such file"],
    ["a directory as disk", ["--disk", "."], "--disk: . is no regular file"],
    ["an unknown mode", ["--modes", "native,emulatd"], 'unknown value "emulatd". Did you mean "emulated"?'],
    ["a mode named twice", ["--modes", "native,native"], '"native" is named twice'],
    ["an unknown option", ["--disc", "x"], "unknown option '--disc'"],
    ["an unknown workload", ["--workload", "randreed"], 'Did you mean "randread"?'],
    ["a size that is none", ["--bs", "many"], '--bs: "many" is no size'],
    ["requests of broken sectors", ["--bs", "700"], "Give a multiple of 512 bytes"],
    ["too deep a queue", ["--qd", "100"], "Give a number from 1 to 64"],
    ["no queue", ["--qd", "0"], "Give a whole number of at least 1"],
    [
      "too little memory",
      ["--memory", "4M"],
      "too little memory for a guest with 8 requests of 32 KiB. Give at least 8 MiB",
    ],
    ["more memory than there is room", ["--memory", "4G"], "don't fit into the machine"],
    ["an impossible page size", ["--page-size", "64K"], "Give 4K or 2M"],
    ["an unknown cost", ["--cost", "mmio-exist=1"], 'Did you mean "mmio-exit"?'],
    ["an impossible cost", ["--cost", "core-frequency=7"], "--cost core-frequency: 7 Hz"],
    ["a cost of 0 that can't be", ["--cost", "core-frequency=0"], "--cost core-frequency: is 0"],
    ["a swept cost that can't be", ["--sweep", "core-frequency=0,1"], "yado: --sweep: is 0"],
    ["a swept size that can't be", ["--sweep", "page-size=4K,64K"], "yado: --sweep: 64 KiB is no page size"],
    ["swept memory that can't be", ["--sweep", "memory=4M"], "yado: --sweep: 4 MiB are too little memory"],
    ["far too large an IOTLB", ["--iotlb-entries", "1000000"], "--iotlb-entries: an IOTLB of 1000000 entries"],
    ["no cycles", ["--max-cycles", "0"], "--max-cycles:"],
    ["a full device for JSON", ["--json", "/dev/full/x"], "--json: can't write into /dev/full"],
    ["too large an IOTLB", ["--iotlb-entries", "5000"], "--iotlb-entries: an IOTLB of 5000 entries. Give at most 4096"],
    ["an IOTLB of broken sets", ["--iotlb-ways", "3"], "64 entries don't divide into sets of 3"],
    ["a cost without value", ["--cost", "mmio-exit"], "Write name=value"],
    ["a sweep of nothing known", ["--sweep", "iotlb=1,2"], 'nothing to vary is called "iotlb"'],
    ["a sweep without values", ["--sweep", "qd"], "Write parameter=values"],
    ["writing without a disk", ["--write"], "there is no image file to write to"],
    ["JSON into no directory", ["--json", "nowhere/out.json"], "--json: can't write into nowhere"],
    ["JSON into a directory", ["--json", "."], "--json: . is no regular file"],
    ["a missing configuration", ["--config", "none.yaml"], "--config: can't open none.yaml"],
    ["a missing guest", ["--guest", "none.elf"], "--guest: can't open none.elf"],
    ["an argument too many", ["disk.img"], "too many arguments"],
  ])("%s", (_, args, message) => {
    expect(refused(["compare", ...args])).toContain(message);
  });

  test("an empty disk", () => {
    expect(refused(["compare", "--disk", "d"], { d: "" })).toContain(
      "d: the disk image is empty. Give a file of at least 512",
    );
  });

  test("a disk of odd size", () => {
    expect(refused(["compare", "--disk", "d"], { d: "x".repeat(700) })).toContain(
      "the disk image has 700 bytes, 188 more than whole sectors of 512. Pad it, as with `truncate -s %512 FILE`",
    );
  });

  test("a guest that is no RISC-V program", () => {
    expect(refused(["compare", "--guest", "g"], { g: "#!/bin/sh\n" })).toContain("g: not an ELF file");
    expect(refused(["compare", "--guest", process.execPath])).toContain("for another machine");
  });

  test("JSON over the disk", () => {
    expect(refused(["compare", "--disk", "disk.img", "--json", "disk.img"], disk)).toContain(
      "disk.img is read by this run",
    );
  });

  test("more bytes than the disk has", () => {
    expect(refused(["compare", "--disk", "disk.img", "--total", "1M"], disk)).toContain(
      "more than the 4 KiB of the disk",
    );
  });

  test("a mistake in the configuration file", () => {
    expect(refused(["compare", "--config", "c"], { c: "workload:\n  bz: 4K\n" })).toContain(
      'c:2:3: workload.bz: unknown key "bz". Did you mean "bs"?',
    );
    expect(refused(["compare", "--config", "c"], { c: "workload:\n  bs: 700\n" })).toMatch(
      /c:2:3: workload\.bs: requests of 700 B/,
    );
  });
});

test("values of a sweep are pointed at in the file", () => {
  const sweep = (parameter: string, values: string) => ({
    c: `modes: [native]\nsweep:\n  parameter: ${parameter}\n  values: ${values}\n`,
    s: `guests: [{ mode: emulated }]\nsweep:\n  parameter: ${parameter}\n  values: ${values}\n`,
  });
  for (const [parameter, values, problem] of [
    ["qd", "[1, many]", '"many" is no number'],
    ["page-size", "[4K, 64K]", "64 KiB is no page size"],
    ["bs", "[4K, 700]", "requests of 700 B"],
    ["core-frequency", "[10000000, 7]", "7 Hz"],
  ]) {
    const files = sweep(parameter, values);
    expect(refused(["compare", "--config", "c"], files)).toContain(`sweep.values[1]: ${problem}`);
    expect(refused(["run", "--scenario", "s"], files)).toMatch(/: s:4:\d+: sweep\.values\[1\]: /);
  }
});

test("numbers that JSON doesn't know are shown as they were written", () => {
  expect(refused(["compare", "--config", "c"], { c: "machine: { costs: .inf }\n" })).toContain(
    "machine.costs: .inf doesn't fit",
  );
});

describe("run", () => {
  test("no scenario", () => {
    expect(refused(["run"])).toContain("there is nothing to run. Name a kernel with --kernel, or a scenario");
    expect(refused(["run", "--scenario", "none.yaml"])).toContain("there is no such file");
  });

  test("a typo in the scenario", () => {
    expect(refused(["run", "--scenario", "s"], { s: "guests:\n  - mode: emulated\n    disc: a\n" })).toContain(
      's:3:5: guests[0].disc: unknown key "disc". Did you mean "disk"?',
    );
  });

  test("a disk that the scenario names and that isn't there", () => {
    const s = "disks: [{ name: d, file: none.img }]\nguests: [{ mode: emulated }]\n";
    expect(refused(["run", "--scenario", "s"], { s })).toMatch(
      /s:1:20: disks\[0\]\.file: can't open .*none\.img: there is no such file/,
    );
  });
});

describe("attack", () => {
  test.each<[string, string[], string]>([
    ["native", ["--modes", "native"], 'unknown value "native"'],
    ["an unknown target", ["--target", "vm"], 'Did you mean "vmm"?'],
  ])("%s", (_, args, message) => {
    expect(refused(["attack", ...args])).toContain(message);
  });
});

test("a guest that makes no attack: said, and exit code 1", () => {
  const { status, stdout } = yado(["attack", "--quiet", "--modes", "emulated", "--target", "vmm", "--guest", hello]);
  expect(status).toBe(1);
  expect(stdout).toContain("No attack on vmm was made under emulated");
});

test.each([
  ["standard output", [], { out: "/dev/full" }, "yado: can't write to standard output: there is no space left\n"],
  ["JSON", ["--json", "/dev/full"], {}, /^yado: --json: can't write \/dev\/full: there is no space left\./],
])("no room for %s: one line, exit code 2", (_, more, { out }: { out?: string }, message) => {
  const args = ["compare", "--quiet", "--modes", "native", "--size", "64K", "--no-caches", ...more];
  const stdout = openSync(out ?? "/dev/null", "w");
  const run = spawnSync(process.execPath, [join(ROOT, "bin/yado.mjs"), ...args], {
    encoding: "utf8",
    stdio: ["ignore", stdout, "pipe"],
  });
  closeSync(stdout);
  expect(run).toMatchObject({ status: 2, stderr: expect.stringMatching(message) });
  expect(run.stderr.trimEnd().split("\n")).toHaveLength(1);
});

test("an unknown command", () => {
  expect(refused(["compre"])).toContain("(Did you mean compare?)");
});

test("a guest without a result fails, with a report and exit code 1", () => {
  const { status, stdout } = yado(["compare", "--quiet", "--modes", "native", "--guest", hello, "--size", "64K"]);
  expect(status).toBe(1);
  expect(stdout).toContain("native: the guest shut down without a result");
});
