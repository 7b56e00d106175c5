// `yado compare` on the real machine.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { generatedBytes } from "../../src/backends/disk-image.js";
import { checksum } from "../../src/metrics/checksum.js";
import type { CompareReport } from "../../src/scenario/compare.js";
import { ROOT, scratch, yado } from "./command.js";

const SMALL = ["--bs", "4K", "--total", "64K", "--quiet"];

test("an own disk: every safe mode reads what the file holds, and the file stays as it is", async () => {
  const cwd = scratch();
  const image = generatedBytes(100 * 512, 7);
  writeFileSync(join(cwd, "disk.img"), image);
  const { status, stdout } = yado(["compare", "--disk", "disk.img", "--quiet", "--json", "out.json"], { cwd });
  expect(status).toBe(0);
  const report = JSON.parse(readFileSync(join(cwd, "out.json"), "utf8")) as CompareReport;
  const expected = await checksum("crc32c", image);
  expect(report.modes.map((mode) => mode.checksum)).toEqual(Array(6).fill(expected));
  expect(stdout).toContain("All 6 checksums");
  expect(readFileSync(join(cwd, "disk.img"))).toEqual(Buffer.from(image));
  expect(readdirSync(cwd).sort()).toEqual(["disk.img", "out.json"]);
});

test("SHA-256 agrees as well", () => {
  const { status, stdout } = yado([
    "compare",
    "--hash",
    "sha256",
    "--modes",
    "native",
    "--size",
    "4K",
    "--bs",
    "4K",
    "--quiet",
  ]);
  expect(status).toBe(0);
  expect(stdout).toContain("native's checksum (sha256:");
});

test("the tables fit, and progress goes to standard error", () => {
  const { stdout, stderr } = yado(["compare", "--bs", "4K", "--total", "64K", "--modes", "native,emulated"]);
  expect(stdout.split("\n").filter((line) => line.length > 160)).toEqual([]);
  expect(stderr).toContain("native: 0 of 64 KiB\n");
  expect(stderr).toContain("emulated: done\n");
  expect(stdout).not.toContain("done");
});

test("a workload that writes changes the file only with --write, and then as all modes left it", async () => {
  const cwd = scratch();
  const path = join(cwd, "disk.img");
  const image = generatedBytes(65536, 3);
  writeFileSync(path, image);
  const args = [
    "compare",
    "--disk",
    "disk.img",
    "--workload",
    "seqwrite",
    "--modes",
    "native,emulated,paravirtual",
    ...SMALL,
  ];
  expect(yado(args, { cwd })).toMatchObject({ status: 0 });
  expect(readFileSync(path)).toEqual(Buffer.from(image));
  const { status, stdout, stderr } = yado([...args, "--write"], { cwd });
  expect(status).toBe(0);
  expect(stderr).toContain("disk.img: written");
  const after = await checksum("crc32c", readFileSync(path));
  expect(stdout).toContain(`Every mode left the same bytes on the disk (${after}), as the host had foretold.`);
  expect(after).not.toBe(await checksum("crc32c", image));
});

test("assigned-raw: a wrong checksum is shown, with whose memory was hit, and is no failure of ours", () => {
  const { status, stdout } = yado(["compare", "--modes", "native,assigned-raw", ...SMALL]);
  expect(status).toBe(0);
  expect(stdout).toContain("wrong checksum");
  expect(stdout).toMatch(/Under assigned-raw the device wrote .* of the memory of/);
});

test("--json - prints JSON and nothing else", () => {
  const { stdout } = yado(["compare", "--modes", "native", "--json", "-", ...SMALL]);
  expect(JSON.parse(stdout)).toMatchObject({ schema: "yado.compare/1", modes: [{ mode: "native", status: "ok" }] });
});

test("a sweep shows every value, and that the IOTLB misses less when it is larger", () => {
  const sweep = [
    "--sweep",
    "iotlb-entries=16,256",
    "--page-size",
    "4K",
    "--workload",
    "seqread",
    "--bs",
    "16K",
    "--qd",
    "16",
  ];
  const { status, stdout } = yado([
    "compare",
    "--modes",
    "assigned",
    ...sweep,
    "--size",
    "1M",
    "--json",
    "-",
    "--quiet",
  ]);
  expect(status).toBe(0);
  const { runs } = JSON.parse(stdout) as { runs: { value: string; report: CompareReport }[] };
  expect(runs.map((run) => run.value)).toEqual(["16", "256"]);
  expect(runs[0].report.modes[0].iotlb.misses).toBeGreaterThan(runs[1].report.modes[0].iotlb.misses);
});

