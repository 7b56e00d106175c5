// S1, S2, S4 and S11 as far as the serial line goes: a line so slow that what it costs hides behind it.
import { brief, grouped, list, percent } from "../../metrics/format.js";
import type { GuestReport } from "../../metrics/report.js";
import type { Evidence } from "../evidence.js";
import type { Chart, Figure, Judgement } from "../types.js";
import { over } from "./workloads.js";

/** Of the line's own rate: below it the hart, not the line, would be what one waits for. */
const AT_LINE_RATE = 0.95;
/** What is published as no loss: as for the other devices (ELI, ASPLOS'12). */
const NO_LOSS = 0.97;
const MICROSECONDS = 1e6;

const micros = (seconds: number) => `${brief(seconds * MICROSECONDS)} µs`;

/** Where a device model stands between guest and line. */
const MODELLED: readonly string[] = ["emulated", "paravirtual"];

/** One way to print a character, and what it costs. */
interface Way {
  readonly name: string;
  readonly guest: GuestReport;
}

function ways(evidence: Evidence, mode: string): Way[] {
  return evidence.all("console", { mode }).map(({ values, guests: [guest] }) => ({
    name: MODELLED.includes(mode)
      ? `${mode} by the VMM's ${values.profile === "userspace" ? "process" : "kernel"}`
      : mode,
    guest,
  }));
}

const figuresOf = ({ name, guest }: Way): Figure[] => [
  { name: `${name}: hart's time for a character`, value: guest.serial.hartSeconds * MICROSECONDS, unit: "µs" },
  { name: `${name}: exits for a character`, value: guest.perOperation.exits, unit: "" },
  { name: `${name}: share of the line's rate`, value: guest.serial.ofLineRate, unit: "%" },
];

function costChart(measured: readonly Way[]): Chart {
  const [{ guest }] = measured;
  return {
    title: "the hart's time for a character; dashed: the line's",
    kind: "bar",
    x: "",
    y: "µs",
    threshold: guest.serial.lineSeconds * MICROSECONDS,
    points: measured.map(({ name, guest: { mode, serial } }) => ({
      x: name,
      y: serial.hartSeconds * MICROSECONDS,
      series: mode,
    })),
  };
}

/** Characters a second by the line's rate, all modes that were run. */
function rateChart(evidence: Evidence): Chart {
  return {
    title: "characters a second on faster lines",
    kind: "line",
    x: "baud",
    y: "characters/s",
    points: evidence.all("console-rates").map(({ values, guests: [{ serial }] }) => ({
      x: values.baud,
      y: serial.charactersPerSecond,
      series: values.mode,
    })),
  };
}

/** The slowest line that a mode doesn't fill. */
function firstUnfilled(evidence: Evidence, mode: string): GuestReport | undefined {
  return evidence
    .all("console-rates", { mode })
    .map(({ guests: [guest] }) => guest)
    .filter(({ serial }) => serial.ofLineRate < AT_LINE_RATE)
    .sort((a, b) => a.serial.baud - b.serial.baud)[0];
}

/** The line stays what one waits for: characters leave at its rate, and the hart's work for one is done before the next. */
export function judgeSerial(evidence: Evidence): Judgement {
  const [native] = ways(evidence, "native");
  const emulated = ways(evidence, "emulated");
  const others = [...ways(evidence, "assigned"), ...ways(evidence, "paravirtual")];
  const good = ({ guest: { status, serial } }: Way) =>
    status === "ok" && serial.ofLineRate >= AT_LINE_RATE && serial.hartSeconds < serial.lineSeconds;
  const holds = emulated.length > 0 && emulated.every(good);
  const found = emulated.map(
    ({ name, guest: { serial } }) =>
      `${name} a character costs the hart ${micros(serial.hartSeconds)} of the ${micros(serial.lineSeconds)} that the line takes for it, and ${percent(serial.ofLineRate)} of the line's rate is used`,
  );
  const limit = firstUnfilled(evidence, "emulated");
  return {
    verdict: holds ? "holds" : "doesn't hold",
    why: [
      `${list(found)} (well enough: less than the line's time, and at least ${percent(AT_LINE_RATE)}).`,
      ...(limit
        ? [
            `It is the line's slowness that makes it so: one of ${grouped(limit.serial.baud)} baud is used to ${percent(limit.serial.ofLineRate)}.`,
          ]
        : []),
    ].join(" "),
    figures: [
      { name: "the line's time for a character", value: native.guest.serial.lineSeconds * MICROSECONDS, unit: "µs" },
      ...[native, ...emulated, ...others].flatMap(figuresOf),
    ],
    charts: [costChart([native, ...emulated, ...others]), rateChart(evidence)],
  };
}

