// Plain-text tables: groups of columns, packed side by side as far as the width allows, stacked beyond that.

export type Style = "bold" | "dim" | "red" | "green" | "yellow";
/** Dresses text for a terminal; `plain` for everything else. */
export type Paint = (style: Style, text: string) => string;
export const plain: Paint = (_style, text) => text;

export interface Column<Row> {
  readonly title: string;
  readonly align?: "left" | "right";
  cell(row: Row): string;
  style?(row: Row): Style | undefined;
}

/** Columns that belong together under one heading. */
export interface ColumnGroup<Row> {
  readonly heading: string;
  readonly columns: readonly Column<Row>[];
}

export interface TableOptions {
  /** Characters a line may have. A single group may exceed it. */
  readonly width: number;
  readonly paint?: Paint;
}

const GAP = "  ";
const GROUP_GAP = "   ";

interface Laid<Row> {
  readonly group: ColumnGroup<Row>;
  readonly widths: readonly number[];
  readonly width: number;
}

function lay<Row>(group: ColumnGroup<Row>, rows: readonly Row[]): Laid<Row> {
  const widths = group.columns.map((column) =>
    Math.max(column.title.length, ...rows.map((row) => column.cell(row).length)),
  );
  const own = widths.reduce((sum, width) => sum + width, 0) + GAP.length * (widths.length - 1);
  const width = Math.max(own, group.heading.length);
  widths[widths.length - 1] += width - own;
  return { group, widths, width };
}

function pad(text: string, width: number, align: "left" | "right"): string {
  const space = " ".repeat(Math.max(0, width - text.length));
  return align === "left" ? text + space : space + text;
}

/**
 * Renders `rows` as one table, or as several below one another when `groups` don't fit side by side; `key` stands first
 * in each of them. No trailing spaces, ends with a line feed.
 */
export function table<Row>(
  key: ColumnGroup<Row>,
  groups: readonly ColumnGroup<Row>[],
  rows: readonly Row[],
  options: TableOptions,
): string {
  const first = lay(key, rows);
  const stacks: Laid<Row>[][] = [];
  let room = 0;
  for (const group of groups.filter((candidate) => candidate.columns.length > 0)) {
    const laid = lay(group, rows);
    const needed = GROUP_GAP.length + laid.width;
    if (stacks.length === 0 || needed > room) {
      stacks.push([first]);
      room = options.width - first.width;
    }
    stacks[stacks.length - 1].push(laid);
    room -= needed;
  }
  return stacks.map((stack) => render(stack, rows, options.paint ?? plain)).join("\n");
}

function render<Row>(stack: readonly Laid<Row>[], rows: readonly Row[], paint: Paint): string {
  const join = (parts: readonly string[]) => `${parts.join(GROUP_GAP).trimEnd()}\n`;
  const headings = stack.map(({ group, width }) => pad(group.heading, width, "left"));
  const titles = stack.map(({ group, widths }) =>
    group.columns.map((column, i) => pad(column.title, widths[i], column.align ?? "right")).join(GAP),
  );
  const rules = stack.map(({ width }) => "─".repeat(width));
  const lines = rows.map((row) =>
    stack
      .map(({ group, widths }) =>
        group.columns
          .map((column, i) => {
            const text = pad(column.cell(row), widths[i], column.align ?? "right");
            const style = column.style?.(row);
            return style ? paint(style, text) : text;
          })
          .join(GAP),
      )
      .join(GROUP_GAP)
      .trimEnd(),
  );
  return (
    paint("bold", join(headings).trimEnd()) +
    "\n" +
    join(titles) +
    paint("dim", join(rules).trimEnd()) +
    "\n" +
    lines.map((line) => `${line}\n`).join("")
  );
}
