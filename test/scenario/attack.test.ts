import { expect, test } from "vitest";
import { attackText } from "../../src/metrics/attack-text.js";
import { attack, DEFAULT_ATTACK_MODES, withstood } from "../../src/scenario/attack.js";
import type { Runner } from "../../src/scenario/compare.js";
import type { AttachModeName } from "../../src/vmm/types.js";
import { fakeRunner } from "./fake-runner.js";
import { compareOptions } from "./options.js";

const ADDRESS = "0x85010000";

/** Assigned faults at the IOMMU, assigned-service does as it is told, the others refuse. */
const runner: Runner = async (config, watch) => {
  const result = await fakeRunner()(config, watch);
  const [{ mode, bootargs }] = config.guests;
  const op = /attack-op=(\w+)/.exec(bootargs)?.[1] ?? "";
  const open = mode === "assigned-service" && config.attack?.target !== "nowhere";
  const line = { address: ADDRESS, offset: "0", bytes: "4096" };
  const forged = { ...line, op, status: open ? "success" : "data-transfer-error", code: open ? "0x0" : "0x4" };
  const check = { ...line, op: "check", status: "success", code: "0x0", data: "00112233" };
  return {
    ...result,
    guests: [{ ...result.guests[0], attacks: [forged, check] }],
    damage: open && op === "read" ? [{ owner: "vmm", what: "code and data", bytes: 4096, first: Number(ADDRESS) }] : [],
    faults:
      mode === "assigned"
        ? [{ cause: op === "read" ? 23 : 21, deviceId: 8, type: 0, iova: Number(ADDRESS), gpa: Number(ADDRESS) }]
        : [],
  };
};

const run = (modes: readonly AttachModeName[]) =>
  attack(
    { kernel: compareOptions.kernel, modes, targets: ["vmm", "nowhere"], memory: 0x400_0000, machine: {} },
    { run: runner, version: "0" },
  );

test("each mode meets each target, once", async () => {
  const { cases } = await run(DEFAULT_ATTACK_MODES);
  expect(cases.map(({ mode, target }) => `${mode} ${target}`)).toHaveLength(new Set(cases).size);
  expect(cases).toHaveLength(10);
});

test("what changed outside, or got out, is damage; all else is stopped", async () => {
  const { cases } = await run(["assigned", "assigned-service"]);
  expect(cases.map((one) => one.verdict)).toEqual(["stopped", "stopped", "damaged", "stopped"]);
  expect(cases[2]).toMatchObject({ leaked: "00112233", protects: false, deviceAlive: true });
});

test("only a mode that promises protection can fail", async () => {
  expect(withstood(await run(["assigned", "assigned-service"]))).toBe(true);
  const report = await run(["assigned"]);
  expect(withstood({ ...report, cases: report.cases.map((one) => ({ ...one, verdict: "damaged" as const })) })).toBe(
    false,
  );
});

test("the report says whose bytes changed, or which check stopped it", async () => {
  const text = attackText(await run(["emulated", "assigned", "assigned-service"]), { width: 160 });
  expect(text).toContain("4 KiB changed in the memory of vmm (code and data), first at 0x85010000");
  expect(text).toContain("cause 23 (write/AMO guest-page fault), device 8, address 0x85010000");
  expect(text).toContain("refused by the VMM's check: read data-transfer-error and write data-transfer-error");
  expect(text).toContain("assigned-service let the attack on vmm through");
});

test("a guest that makes no attack shows nothing, and that is a failure", async () => {
  const options = { kernel: compareOptions.kernel, modes: ["emulated" as const], memory: 0x400_0000, machine: {} };
  const report = await attack({ ...options, targets: ["vmm", "guest"] }, { run: fakeRunner(), version: "0" });
  expect(report.cases.map(({ verdict }) => verdict)).toEqual(["none", "none"]);
  expect(withstood(report)).toBe(false);
  const text = attackText(report, { width: 160 });
  expect(text).toContain("No attack on vmm and guest was made under emulated: this shows nothing about the mode.");
  expect(text).not.toContain("kept every forged address");
});

test("native has nobody to attack", async () => {
  await expect(run(["native"])).rejects.toThrow("no mode with a VMM");
});
