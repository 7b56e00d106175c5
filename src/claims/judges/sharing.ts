// S11, S12: a driver in the VMM, and every mode beside the others.
import { brief, list } from "../../metrics/format.js";
import { SAFE_MODES } from "../../scenario/workload.js";
import type { Evidence } from "../evidence.js";
import type { Figure, Judgement } from "../types.js";
import { type BusDevice, DEVICES, prefixed } from "./devices.js";
import { over, pairs, throughputCharts, throughputRatio } from "./workloads.js";

/** Faster than emulation whatever the requests are like, shared by two guests, and with a driver that isn't the ordinary one. */
export const judgeParavirtual =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement => {
    const measured = pairs(evidence, device, "emulated", "paravirtual").map((pair) => ({
      ...pair,
      gain: throughputRatio(pair),
    }));
    const { noun } = DEVICES[device];
    const slower = measured.filter(({ gain }) => gain <= 1);
    const faster = measured.filter(({ gain }) => gain > 1);
    const sharers = evidence.guests(prefixed(device, "shared-paravirtual"));
    const shared = sharers.length > 1 && sharers.every(({ status, elsewhere }) => status === "ok" && elsewhere > 0);
    const modified = [...sharers, ...measured.map(({ other }) => other)].every(({ driver }) => driver !== "stock");
    const gains = (group: typeof measured) => list(group.map(({ name, gain }) => `${name} ×${brief(gain)}`));
    return {
      verdict: slower.length === 0 && shared && modified ? "holds" : "doesn't hold",
      why: [
        `Against emulation's throughput: ${faster.length > 0 ? `faster with ${gains(faster)}` : "nowhere faster"}${slower.length > 0 ? `; not faster with ${gains(slower)}` : ""}.`,
        shared
          ? `${sharers.length} guests shared one ${noun}, each with its own data right.`
          : `Sharing one ${noun} failed.`,
        modified ? `The guests' driver is virtio's, not the ${noun}'s.` : "The guest wasn't modified.",
      ].join(" "),
      figures: measured.flatMap(({ name, gain, base, other }): Figure[] => [
        { name: `${name}: throughput ÷ emulated`, value: gain, unit: "×" },
        {
          name: `${name}: hart's work per operation ÷ emulated`,
          value: over(other.perOperation.busy, base.perOperation.busy),
          unit: "×",
        },
        { name: `${name}: exits per operation`, value: other.perOperation.exits, unit: "" },
      ]),
      charts: throughputCharts(evidence, device),
    };
  };

/** Every safe mode with a VMM has a guest in one run, all of them at the same time, and all data are right. */
export const judgeMixture =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement => {
    const guests = evidence.guests(prefixed(device, "mixed-modes"));
    const wanted = SAFE_MODES.filter((mode) => mode !== "native");
    const absent = wanted.filter((mode) => !guests.some((guest) => guest.mode === mode));
    const wrong = guests.filter(({ status, elsewhere }) => status !== "ok" || elsewhere === 0);
    const holds = absent.length === 0 && wrong.length === 0;
    return {
      verdict: holds ? "holds" : "doesn't hold",
      why: holds
        ? `One VMM ran ${list(guests.map(({ mode }) => mode))} side by side, every guest's serial line emulated; all data are right.`
        : [
            ...(absent.length > 0 ? [`Not in the run: ${list(absent)}.`] : []),
            ...(wrong.length > 0 ? [`Failed, or ran alone: ${list(wrong.map(({ name }) => name))}.`] : []),
          ].join(" "),
      figures: guests.map(
        (guest): Figure => ({ name: `${guest.mode}: exits per operation`, value: guest.perOperation.exits, unit: "" }),
      ),
    };
  };
