import { expect, test } from "vitest";
import { compareText } from "../../src/metrics/text.js";
import { compare } from "../../src/scenario/compare.js";
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
