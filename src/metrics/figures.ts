// The tables of `compare`, `run` and sweeps: one row per mode or guest. Each column is explained in docs/figures.md.
import { isSafe } from "../scenario/workload.js";
import { brief, bytes, grouped, percent, ratio } from "./format.js";
import { type GuestReport, type NetworkFigures, unitOf } from "./report.js";
import { type Column, type ColumnGroup, type Style, type TableOptions, table } from "./table.js";

/** One line of the figures; `labels` stand before it: mode, or guest and mode, or a sweep's value. */
export interface FigureRow {
  readonly labels: readonly string[];
  readonly report: GuestReport;
}

function column(
  title: string,
  cell: (report: GuestReport) => string,
  style?: (report: GuestReport) => Style | undefined,
) {
  const entry: Column<FigureRow> = { title, cell: (row) => cell(row.report) };
  return style ? { ...entry, style: (row: FigureRow) => style(row.report) } : entry;
}

const dim = () => "dim" as const;
const STATUS_STYLE: Record<GuestReport["status"], Style> = {
  ok: "green",
  "wrong-checksum": "red",
  "wrong-data": "red",
  "io-errors": "red",
  failed: "red",
  crashed: "red",
  hung: "red",
  killed: "yellow",
};

/** A figure per operation; a dash without operations. */
const perIo = (report: GuestReport, figure: number) => (report.operations > 0 ? brief(figure) : "–");

/** What operations are called: "I/O", "message", or both. */
function unitsOf(rows: readonly FigureRow[]): string {
  const units = rows.filter(({ report }) => report.operations > 0).map(({ report }) => unitOf(report));
  return [...new Set(units)].sort().join(" or ") || "I/O";
}
/** Whether all operations are messages to or from the peer. */
const allMessages = (rows: readonly FigureRow[]) => unitsOf(rows) === "message";
/** Whether all operations are characters on the serial line. */
const allCharacters = (rows: readonly FigureRow[]) => unitsOf(rows) === "character";

/** Where characters are all that is moved: at the line's other end, and the time of one. */
function serialLine(rows: readonly FigureRow[]): ColumnGroup<FigureRow> {
  const compared = rows.some((row) => row.report.relative);
  const figure = (title: string, of: (serial: GuestReport["serial"]) => string) =>
    column(title, (r) => (r.operations > 0 ? of(r.serial) : "–"));
  const echoed = rows.some(({ report }) => report.serial.echo);
  return {
    heading: "serial line",
    columns: [
      figure("characters/s", (s) => brief(s.charactersPerSecond)),
      ...(compared ? [column("×native", (r) => ratio(r.relative?.throughput), dim)] : []),
      figure("of its rate", (s) => percent(s.ofLineRate)),
      figure("µs each", (s) => brief(s.lineSeconds * 1e6)),
      figure("hart's µs", (s) => brief(s.hartSeconds * 1e6)),
      ...(echoed ? [figure("echo µs", (s) => (s.echo ? brief(s.echo.mean * 1e6) : "–"))] : []),
    ],
  };
}

function throughput(rows: readonly FigureRow[]): ColumnGroup<FigureRow> {
  if (allCharacters(rows)) return serialLine(rows);
  const compared = rows.some((row) => row.report.relative);
  const messages = allMessages(rows);
  return {
    heading: "throughput (machine time)",
    columns: [
      messages
        ? column("Mb/s", (r) => perIo(r, r.throughputMBps * 8))
        : column("MB/s", (r) => perIo(r, r.throughputMBps)),
      ...(compared ? [column("×native", (r) => ratio(r.relative?.throughput), dim)] : []),
      column(messages ? "messages/s" : "IOPS", (r) => perIo(r, r.iops)),
    ],
  };
}

/** Where datagrams are exchanged with the peer. */
function lan(rows: readonly FigureRow[]): ColumnGroup<FigureRow> {
  const figure = (title: string, of: (network: NetworkFigures) => number) =>
    column(title, ({ network }) => (network && network.datagrams > 0 ? brief(of(network)) : "–"));
  const networks = rows.flatMap(({ report: { network } }) => network ?? []);
  const cut = rows.some(({ report: { network, operations } }) => network && network.datagrams !== operations);
  return {
    heading: networks.some(({ roundTrip }) => roundTrip) ? "LAN, round trip in µs" : "LAN",
    columns:
      networks.length === 0
        ? []
        : [
            ...(allMessages(rows) ? [] : [figure("Mb/s", (n) => n.megabitsPerSecond)]),
            figure("packets/s", (n) => n.datagramsPerSecond),
            ...(cut
              ? [figure("exits/packet", (n) => n.exitsPerDatagram), figure("busy/packet", (n) => n.busyPerDatagram)]
              : []),
            ...(networks.some(({ lost }) => lost > 0) ? [figure("lost", (n) => n.lost)] : []),
            ...(networks.some(({ roundTrip }) => roundTrip)
              ? [
                  figure("mean", ({ roundTrip }) => roundTrip?.mean ?? 0),
                  figure("longest", ({ roundTrip }) => roundTrip?.most ?? 0),
                ]
              : []),
          ],
  };
}

