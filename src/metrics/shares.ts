// How devices were shared out, as tables: each guest's weight and limits, and what it was given while all wanted something.
import type { RunReport } from "../scenario/scenario.js";
import type { GuestShare } from "../scenario/types.js";
import { brief, percent } from "./format.js";
import { type Column, type TableOptions, table } from "./table.js";

type Shares = RunReport["shares"][number];

/** "20 MB/s, 5,000 IOPS"; a network interface's in Mb/s. */
function limits({ rate, iops }: GuestShare, device: Shares["device"]): string {
  const [unit, factor] = device === "disk" ? ["MB/s", 1e6] : ["Mb/s", 1e6 / 8];
  const words = [
    ...(rate === null ? [] : [`${brief(rate / factor)} ${unit}`]),
    ...(iops === null ? [] : [`${brief(iops)} IOPS`]),
  ];
  return words.join(", ") || "–";
}

/** One device's table, and when its figures were taken. */
function sharesTable(shares: Shares, frequency: number, options: TableOptions): string {
  const { device, begin, end, guests } = shares;
  const seconds = Math.max(0, end - begin) / frequency;
  const sum = guests.reduce((all, guest) => all + guest.commonBytes, 0);
  const weights = guests.reduce((all, { weight }) => all + weight, 0);
  const bits = device === "disk" ? 1e6 : 1e6 / 8;
  const column = (title: string, cell: (guest: GuestShare) => string): Column<GuestShare> => ({ title, cell });
  const micros = (cycles: number) => brief((cycles / frequency) * 1e6);
  const rate = (guest: GuestShare) => (seconds > 0 ? brief(guest.commonBytes / seconds / bits) : "–");
  return table(
    { heading: `${device} ${shares.name}`, columns: [{ ...column("guest", ({ name }) => name), align: "left" }] },
    [
      {
        heading: "is to have",
        columns: [
          column("weight", ({ weight }) => brief(weight)),
          column("of all", ({ weight }) => percent(weight / weights)),
          column("at most", (guest) => limits(guest, device)),
        ],
      },
      {
        heading: "had, with all at work",
        columns: [
          column("of all", ({ commonBytes }) => (sum > 0 ? percent(commonBytes / sum) : "–")),
          column(device === "disk" ? "MB/s" : "Mb/s", rate),
        ],
      },
      {
        heading: "waited for its turn, µs",
        columns: [
          column("mean", ({ waited, pieces }) => (pieces > 0 ? micros(waited / pieces) : "–")),
          column("longest", ({ longest }) => micros(longest)),
        ],
      },
    ],
    guests,
    options,
  );
}

/** Tables of all devices that were shared out; empty without any. */
export function sharesText(report: RunReport, options: TableOptions): string {
  const { costs } = report.configuration as { costs?: readonly { name: string; value: number }[] };
  const frequency = costs?.find(({ name }) => name === "core-frequency")?.value ?? 1;
  return report.shares.map((shares) => sharesTable(shares, frequency, options)).join("\n");
}
