// A claim of the chapter: the experiments behind it, and how their figures are judged.
import type { CostName } from "../platform/costs.js";
import type { AttackDevice } from "../scenario/attack.js";
import type { Evidence } from "./evidence.js";

/** "not shown yet": what it takes isn't there, or its experiment wasn't run. */
export type Verdict = "holds" | "doesn't hold" | "not shown yet";

export type Unit = "" | "MB/s" | "cycles" | "bytes" | "µs" | "×" | "%";

/** One number that a verdict rests on. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  /** "×": a ratio; "%": `value` is a share of 1; "": a count. */
  readonly unit: Unit;
}

/** Points to be drawn: one line or group of bars per series. */
export interface Chart {
  readonly title: string;
  readonly kind: "line" | "bar";
  readonly x: string;
  readonly y: string;
  readonly points: readonly { readonly x: string | number; readonly y: number; readonly series: string }[];
  /** Whether y is drawn on a logarithmic scale. */
  readonly log?: boolean;
  /** A level that the verdict looks at. */
  readonly threshold?: number;
}

/** What guests have of the chapter's devices: "LAN" is a network interface and what it is connected to. */
export type DeviceClass = "serial line" | "disk" | "LAN";

export interface Judgement {
  readonly verdict: Verdict;
  /** Sentences: what was found, and by which threshold that decides. */
  readonly why: string;
  readonly figures: readonly Figure[];
  readonly charts?: readonly Chart[];
}

/** Runs of a scenario file: all of its sweep, or those with the values named. */
export interface Use {
  /** File of `scenarios/claims/`, without its ending. */
  readonly scenario: string;
  /** Sweep parameter → the values that are needed. */
  readonly where?: Readonly<Record<string, readonly string[]>>;
}

/** A claim as far as one class of devices goes: its experiments, and how they are judged. */
export interface Part {
  readonly device: DeviceClass;
  readonly uses: readonly Use[];
  /** Whose hostile driver under every mode is part of it: `yado attack --device`. */
  readonly attack?: AttackDevice;
  /** A pure function of the figures. */
  judge(evidence: Evidence): Judgement;
  /** What the verdict may hinge on: the cost parameters, and the runs to repeat with each. None where no figure is a time. */
  readonly sensitivity?: { readonly costs: readonly CostName[]; readonly uses: readonly Use[] };
}

export interface Claim {
  readonly id: string;
  /** In our words. */
  readonly says: string;
  /** One per device class; the claim holds when all of them do. */
  readonly parts: readonly Part[];
  /** What the claim speaks of besides, and why it isn't run. */
  readonly missing: readonly string[];
}

/** Of a claim, from those of its parts. */
export function inAll(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.includes("doesn't hold")) return "doesn't hold";
  return verdicts.length > 0 && verdicts.every((verdict) => verdict === "holds") ? "holds" : "not shown yet";
}
