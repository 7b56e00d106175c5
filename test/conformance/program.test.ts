// System V ABI, "ELF Header": what a file is to a suite.
import { expect, test } from "vitest";
import { programKind } from "../../src/conformance/program.js";
import { header } from "./elf.js";

test("an RV64 executable is a test; those of other machines are skipped, all else is none", () => {
  const kind = (fields: Parameters<typeof header>[0]) => programKind(header(fields)).kind;
  expect(kind({})).toBe("test");
  expect([kind({ machine: 62 }), kind({ bits: 1 }), kind({ data: 2 })]).toEqual(["skip", "skip", "skip"]);
  expect([kind({ type: 3 }), kind({ type: 3, machine: 62 })]).toEqual(["skip", "skip"]);
  expect([kind({ type: 1 }), kind({ type: 4 })]).toEqual(["none", "none"]);
  expect([new Uint8Array(), new Uint8Array(64)].map((file) => programKind(file).kind)).toEqual(["none", "none"]);
});

test("an ELF file that ends within its header is a test, to fail as one", () => {
  expect([4, 19].map((length) => programKind(header({}).subarray(0, length)).kind)).toEqual(["test", "test"]);
});
