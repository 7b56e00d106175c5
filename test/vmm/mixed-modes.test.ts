// A mode for each device of a guest: disk and network interface of one guest attached differently, beside other guests.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { UserError } from "../../src/platform/user-error.js";
import type { ModeChoice } from "../../src/scenario/modes.js";
import { run } from "../../src/scenario/run.js";
import { resolveScenario, runScenario } from "../../src/scenario/scenario.js";
import { scenarioSchema } from "../../src/scenario/schema.js";
import type { GuestConfig, RunConfig } from "../../src/scenario/types.js";
import { bootargs, defaultWorkload, type WorkloadKind } from "../../src/scenario/workload.js";
import { parseYaml } from "../../src/scenario/yaml-source.js";

const kernel = new Uint8Array(readFileSync(new URL("../../guests/probe/probe.elf", import.meta.url)));
const MIB = 1024 * 1024;

/** A guest with both devices, of which the workload uses one. */
function guest(mode: ModeChoice, kind: WorkloadKind, more: Partial<GuestConfig> = {}): GuestConfig {
  const workload =
    kind === "checksum" ? { ...defaultWorkload, total: MIB } : { ...defaultWorkload, kind, bs: 1472, total: 147_200 };
  return { kernel, mode, disk: 0, nic: 0, bootargs: bootargs(workload, mode), ram: 8 * MIB, ...more };
}

const go = (guests: readonly GuestConfig[], more: Partial<RunConfig> = {}) =>
  run({ core: "flat", disks: [{ size: MIB }, { size: MIB }], nics: [{}, {}], guests, ...more });

test.each<[ModeChoice, string, string]>([
  [{ disk: "assigned", nic: "paravirtual" }, "mmio:virtio-net", "mmio:nvme"],
  [{ disk: "paravirtual", nic: "assigned" }, "mmio:virtio", "mmio:e1000e"],
  [{ disk: "assigned-rewrite", nic: "emulated" }, "mmio:e1000e", "mmio:virtio-net"],
])("%j: disk and network interface each work in their own mode", (mode, trapped, absent) => {
  const [disk, nic] = (["checksum", "netrecv"] as const).map((kind) => go([guest(mode, kind)]).guests[0]);
  expect([disk.stop, nic.stop]).toEqual(Array(2).fill({ kind: "shutdown", code: 0 }));
  expect([disk.result?.errors, nic.result?.errors]).toEqual(["0", "0"]);
  expect(disk).toMatchObject({ mode: "mixed", modes: { ...(mode as object), serial: "emulated" } });
  expect({ ...disk.counters.exits, ...nic.counters.exits }).toHaveProperty([trapped]);
  expect({ ...disk.counters.exits, ...nic.counters.exits }).not.toHaveProperty([absent]);
});

test("guests with crossed modes share one VMM, and what one reads doesn't depend on the other", () => {
  const alone = go([guest({ disk: "assigned", nic: "paravirtual" }, "checksum")]).guests[0];
  const [first, second] = go([
    guest({ disk: "assigned", nic: "paravirtual" }, "checksum"),
    guest({ disk: "paravirtual", nic: "assigned" }, "netrecv", { disk: 1, nic: 1 }),
  ]).guests;
  expect([first.checksum, first.stop]).toEqual([alone.checksum, alone.stop]);
  expect(second.result).toMatchObject({ errors: "0", lost: "0" });
});

const refusals: [ModeChoice, string][] = [
  [{ disk: "assigned" }, "no mode for its network interface"],
  [{ disk: "native", nic: "paravirtual" }, "mode native for only one device"],
  [{ disk: "assigned", nic: "assigned", serial: "native" }, "mode native for the serial line"],
];

test.each(refusals)("%j is refused", (mode, message) => {
  const start = () => go([{ ...guest("emulated", "checksum"), mode }]);
  expect(start).toThrow(UserError);
  expect(start).toThrow(message);
});

test("two guests in one device of a mode that dedicates it are refused, whatever their other devices", () => {
  const start = () =>
    go([
      guest({ disk: "emulated", nic: "assigned" }, "checksum"),
      guest({ disk: "paravirtual", nic: "emulated" }, "checksum"),
    ]);
  expect(start).toThrow("mode assigned takes network interface 0 for itself");
});

test("scenarios/file-server.yaml: files go from disk to peer and back whole, in four mixtures of modes", async () => {
  const url = new URL("../../scenarios/file-server.yaml", import.meta.url);
  const source = parseYaml(readFileSync(url, "utf8"), "file-server.yaml", scenarioSchema);
  const none = () => new Uint8Array();
  const scenario = resolveScenario(source, { disk: none, kernel: none }, () => kernel, { core: "flat" });
  const report = await runScenario(scenario, scenario.runs[0], { run: async (config) => run(config), version: "0" });
  expect(report.guests.map(({ name, status, problem }) => [name, status, problem])).toEqual(
    ["server", "mirror", "old", "oldest"].map((name) => [name, "ok", null]),
  );
  expect(report.guests.map(({ bytes }) => bytes)).toEqual(Array(4).fill(2 * MIB));
  expect(report.peer?.stored.map(({ bytes, missing }) => [bytes, missing])).toEqual(Array(2).fill([2 * MIB, 0]));
});
