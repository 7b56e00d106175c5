import { expect, test } from "vitest";
import { type ColumnGroup, type Paint, table } from "../../src/metrics/table.js";

interface Row {
  name: string;
  count: number;
}

const rows: Row[] = [
  { name: "a", count: 1 },
  { name: "longer", count: 1000 },
];
const key: ColumnGroup<Row> = { heading: "", columns: [{ title: "name", align: "left", cell: (row) => row.name }] };
const counts = (heading: string): ColumnGroup<Row> => ({
  heading,
  columns: [
    { title: "n", cell: (row) => String(row.count) },
    { title: "2n", cell: (row) => String(2 * row.count) },
  ],
});

test("columns are aligned, under titles and a heading for each group", () => {
  expect(table(key, [counts("counts")], rows, { width: 80 })).toBe(
    [
      "         counts",
      "name        n    2n",
      "──────   ──────────",
      "a           1     2",
      "longer   1000  2000",
      "",
    ].join("\n"),
  );
});

test("groups that don't fit beside each other go below, with the key before them", () => {
  const text = table(key, [counts("first"), counts("second")], rows, { width: 25 });
  expect(text.split("\n").filter((line) => line.startsWith("longer"))).toHaveLength(2);
  expect(Math.max(...text.split("\n").map((line) => line.length))).toBeLessThanOrEqual(25);
});

test("groups that fit stand side by side", () => {
  const text = table(key, [counts("first"), counts("second")], rows, { width: 40 });
  expect(text.split("\n").filter((line) => line.startsWith("longer"))).toHaveLength(1);
});

test("paint changes nothing but adds marks", () => {
  const marked: Paint = (style, value) => `<${style}>${value}</${style}>`;
  const painted = table(key, [counts("counts")], rows, { width: 80, paint: marked });
  expect(painted).toContain("<bold>");
  expect(painted.replaceAll(/<\/?\w+>/g, "")).toBe(table(key, [counts("counts")], rows, { width: 80 }));
});

test("no line ends in a space", () => {
  const text = table(key, [counts("counts")], rows, { width: 80 });
  expect(text.split("\n").filter((line) => line.endsWith(" "))).toEqual([]);
});
