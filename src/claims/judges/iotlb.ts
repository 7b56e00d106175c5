// S6, S9: the IOTLB, and what a hostile driver meets with it and without.
import { brief, bytes, grouped, list } from "../../metrics/format.js";
import type { AttackCase } from "../../scenario/attack.js";
import type { Evidence } from "../evidence.js";
import type { Chart, Figure, Judgement } from "../types.js";
import type { BusDevice } from "./devices.js";
import { DEVICES } from "./devices.js";
import { over } from "./workloads.js";

/** Of the second stage in the scenario iotlb-knee, and the bytes of its requests: one buffer each is in flight. */
const PAGE = 4096;
const REQUEST = 8192;
/** Misses per lookup that divide "fits" from "doesn't": a request of two pages that misses both makes at least this many. */
const THRASHING = 0.25;
/** The submission and the completion queue, a page each, stand in the IOTLB too: so far below entries × page the knee may be. */
const TOLERANCE = 0.25;

interface Knee {
  readonly entries: number;
  readonly predicted: number;
  /** The largest working set that fits, and the next one, in bytes. */
  readonly fits: number;
  readonly exceeds: number;
}

interface Point {
  readonly set: number;
  readonly share: number;
}

function curve(evidence: Evidence, entries: string): readonly Point[] {
  return evidence.all("iotlb-knee", { "iotlb-entries": entries }).map(({ values, guests: [{ iotlb }] }) => ({
    set: Number(values.qd) * REQUEST,
    share: over(iotlb.misses, iotlb.hits + iotlb.misses),
  }));
}

/** Where misses set in: working sets up to `fits` keep their translations, `exceeds` doesn't. Infinite where none does. */
function knee(points: readonly Point[], entries: number): Knee {
  const first = points.findIndex(({ share }) => share >= THRASHING);
  return {
    entries,
    predicted: entries * PAGE,
    fits: first < 0 ? (points.at(-1)?.set ?? 0) : first === 0 ? 0 : points[first - 1].set,
    exceeds: first < 0 ? Number.POSITIVE_INFINITY : points[first].set,
  };
}

function stands({ predicted, fits, exceeds }: Knee): boolean {
  return fits >= (1 - TOLERANCE) * predicted && fits <= predicted && exceeds <= (1 + TOLERANCE) * predicted;
}

/** The knee stands at entries × page size; the table is shared, keeps the guests apart, and refuses what isn't theirs. */
export function judgeIotlb(evidence: Evidence): Judgement {
  const sizes = evidence.values("iotlb-knee", "iotlb-entries");
  const knees = sizes.map((entries) => knee(curve(evidence, entries), Number(entries)));
  const beside = knees.filter((one) => !stands(one));
  const tenants = evidence.guests("iotlb-shared");
  const evicted = tenants.reduce((sum, { iotlb }) => sum + iotlb.evictionsByOthers, 0);
  const apart = tenants.length > 1 && tenants.every(({ status }) => status === "ok");
  const refused = evidence.attacksOf("disk").filter(({ mode }) => mode === "assigned");
  const records = refused.reduce((sum, { faults }) => sum + faults.length, 0);
  const guarded =
    refused.length > 0 && refused.every(({ verdict, faults }) => verdict === "stopped" && faults.length > 0);
  const [small, large] = ["4K", "2M"].map((size) => evidence.guest("page-size", { "page-size": size }));
  const holds = sizes.length > 0 && beside.length === 0 && evicted > 0 && apart && guarded;
  const span = ({ fits, exceeds }: Knee) =>
    exceeds === Number.POSITIVE_INFINITY ? `beyond ${bytes(fits)}` : `between ${bytes(fits)} and ${bytes(exceeds)}`;
  return {
    verdict: holds ? "holds" : "doesn't hold",
    why: [
      `Misses set in ${list(knees.map((one) => `${span(one)} with ${one.entries} entries (entries × page: ${bytes(one.predicted)})`))}${beside.length > 0 ? ", which isn't where entries × page says" : ""}.`,
      `${tenants.length} assigned disks shared one IOTLB and took ${grouped(evicted)} entries from each other; ${apart ? "each still reached its own guest's memory at the same guest addresses" : "but not every guest's data is right"}.`,
      guarded
        ? `Forged addresses were refused with ${grouped(records)} records in the fault queue.`
        : "Not every forged address was refused with a record in the fault queue.",
      `With pages of 2 MiB instead of 4 KiB the misses fall from ${grouped(small.iotlb.misses)} to ${grouped(large.iotlb.misses)}, at ${brief(over(large.throughputMBps, small.throughputMBps))} × the throughput.`,
    ].join(" "),
    figures: [
      ...knees.flatMap((one): Figure[] => [
        { name: `${one.entries} entries: entries × page size`, value: one.predicted, unit: "bytes" },
        { name: `${one.entries} entries: largest working set that fits`, value: one.fits, unit: "bytes" },
        ...(Number.isFinite(one.exceeds)
          ? [{ name: `${one.entries} entries: next larger one measured`, value: one.exceeds, unit: "bytes" } as const]
          : []),
      ]),
      { name: "entries lost to the other guest's disk", value: evicted, unit: "" },
      { name: "records in the fault queue", value: records, unit: "" },
      { name: "misses with pages of 4 KiB", value: small.iotlb.misses, unit: "" },
      { name: "misses with pages of 2 MiB", value: large.iotlb.misses, unit: "" },
    ],
    charts: [kneeChart(evidence, sizes)],
  };
}

