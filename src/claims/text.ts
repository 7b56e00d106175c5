// What `yado claims` prints: per claim the verdict, why, the figures, and how far it depends on the costs.
import { brief, bytes, grouped, list, percent } from "../metrics/format.js";
import { type Paint, plain, type Style, type TableOptions } from "../metrics/table.js";
import type { ClaimReport, ClaimsReport, PartReport, SensitivityReport } from "./report.js";
import type { Figure, Verdict } from "./types.js";

const STYLES: Readonly<Record<Verdict, Style>> = {
  holds: "green",
  "doesn't hold": "red",
  "not shown yet": "yellow",
};
const INDENT = "     ";

/** A figure as a reader sees it. */
export function figureText({ value, unit }: Pick<Figure, "value" | "unit">): string {
  switch (unit) {
    case "%":
      return percent(value);
    case "×":
      return `× ${brief(value)}`;
    case "bytes":
      return bytes(value);
    case "":
      return Number.isInteger(value) ? grouped(value) : brief(value);
    default:
      return `${brief(value)} ${unit}`;
  }
}

function folded(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && indent.length + line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line = line ? `${line} ${word}` : word;
  }
  return [...lines, line].map((one) => `${indent}${one}\n`).join("");
}

/** The verdict of each device class, and what wasn't run. */
export function scope({ parts, missing }: ClaimReport): string {
  const verdicts =
    parts.length > 1 ? parts.map(({ device, verdict }) => `${device}: ${verdict}`) : parts.map(({ device }) => device);
  return [...verdicts, ...missing].join("; ");
}

/** How the verdict fares when costs are half of what they are, or half as much again; "" where that isn't known. */
export function sensitivityText({ verdict, costs, sensitivity }: PartReport): string {
  if (verdict === "not shown yet") return "";
  if (costs.length === 0) return "No cost parameter has a part in it: what counts is where bytes go and what traps.";
  return sensitivity ? changes(sensitivity, verdict) : "";
}

function changes({ throughout, parameters }: SensitivityReport, verdict: Verdict): string {
  const costs = list(parameters.map(({ cost }) => cost));
  if (throughout) {
    return `${verdict === "holds" ? "Holds" : "Stays so"} throughout −50 % and +50 % in each of ${costs}.`;
  }
  const flips = parameters.flatMap(({ cost, lower, higher }) => [
    ...(lower === verdict ? [] : [`${cost} −50 % (${lower})`]),
    ...(higher === verdict ? [] : [`${cost} +50 % (${higher})`]),
  ]);
  return `Flips with ${list(flips)}; otherwise the same throughout ±50 % in each of ${costs}.`;
}

/** How many claims came out which way. */
export function summary({ claims }: ClaimsReport): string {
  const count = (verdict: Verdict) => claims.filter((claim) => claim.verdict === verdict).length;
  return `Of ${claims.length} claims, those that hold: ${count("holds")}; that don't: ${count("doesn't hold")}; not shown yet: ${count("not shown yet")}.`;
}

export function claimsText(report: ClaimsReport, options: TableOptions): string {
  const paint: Paint = options.paint ?? plain;
  const head = `${paint("bold", "Yado")} ${report.version}: the chapter's claims${report.quick ? ", with a quarter of the volumes" : ""}\n`;
  return [head, ...report.claims.map((claim) => claimText(claim, options.width, paint)), `${summary(report)}\n`].join(
    "\n",
  );
}

function claimText(claim: ClaimReport, width: number, paint: Paint): string {
  const { id, says, verdict, parts } = claim;
  return [
    `${paint("bold", id.padEnd(INDENT.length))}${paint(STYLES[verdict], verdict)}  (${scope(claim)})\n`,
    folded(`“${says}”`, width, INDENT),
    ...parts.map((part) => partText(part, width, paint)),
  ].join("");
}

function partText(part: PartReport, width: number, paint: Paint): string {
  const { device, verdict, why, figures, experiments } = part;
  const sensitivity = sensitivityText(part);
  const longest = Math.max(0, ...figures.map(({ name }) => name.length));
  const values = figures.map(figureText);
  const widest = Math.max(0, ...values.map((value) => value.length));
  return [
    `${INDENT}${paint("bold", device)}: ${paint(STYLES[verdict], verdict)}\n`,
    folded(why, width, INDENT),
    ...figures.map(({ name }, i) => `${INDENT}  ${name.padEnd(longest)}  ${values[i].padStart(widest)}\n`),
    ...(sensitivity ? [folded(sensitivity, width, INDENT)] : []),
    ...experiments.map((command) => `${paint("dim", `${INDENT}$ ${command}`)}\n`),
  ].join("");
}
