// S4, S5, S7, S8: a device of one's own, and whose addresses its driver names.
import { brief, bytes, grouped, list, percent } from "../../metrics/format.js";
import type { GuestReport } from "../../metrics/report.js";
import type { Evidence } from "../evidence.js";
import type { Figure, Judgement } from "../types.js";
import { over, pairs, throughputRatio } from "./workloads.js";
import { throughputChart } from "./emulation.js";

/** What is published as no loss: direct interrupt delivery reaches 97 to 100 % of bare metal (ELI, ASPLOS'12). */
const NO_LOSS = 0.97;

/** The same driver as natively, and native's throughput whatever the requests are like. */
export function judgeDedication(evidence: Evidence): Judgement {
  const measured = pairs(evidence, "native", "assigned").map((pair) => ({ ...pair, kept: throughputRatio(pair) }));
  const lossy = measured.filter(({ kept }) => kept < NO_LOSS);
  const whole = measured.filter(({ kept }) => kept >= NO_LOSS);
  const same = measured.every(({ base, other }) => base.driver === "stock" && other.driver === base.driver);
  const shares = (group: typeof measured) => list(group.map(({ name, kept }) => `${name} (${percent(kept)})`));
  const polled = over(
    evidence.guest("polling", { mode: "assigned" }).throughputMBps,
    evidence.guest("polling", { mode: "native" }).throughputMBps,
  );
  return {
    verdict: same && lossy.length === 0 ? "holds" : "doesn't hold",
    why: [
      same ? "The driver is the same." : "The driver isn't the ordinary one.",
      `Of native's throughput remain (no loss: at least ${percent(NO_LOSS)})`,
      ...(whole.length > 0 ? [`with ${shares(whole)};`] : []),
      ...(lossy.length > 0 ? [`but with ${shares(lossy)}.`] : ["and less nowhere."]),
      `Without interrupts, in a stream of 4K, the same driver keeps ${percent(polled)}${polled >= NO_LOSS ? ": registers and DMA cost nothing, interrupts, which pass through the VMM, do" : ""}.`,
    ].join(" "),
    figures: [
      ...measured.flatMap(({ name, kept, other }): Figure[] => [
        { name: `${name}: throughput ÷ native`, value: kept, unit: "%" },
        { name: `${name}: exits per operation`, value: other.perOperation.exits, unit: "" },
      ]),
      { name: "stream of 4K, polling: throughput ÷ native", value: polled, unit: "%" },
    ],
    charts: [throughputChart(evidence)],
  };
}

const lookups = ({ iotlb }: GuestReport) => iotlb.hits + iotlb.misses;

function astray({ landed }: GuestReport): { bytes: number; owners: string[]; pages: number } {
  const wrong = landed.filter(({ intended }) => !intended);
  return {
    bytes: wrong.reduce((sum, one) => sum + one.bytes, 0),
    pages: wrong.reduce((sum, one) => sum + one.pages, 0),
    owners: [...new Set(wrong.map(({ owner, what }) => (what && what !== owner ? `${owner} (${what})` : owner)))],
  };
}

/** Without translation the data are wrong and lie in a place that is named; with it the same driver's are right. */
export function judgeStray(evidence: Evidence): Judgement {
  const raw = evidence.guest("addresses", { mode: "assigned-raw" });
  const translated = evidence.guest("addresses", { mode: "assigned" });
  const lost = astray(raw);
  const holds = raw.status !== "ok" && lost.bytes > 0 && raw.driver === "stock" && translated.status === "ok";
  return {
    verdict: holds ? "holds" : "doesn't hold",
    why: holds
      ? `Untranslated, ${bytes(lost.bytes)} that the driver asked for landed in memory that it didn't mean, of ${list(lost.owners)}, and the guest ended with ${raw.status.replaceAll("-", " ")}. Translated, the same driver got its own bytes.`
      : `The untranslated guest ended with ${raw.status.replaceAll("-", " ")}, ${bytes(lost.bytes)} went astray; the translated one ended with ${translated.status.replaceAll("-", " ")}.`,
    figures: [
      { name: "untranslated: bytes that landed astray", value: lost.bytes, unit: "bytes" },
      { name: "untranslated: pages hit that weren't meant", value: lost.pages, unit: "" },
      {
        name: "translated: bytes right, by checksum",
        value: translated.status === "ok" ? translated.bytes : 0,
        unit: "bytes",
      },
    ],
  };
}

/** The ordinary driver fails without an IOTLB, and the help makes the data right without one. */
function judgeHelp(
  evidence: Evidence,
  mode: string,
  driver: GuestReport["driver"],
  help: { readonly name: string; of(guest: GuestReport): number },
): Judgement {
  const raw = evidence.guest("addresses", { mode: "assigned-raw" });
  const helped = evidence.guest("addresses", { mode });
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
      ...evidence.all("streams", { mode }).map(({ values: { bs }, guests: [guest] }): Figure => {
        const native = evidence.guest("streams", { mode: "native", bs });
        return {
          name: `stream of ${bs}: throughput ÷ native`,
          value: over(guest.throughputMBps, native.throughputMBps),
          unit: "%",
        };
      }),
    ],
    charts: [throughputChart(evidence)],
  };
}

export function judgeService(evidence: Evidence): Judgement {
  return judgeHelp(evidence, "assigned-service", "modified", {
    name: "calls of the VMM",
    of: ({ exits }) => exits.ecall ?? 0,
  });
}

export function judgeRewriting(evidence: Evidence): Judgement {
  return judgeHelp(evidence, "assigned-rewrite", "stock", {
    name: "trapped writes to the disk's registers",
    of: ({ mmioExits }) => mmioExits.nvme ?? 0,
  });
}
