import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { UserError } from "../../src/platform/user-error.js";
import { resolveScenario, runScenario } from "../../src/scenario/scenario.js";
import { scenarioSchema } from "../../src/scenario/schema.js";
import { parseYaml } from "../../src/scenario/yaml-source.js";
import { fakeRunner } from "./fake-runner.js";

const load = { disk: () => new Uint8Array(8192), kernel: () => new Uint8Array(4) };
const resolve = (text: string) =>
  resolveScenario(parseYaml(text, "s.yaml", scenarioSchema), load, () => new Uint8Array(4));

/** The message that a scenario is refused with. */
function refusal(text: string): string {
  try {
    resolve(text);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error("accepted");
}

const lines = (...all: string[]) => `${all.join("\n")}\n`;

test("defaults: one generated disk, the probe, 64 MiB", () => {
  const { runs } = resolve("guests: [{ mode: emulated }]\n");
  const [{ config }] = runs;
  expect(config.guests[0]).toMatchObject({ name: "guest0", mode: "emulated", ram: 0x400_0000, disk: 0 });
  expect(config.disks?.[0].size).toBe(0x80_0000);
});

test("guests that share a disk get equal parts of it", () => {
  const [{ config }] = resolve(
    lines("disks: [{ name: d, size: 10K }]", "guests:", " - mode: emulated", " - mode: paravirtual"),
  ).runs;
  expect(config.guests.map((guest) => guest.range)).toEqual([
    { start: 0, length: 4096 },
    { start: 4096, length: 4096 },
  ]);
});

test("an unknown key is named with its place and its neighbour", () => {
  expect(refusal(lines("guests:", "  - mode: emulated", "    memroy: 64M"))).toBe(
    's.yaml:3:5: guests[0].memroy: unknown key "memroy". Did you mean "memory"? Known: name, mode, disk, nic, serial, range, memory, kernel, workload',
  );
});

test("a wrong word is named with the words that fit", () => {
  expect(refusal(lines("guests:", "  - mode: emulate"))).toMatch(
    /^s\.yaml:2:5: guests\[0\]\.mode: "emulate" isn't one of its values\. Did you mean "emulated"\?/,
  );
});

test("a mode may be given per device", () => {
  const [{ config, guests }] = resolve(
    lines("guests:", "  - mode: { disk: assigned, nic: paravirtual }", "    disk: disk", "    nic: lan"),
  ).runs;
  expect(guests[0].modes).toEqual({ disk: "assigned", nic: "paravirtual", serial: "emulated" });
  expect(config.guests[0]).toMatchObject({ mode: { disk: "assigned", nic: "paravirtual" }, disk: 0, nic: 0 });
  const wrong = (mode: string) => refusal(lines("guests:", `  - mode: ${mode}`, "    disk: disk", "    nic: lan"));
  expect(wrong("{ disk: asigned, nic: assigned }")).toMatch(
    /^s\.yaml:2:13: guests\[0\]\.mode\.disk: "asigned" isn't one of its values\. Did you mean "assigned"\?/,
  );
  expect(wrong("{ dsk: assigned }")).toMatch(/unknown key "dsk". Did you mean "disk"\?/);
  expect(wrong("{ disk: assigned }")).toMatch(/^s\.yaml:2:5: guests\[0\]\.mode: no mode for its network interface/);
});

test("a disk's interface is its controller and the driver of guests; a sweep may vary it", () => {
  const disk = "disks: [{ name: d, interface: ata, size: 8K }]";
  const guests = "guests: [{ mode: emulated }, { mode: paravirtual }]";
  const [{ config }] = resolve(lines(disk, guests)).runs;
  expect(config.disks?.[0].interface).toBe("ata");
  expect(config.guests.map(({ bootargs }) => /driver=\S+/.exec(bootargs)?.[0])).toEqual([
    "driver=ata",
    "driver=virtio",
  ]);
  const { runs } = resolve(lines(disk, guests, "sweep: { parameter: interface, values: [nvme, ata] }"));
  expect(runs.map((run) => run.config.disks?.[0].interface)).toEqual(["nvme", "ata"]);
  expect(runs.map((run) => /driver=\S+/.exec(run.config.guests[0].bootargs)?.[0])).toEqual([
    "driver=nvme",
    "driver=ata",
  ]);
  expect(refusal(lines(guests, "sweep: { parameter: interface, values: [atta] }"))).toMatch(
    /"atta".*Did you mean "ata"/s,
  );
});

test("a wrong type says what is expected", () => {
  expect(refusal(lines("guests:", "  - mode: emulated", "    workload: { qd: many }"))).toMatch(
    /^s\.yaml:3:17: guests\[0\]\.workload\.qd: "many" doesn't fit: expected number.* Expected: requests in flight$/,
  );
  expect(refusal(lines("guests:", "  - mode: emulated", "    memory: lots"))).toContain(
    '"lots" is no size. Expected: guest RAM',
  );
});

test("a missing part is named", () => {
  expect(refusal("title: nothing\n")).toMatch(/^s\.yaml:1:1: guests: missing\. Expected: the guests/);
  expect(refusal(lines("guests:", "  - name: a"))).toMatch(/^s\.yaml:2:5: guests\[0\]\.mode: missing/);
});

test("all mistakes are named at once", () => {
  const message = refusal(lines("titel: x", "guests:", "  - mode: nativ"));
  expect(message.split("\n")).toHaveLength(2);
});

test("broken YAML is located", () => {
  expect(refusal("guests: [\n")).toMatch(/^s\.yaml:2:1: /);
});

test("a dedicated disk can't be shared", () => {
  expect(refusal(lines("guests:", " - mode: assigned", " - mode: emulated"))).toContain(
    's.yaml:2:4: guests[0].mode: mode assigned dedicates disk "disk", but guest1 uses it too',
  );
});

test("native stands alone", () => {
  expect(refusal(lines("guests:", " - mode: native", " - mode: emulated"))).toContain("owns the whole machine");
});

test.each([
  ["{ start: 0, length: 100 }", "isn't made of whole sectors"],
  ["{ start: 0, length: 1G }", "beyond the 8388608 of disk"],
  ["{ start: 4M, length: 1M }", "overlaps that of guest0"],
])("range %s: %s", (range, problem) => {
  const text = lines(
    "guests:",
    " - { mode: emulated, range: { start: 0, length: 8M } }",
    ` - { mode: emulated, range: ${range} }`,
  );
  expect(refusal(text)).toContain(problem);
});

test.each([
  ["{ mode: emulated, disk: dsk }", 'no disk is called "dsk". Did you mean "disk"?'],
  ["{ mode: emulated, name: vmm }", "a word of the report"],
  ["{ mode: emulated, memory: 4M }", "too little memory"],
  ["{ mode: emulated, memory: 65M }", "Give a multiple of 4 MiB"],
  ["{ mode: emulated, memory: 4G }", "don't fit into the machine"],
  ["{ mode: emulated, workload: { bs: 700 } }", "Give a multiple of 512 bytes"],
  ["{ mode: emulated, workload: { total: 1G } }", "more than the 8 MiB of the disk"],
])("guest %s: %s", (guest, problem) => {
  expect(refusal(`guests: [${guest}]\n`)).toContain(problem);
});

test("a list of sweeps runs every combination, and the mode of all guests may be one of them", () => {
  const { runs, parameter } = resolve(
    lines(
      "sweep:",
      "  - { parameter: mode, values: [native, assigned-raw] }",
      "  - { parameter: qd, values: [1, 2] }",
      "guests: [{ mode: emulated }]",
    ),
  );
  expect(parameter).toBe("mode × qd");
  expect(runs.map(({ values }) => values)).toEqual([
    { mode: "native", qd: "1" },
    { mode: "native", qd: "2" },
    { mode: "assigned-raw", qd: "1" },
    { mode: "assigned-raw", qd: "2" },
  ]);
  expect(runs[3].config).toMatchObject({ allowRaw: true, guests: [{ mode: "assigned-raw" }] });
  expect(runs[3].config.guests[0].bootargs).toContain("qd=2");
});

test.each([
  ["{ paramter: qd, values: [1] }", 'sweep.paramter: unknown key "paramter". Did you mean "parameter"?'],
  ["[{ parameter: qd, vals: [1] }]", 'sweep[0].vals: unknown key "vals". Known: parameter, values'],
  ["[{ parameter: mode, values: [asigned] }]", 'sweep[0].values[0]: no attach mode is called "asigned"'],
  ["[{ parameter: bs, values: [100] }, { parameter: qd, values: [1] }]", "sweep[0].values[0]: requests of 100 B"],
])("a mistake in the sweep %s is found where it is", (sweep, message) => {
  expect(refusal(lines(`sweep: ${sweep}`, "guests: [{ mode: emulated }]"))).toContain(message);
});

test("console sends characters, however small the disk; verify and wait reach the probe", () => {
  const told = (workload: string) =>
    resolve(lines(`workload: ${workload}`, "guests: [{ mode: emulated }]")).runs[0].config.guests[0].bootargs;
  expect(told("{ kind: console, total: 100 }")).toContain("workload=console");
  expect(told("{ kind: console, total: 100 }")).toContain("bytes=100");
  expect(told("{ kind: seqwrite, verify: true, wait: poll }")).toMatch(/verify=1 wait=poll$/);
  expect(told("{ kind: seqread }")).not.toMatch(/bytes=|verify|wait/);
});

test("a sweep runs once per value", () => {
  const { parameter, runs } = resolve(
    lines("sweep: { parameter: iotlb-entries, values: [16, 32] }", "guests: [{ mode: assigned }]"),
  );
  expect(parameter).toBe("iotlb-entries");
  expect(runs.map((run) => run.config.iotlb)).toEqual([{ entries: 16 }, { entries: 32 }]);
  expect(refusal(lines("sweep: { parameter: iotlb-size, values: [1] }", "guests: [{ mode: assigned }]"))).toContain(
    'nothing to vary is called "iotlb-size"',
  );
});

test("a cost that nobody knows is located", () => {
  expect(refusal(lines("machine:", "  costs:", "    mmio-exi: 3", "guests: [{ mode: emulated }]"))).toMatch(
    /^s\.yaml:3:5: machine\.costs\.mmio-exi: no cost is called "mmio-exi"\. Did you mean "mmio-exit"\?/,
  );
});

test("an alias inside what it names is refused", () => {
  expect(refusal(lines("guests: &all", "  - { mode: emulated, workload: *all }"))).toBe(
    "s.yaml:1:1: an alias stands inside what it names. Write it out",
  );
});

test("every guest's checksum is judged against its own part of the disk", async () => {
  const scenario = resolve(
    lines("disks: [{ name: d, size: 64K }]", "guests:", " - mode: emulated", " - mode: paravirtual"),
  );
  const report = await runScenario(scenario, scenario.runs[0], { run: fakeRunner(), version: "0" });
  expect(report.guests.map((guest) => guest.status)).toEqual(["ok", "ok"]);
  expect(report.guests[0].expectedChecksum).not.toBe(report.guests[1].expectedChecksum);
});

const SHIPPED = new URL("../../scenarios/", import.meta.url);
const FILES = readdirSync(SHIPPED, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".yaml"));
test.each(FILES)("scenarios/%s is valid", (name) => {
  expect(resolve(readFileSync(new URL(name, SHIPPED), "utf8")).runs.length).toBeGreaterThan(0);
});
