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
    's.yaml:3:5: guests[0].memroy: unknown key "memroy". Did you mean "memory"? Known: name, mode, disk, nic, queues, serial, range, file, share, memory, kernel, workload',
  );
});

test("a physical virtio device under a VMM is named where it is written", () => {
  const disks = ["disks:", "  - { name: d, size: 1M, interface: virtio-mmio }"];
  expect(refusal(lines(...disks, "guests:", "  - mode: paravirtual"))).toMatch(
    /^s\.yaml:2:\d+: disks\[0\]\.interface: a physical virtio-mmio device under a VMM\. /,
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

const fair = (...guest: string[]) =>
  lines(
    "disks: [{ name: d, size: 64K, files: [{ name: f, size: 32K }] }]",
    "guests:",
    ...guest.map((line) => `  ${line}`),
  );

test("shares and files reach the run: rates in powers of 1000, a file as its extents", () => {
  const [{ config }] = resolve(
    lines(
      "disks: [{ name: d, size: 64K, depth: 4, extent: 8K, files: [{ name: a, size: 16K }, { name: b, size: 12K }] }]",
      "nics: [{ name: n, interrupts: 4000 }]",
      "guests:",
      "  - { mode: emulated, file: b, nic: n, share: { disk: { weight: 2, rate: 20M, iops: 5K }, nic: { rate: 100M } } }",
      "  - { mode: paravirtual, file: a }",
    ),
  ).runs;
  expect(config.disks?.[0].depth).toBe(4);
  expect(config.nics).toEqual([{ interrupts: 4000 }]);
  expect(config.guests[0].share).toEqual({ disk: { weight: 2, rate: 20e6, iops: 5000 }, nic: { rate: 100e6 } });
  expect(config.guests.map(({ extents }) => extents)).toEqual([
    [
      { start: 8192, length: 8192 },
      { start: 24_576, length: 4096 },
    ],
    [
      { start: 0, length: 8192 },
      { start: 16_384, length: 8192 },
    ],
  ]);
});

test("a file's image stands on the disk in its extents, and the host's checksum follows them", async () => {
  const image = Uint8Array.from({ length: 12_288 }, (_, i) => i % 251);
  const text = lines(
    "disks: [{ name: d, size: 64K, extent: 4K, files: [{ name: a, size: 16K }, { name: b, image: b.img }] }]",
    "guests: [{ mode: emulated, file: a }, { mode: emulated, file: b }]",
  );
  const source = parseYaml(text, "s.yaml", scenarioSchema);
  const scenario = resolveScenario(source, { ...load, disk: () => image }, () => new Uint8Array(4));
  const disk = scenario.runs[0].disks[0].image;
  expect([disk[4096], disk[12_288], disk[20_480]]).toEqual([image[0], image[4096], image[8192]]);
  const report = await runScenario(scenario, scenario.runs[0], { run: fakeRunner(), version: "1" });
  expect(report.guests[1].expectedChecksum).not.toBe(report.guests[0].expectedChecksum);
});

test.each([
  ["- { mode: emulated }", /guests\[0\]\.disk: disk "d" has files, and the guest names none\. Give it a file/],
  ["- { mode: emulated, file: g }", /guests\[0\]\.file: no file of disk "d" is called "g"/],
  ["- { mode: emulated, file: f, range: { start: 0, length: 512 } }", /range: both a file and a range/],
  ["- { mode: assigned, file: f }", /file: a guest with mode assigned has the whole disk\. Leave file out/],
  ["- { mode: assigned, share: { disk: { weight: 2 } } }", /share\.disk: mode assigned has the whole disk/],
  ["- { mode: emulated, file: f, share: { nic: { weight: 2 } } }", /share\.nic: a share of a network interface for a/],
  ["- { mode: emulated, file: f, share: { disk: { weight: 0 } } }", /share\.disk\.weight: 0 doesn't fit.*above 0/],
  [
    "- { mode: emulated, file: f, share: { disk: { rate: fast } } }",
    /share\.disk\.rate: "fast" is no rate.*powers of 1000/,
  ],
])("a share or file that can't be is refused with place and remedy: %s", (guest, message) => {
  expect(refusal(fair(guest))).toMatch(message);
});

test("two guests can't have one file", () => {
  expect(refusal(fair("- { mode: emulated, file: f }", "- { mode: emulated, file: f }"))).toMatch(
    /guests\[1\]\.file: guest0 has that file\. Give each guest a file of its own/,
  );
});

test.each([
  ["files: [{ name: f }]", /files\[0\]: neither a size nor an image/],
  ["files: [{ name: f, size: 128K }]", /files: files of 128 KiB on a disk of 64 KiB/],
  ["files: [{ name: f, size: 1K }, { name: f, size: 1K }]", /files\[1\]\.name: a second file called "f"/],
  ["extent: 5K, files: [{ name: f, size: 1K }]", /extent: pieces of 5 KiB\. Give a multiple of 4K/],
  ["files: [{ name: f, size: 4K, image: x.img }]", /files\[0\]\.size: the file is smaller than the 8192 bytes/],
])("a disk whose files can't be is refused: %s", (files, message) => {
  expect(refusal(lines(`disks: [{ name: d, size: 64K, ${files} }]`, "guests: [{ mode: emulated, file: f }]"))).toMatch(
    message,
  );
});