test("a configuration file sets what flags leave open", () => {
  const cwd = scratch();
  writeFileSync(
    join(cwd, "c.yaml"),
    "modes: [native, emulated]\nworkload: { bs: 4K, total: 32K }\nmachine: { costs: { mmio-exit: 9999 } }\n",
  );
  const { stdout } = yado(["compare", "--config", "c.yaml", "--modes", "emulated", "--json", "-", "--quiet"], { cwd });
  const report = JSON.parse(stdout) as CompareReport;
  expect(report.modes.map((mode) => mode.mode)).toEqual(["emulated"]);
  expect(report.workload).toMatchObject({ bs: 4096, total: 32768 });
  expect(report.configuration.costs).toContainEqual(expect.objectContaining({ name: "mmio-exit", value: 9999 }));
});

test("a reader who has seen enough is no error", () => {
  const { status, stderr } = spawnSync(
    "sh",
    ["-c", "node bin/yado.mjs compare --modes native --total 64K --quiet | true"],
    {
      cwd: ROOT,
      encoding: "utf8",
    },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
});

test("every command has help with examples", () => {
  for (const name of ["compare", "run", "attack", "schema"]) {
    expect(yado([name, "--help"])).toMatchObject({ status: 0, stdout: expect.stringContaining("Examples:") });
  }
  expect(yado(["--version"]).stdout.trim()).toBe(JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).version);
});

test("the JSON Schema names every key of a scenario", () => {
  const { status, stdout } = yado(["schema"]);
  expect(status).toBe(0);
  expect(Object.keys(JSON.parse(stdout).properties)).toEqual([
    "title",
    "machine",
    "memory",
    "workload",
    "nics",
    "network",
    "serials",
    "disks",
    "guests",
    "sweep",
  ]);
});

test("the scenarios that are shipped run", () => {
  for (const name of readdirSync(join(ROOT, "scenarios")).filter((each) => each.endsWith(".yaml"))) {
    expect(yado(["run", "--scenario", join("scenarios", name), "--quiet"])).toMatchObject({ status: 0, stderr: "" });
  }
  expect(existsSync(join(ROOT, "scenarios/shared-disk.yaml"))).toBe(true);
});

test("a guest that doesn't end is hung, with a report and exit code 1", () => {
  const cwd = scratch();
  writeFileSync(join(cwd, "c.yaml"), "machine: { max-cycles: 1000000 }\n");
  const { status, stdout } = yado(["compare", "--config", "c.yaml", "--modes", "native,emulated", "--quiet"], { cwd });
  expect(status).toBe(1);
  expect(stdout).toContain("native: the guest hung");
  expect(stdout).toContain("emulated: the guest hung");
});

test("limits on cycles can be set by flags, over the file", () => {
  const cwd = scratch();
  const limits = "machine: { max-cycles: 1000000, quiet-cycles: 70000000000 }\n";
  writeFileSync(join(cwd, "c.yaml"), limits);
  writeFileSync(join(cwd, "s.yaml"), `${limits}guests: [{ mode: native }]\ndisks: [{ name: d, size: 64K }]\n`);
  const flags = ["--quiet", "--max-cycles", "2000000"];
  for (const args of [
    ["compare", "--config", "c.yaml", "--modes", "native"],
    ["run", "--scenario", "s.yaml"],
  ]) {
    expect(yado([...args, ...flags], { cwd }).stdout).toContain("not at its end after 2,000,000 cycles (max-cycles)");
  }
  const attack = yado(["attack", "--modes", "emulated", "--target", "vmm", ...flags]);
  expect(attack).toMatchObject({ status: 1, stdout: expect.stringContaining("2,000,000 cycles (max-cycles)") });
});

test("JSON may go to a device, and to standard output by its name", () => {
  const args = ["compare", "--quiet", "--modes", "native", "--size", "64K", "--no-caches"];
  expect(yado([...args, "--json", "/dev/null"])).toMatchObject({ status: 0, stderr: "" });
  expect(JSON.parse(yado([...args, "--json", "/dev/stdout"]).stdout).schema).toBe("yado.compare/1");
});

test.each([
  ["SIGINT", 130, "interrupted"],
  ["SIGTERM", 143, "terminated"],
] as const)("a run that %s ends says so, with %i, and writes nothing", async (signal, expected, word) => {
  const cwd = scratch();
  const args = ["compare", "--modes", "native", "--size", "64M", "--json", "out.json"];
  const run = spawn(process.execPath, [join(ROOT, "bin/yado.mjs"), ...args], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  run.stderr.on("data", (text) => {
    said += text;
    if (said === "native: 0 of 64 MiB\n") run.kill(signal);
  });
  const [status] = await once(run, "close");
  expect({ status, said }).toEqual({
    status: expected,
    said: expect.stringContaining(`yado: ${word}; nothing was written\n`),
  });
  expect(readdirSync(cwd)).toEqual([]);
});