function kneeChart(evidence: Evidence, sizes: readonly string[]): Chart {
  return {
    title: "misses by working set, pages of 4 KiB",
    kind: "line",
    x: "buffers in flight, KiB",
    y: "misses per lookup",
    points: sizes.flatMap((entries) =>
      curve(evidence, entries).map(({ set, share }) => ({ x: set / 1024, y: share, series: `${entries} entries` })),
    ),
  };
}

/** The probe's receive buffers and slots of frames to send: how many, and bytes of each. */
const RECEIVES = 128;
const BUFFER = 2048;
/** Requests for datagrams that are under way in the scenario: each has a frame of its own to leave from. */
const REQUESTS = 16;
/** The receive and the transmit ring. */
const RINGS = 2;
/** A frame that finds its buffer's translation misses nothing, one that doesn't misses once; this lies between. */
const RELOADED = 0.5;

/** The interface reaches all that its rings name in turn, so that many entries it takes; beyond that as for the disk. */
export function judgeIotlbOfRings(evidence: Evidence): Judgement {
  const needed = ((RECEIVES + REQUESTS) * BUFFER) / PAGE + RINGS;
  const points = evidence.all("lan-iotlb-ring").map(({ values, guests: [{ iotlb, operations }] }) => ({
    entries: Number(values["iotlb-entries"]),
    misses: over(iotlb.misses, operations),
  }));
  const short = points.filter(({ misses }) => misses >= RELOADED).map(({ entries }) => entries);
  const enough = points.filter(({ misses }) => misses < RELOADED).map(({ entries }) => entries);
  const most = Math.max(0, ...short);
  const least = Math.min(...enough, Number.POSITIVE_INFINITY);
  const stands = most < needed && needed <= least && least - most <= TOLERANCE * needed;
  const tenants = evidence.guests("lan-iotlb-shared");
  const evicted = tenants.reduce((sum, { iotlb }) => sum + iotlb.evictionsByOthers, 0);
  const apart = tenants.length > 1 && tenants.every(({ status }) => status === "ok");
  const refused = evidence.attacksOf("nic").filter(({ mode }) => mode === "assigned");
  const records = refused.reduce((sum, { faults }) => sum + faults.length, 0);
  const guarded =
    refused.length > 0 && refused.every(({ verdict, faults }) => verdict === "stopped" && faults.length > 0);
  return {
    verdict: stands && evicted > 0 && apart && guarded ? "holds" : "doesn't hold",
    why: [
      `An interface goes round its rings: ${needed} pages of buffers and descriptors, each reached again only after all others. Up to ${most} entries a frame has to reload a translation, ${Number.isFinite(least) ? `with ${least} it doesn't` : "and with more too"}${stands ? "" : ", which isn't where the rings' pages say"}.`,
      `${tenants.length} assigned interfaces shared one IOTLB and took ${grouped(evicted)} entries from each other; ${apart ? "each still reached its own guest's memory at the same guest addresses" : "but not every guest's data is right"}.`,
      guarded
        ? `Forged buffers and rings were refused with ${grouped(records)} records in the fault queue.`
        : "Not every forged address was refused with a record in the fault queue.",
    ].join(" "),
    figures: [
      { name: "pages that the rings name", value: needed, unit: "" },
      ...points.map(
        ({ entries, misses }): Figure => ({ name: `${entries} entries: misses per frame`, value: misses, unit: "" }),
      ),
      { name: "entries lost to the other guest's interface", value: evicted, unit: "" },
      { name: "records in the fault queue", value: records, unit: "" },
    ],
    charts: [
      {
        title: `misses per frame by size of the IOTLB, rings of ${needed} pages of 4 KiB`,
        kind: "line",
        x: "entries",
        y: "misses per frame",
        points: points.map(({ entries, misses }) => ({ x: entries, y: misses, series: "stream from the peer" })),
      },
    ],
  };
}