function cycles(rows: readonly FigureRow[]): ColumnGroup<FigureRow> {
  const compared = rows.some((row) => row.report.relative);
  const shared = rows.some(({ report }) => report.elsewhere > 0 && report.operations > 0);
  const per = (name: keyof GuestReport["perOperation"]) => (r: GuestReport) => perIo(r, r.perOperation[name]);
  return {
    heading: `cycles per ${unitsOf(rows)}`,
    columns: [
      column("all", per("cycles")),
      ...(compared ? [column("×native", (r) => ratio(r.relative?.cycles), dim)] : []),
      column("guest", per("guest")),
      column("exit", per("exit")),
      column("VMM", per("vmm")),
      column("idle", per("idle")),
      ...(shared ? [column("others", (r) => perIo(r, r.elsewhere / r.operations))] : []),
      column("busy", per("busy")),
      ...(compared ? [column("×native", (r) => ratio(r.relative?.busy), dim)] : []),
    ],
  };
}

function exits(rows: readonly FigureRow[]): ColumnGroup<FigureRow> {
  const reasons = [...new Set(rows.flatMap((row) => Object.keys(row.report.exits)))].sort();
  return {
    heading: `exits per ${unitsOf(rows)}`,
    columns: [
      column("all", (r) => perIo(r, r.perOperation.exits)),
      ...reasons.map((reason) => column(reason, (r) => perIo(r, (r.exits[reason] ?? 0) / r.operations))),
    ],
  };
}

const iotlb: ColumnGroup<FigureRow> = {
  heading: "IOTLB",
  columns: [
    column("hits", (r) => grouped(r.iotlb.hits)),
    column("misses", (r) => grouped(r.iotlb.misses)),
    column("walk refs", (r) => grouped(r.iotlb.walkReferences)),
  ],
};
const interrupts: ColumnGroup<FigureRow> = {
  heading: "interrupts",
  columns: [
    column("raised", (r) => grouped(r.interrupts.raised)),
    column("injected", (r) => grouped(r.interrupts.injected)),
  ],
};
const copies: ColumnGroup<FigureRow> = {
  heading: "VMM",
  columns: [column("copied", (r) => bytes(r.bytesCopied))],
};

/** For guests without operations, whose figures per operation say nothing. */
function totals(rows: readonly FigureRow[]): ColumnGroup<FigureRow> {
  const unfinished = (r: GuestReport) => r.operations === 0 && r.cycles > 0;
  const total = (count: (r: GuestReport) => number) => (r: GuestReport) => (unfinished(r) ? grouped(count(r)) : "–");
  return {
    heading: "in all, where no I/O was reported",
    columns: rows.some(({ report }) => unfinished(report))
      ? [
          column(
            "cycles",
            total((r) => r.cycles),
          ),
          column(
            "guest",
            total((r) => r.cyclesBy.guest),
          ),
          column(
            "exit",
            total((r) => r.cyclesBy.exit),
          ),
          column(
            "VMM",
            total((r) => r.cyclesBy.vmm),
          ),
          column(
            "idle",
            total((r) => r.cyclesBy.idle),
          ),
          column(
            "exits",
            total((r) => r.exitsTotal),
          ),
        ]
      : [],
  };
}

/** "crc32c:1a2b3c4d", or sixteen characters of a longer one. */
function shortened(checksum: string): string {
  const [name, digits = ""] = checksum.split(":");
  return checksum.length > 24 ? `${name}:${digits.slice(0, 12)}…`.slice(0, 24) : checksum;
}

const outcome: ColumnGroup<FigureRow> = {
  heading: "guest",
  columns: [
    { ...column("driver", (r) => r.driver), align: "left" },
    { ...column("checksum", (r) => (r.checksum ? shortened(r.checksum) : "–")), align: "left" },
    {
      ...column(
        "status",
        (r) => (r.status === "ok" ? "ok" : r.status.replaceAll("-", " ")),
        (r) => (isSafe(r.modes) ? STATUS_STYLE[r.status] : r.status === "ok" ? "green" : "yellow"),
      ),
      align: "left",
    },
  ],
};

/** Renders the figures; `titles` name the labels. */
export function figures(titles: readonly string[], rows: readonly FigureRow[], options: TableOptions): string {
  const key: ColumnGroup<FigureRow> = {
    heading: "",
    columns: titles.map((title, i) => ({ title, align: "left", cell: (row) => row.labels[i], style: () => "bold" })),
  };
  return table(
    key,
    [outcome, throughput(rows), lan(rows), cycles(rows), exits(rows), iotlb, interrupts, copies, totals(rows)],
    rows,
    options,
  );
}
