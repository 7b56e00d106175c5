// The disk workloads that several claims compare modes by.
import type { Evidence } from "../evidence.js";
import type { GuestReport } from "../../metrics/report.js";
import type { Use } from "../types.js";

/** One workload under two modes. */
export interface Pair {
  readonly name: string;
  /** Request size or depth, for charts. */
  readonly scenario: string;
  readonly value: string;
  readonly base: GuestReport;
  readonly other: GuestReport;
}

export interface Named {
  readonly name: string;
  readonly scenario: string;
  readonly parameter?: string;
}

const WORKLOADS: readonly Named[] = [
  { scenario: "streams", parameter: "bs", name: "stream of" },
  { scenario: "small-io", parameter: "qd", name: "random 4K, depth" },
  { scenario: "large-io", name: "stream of 1M" },
];

/** The runs that `pairs` compares. */
export function workloadUses(modes: readonly string[]): readonly Use[] {
  return WORKLOADS.map(({ scenario }) => ({ scenario, where: { mode: modes } }));
}

/** Every workload under `base` and under `other`. */
export function pairs(evidence: Evidence, base: string, other: string): readonly Pair[] {
  return WORKLOADS.flatMap(({ scenario, parameter, name }) => {
    const values = parameter === undefined ? [""] : evidence.values(scenario, parameter);
    return values.map((value): Pair => {
      const where = parameter === undefined ? {} : { [parameter]: value };
      return {
        name: `${name} ${value}`.trim(),
        scenario,
        value,
        base: evidence.guest(scenario, { ...where, mode: base }),
        other: evidence.guest(scenario, { ...where, mode: other }),
      };
    });
  });
}

export const over = (value: number, base: number) => (base > 0 ? value / base : 0);

/** Throughput of `other` ÷ that of `base`; 0 where the guest failed. */
export function throughputRatio({ base, other }: Pair): number {
  return other.status === "ok" && base.status === "ok" ? over(other.throughputMBps, base.throughputMBps) : 0;
}
