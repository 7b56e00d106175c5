// S1 and S3: the VMM's model of a device, and what it costs.
import { brief, list, percent } from "../../metrics/format.js";
import type { GuestReport } from "../../metrics/report.js";
import type { Evidence } from "../evidence.js";
import type { Chart, Figure, Judgement } from "../types.js";
import { type BusDevice, DEVICES, prefixed } from "./devices.js";
import { over, pairs, throughputCharts, throughputRatio } from "./workloads.js";

/** Each guest's data is right, its driver the ordinary one, its accesses trapped, and the others' work lies in between. */
export const judgeSharing =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement => {
    const { noun, registers } = DEVICES[device];
    const guests = evidence.guests(prefixed(device, "shared-emulated"));
    const wrong = guests.filter(({ status }) => status !== "ok");
    const foreign = guests.filter(({ driver }) => driver !== "stock");
    const untrapped = guests.filter(({ mmioExits }) => !mmioExits[registers]);
    const alone = guests.filter(({ elsewhere }) => elsewhere === 0);
    const faultless = [wrong, foreign, untrapped, alone].every((group) => group.length === 0);
    const holds = guests.length > 1 && faultless;
    const names = (group: readonly GuestReport[]) => list(group.map(({ name }) => name));
    const faults = [
      ...(wrong.length > 0 ? [`${names(wrong)}: data that isn't right, or a failure.`] : []),
      ...(foreign.length > 0 ? [`${names(foreign)}: not the ordinary driver.`] : []),
      ...(untrapped.length > 0 ? [`${names(untrapped)}: no register access of the ${noun}'s trapped.`] : []),
      ...(alone.length > 0 ? [`${names(alone)}: ran alone, not together with the others.`] : []),
    ];
    return {
      verdict: holds ? "holds" : "doesn't hold",
      why: holds
        ? `${guests.length} guests with the ordinary driver used one ${noun} at the same time; their accesses to the registers of a controller that each believed to own left the guest, ${device === "disk" ? "each got or kept exactly its own bytes" : "each got exactly the bytes meant for it, the peer all that were sent"}, and each reported so on an emulated serial line.`
        : faults.join(" "),
      figures: guests.flatMap((guest): Figure[] => [
        {
          name: `${guest.name}: trapped accesses to the ${noun}'s registers`,
          value: guest.mmioExits[registers] ?? 0,
          unit: "",
        },
        { name: `${guest.name}: bytes moved`, value: guest.bytes, unit: "bytes" },
      ]),
    };
  };

/** Less than half is left. */
const COLLAPSED = 0.5;

/** Throughput under emulation is less than half of native's, whatever the requests are like. */
export const judgeCollapse =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement => {
    const measured = pairs(evidence, device, "native", "emulated").map((pair) => ({
      ...pair,
      left: throughputRatio(pair),
      work: over(pair.other.perOperation.busy, pair.base.perOperation.busy),
    }));
    const standing = measured.filter(({ left }) => left >= COLLAPSED);
    const fallen = measured.filter(({ left }) => left < COLLAPSED);
    const shares = (group: typeof measured) =>
      list(group.map(({ name, left, work }) => `${name} (${percent(left)}, ${brief(work)} × the hart's work)`));
    const [kernel, userspace] = ["kernel", "userspace"].map((profile) =>
      evidence.guest(prefixed(device, "profile"), { ...(device === "LAN" ? { mode: "emulated" } : {}), profile }),
    );
    return {
      verdict: standing.length === 0 ? "holds" : "doesn't hold",
      why: [
        `Collapse: less than ${percent(COLLAPSED)} of native's throughput is left.`,
        fallen.length > 0 ? `So it is with ${shares(fallen)}.` : "So it is with no workload.",
        ...(standing.length > 0 ? [`Not so with ${shares(standing)}: ${DEVICES[device].whyNot}.`] : []),
        `A model in a process of its own costs ${brief(over(userspace.perOperation.busy, kernel.perOperation.busy))} × as much of the hart as one in the kernel.`,
      ].join(" "),
      figures: [
        ...measured.flatMap(({ name, left, work, other }): Figure[] => [
          { name: `${name}: throughput ÷ native`, value: left, unit: "%" },
          { name: `${name}: exits per operation`, value: other.perOperation.exits, unit: "" },
          { name: `${name}: hart's work per operation ÷ native`, value: work, unit: "×" },
        ]),
        ...[kernel, userspace].flatMap((guest, i): Figure[] => [
          {
            name: `model in the ${i ? "VMM's process" : "kernel"}: cycles per operation`,
            value: guest.perOperation.busy,
            unit: "cycles",
          },
        ]),
      ],
      charts: [...throughputCharts(evidence, device), profileChart(device, kernel, userspace)],
    };
  };

function profileChart(device: BusDevice, kernel: GuestReport, userspace: GuestReport): Chart {
  const parts = ["guest", "exit", "vmm", "idle"] as const;
  return {
    title: device === "disk" ? "cycles per emulated request of 4 KiB" : "cycles per emulated datagram of 1472 bytes",
    kind: "bar",
    x: "",
    y: "cycles",
    points: [kernel, userspace].flatMap((guest, i) =>
      parts.map((part) => ({ x: i ? "userspace" : "kernel", y: guest.perOperation[part], series: part })),
    ),
  };
}
