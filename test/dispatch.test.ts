// The interpreter is fast because its switch over Op is one jump table: asc makes it only of dense cases, and says nothing
// when it does not.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { Op } from "../assembly/insn/op.js";

const text = (build: string) => readFileSync(fileURLToPath(new URL(`../build/${build}.wat`, import.meta.url)), "utf8");

/** Lengths of all jump tables, the longest first. */
const jumpTables = (wat: string) =>
  [...wat.matchAll(/\bbr_table((?:\s+(?:\$\S+|\d+))+)/g)]
    .map(([, labels]) => labels.trim().split(/\s+/).length)
    .sort((a, b) => b - a);

test.each(["core", "core-flat"])("%s dispatches every operation by one br_table", (build) => {
  // the operations below Op.System that blocks consist of, and a default
  expect(jumpTables(text(build))[0]).toBeGreaterThanOrEqual(Op.System);
});

test.each(["core", "core-flat"])("%s interprets without indirect calls, and never calls the host", (build) => {
  const wat = text(build);
  const from = wat.indexOf("(func $assembly/hart/run/execute");
  const interpreter = wat.slice(from, wat.indexOf("\n (func ", from));
  expect(interpreter).toContain("br_table");
  expect(interpreter).not.toContain("call_indirect");
  expect(wat.match(/\(import "[^"]*" "[^"]*" \((func|memory)/g)).toEqual(['(import "env" "memory" (memory']);
});
