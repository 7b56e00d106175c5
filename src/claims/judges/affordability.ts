// S10: a device for each guest, or one for all of them.
import { brief, grouped, list, percent } from "../../metrics/format.js";
import type { GuestReport } from "../../metrics/report.js";
import type { Evidence } from "../evidence.js";
import type { Chart, Figure, Judgement } from "../types.js";
import { type BusDevice, DEVICES } from "./devices.js";
import { over } from "./workloads.js";

/** Of what guests ask for, so much must be served: the rest is room for the first request and the last. */
const SERVED = 0.95;
/** The scenarios' demand of one guest: requests a second. */
const DEMAND = 2000;
/**
 * Seconds that one request occupies its device, by what the scenarios ask for and the default costs: a read of 4 KiB at a
 * medium of 7 µs; a datagram of 1472 bytes with 66 of headers and framing at 1 Gb/s.
 */
const OCCUPIED: Readonly<Record<BusDevice, number>> = { disk: 7e-6, LAN: ((1472 + 66) * 8) / 1e9 };
const SCENARIOS: Readonly<Record<BusDevice, { readonly own: string; readonly shared: string }>> = {
  disk: { own: "own-disks", shared: "one-disk" },
  LAN: { own: "lan-own-nics", shared: "lan-one-nic" },
};

interface Crowd {
  /** "own", or the mode by which one device is shared. */
  readonly way: string;
  readonly guests: number;
  /** Least of what any of the guests was served, as a share of its demand. */
  readonly served: number;
  /** µs, mean over guests. */
  readonly response: number;
  /** Of the time, for which a device is at work: one guest's, or that of all. */
  readonly utilization: number;
  readonly ok: boolean;
}

function crowd(device: BusDevice, way: string, guests: readonly GuestReport[]): Crowd {
  const rates = guests.map(({ operations, seconds }) => over(operations, seconds));
  const users = way === "own" ? rates.slice(0, 1) : rates;
  return {
    way,
    guests: guests.length,
    served: Math.min(...rates) / DEMAND,
    response: over(
      guests.reduce((sum, { response }) => sum + (response?.mean ?? 0), 0),
      guests.length,
    ),
    utilization: users.reduce((sum, rate) => sum + rate * OCCUPIED[device], 0),
    ok: guests.every(({ status }) => status === "ok"),
  };
}

/** One device has time for what all guests ask of theirs, and by sharing it none of them goes short. */
export const judgeAffordability =
  (device: BusDevice) =>
  (evidence: Evidence): Judgement => {
    const { noun } = DEVICES[device];
    const { own, shared } = SCENARIOS[device];
    const dedicated = evidence.all(own).map(({ guests }) => crowd(device, "own", guests));
    const sharing = evidence.all(shared).map(({ values, guests }) => crowd(device, values.mode, guests));
    const most = Math.max(0, ...sharing.map(({ guests }) => guests));
    const full = sharing.filter(({ guests }) => guests === most);
    const short = [...dedicated, ...sharing].filter(({ served, ok }) => served < SERVED || !ok);
    const sharedShort = sharing.filter((one) => short.includes(one));
    const busiest = Math.max(0, ...full.map(({ utilization }) => utilization));
    const idle = Math.max(0, ...dedicated.map(({ utilization }) => utilization));
    const holds = sharing.length > 0 && dedicated.length > 0 && short.length === 0 && busiest < 1;
    const largest = dedicated.at(-1);
    const beside = (one: Crowd) => dedicated.find(({ guests }) => guests === one.guests);
    const waits = full.map((one) => `${brief(one.response)} µs ${one.way}`);
    return {
      verdict: holds ? "holds" : sharing.length > 0 && dedicated.length > 0 ? "doesn't hold" : "not shown yet",
      why: [
        `A ${noun} for each guest that makes ${grouped(DEMAND)} requests a second is at work for ${percent(idle)} of the time, however many there are; ${most} guests would need ${most}, and together they would use ${percent(busiest)} of one.`,
        sharedShort.length === 0
          ? `One ${noun} that the VMM shares out serves all ${most} (at least ${percent(SERVED)} of what each asks for), with a response after ${list(waits)}${largest ? `, where a ${noun} of one's own answers after ${brief(largest.response)} µs` : ""}.`
          : `One ${noun} for all doesn't serve them: ${list(sharedShort.map(({ way, guests, served }) => `${guests} ${way} (${percent(served)} of its demand for the least of them)`))}.`,
        `This machine has interrupt lines for four, so ${most} can't be attached at all. What a ${noun} costs in money no figure here tells: shown is that as many as guests stand idle and that one will do.`,
      ].join(" "),
      figures: [
        ...dedicated.flatMap((one): Figure[] => [
          {
            name: `${one.guests} guests, ${one.guests} devices: utilization of each`,
            value: one.utilization,
            unit: "%",
          },
          { name: `${one.guests} guests, ${one.guests} devices: response`, value: one.response, unit: "µs" },
        ]),
        ...sharing.flatMap((one): Figure[] => {
          const name = `${one.guests} guests, 1 device, ${one.way}`;
          const alone = beside(one);
          return [
            { name: `${name}: its utilization`, value: one.utilization, unit: "%" },
            { name: `${name}: least share of the demand`, value: one.served, unit: "%" },
            { name: `${name}: response`, value: one.response, unit: "µs" },
            ...(alone
              ? [
                  {
                    name: `${name}: response ÷ own device's`,
                    value: over(one.response, alone.response),
                    unit: "×",
                  } as const,
                ]
              : []),
          ];
        }),
      ],
      charts: [
        chart("response by number of guests", "µs", [...dedicated, ...sharing], ({ response }) => response),
        chart(
          "share of the time for which a device is at work",
          "%",
          [...dedicated, ...sharing],
          ({ utilization }) => 100 * utilization,
        ),
      ],
    };
  };

function chart(title: string, y: string, crowds: readonly Crowd[], of: (one: Crowd) => number): Chart {
  const series = (way: string) => (way === "own" ? "a device each" : `one device, ${way}`);
  return {
    title,
    kind: "line",
    x: "guests",
    y,
    points: crowds.map((one) => ({ x: one.guests, y: of(one), series: series(one.way) })),
  };
}
