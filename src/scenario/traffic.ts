// DMA of one disk through the hub: what the machine's counters gain by each of its requests. Thereby the figures of
// guests with disks of their own stay apart; guests that share a disk share its figures.
import { Counter } from "../../assembly/isa/counter.js";
import type { Core } from "../core/core.js";
import type { DmaPort, DmaResult } from "../platform/ports.js";

const COUNTED = {
  hits: Counter.IotlbHits,
  misses: Counter.IotlbMisses,
  evictions: Counter.IotlbEvictions,
  evictionsByOthers: Counter.IotlbEvictionsByOthers,
  walkReferences: Counter.IoWalkReferences,
  ddtReferences: Counter.DdtWalkReferences,
  faults: Counter.IoFaults,
  requests: Counter.DmaRequests,
  bytesRead: Counter.DmaBytesRead,
  bytesWritten: Counter.DmaBytesWritten,
} as const;

export type TrafficCounts = Record<keyof typeof COUNTED, number>;
const NAMES = Object.keys(COUNTED) as (keyof TrafficCounts)[];

export class Traffic {
  private readonly counts = Object.fromEntries(NAMES.map((name) => [name, 0])) as TrafficCounts;
  private readonly before = { ...this.counts };

  constructor(private readonly core: Pick<Core, "counter">) {}

  /** The counts as they stand. */
  now(): TrafficCounts {
    return { ...this.counts };
  }

  /** The same port, with its requests counted. */
  observe(port: DmaPort): DmaPort {
    return {
      staging: port.staging,
      view: port.view,
      read: (lo, hi, length, at) => this.during(() => port.read(lo, hi, length, at)),
      write: (lo, hi, length, at) => this.during(() => port.write(lo, hi, length, at)),
    };
  }

  private during(request: () => DmaResult): DmaResult {
    const { core, before, counts } = this;
    for (const name of NAMES) before[name] = core.counter(COUNTED[name]);
    const result = request();
    for (const name of NAMES) counts[name] += core.counter(COUNTED[name]) - before[name];
    return result;
  }
}

/** The sum of several. */
export function together(all: readonly TrafficCounts[]): TrafficCounts {
  return Object.fromEntries(
    NAMES.map((name) => [name, all.reduce((sum, counts) => sum + counts[name], 0)]),
  ) as TrafficCounts;
}

export function trafficBetween(begin: TrafficCounts, end: TrafficCounts): TrafficCounts {
  return Object.fromEntries(NAMES.map((name) => [name, end[name] - begin[name]])) as TrafficCounts;
}
