// What `yado attack` prints: per mode and target, what was damaged or what stopped it.
import type { AttackCase, AttackReport } from "../scenario/attack.js";
import { whyHung } from "./findings.js";
import { bytes, grouped, hex, list } from "./format.js";
import { type ColumnGroup, type Paint, plain, type TableOptions, table } from "./table.js";

/** RISC-V IOMMU 1.0, "Fault record CAUSE field encodings". */
const CAUSES: Readonly<Record<number, string>> = {
  1: "instruction access fault",
  4: "read address misaligned",
  5: "read access fault",
  6: "write/AMO address misaligned",
  7: "write/AMO access fault",
  12: "instruction page fault",
  13: "read page fault",
  15: "write/AMO page fault",
  20: "instruction guest page fault",
  21: "read guest-page fault",
  23: "write/AMO guest-page fault",
  256: "all inbound transactions disallowed",
  257: "DDT entry load access fault",
  258: "DDT entry not valid",
  259: "DDT entry misconfigured",
  260: "transaction type disallowed",
  268: "DDT data corruption",
  274: "first/second-stage page table data corruption",
};

const VERDICTS = { damaged: "damage", leaked: "leak", stopped: "stopped", none: "no attack" } as const;

const DEVICES = { disk: "disk", nic: "network interface" } as const;

/** How the forged requests ended for the guest, and whose check ended them. */
function refused({ target, operations, faults, protects }: AttackCase): string[] {
  const forged = operations.filter((one) => one.address !== null && !one.ok);
  if (forged.length === 0) return [];
  const who =
    faults.length > 0
      ? "the guest saw"
      : protects
        ? "refused by the VMM's check"
        : target === "nowhere"
          ? "no memory answered"
          : "came to nothing";
  return [`${who}: ${list(forged.map((one) => `${one.op} ${one.status}`))}`];
}

function faultText({ faults }: AttackCase): string[] {
  const seen = new Map<string, number>();
  for (const { cause, deviceId, iova, gpa } of faults) {
    const where = gpa !== 0 && gpa !== iova ? `, guest address ${hex(gpa)}` : "";
    const text = `IOMMU fault queue: cause ${cause} (${CAUSES[cause] ?? "reserved"}), device ${deviceId}, address ${hex(iova)}${where}`;
    seen.set(text, (seen.get(text) ?? 0) + 1);
  }
  return [...seen].map(([text, count]) => (count > 1 ? `${text}; ${grouped(count)} records` : text));
}

/** What happened, in a few words each. */
export function particulars(one: AttackCase): string[] {
  const damage = one.damage.map(
    ({ owner, what, bytes: changed, first }) =>
      `${bytes(changed)} changed in the memory of ${owner} (${what}), first at ${hex(first)}`,
  );
  const place = one.device === "disk" ? "the attacker's disk now holds" : "the wire carried";
  const leaked = one.leaked === null ? [] : [`${place} bytes from there${one.leaked ? `: ${one.leaked}…` : ""}`];
  const astray = one.mode === "assigned-raw" ? ["its ordinary requests go astray too, attack or not"] : [];
  const nothing = one.verdict === "stopped" ? ["nothing outside the guest changed"] : [];
  const ended =
    one.stop.kind === "crash"
      ? [`the attacker crashed: ${one.stop.what}`]
      : one.stop.kind === "hang"
        ? [`the attacker ${whyHung(one.stop)}`]
        : one.operations.length === 0
          ? ["the attacker ended before it attacked"]
          : one.deviceAlive || one.verdict === "none"
            ? []
            : [`its ${DEVICES[one.device]} no longer answers it`];
  const none =
    one.verdict === "none" && one.operations.length > 0 ? ["the attacker made only one of its two attacks"] : [];
  return [...damage, ...leaked, ...astray, ...faultText(one), ...refused(one), ...none, ...ended, ...nothing];
}

interface Line {
  readonly one: AttackCase;
  readonly first: boolean;
  readonly text: string;
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** The table and the sentences under it. */
export function attackText(report: AttackReport, options: TableOptions): string {
  const paint: Paint = options.paint ?? plain;
  const room = options.width - 42;
  const lines = report.cases.flatMap((one): Line[] =>
    particulars(one)
      .flatMap((text) => wrapped(text, room).map((part, i) => (i > 0 ? `  ${part}` : part)))
      .map((text, i) => ({ one, first: i === 0, text })),
  );
  const devices = [...new Set(report.cases.map(({ device }) => device))];
  const key: ColumnGroup<Line> = {
    heading: "",
    columns: [
      ...(devices.length > 1
        ? [{ title: "device", align: "left", cell: ({ one, first }: Line) => (first ? one.device : "") } as const]
        : []),
      { title: "mode", align: "left", cell: ({ one, first }) => (first ? one.mode : ""), style: () => "bold" },
      { title: "target", align: "left", cell: ({ one, first }) => (first ? one.target : "") },
      {
        title: "outcome",
        align: "left",
        cell: ({ one, first }) => (first ? VERDICTS[one.verdict] : ""),
        style: ({ one }) =>
          one.verdict === "stopped" ? "green" : one.protects || one.verdict === "none" ? "red" : "yellow",
      },
    ],
  };
  const what: ColumnGroup<Line> = {
    heading: "",
    columns: [{ title: "what happened", align: "left", cell: ({ text }) => text }],
  };
  const body = table(key, [what], lines, { width: Number.POSITIVE_INFINITY, paint }).replace(/^[^\n]*\n/, "");
  return `Yado ${report.version}: a driver that gives its ${list(devices.map((device) => DEVICES[device]))} forged addresses\n\n${body}\n${sentences(
    report,
  )
    .map((sentence) => `• ${sentence}\n`)
    .join("")}`;
}

function sentences({ cases }: AttackReport): string[] {
  const devices = [...new Set(cases.map(({ device }) => device))];
  return devices.flatMap((device) =>
    sentencesOf(
      device,
      cases.filter((one) => one.device === device),
    ),
  );
}

function sentencesOf(device: AttackCase["device"], cases: readonly AttackCase[]): string[] {
  const modes = [...new Set(cases.map((one) => one.mode))];
  const outcomes = modes.map((mode) => ({ mode, all: cases.filter((one) => one.mode === mode) }));
  const safe = outcomes.filter(({ all }) => all.every((one) => one.verdict === "stopped")).map(({ mode }) => mode);
  const open = outcomes.filter(({ all }) => all.some((one) => one.verdict === "damaged" || one.verdict === "leaked"));
  const idle = outcomes.filter(({ all }) => all.some((one) => one.verdict === "none"));
  return [
    ...idle.map(({ mode, all }) => {
      const spared = all.filter((one) => one.verdict === "none").map((one) => one.target);
      return `No attack on ${list(spared)} was made under ${mode}: this shows nothing about the mode.`;
    }),
    ...(safe.length > 0 ? [`${list(safe)} kept every forged address away from memory that isn't the guest's.`] : []),
    ...open.map(({ mode, all }) => {
      const hit = all.filter((one) => one.verdict === "damaged" || one.verdict === "leaked").map((one) => one.target);
      const why = all[0].protects
        ? "which it ought to have stopped"
        : `nothing checks the addresses that its driver gives the ${DEVICES[device]}`;
      return `${mode} let the attack on ${list(hit)} through: ${why}.`;
    }),
  ];
}
