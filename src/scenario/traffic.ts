// DMA of one disk through the hub: what the machine's counters gain by each of its requests. Thereby the figures of
// guests with disks of their own stay apart; guests that share a disk share its figures.
import { Counter } from "../../assembly/isa/counter.js";
import { COUNTERS } from "../../assembly/layout.js";
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
/** Where the low words of the counters lie in the core's memory, in words. */
const WORDS = Object.values(COUNTED).map((counter) => (COUNTERS + counter * 8) >>> 2);

export class Traffic {
  /** By counter, in the order of NAMES. */
  private readonly counts = NAMES.map(() => 0);
  private readonly before = new Uint32Array(NAMES.length);

  constructor(private readonly core: Pick<Core, "u32">) {}

  /** The counts as they stand. */
  now(): TrafficCounts {
    return Object.fromEntries(NAMES.map((name, i) => [name, this.counts[i]])) as TrafficCounts;
  }

  /** The same port, with its requests counted. */
  observe(port: DmaPort): DmaPort {
    return {
      staging: port.staging,
      view: port.view,
      read: (lo, hi, length, at) => {
        this.begin();
        return this.end(port.read(lo, hi, length, at));
      },
      write: (lo, hi, length, at) => {
        this.begin();
        return this.end(port.write(lo, hi, length, at));
      },
    };
  }

  private begin(): void {
    const { before } = this;
    const { u32 } = this.core;
    for (let i = 0; i < WORDS.length; i++) before[i] = u32[WORDS[i]];
  }

  /** One request changes no counter by 2^32 or more: low words are enough. */
  private end(result: DmaResult): DmaResult {
    const { before, counts } = this;
    const { u32 } = this.core;
    for (let i = 0; i < WORDS.length; i++) counts[i] += (u32[WORDS[i]] - before[i]) >>> 0;
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
