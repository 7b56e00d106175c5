// What `yado claims` found: schema `yado.claims/1` without `host`. See docs/claims.md.
import type { Costs } from "../platform/costs.js";
import type { AttackCase } from "../scenario/attack.js";
import type { Measured } from "./evidence.js";
import type { Chart, DeviceClass, Figure, Verdict } from "./types.js";

export interface SensitivityReport {
  /** Whether the verdict is the same with every change. */
  readonly throughout: boolean;
  /** The verdict with each cost 50 % lower and 50 % higher, the others unchanged. */
  readonly parameters: readonly {
    readonly cost: string;
    readonly unit: string;
    readonly lower: Verdict;
    readonly higher: Verdict;
  }[];
}

/** A claim as far as one class of devices goes. */
export interface PartReport {
  readonly device: DeviceClass;
  readonly verdict: Verdict;
  readonly why: string;
  readonly figures: readonly Figure[];
  readonly charts: readonly Chart[];
  /** Commands that run its experiments. */
  readonly experiments: readonly string[];
  /** Cost parameters that have a part in the verdict. */
  readonly costs: readonly string[];
  /** null where no cost has a part, or where it wasn't asked for. */
  readonly sensitivity: SensitivityReport | null;
}

export interface ClaimReport {
  readonly id: string;
  readonly says: string;
  /** In all: it holds when every part does. */
  readonly verdict: Verdict;
  readonly parts: readonly PartReport[];
  readonly missing: readonly string[];
}

export interface ExperimentReport {
  readonly name: string;
  readonly title: string;
  /** Of its sweep. */
  readonly parameter: string | null;
  readonly runs: readonly Measured[];
}

export interface ClaimsReport {
  readonly schema: "yado.claims/1";
  readonly version: string;
  /** Whether volumes were a quarter. */
  readonly quick: boolean;
  readonly claims: readonly ClaimReport[];
  readonly experiments: readonly ExperimentReport[];
  readonly attacks: readonly AttackCase[];
  /** The cost parameters, those of the VMM's kernel profile. */
  readonly costs: ReturnType<Costs["resolved"]>;
}

/** Whether nothing that was judged is found not to hold. */
export function allHold({ claims }: ClaimsReport): boolean {
  return claims.every(({ verdict }) => verdict !== "doesn't hold");
}
