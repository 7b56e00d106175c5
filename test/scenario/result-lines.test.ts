// The probe's lines for machines; the text is a guest's and may be anything.
import { expect, test } from "vitest";
import { countOf, taggedLines } from "../../src/scenario/result-lines.js";

test("key=value words behind the tag, line by line", () => {
  const text = "probe: hello\r\nyado-result workload=checksum bytes=512 checksum=crc32c:1=2\r\nyado-results a=1\n";
  expect(taggedLines(text, "yado-result")).toEqual([{ workload: "checksum", bytes: "512", checksum: "crc32c:1=2" }]);
  expect(taggedLines("yado-attack op=read\nyado-attack op=write", "yado-attack")).toHaveLength(2);
  expect(taggedLines("", "yado-result")).toEqual([]);
});

test("a count is whole and not negative, anything else is none", () => {
  const line = { good: "12", negative: "-1", half: "1.5", huge: "1e300", word: "x", empty: "" };
  expect(Object.keys(line).map((key) => countOf(line, key))).toEqual([12, 0, 0, 0, 0, 0]);
  expect(countOf(line, "missing")).toBe(0);
  expect(countOf(undefined, "good")).toBe(0);
});
