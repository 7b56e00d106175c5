// The workloads that several claims compare modes by, for each class of devices.
import type { Evidence } from "../evidence.js";
import type { GuestReport } from "../../metrics/report.js";
import type { Chart, Use } from "../types.js";
import type { BusDevice } from "./devices.js";

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

const WORKLOADS: Readonly<Record<BusDevice, readonly Named[]>> = {
  disk: [
    { scenario: "streams", parameter: "bs", name: "stream of" },
    { scenario: "small-io", parameter: "qd", name: "random 4K, depth" },
    { scenario: "large-io", name: "stream of 1M" },
  ],
  LAN: [
    { scenario: "lan-stream-out", parameter: "bs", name: "stream out of" },
    { scenario: "lan-stream-in", parameter: "bs", name: "stream in of" },
    { scenario: "lan-requests", parameter: "bs", name: "request and response of" },
    { scenario: "lan-requests-large", parameter: "bs", name: "request and response of" },
  ],
};

/** The runs that `pairs` compares. */
export function workloadUses(device: BusDevice, modes: readonly string[]): readonly Use[] {
  return WORKLOADS[device].map(({ scenario }) => ({ scenario, where: { mode: modes } }));
}

/** Every workload under `base` and under `other`. */
export function pairs(evidence: Evidence, device: BusDevice, base: string, other: string): readonly Pair[] {
  return paired(evidence, WORKLOADS[device], base, other);
}

/** Of those, the streams of several sizes. */
export function streamPairs(evidence: Evidence, device: BusDevice, base: string, other: string): readonly Pair[] {
  const streams = WORKLOADS[device].filter(({ parameter, name }) => parameter === "bs" && name.startsWith("stream"));
  return paired(evidence, streams, base, other);
}

export function streamUses(device: BusDevice, modes: readonly string[]): readonly Use[] {
  const names = device === "disk" ? ["streams"] : ["lan-stream-out", "lan-stream-in"];
  return names.map((scenario) => ({ scenario, where: { mode: modes } }));
}

function paired(evidence: Evidence, workloads: readonly Named[], base: string, other: string): readonly Pair[] {
  return workloads.flatMap(({ scenario, parameter, name }) => {
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

/** What is published as no loss: direct interrupt delivery reaches 97 to 100 % of bare metal (ELI, ASPLOS'12). */
export const NO_LOSS = 0.97;

export const over = (value: number, base: number) => (base > 0 ? value / base : 0);

/** Throughput of `other` ÷ that of `base`; 0 where the guest failed. */
export function throughputRatio({ base, other }: Pair): number {
  return other.status === "ok" && base.status === "ok" ? over(other.throughputMBps, base.throughputMBps) : 0;
}

/** How throughput, or the time of a round trip, depends on the size. */
interface SizeChart {
  readonly scenarios: readonly string[];
  readonly title: string;
  readonly x: string;
  readonly y: string;
  of(guest: GuestReport): number;
}

const rate = ({ throughputMBps }: GuestReport) => throughputMBps;
const CHARTS: Readonly<Record<BusDevice, readonly SizeChart[]>> = {
  disk: [
    {
      scenarios: ["streams"],
      title: "stream from the disk, 16 requests in flight",
      x: "request size, bytes",
      y: "MB/s",
      of: rate,
    },
  ],
  LAN: [
    { scenarios: ["lan-stream-out"], title: "stream to the peer", x: "message size, bytes", y: "MB/s", of: rate },
    { scenarios: ["lan-stream-in"], title: "stream from the peer", x: "message size, bytes", y: "MB/s", of: rate },
    {
      scenarios: ["lan-requests", "lan-requests-large"],
      title: "round trip, one request at a time",
      x: "message size, bytes",
      y: "µs",
      of: ({ response }) => response?.mean ?? 0,
    },
  ],
};

/** By size, all modes that were run. */
export function throughputCharts(evidence: Evidence, device: BusDevice): readonly Chart[] {
  return CHARTS[device].map(({ scenarios, of, ...chart }) => ({
    ...chart,
    kind: "line",
    points: scenarios
      .flatMap((scenario) => evidence.all(scenario))
      .map(({ values, guests: [guest] }) => ({ x: values.bs, y: of(guest), series: values.mode })),
  }));
}
