// The figures of one guest's run, as they stand in JSON and in the tables. How each is counted: docs/figures.md.
import type { CyclesBy, GuestResult, Landed, SerialFigures, StopReason } from "../scenario/types.js";
import type { CommonMode } from "../scenario/modes.js";
import { BITS_PER_CHARACTER } from "../platform/serial.js";
import { driverOf, isSerial, NET_WORKLOADS } from "../scenario/workload.js";
import type { DeviceModes } from "../vmm/types.js";
import { printable } from "./format.js";

/** Per I/O operation of the guest; the counts divided by `operations`. */
export interface PerOperation extends CyclesBy {
  readonly cycles: number;
  /** guest + exit + VMM: what the hart spent. */
  readonly busy: number;
  readonly exits: number;
}

/** The serial line, and what a character on it costs. */
export interface SerialReport extends SerialFigures {
  /** Seconds that the hart is busy for one, 0 for a workload of another device; and that the line takes for one. */
  readonly hartSeconds: number;
  readonly lineSeconds: number;
}

/** Against the baseline: this guest's figure ÷ the baseline's. */
export interface Relative {
  readonly throughput: number;
  readonly cycles: number;
  readonly busy: number;
}

/** Of a guest with a network workload. Datagrams are those that carried its data: there for netrr, not back. */
export interface NetworkFigures {
  readonly datagrams: number;
  readonly datagramsPerSecond: number;
  /** 10^6 bits of data per second of machine time. */
  readonly megabitsPerSecond: number;
  /** Datagrams that didn't arrive. */
  readonly lost: number;
  readonly exitsPerDatagram: number;
  /** Cycles that the hart spent (guest + exit + VMM). */
  readonly busyPerDatagram: number;
  /** netrr: from the first byte of a message sent to the last one back, in microseconds, as the guest measures it. */
  readonly roundTrip: { readonly mean: number; readonly most: number } | null;
}

/** How long one request took, as the guest measures it: microseconds. */
export interface Response {
  readonly mean: number;
  readonly most: number;
}

/** ok: finished, and nothing contradicts its checksum, nor what it left on the disk ("wrong-data"). */
export type GuestStatus =
  | "ok"
  | "wrong-checksum"
  | "wrong-data"
  | "io-errors"
  | "failed"
  | "crashed"
  | "hung"
  | "killed";

/** One guest (`yado run`) or one mode (`yado compare`). Counts cover the guest's region of interest. */
export interface GuestReport {
  readonly name: string;
  /** "mixed" where disk and network interface differ. */
  readonly mode: CommonMode;
  readonly modes: DeviceModes;
  readonly driver: "stock" | "modified" | "virtio" | "mixed";
  readonly status: GuestStatus;
  /** With "wrong-data": what is wrong, where something at the other end shows it; else null. */
  readonly problem: string | null;
  readonly stop: StopReason;
  readonly workload: string;
  readonly checksum: string | null;
  /** The checksum it ought to have: the host's own, else that of the first safe mode; null where nothing is known. */
  readonly expectedChecksum: string | null;
  readonly bytes: number;
  readonly operations: number;
  readonly errors: number;
  /** Machine time in seconds. */
  readonly seconds: number;
  /** 10^6 bytes per second of machine time. */
  readonly throughputMBps: number;
  readonly iops: number;
  /** Of its requests; null where it doesn't time them. */
  readonly response: Response | null;
  readonly network: NetworkFigures | null;
  readonly instructions: number;
  readonly cycles: number;
  readonly cyclesBy: CyclesBy;
  /** Cycles that other guests had the hart. */
  readonly elsewhere: number;
  readonly perOperation: PerOperation;
  readonly relative: Relative | null;
  /** By reason; their sum is `exitsTotal`. */
  readonly exits: Readonly<Record<string, number>>;
  readonly exitsTotal: number;
  /** Trapped register accesses (mmio-read and mmio-write) by device. */
  readonly mmioExits: Readonly<Record<string, number>>;
  readonly directMmio: number;
  readonly iotlb: GuestResult["counters"]["iotlb"];
  readonly interrupts: GuestResult["counters"]["interrupts"];
  readonly bytesCopied: number;
  readonly dma: GuestResult["counters"]["dma"];
  readonly serial: SerialReport;
  readonly tlbMisses: number;
  readonly l1dMisses: number;
  /** What the attach mode counted beside, over the whole run. */
  readonly details: Readonly<Record<string, number>>;
  /** assigned-raw: where the device's writes went. */
  readonly landed: readonly Landed[];
  /** And where its reads came from. */
  readonly taken: readonly Landed[];
  /** Everything the guest said on its serial line. */
  readonly console: string;
}

/** What an operation of the guest is called. */
export function unitOf({ workload }: GuestReport): "I/O" | "message" | "character" {
  if (isSerial(workload)) return "character";
  return (NET_WORKLOADS as readonly string[]).includes(workload) ? "message" : "I/O";
}

function ordered(counts: Readonly<Record<string, number>>, keep: (reason: string) => boolean): Record<string, number> {
  const kept = Object.keys(counts).filter(keep).sort();
  return Object.fromEntries(kept.map((reason) => [reason, counts[reason]]));
}

/** The checksum that the guest reported, if it made one. */
export function reported({ checksum }: GuestResult): string | undefined {
  return checksum === undefined || checksum === "none" ? undefined : printable(checksum);
}

