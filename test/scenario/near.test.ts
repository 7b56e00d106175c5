import { expect, test } from "vitest";
import { nearest, suggest } from "../../src/scenario/near.js";

const MODES = ["native", "emulated", "assigned", "assigned-service", "paravirtual"];

test.each([
  ["natvie", "native"],
  ["emulate", "emulated"],
  ["asigned", "assigned"],
  ["PARAVIRTUAL", "paravirtual"],
])("%s is taken for %s", (word, meant) => {
  expect(nearest(word, MODES)).toBe(meant);
});

test("a word that is near to none suggests none, but all are listed", () => {
  expect(nearest("zzz", MODES)).toBeUndefined();
  expect(suggest("zzz", ["a", "b"])).toBe("Known: a, b");
});