const opened = ({ verdict }: AttackCase) => verdict === "damaged" || verdict === "leaked";
const modesOf = (cases: readonly AttackCase[]) => [...new Set(cases.map(({ mode }) => mode))];

/** Where nothing checks addresses, the VMM's and a neighbour's memory are hit; where something does, nothing gets through. */
export const judgeAttack =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement => {
    const attacks = evidence.attacksOf(DEVICES[device].attack);
    const checked = attacks.filter(({ protects }) => protects);
    const unchecked = attacks.filter(({ protects }) => !protects);
    const victims = unchecked.filter(({ target }) => target !== "nowhere");
    const spared = victims.filter((one) => !opened(one));
    const through = checked.filter((one) => one.verdict !== "stopped");
    const byIotlb = checked.filter(({ mode }) => mode === "assigned");
    const iotlbGuards = byIotlb.length > 0 && byIotlb.every(({ faults }) => faults.length > 0);
    const holds = victims.length > 0 && spared.length === 0 && through.length === 0 && iotlbGuards;
    const damage = victims.flatMap((one) => one.damage).reduce((sum, one) => sum + one.bytes, 0);
    const named = (cases: readonly AttackCase[]) => list(cases.map(({ mode, target }) => `${mode} against ${target}`));
    return {
      verdict: holds ? "holds" : "doesn't hold",
      why: [
        spared.length === 0
          ? `Under ${list(modesOf(victims)) || "no mode"} a forged address reached the VMM's and a neighbour's memory: ${bytes(damage)} changed.`
          : `Nothing checks addresses there, and yet no harm was done: ${named(spared)}.`,
        through.length === 0
          ? `Under ${list(modesOf(checked)) || "no mode"} nothing got through${iotlbGuards ? "; under assigned the IOMMU refused and recorded it" : ", but under assigned the IOMMU recorded nothing"}.`
          : `It got through in spite of a check, or wasn't made: ${named(through)}.`,
      ].join(" "),
      figures: modesOf(attacks).flatMap((mode): Figure[] => {
        const cases = attacks.filter((one) => one.mode === mode);
        return [
          { name: `${mode}: targets damaged or leaked`, value: cases.filter(opened).length, unit: "" },
          {
            name: `${mode}: targets kept from it`,
            value: cases.filter(({ verdict }) => verdict === "stopped").length,
            unit: "",
          },
          {
            name: `${mode}: bytes changed outside the guest`,
            value: cases.flatMap((one) => one.damage).reduce((sum, one) => sum + one.bytes, 0),
            unit: "bytes",
          },
        ];
      }),
    };
  };