function status(result: GuestResult, expected: string | undefined, errors: number): GuestStatus {
  if (result.stop.kind === "crash") return "crashed";
  if (result.stop.kind === "hang") return "hung";
  if (result.stop.kind === "killed") return "killed";
  if (errors > 0) return "io-errors";
  if (result.stop.code !== 0 || !result.result) return "failed";
  if (expected !== undefined && reported(result) !== expected) return "wrong-checksum";
  return "ok";
}

/** Counts per one of `times`; zeros if there was none. */
function each({ cycles, cyclesBy: { guest, exit, vmm, idle } }: GuestResult["counters"], exits: number, times: number) {
  const per = (count: number) => (times > 0 ? count / times : 0);
  return {
    cycles: per(cycles),
    busy: per(guest + exit + vmm),
    guest: per(guest),
    exit: per(exit),
    vmm: per(vmm),
    idle: per(idle),
    exits: per(exits),
  };
}

function serialReport({ serial, counters, result, bytes }: GuestResult, frequency: number): SerialReport {
  const { busy } = each(counters, 0, isSerial(result?.workload ?? "") ? bytes : 0);
  return { ...serial, hartSeconds: busy / frequency, lineSeconds: BITS_PER_CHARACTER / serial.baud };
}

/**
 * Works out the figures of one guest.
 * @param frequency the machine's cycles per second
 * @param expected the checksum that it ought to report, if known
 */
export function guestReport(result: GuestResult, frequency: number, expected?: string): GuestReport {
  const { counters, operations } = result;
  const checksum = reported(result);
  const errors = Number(result.result?.errors ?? 0) || 0;
  const { guest, exit, vmm, idle } = counters.cyclesBy;
  const exits = ordered(counters.exits, (reason) => !reason.includes(":"));
  const exitsTotal = Object.values(exits).reduce((sum, count) => sum + count, 0);
  const split = ordered(counters.exits, (reason) => reason.startsWith("mmio:"));
  const seconds = counters.cycles / frequency;
  return {
    name: result.name,
    mode: result.mode,
    modes: result.modes,
    driver: driverOf(result.modes),
    status: status(result, expected, errors),
    problem: null,
    stop: result.stop,
    workload: printable(result.result?.workload ?? ""),
    checksum: checksum ?? null,
    expectedChecksum: expected ?? null,
    bytes: result.bytes,
    operations,
    errors,
    seconds,
    throughputMBps: result.throughputMBps,
    iops: seconds > 0 ? operations / seconds : 0,
    response: responseOf(result),
    network: networkFigures(result, { seconds, exits: exitsTotal, busy: guest + exit + vmm }),
    instructions: counters.instructions,
    cycles: counters.cycles,
    cyclesBy: { guest, exit, vmm, idle },
    elsewhere: counters.elsewhere,
    perOperation: each(counters, exitsTotal, operations),
    relative: null,
    exits,
    exitsTotal,
    mmioExits: Object.fromEntries(Object.entries(split).map(([reason, count]) => [reason.slice(5), count])),
    directMmio: counters.directMmio,
    iotlb: counters.iotlb,
    interrupts: counters.interrupts,
    bytesCopied: counters.bytesCopied,
    dma: counters.dma,
    serial: serialReport(result, frequency),
    tlbMisses: counters.tlbMisses,
    l1dMisses: counters.l1dMisses,
    details: ordered(result.details ?? {}, () => true),
    landed: result.landed,
    taken: result.taken,
    console: result.console,
  };
}

function responseOf({ result }: GuestResult): Response | null {
  const [mean, most] = ["latency_mean_ns", "latency_max_ns"].map((key) => Number(result?.[key]) / 1000);
  return mean > 0 && most > 0 ? { mean, most } : null;
}

function networkFigures(
  { result = {}, throughputMBps }: GuestResult,
  { seconds, exits, busy }: { readonly seconds: number; readonly exits: number; readonly busy: number },
): NetworkFigures | null {
  if (result.datagrams === undefined) return null;
  const figure = (key: string) => Number(result[key] ?? 0) || 0;
  // netrr counts those that came back whole
  const datagrams = figure("datagrams");
  const over = (count: number, base: number) => (base > 0 ? count / base : 0);
  const microseconds = (key: string) => figure(key) / 1000;
  return {
    datagrams,
    datagramsPerSecond: over(datagrams, seconds),
    megabitsPerSecond: throughputMBps * 8,
    lost: figure("lost"),
    exitsPerDatagram: over(exits, datagrams),
    busyPerDatagram: over(busy, datagrams),
    roundTrip:
      result.workload === "netrr"
        ? { mean: microseconds("latency_mean_ns"), most: microseconds("latency_max_ns") }
        : null,
  };
}

/** The same reports with their ratios against `baseline`. */
export function relativeTo(baseline: GuestReport | undefined, reports: readonly GuestReport[]): GuestReport[] {
  if (!baseline || baseline.operations === 0) return [...reports];
  const over = (value: number, base: number) => (base > 0 ? value / base : 0);
  return reports.map((report) =>
    report.operations === 0
      ? report
      : {
          ...report,
          relative: {
            throughput: over(report.throughputMBps, baseline.throughputMBps),
            cycles: over(report.perOperation.cycles, baseline.perOperation.cycles),
            busy: over(report.perOperation.busy, baseline.perOperation.busy),
          },
        },
  );
}