/** Guests on one line: each character of each arrives, and each has its share of the rate. */
export function judgeSharedLine(evidence: Evidence): Judgement {
  const guests = evidence.guests("console-shared");
  const wrong = guests.filter(({ status, serial, bytes }) => status !== "ok" || serial.arrived !== bytes);
  const emulated = guests.filter(({ mode }) => mode === "emulated");
  const untrapped = emulated.filter(({ mmioExits, driver }) => !mmioExits.uart || driver !== "stock");
  const alone = guests.filter(({ serial }) => serial.ofLineRate > AT_LINE_RATE);
  const holds = emulated.length > 1 && [wrong, untrapped, alone].every((group) => group.length === 0);
  const names = (group: readonly GuestReport[]) => list(group.map(({ name }) => name));
  return {
    verdict: holds ? "holds" : "doesn't hold",
    why: holds
      ? `${guests.length} guests printed on one line at the same time, ${emulated.length} of them with the ordinary driver on registers that trapped; every character of each arrived at the line's end as its own, and together they used ${percent(guests.reduce((sum, { serial }) => sum + serial.ofLineRate, 0))} of its rate.`
      : [
          ...(wrong.length > 0 ? [`${names(wrong)}: failed, or characters are missing.`] : []),
          ...(untrapped.length > 0 ? [`${names(untrapped)}: no access trapped, or not the ordinary driver.`] : []),
          ...(alone.length > 0 ? [`${names(alone)}: had the line alone.`] : []),
        ].join(" "),
    figures: guests.flatMap(({ name, serial }): Figure[] => [
      { name: `${name}: characters that arrived`, value: serial.arrived, unit: "" },
      { name: `${name}: share of the line's rate`, value: serial.ofLineRate, unit: "%" },
    ]),
  };
}

/** The ordinary driver on a line of its own: native's characters a second. What the interrupts' way costs stands beside it. */
export function judgeOwnLine(evidence: Evidence): Judgement {
  const [native] = ways(evidence, "native");
  const assigned = ways(evidence, "assigned");
  const kept = ({ guest }: Way) => over(guest.serial.charactersPerSecond, native.guest.serial.charactersPerSecond);
  const good = (way: Way) => way.guest.status === "ok" && way.guest.driver === "stock" && kept(way) >= NO_LOSS;
  const holds = assigned.length > 0 && assigned.every(good);
  const found = assigned.map(
    (way) =>
      `${way.name} ${percent(kept(way))} of native's characters a second remain, for ${brief(over(way.guest.serial.hartSeconds, native.guest.serial.hartSeconds))} × the hart's time`,
  );
  return {
    verdict: holds ? "holds" : "doesn't hold",
    why: `${list(found)} (no loss: at least ${percent(NO_LOSS)} with the ordinary driver). The line has no DMA, so nothing has to translate addresses.`,
    figures: [native, ...assigned].flatMap(figuresOf),
    charts: [rateChart(evidence)],
  };
}

/** Cheaper than the model wherever the VMM's part of it runs, shared with others, and with another driver than the line's. */
export function judgeVirtioConsole(evidence: Evidence): Judgement {
  const emulated = ways(evidence, "emulated");
  const pairs = ways(evidence, "paravirtual").map((way, i) => ({
    ...way,
    gain: over(emulated[i].guest.serial.hartSeconds, way.guest.serial.hartSeconds),
    kept: over(way.guest.serial.charactersPerSecond, emulated[i].guest.serial.charactersPerSecond),
  }));
  const sharers = evidence.guests("console-shared").filter(({ mode }) => mode === "paravirtual");
  const shared =
    sharers.length > 0 && sharers.every(({ status, serial, bytes }) => status === "ok" && serial.arrived === bytes);
  const modified = [...sharers, ...pairs.map(({ guest }) => guest)].every(({ driver }) => driver !== "stock");
  const fast =
    pairs.length > 0 && pairs.every(({ guest, gain, kept }) => guest.status === "ok" && gain > 1 && kept >= NO_LOSS);
  const unfilled = firstUnfilled(evidence, "emulated");
  const there =
    unfilled && evidence.guest("console-rates", { mode: "paravirtual", baud: String(unfilled.serial.baud) });
  return {
    verdict: fast && shared && modified ? "holds" : "doesn't hold",
    why: [
      `The hart's time for a character is smaller than emulated: ${list(pairs.map(({ name, gain }) => `${name} ${brief(gain)} times`))}; the slow line hides the difference.`,
      ...(unfilled && there
        ? [
            `On one of ${grouped(unfilled.serial.baud)} baud it shows: ${grouped(Math.round(there.serial.charactersPerSecond))} characters a second against ${grouped(Math.round(unfilled.serial.charactersPerSecond))}.`,
          ]
        : []),
      shared ? "It shared the line with emulated guests." : "Sharing the line failed.",
      modified ? "The guests' driver is virtio's, not the UART's." : "The guest wasn't modified.",
    ].join(" "),
    figures: [...emulated, ...pairs].flatMap(figuresOf),
    charts: [rateChart(evidence)],
  };
}
