// The events of a scenario file: what they become, and what is refused.
import { expect, test } from "vitest";
import { UserError } from "../../src/platform/user-error.js";
import { cycleOf, parseMoment } from "../../src/scenario/quantity.js";
import { resolveScenario } from "../../src/scenario/scenario.js";
import { scenarioSchema } from "../../src/scenario/schema.js";
import { parseYaml } from "../../src/scenario/yaml-source.js";

const load = { disk: () => new Uint8Array(8192), kernel: () => new Uint8Array(4) };
const GUESTS =
  "guests: [{ name: a, mode: emulated, disk: disk, nic: lan }]\nnics: [{ name: lan }]\ndisks: [{ name: disk }]\n";
const resolve = (events: string) =>
  resolveScenario(parseYaml(`${GUESTS}events:\n${events}\n`, "s.yaml", scenarioSchema), load, () => new Uint8Array(4));

function refusal(events: string): string {
  try {
    resolve(events);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error("accepted");
}

test("a moment is a cycle or a time", () => {
  expect(cycleOf(parseMoment("250ns")!, 1.5e9)).toBe(375);
  expect(cycleOf(parseMoment("1.5 ms")!, 1e9)).toBe(1_500_000);
  expect(cycleOf(parseMoment(42)!, 1e9)).toBe(42);
  expect([parseMoment("-1"), parseMoment("3 h"), parseMoment("1.5"), parseMoment("")]).toEqual(
    Array(4).fill(undefined),
  );
});

test("names become indices, times cycles of the run's own clock", () => {
  const [{ config }] = resolve(
    [
      "  - { at: 3ms, guest: a, action: reset }",
      "  - { at: 7, disk: disk, action: reset }",
      "  - { at: 1us, nic: lan, action: link-down }",
    ].join("\n"),
  ).runs;
  expect(config.events).toEqual([
    { at: 4_500_000, guest: 0, action: "reset" },
    { at: 7, disk: 0, action: "reset" },
    { at: 1500, nic: 0, action: "link-down" },
  ]);
});

test("what doesn't fit is refused with its place and a remedy", () => {
  expect(refusal("  - { at: soon, guest: a, action: kill }")).toMatch(
    /^s\.yaml:5:\d+: events\[0\]\.at: "soon" is no moment/,
  );
  expect(refusal("  - { at: 1, guest: b, action: kill }")).toMatch(/events\[0\]\.guest: no guest is called "b"/);
  expect(refusal("  - { at: 1, disk: disk, action: kill }")).toMatch(/"kill" can't happen to a disk\. Give reset/);
  expect(refusal("  - { at: 1, action: kill }")).toMatch(/happens to nobody\. Name one of guest, disk and nic/);
  expect(refusal("  - { at: 1, guest: a, disk: disk, action: reset }")).toMatch(/happens to 2\. Name one of/);
});
