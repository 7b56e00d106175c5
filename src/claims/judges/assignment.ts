// S4, S5, S7, S8: a device of one's own, and whose addresses its driver names.
import { brief, bytes, grouped, list, percent } from "../../metrics/format.js";
import type { GuestReport } from "../../metrics/report.js";
import type { Landed } from "../../scenario/types.js";
import type { Evidence } from "../evidence.js";
import type { Figure, Judgement } from "../types.js";
import { type BusDevice, DEVICES, prefixed } from "./devices.js";
import { NO_LOSS, over, pairs, streamPairs, throughputCharts, throughputRatio } from "./workloads.js";

/** The same driver as natively, and native's throughput whatever the requests are like. */
export const judgeDedication =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement => {
    const measured = pairs(evidence, device, "native", "assigned").map((pair) => ({
      ...pair,
      kept: throughputRatio(pair),
    }));
    const lossy = measured.filter(({ kept }) => kept < NO_LOSS);
    const whole = measured.filter(({ kept }) => kept >= NO_LOSS);
    const same = measured.every(({ base, other }) => base.driver === "stock" && other.driver === base.driver);
    const shares = (group: typeof measured) => list(group.map(({ name, kept }) => `${name} (${percent(kept)})`));
    const what = device === "disk" ? "in a stream of 4K" : "with one request of 64 bytes at a time";
    const polled = over(
      evidence.guest(prefixed(device, "polling"), { mode: "assigned" }).throughputMBps,
      evidence.guest(prefixed(device, "polling"), { mode: "native" }).throughputMBps,
    );
    return {
      verdict: same && lossy.length === 0 ? "holds" : "doesn't hold",
      why: [
        same ? "The driver is the same." : "The driver isn't the ordinary one.",
        `Of native's throughput remain (no loss: at least ${percent(NO_LOSS)})`,
        ...(whole.length > 0 ? [`with ${shares(whole)};`] : []),
        ...(lossy.length > 0 ? [`but with ${shares(lossy)}.`] : ["and less nowhere."]),
        `Without interrupts, ${what}, the same driver keeps ${percent(polled)}${polled >= NO_LOSS ? ": registers and DMA cost nothing, interrupts, which pass through the VMM, do" : ""}.`,
      ].join(" "),
      figures: [
        ...measured.flatMap(({ name, kept, other }): Figure[] => [
          { name: `${name}: throughput ÷ native`, value: kept, unit: "%" },
          { name: `${name}: exits per operation`, value: other.perOperation.exits, unit: "" },
        ]),
        {
          name: `${device === "disk" ? "stream of 4K" : "request and response of 64"}, polling: throughput ÷ native`,
          value: polled,
          unit: "%",
        },
      ],
      charts: throughputCharts(evidence, device),
    };
  };

const lookups = ({ iotlb }: GuestReport) => iotlb.hits + iotlb.misses;

function wrong(places: readonly Landed[]): { bytes: number; owners: string[]; pages: number } {
  const strayed = places.filter(({ intended }) => !intended);
  return {
    bytes: strayed.reduce((sum, one) => sum + one.bytes, 0),
    pages: strayed.reduce((sum, one) => sum + one.pages, 0),
    owners: [...new Set(strayed.map(({ owner, what }) => (what && what !== owner ? `${owner} (${what})` : owner)))],
  };
}

const untranslated = (evidence: Evidence, device: BusDevice) =>
  device === "disk" ? evidence.guest("addresses", { mode: "assigned-raw" }) : evidence.guest("lan-stray");

/** Without translation the data are wrong and lie in a place that is named; with it the same driver's are right. */
export const judgeStray =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement => {
    const raw = untranslated(evidence, device);
    const translated = evidence.guest(prefixed(device, "addresses"), { mode: "assigned" });
    const lost = wrong(raw.landed);
    const sent = wrong(raw.taken);
    const holds = raw.status !== "ok" && lost.bytes > 0 && raw.driver === "stock" && translated.status === "ok";
    const ended = ({ status }: GuestReport) => status.replaceAll("-", " ");
    return {
      verdict: holds ? "holds" : "doesn't hold",
      why: holds
        ? [
            `Untranslated, ${bytes(lost.bytes)} that were meant for the driver landed in memory that it didn't mean, of ${list(lost.owners)}, and the guest ended with ${ended(raw)}.`,
            ...(sent.bytes > 0
              ? [
                  `The device took ${bytes(sent.bytes)} from memory that the driver didn't mean, of ${list(sent.owners)}.`,
                ]
              : []),
            "Translated, the same driver got its own bytes.",
          ].join(" ")
        : `The untranslated guest ended with ${ended(raw)}, ${bytes(lost.bytes)} went astray; the translated one ended with ${ended(translated)}.`,
      figures: [
        { name: "untranslated: bytes that landed astray", value: lost.bytes, unit: "bytes" },
        { name: "untranslated: pages hit that weren't meant", value: lost.pages, unit: "" },
        { name: "untranslated: bytes that the device took from elsewhere", value: sent.bytes, unit: "bytes" },
        {
          name: "translated: bytes right, by checksum",
          value: translated.status === "ok" ? translated.bytes : 0,
          unit: "bytes",
        },
      ],
    };
  };

/** The ordinary driver fails without an IOTLB, and the help makes the data right without one. */
function judgeHelp(
  device: BusDevice,
  evidence: Evidence,
  mode: string,
  driver: GuestReport["driver"],
  help: { readonly name: string; of(guest: GuestReport): number },
): Judgement {
  const raw = untranslated(evidence, device);
  const helped = evidence.guest(prefixed(device, "addresses"), { mode });
  const asked = help.of(helped);
  const holds =
    raw.status !== "ok" && helped.status === "ok" && helped.driver === driver && lookups(helped) === 0 && asked > 0;
  return {
    verdict: holds ? "holds" : "doesn't hold",
    why: holds
      ? `With no lookup in an IOTLB and ${grouped(asked)} ${help.name} (${brief(over(asked, helped.operations))} per operation), the ${driver === "modified" ? "modified" : "ordinary"} driver's data are right; without that help the ordinary driver's went astray.`
      : `The helped guest ended with ${helped.status.replaceAll("-", " ")} (driver ${helped.driver}, ${grouped(lookups(helped))} lookups, ${grouped(asked)} ${help.name}); without help it ended with ${raw.status.replaceAll("-", " ")}.`,
    figures: [
      { name: help.name, value: asked, unit: "" },
      { name: `${help.name} per operation`, value: over(asked, helped.operations), unit: "" },
      { name: "lookups in the IOTLB", value: lookups(helped), unit: "" },
      ...streamPairs(evidence, device, "native", mode).map(
        (pair): Figure => ({ name: `${pair.name}: throughput ÷ native`, value: throughputRatio(pair), unit: "%" }),
      ),
    ],
    charts: throughputCharts(evidence, device),
  };
}

export const judgeService =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement =>
    judgeHelp(device, evidence, "assigned-service", "modified", {
      name: "calls of the VMM",
      of: ({ exits }) => exits.ecall ?? 0,
    });

export const judgeRewriting =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement =>
    judgeHelp(device, evidence, "assigned-rewrite", "stock", {
      name: `trapped accesses to the ${DEVICES[device].noun}'s registers`,
      of: ({ mmioExits }) => mmioExits[DEVICES[device].registers] ?? 0,
    });
