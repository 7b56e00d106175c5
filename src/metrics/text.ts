// Whole reports as text: a line about what ran, tables, sentences.
import type { CompareReport } from "../scenario/compare.js";
import type { EventReport, RunReport } from "../scenario/scenario.js";
import { spelledModes } from "../scenario/modes.js";
import { isNetwork, isSerial, type Workload } from "../scenario/workload.js";
import { type FigureRow, figures } from "./figures.js";
import { findings, originOf, strays, sweepFindings, whyStopped } from "./findings.js";
import { brief, bytes, grouped, list, percent } from "./format.js";
import { sharesText } from "./shares.js";
import { plain, type TableOptions } from "./table.js";

function described({ workload, disk, modes }: CompareReport): string {
  const { kind, bs, qd, batch, total, hash } = workload;
  if (isSerial(kind)) return `${kind} of ${grouped(total)} characters at ${grouped(modes[0].serial.baud)} baud`;
  const amount = total === 0 && disk ? `all ${bytes(disk.bytes)}` : bytes(total);
  return `${kind} of ${amount}, ${isNetwork(kind) ? "messages" : "requests"} of ${bytes(bs)}, ${qd} in flight${batch > 1 ? ` in batches of ${batch}` : ""}, hash ${hash}`;
}

function paragraphs(sentences: readonly string[], width: number): string {
  return sentences.map((sentence) => `${wrapped(sentence, width)}\n`).join("");
}

function wrapped(sentence: string, width: number): string {
  const lines: string[] = [];
  let line = "•";
  for (const word of sentence.split(" ")) {
    if (line.length + 1 + word.length > width) {
      lines.push(line);
      line = ` `;
    }
    line += ` ${word}`;
  }
  return [...lines, line].join("\n");
}

/** What `yado compare` prints. */
export function compareText(report: CompareReport, options: TableOptions): string {
  const rows = report.modes.map((mode): FigureRow => ({ labels: [mode.mode], report: mode }));
  const paint = options.paint ?? plain;
  return [
    `${paint("bold", "Yado")} ${report.version}: ${described(report)}\n`,
    figures(["mode"], rows, options),
    paragraphs(findings(report), options.width),
  ].join("\n");
}

/** What `yado compare --sweep` prints: a row per value and mode. */
export function sweepText(
  parameter: string,
  runs: readonly { readonly value: string; readonly report: CompareReport }[],
  options: TableOptions,
): string {
  const rows = runs.flatMap(({ value, report }) =>
    report.modes.map((mode): FigureRow => ({ labels: [value, mode.mode], report: mode })),
  );
  const [{ report }] = runs;
  return [
    `Yado ${report.version}: ${described(report)}; varying ${parameter}\n`,
    figures([parameter, "mode"], rows, options),
    paragraphs(
      sweepFindings(
        parameter,
        rows.map(({ labels: [value, subject], report: mode }) => ({ value, subject, report: mode })),
      ),
      options.width,
    ),
  ].join("\n");
}

/** What `yado run` prints: a row per guest, or per value of the sweep and guest. */
export function runText(reports: readonly RunReport[], options: TableOptions): string {
  const [first] = reports;
  const swept = first.sweep?.parameter;
  const rows = reports.flatMap((report) =>
    report.guests.map(
      (guest): FigureRow => ({
        labels: [...(report.sweep ? [report.sweep.value] : []), guest.name, spelledModes(guest.modes)],
        report: guest,
      }),
    ),
  );
  const isMixed = rows.some(({ report }) => report.mode === "mixed");
  const titles = [...(swept === undefined ? [] : [swept]), "guest", isMixed ? "mode (disk + nic)" : "mode"];
  const disks = first.disks.map((disk) => `${disk.name} (${bytes(disk.bytes)})`).join(", ");
  return [
    `Yado ${first.version}: ${[first.title || "scenario", disks, swept && `varying ${swept}`].filter(Boolean).join("; ")}\n`,
    figures(titles, rows, options),
    ...reports.filter(({ shares }) => shares.length > 0).map((report) => sharesText(report, options)),
    paragraphs(
      swept === undefined
        ? runFindings(first)
        : sweepFindings(
            swept,
            rows.map(({ labels: [value, subject], report }) => ({ value, subject, report })),
          ),
      options.width,
    ),
  ].join("\n");
}

