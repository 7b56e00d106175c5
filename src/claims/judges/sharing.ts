// S11, S12: a driver in the VMM, and every mode beside the others.
import { brief, grouped, list, percent } from "../../metrics/format.js";
import { SAFE_MODES } from "../../scenario/workload.js";
import type { Evidence } from "../evidence.js";
import type { Chart, Figure, Judgement } from "../types.js";
import { type BusDevice, DEVICES, prefixed } from "./devices.js";
import { NO_LOSS, over, pairs, throughputCharts, throughputRatio } from "./workloads.js";

/**
 * Faster than emulation with every workload by which they can be told apart, shared by guests, and with a driver that isn't
 * the ordinary one.
 */
export const judgeParavirtual =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement => {
    const measured = pairs(evidence, device, "emulated", "paravirtual").map((pair) => ({
      ...pair,
      gain: throughputRatio(pair),
    }));
    const { noun } = DEVICES[device];
    const natively = pairs(evidence, device, "native", "emulated").map(({ base }) => base.throughputMBps);
    const limit = (i: number) => NO_LOSS * natively[i];
    const full = measured.filter(
      ({ base, other }, i) => Math.min(base.throughputMBps, other.throughputMBps) >= limit(i),
    );
    const telling = measured.filter((one) => !full.includes(one));
    const slower = telling.filter(({ gain }) => gain <= 1);
    const faster = telling.filter(({ gain }) => gain > 1);
    const sharers = evidence.guests(prefixed(device, "shared-paravirtual"));
    const shared = sharers.length > 1 && sharers.every(({ status, elsewhere }) => status === "ok" && elsewhere > 0);
    const modified = [...sharers, ...measured.map(({ other }) => other)].every(({ driver }) => driver !== "stock");
    const gains = (group: typeof measured) => list(group.map(({ name, gain }) => `${name} ×${brief(gain)}`));
    return {
      verdict: faster.length > 0 && slower.length === 0 && shared && modified ? "holds" : "doesn't hold",
      why: [
        `Against emulation's throughput: ${faster.length > 0 ? `faster with ${gains(faster)}` : "nowhere faster"}${slower.length > 0 ? `; not faster with ${gains(slower)}` : ""}.`,
        ...(full.length > 0
          ? [
              `Both are as fast as native (at least ${percent(NO_LOSS)}), so that throughput tells nothing, with ${list(full.map(({ name, base, other }) => `${name} (× ${brief(over(other.perOperation.busy, base.perOperation.busy))} the hart's work)`))}.`,
            ]
          : []),
        shared
          ? `${sharers.length} guests shared one ${noun}, each with its own data right.`
          : `Sharing one ${noun} failed.`,
        ...(device === "LAN" ? [competitionText(evidence)] : []),
        modified ? `The guests' driver is virtio's, not the ${noun}'s.` : "The guest wasn't modified.",
      ].join(" "),
      figures: [
        ...measured.flatMap(({ name, gain, base, other }): Figure[] => [
          { name: `${name}: throughput ÷ emulated`, value: gain, unit: "×" },
          {
            name: `${name}: hart's work per operation ÷ emulated`,
            value: over(other.perOperation.busy, base.perOperation.busy),
            unit: "×",
          },
          { name: `${name}: exits per operation`, value: other.perOperation.exits, unit: "" },
        ]),
        ...(device === "LAN" ? competition(evidence).map(competitionFigure) : []),
      ],
      charts: [...throughputCharts(evidence, device), ...(device === "LAN" ? [competitionChart(evidence)] : [])],
    };
  };

/** Guests that all send at once through one interface: what each gets. */
interface Competition {
  readonly mode: string;
  readonly guests: number;
  /** MB/s of the slowest and of the fastest, each over its own time: they begin one after the other. */
  readonly least: number;
  readonly most: number;
}

function competition(evidence: Evidence): readonly Competition[] {
  return evidence.all("lan-competing").map(({ values, guests }) => {
    const rates = guests.map(({ throughputMBps }) => throughputMBps);
    return { mode: values.mode, guests: guests.length, least: Math.min(...rates), most: Math.max(...rates) };
  });
}

function competitionText(evidence: Evidence): string {
  const crowds = competition(evidence).filter(({ guests }) => guests > 1);
  const shares = crowds.map(
    ({ mode, guests, least, most }) => `${guests} ${mode} (${brief(least)} to ${brief(most)} MB/s)`,
  );
  return `Guests that all send at once got each: ${list(shares)}.`;
}

const competitionFigure = ({ mode, guests, least }: Competition): Figure => ({
  name: `${guests} ${mode} guests send at once: the slowest`,
  value: least,
  unit: "MB/s",
});

function competitionChart(evidence: Evidence): Chart {
  return {
    title: "guests that send at once through one interface, each",
    kind: "line",
    x: "guests",
    y: "MB/s",
    points: competition(evidence).map(({ mode, guests, least }) => ({
      x: String(guests),
      y: least,
      series: `${mode}, the slowest`,
    })),
  };
}

/** Every safe mode with a VMM has a guest in one run, all of them at the same time, and so have mixtures; all data are right. */
export const judgeMixture =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement => {
    const guests = evidence.guests(prefixed(device, "mixed-modes"));
    const mixed = evidence.guests("mixed-devices");
    const wanted = SAFE_MODES.filter((mode) => mode !== "native");
    const absent = wanted.filter((mode) => !guests.some((guest) => guest.mode === mode));
    const wrong = [...guests, ...mixed].filter(({ status, elsewhere }) => status !== "ok" || elsewhere === 0);
    const mixtures = mixed.filter(({ mode }) => mode === "mixed");
    const lines = [...new Set(mixed.map(({ modes }) => modes.serial))];
    const holds = absent.length === 0 && wrong.length === 0 && mixtures.length > 0;
    return {
      verdict: holds ? "holds" : "doesn't hold",
      why: holds
        ? `One VMM ran ${list(guests.map(({ mode }) => mode))} side by side, and another run ${grouped(mixtures.length)} guests with one mode for the disk and another for the network interface, their serial lines ${list(lines)}; all data are right.`
        : [
            ...(absent.length > 0 ? [`Not in the run: ${list(absent)}.`] : []),
            ...(mixtures.length === 0 ? ["No guest had its devices attached in different ways."] : []),
            ...(wrong.length > 0 ? [`Failed, or ran alone: ${list(wrong.map(({ name }) => name))}.`] : []),
          ].join(" "),
      figures: guests.map(
        (guest): Figure => ({ name: `${guest.mode}: exits per operation`, value: guest.perOperation.exits, unit: "" }),
      ),
    };
  };
