import { expect, test } from "vitest";
import { compareText, runText } from "../../src/metrics/text.js";
import { compare } from "../../src/scenario/compare.js";
import { resolveScenario, runScenario } from "../../src/scenario/scenario.js";
import { scenarioSchema } from "../../src/scenario/schema.js";
import { parseYaml } from "../../src/scenario/yaml-source.js";
import { fakeRunner } from "../scenario/fake-runner.js";
import { compareOptions } from "../scenario/options.js";

const rendered = async (width: number) => {
  const { report } = await compare(compareOptions, { run: fakeRunner(), version: "0" });
  return compareText(report, { width });
};

test.each([120, 140, 160])("no line is wider than %i columns", async (width) => {
  const lines = (await rendered(width)).split("\n");
  expect(lines.filter((line) => line.length > width)).toEqual([]);
});

test("every mode has its line in each table", async () => {
  const lines = (await rendered(160)).split("\n");
  const tables = lines.filter((line) => line.startsWith("mode ")).length;
  expect(lines.filter((line) => line.startsWith("assigned-rewrite "))).toHaveLength(tables);
});

test("ratios against native stand beside the figures", async () => {
  const line = (await rendered(160)).split("\n").find((each) => each.startsWith("emulated"));
  expect(line).toMatch(/617 +×0\.427/);
});

test("colours appear only where they are asked for", async () => {
  expect(await rendered(160)).not.toContain("\u001b");
});

test("rows without I/O show their cycles in all, and dashes for what is per I/O", async () => {
  const { report } = await compare(compareOptions, {
    run: fakeRunner({ idle: ["native"], stop: { native: { kind: "hang" } } }),
    version: "0",
  });
  const lines = compareText(report, { width: 160 }).split("\n");
  expect(lines.find((line) => line.startsWith("native"))).toMatch(/hung +– +–/);
  expect(lines.join("\n")).toContain("in all, where no I/O was reported");
  expect(lines.some((line) => /^native .* 1,088,000 +128,000 +0 +0 +960,000 +0$/.test(line))).toBe(true);
});

test("only guests with the same workload are compared per byte", async () => {
  const file = `
disks: [{ name: a, size: 1M }, { name: b, size: 1M }, { name: c, size: 1M }]
workload: { bs: 64K }
guests:
  - { name: plain, mode: assigned, disk: a }
  - { name: same, mode: emulated, disk: b }
  - { name: other, mode: paravirtual, disk: c, workload: { bs: 4K } }
`;
  const text = async (yaml: string) => {
    const source = parseYaml(yaml, "s.yaml", scenarioSchema);
    const load = { disk: () => new Uint8Array(), kernel: () => new Uint8Array() };
    const scenario = resolveScenario(source, load, () => new Uint8Array(4));
    return runText([await runScenario(scenario, scenario.runs[0], { run: fakeRunner(), version: "0" })], {
      width: 1000,
    });
  };
  expect(await text(file)).toMatch(/Per byte, same \(emulated\) cost the hart .* and plain \(assigned\) /);
  expect(await text(file)).not.toContain("other (paravirtual)");
  expect(await text(file.replace("disk: b }", "disk: b, workload: { hash: none } }"))).not.toContain("Per byte");
});