function runFindings(report: RunReport): string[] {
  const { cycles, cyclesBy, guests } = report;
  const wrong = guests.filter((guest) => guest.status === "wrong-checksum");
  const whole = (workload: string, sentence: (names: string) => string) => {
    const names = guests
      .filter((guest) => guest.workload === workload && guest.status === "ok")
      .map(({ name }) => name);
    return names.length > 0 ? [sentence(list(names))] : [];
  };
  return [
    ...(report.events ?? []).map(happened),
    ...guests
      .filter(({ status }) => status !== "ok" && status !== "killed" && status !== "wrong-checksum")
      .map((guest) => `${guest.name}: ${whyStopped(guest)}.`),
    `From power-on to the last guest's end the hart was busy for ${percent(1 - cyclesBy.idle / cycles)} of ${grouped(cycles)} cycles: ` +
      `${percent(cyclesBy.guest / cycles)} guests, ${percent(cyclesBy.exit / cycles)} exits, ${percent(cyclesBy.vmm / cycles)} VMM.`,
    ...filesOf(report),
    ...alike(report).flatMap(shares),
    ...wrong.map(
      (guest) =>
        `${guest.name} reported ${guest.checksum}, but the host computed ${guest.expectedChecksum} from ${originOf([guest])}.`,
    ),
    ...(guests.every((guest) => guest.expectedChecksum !== null && guest.status === "ok")
      ? [
          `${guests.length === 1 ? "The guest's checksum equals the one" : "All guests' checksums equal those"} that the host computed from ${originOf(guests)}.`,
        ]
      : []),
    ...whole("netserve", (names) => `What ${names} served has come to the peer byte for byte.`),
    ...whole("netsave", (names) => `What the peer gave ${names} is on disk byte for byte.`),
    ...guests.flatMap(strays),
  ];
}

const ACTIONS: Record<EventReport["action"], string> = {
  kill: "was killed",
  reset: "was reset",
  reboot: "asked for its reset",
  "link-down": "lost its link",
  "link-up": "got its link back",
};

function happened({ cycle, seconds, guest, disk, nic, action, restarted }: EventReport): string {
  const who = guest ?? (disk === undefined ? `network interface ${nic}` : `disk ${disk}`);
  const again =
    restarted === undefined
      ? ""
      : restarted === null
        ? "; the run ended before it ran again"
        : `, and ran again ${grouped(restarted - cycle)} cycles later`;
  return `${who} ${ACTIONS[action]} at cycle ${grouped(cycle)} (${brief(seconds * 1e3)} ms)${again}.`;
}

/** Which guests' disks are files, and in how many pieces those lie. */
function filesOf({ configuration }: RunReport): string[] {
  const guests = (configuration.guests ?? []) as readonly {
    readonly name: string;
    readonly disk?: string;
    readonly file?: string;
    readonly extents?: readonly unknown[];
  }[];
  const files = guests.flatMap(({ name, disk, file, extents = [] }) => {
    const pieces = `${grouped(extents.length)} extent${extents.length === 1 ? "" : "s"}`;
    return file === undefined ? [] : [`${file} for ${name} (disk ${disk}, ${pieces})`];
  });
  return files.length > 0 ? [`Files that the VMM keeps on disks: ${list(files)}.`] : [];
}

/** Guests that were told to do the same, apart from how much of it. */
function alike({ guests, configuration }: RunReport): RunReport["guests"][] {
  const told = (configuration.guests ?? []) as readonly { readonly name: string; readonly workload: Workload }[];
  const groups = new Map<string, RunReport["guests"][number][]>();
  for (const guest of guests.filter(({ bytes: moved }) => moved > 0)) {
    const workload = told.find(({ name }) => name === guest.name)?.workload;
    const key = workload ? `${workload.kind} ${workload.bs} ${workload.qd} ${workload.batch} ${workload.hash}` : "";
    groups.set(key, [...(groups.get(key) ?? []), guest]);
  }
  return [...groups.values()];
}

/** Who of several guests with one workload is dearest per byte. */
function shares(done: RunReport["guests"]): string[] {
  if (done.length < 2) return [];
  const cost = ({ cyclesBy, bytes: moved }: RunReport["guests"][number]) =>
    (cyclesBy.guest + cyclesBy.exit + cyclesBy.vmm) / moved;
  const most = done.reduce((worst, guest) => (cost(guest) > cost(worst) ? guest : worst));
  const least = done.reduce((best, guest) => (cost(guest) < cost(best) ? guest : best));
  if (most === least) return [];
  return [
    `Per byte, ${most.name} (${spelledModes(most.modes)}) cost the hart ${brief(cost(most))} cycles and ${least.name} (${spelledModes(least.modes)}) ${brief(cost(least))}: ` +
      `${brief(cost(most) / cost(least))} times as much.`,
  ];
}
