// The experiments of claims: each run once, verdicts judged again with other costs, and what is printed.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { CLAIMS } from "../../src/claims/claims.js";
import { claimsHtml } from "../../src/claims/html.js";
import type { ClaimReport, ClaimsReport, PartReport } from "../../src/claims/report.js";
import { allHold } from "../../src/claims/report.js";
import { runClaims } from "../../src/claims/run.js";
import { claimsText } from "../../src/claims/text.js";
import type { Claim } from "../../src/claims/types.js";
import { scenarioSchema } from "../../src/scenario/schema.js";
import type { RunConfig } from "../../src/scenario/types.js";
import { parseYaml } from "../../src/scenario/yaml-source.js";
import { fakeRunner } from "../scenario/fake-runner.js";
import { claim, part } from "./figures.js";

const FILES = new URL("../../scenarios/claims/", import.meta.url);
const scenario = (name: string) =>
  parseYaml(readFileSync(new URL(`${name}.yaml`, FILES), "utf8"), `${name}.yaml`, scenarioSchema);

/** The report, and the configurations that were run. */
async function ran(claims: readonly Claim[], options: { quick?: boolean; sensitivity?: boolean } = {}) {
  const configs: RunConfig[] = [];
  const fake = fakeRunner();
  const report = await runClaims(
    { claims, quick: options.quick ?? false, sensitivity: options.sensitivity ?? false, kernel: new Uint8Array(1) },
    {
      version: "0",
      scenario,
      run: (config, watch) => {
        configs.push(config);
        return fake(config, watch);
      },
    },
  );
  return { report, configs };
}

test("an experiment that several claims use is run once", async () => {
  const { configs, report } = await ran([claim("S5"), claim("S7"), claim("S8")]);
  const raw = configs.filter(({ guests }) => guests[0].mode === "assigned-raw");
  expect(raw.map(({ nics }) => nics?.length ?? 0)).toEqual([0, 2]);
  expect(report.experiments.map(({ name }) => name)).toEqual([
    "addresses",
    "lan-addresses",
    "lan-stray",
    "streams",
    "lan-stream-out",
    "lan-stream-in",
  ]);
});

test("--quick moves a quarter", async () => {
  const volume = async (quick: boolean) =>
    /total=(\d+)/.exec((await ran([claim("S12")], { quick })).configs[0].guests[0].bootargs)?.[1];
  expect(await volume(false)).toBe("2097152");
  expect(await volume(true)).toBe("524288");
});

test("each cost is halved and raised by half, relative to what the profile has; natively the VMM's costs are no matter", async () => {
  const { configs, report } = await ran([claim("S2")], { sensitivity: true });
  const of = (profile: string) =>
    configs
      .filter((config) => config.profile === profile && config.costs?.["mmio-exit"] !== undefined)
      .map(({ costs, guests }) => [guests[0].mode, costs?.["mmio-exit"]]);
  expect(of("kernel")).toEqual([
    ["emulated", 800],
    ["emulated", 2400],
  ]);
  expect(of("userspace")).toEqual([
    ["emulated", 3750],
    ["emulated", 11250],
  ]);
  expect(report.claims[0].parts[0].sensitivity?.parameters.map(({ cost }) => cost)).toEqual(
    part("S2").sensitivity?.costs,
  );
});

const nothing = () => ({ verdict: "not shown yet", why: "", figures: [] }) as const;

test("every scenario that claims name is there, and has the runs that they want", async () => {
  const { report } = await ran(
    CLAIMS.map(
      (one): Claim => ({ ...one, parts: one.parts.map(({ device, uses }) => ({ device, uses, judge: nothing })) }),
    ),
  );
  expect(report.experiments.filter(({ runs }) => runs.length === 0)).toEqual([]);
});

const disk: PartReport = {
  device: "disk",
  verdict: "doesn't hold",
  why: "Nine tenths & more are left.",
  figures: [{ name: "stream", value: 0.9, unit: "%" }],
  charts: [{ title: "stream", kind: "line", x: "size", y: "MB/s", points: [{ x: "4K", y: 1, series: "native" }] }],
  experiments: ["yado run --scenario scenarios/claims/streams.yaml"],
  costs: ["mmio-exit", "vmm-copy"],
  sensitivity: {
    throughout: false,
    parameters: [
      { cost: "mmio-exit", unit: "cycles", lower: "doesn't hold", higher: "holds" },
      { cost: "vmm-copy", unit: "bytes/cycle", lower: "doesn't hold", higher: "doesn't hold" },
    ],
  },
};
const lan: PartReport = { ...disk, device: "LAN", verdict: "holds", sensitivity: null, costs: [] };
const found: ClaimReport = {
  id: "S3",
  says: "It <collapses>.",
  verdict: "doesn't hold",
  parts: [disk, lan],
  missing: ["serial line: no experiment yet"],
};
const made = (...claims: ClaimReport[]): ClaimsReport => ({
  schema: "yado.claims/1",
  version: "0",
  quick: false,
  claims,
  experiments: [],
  attacks: [],
  costs: [],
});

test("what doesn't hold is printed as such, with what wasn't run and where the verdict flips", () => {
  const text = claimsText(made(found), { width: 120 });
  expect(text).toContain("S3   doesn't hold  (disk: doesn't hold; LAN: holds; serial line: no experiment yet)");
  expect(text).toContain(
    "Flips with mmio-exit +50 % (holds); otherwise the same throughout ±50 % in each of mmio-exit",
  );
  expect(text).toContain("$ yado run --scenario scenarios/claims/streams.yaml");
  expect(text.split("\n").filter((line) => line.length > 120)).toEqual([]);
});

test("a verdict that no change turns holds throughout", () => {
  const sensitivity = { throughout: true, parameters: disk.sensitivity!.parameters };
  const parts = [{ ...disk, verdict: "holds" as const, sensitivity }];
  const text = claimsText(made({ ...found, verdict: "holds", parts }), { width: 120 });
  expect(text).toContain("Holds throughout −50 % and +50 % in each of mmio-exit and vmm-copy.");
});

test("the exit code's question: what isn't shown yet is no failure, what doesn't hold is", () => {
  expect(allHold(made({ ...found, verdict: "not shown yet" }, { ...found, verdict: "holds" }))).toBe(true);
  expect(allHold(made({ ...found, verdict: "holds" }, found))).toBe(false);
});

test("the HTML report has its plots in it, escapes what it says and refers to nothing outside", async () => {
  const html = await claimsHtml(made(found));
  expect(html).toContain("It &lt;collapses&gt;.");
  expect(html).toContain("<svg");
  expect(html).not.toMatch(/https?:\/\/(?!www\.w3\.org\/)|<script|<link|url\(|@import/);
});
