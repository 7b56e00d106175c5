// Sentences under the table, worked out from the figures.
import type { CompareReport } from "../scenario/compare.js";
import { cut, isNetwork, MODES } from "../scenario/workload.js";
import { brief, bytes, grouped, hex, list, percent, printable } from "./format.js";
import type { StopReason } from "../scenario/types.js";
import { type GuestReport, unitOf } from "./report.js";

type Part = "guest" | "exit" | "vmm";
const PARTS: Readonly<Record<Part, string>> = {
  guest: "the guest's own instructions",
  exit: "leaving and entering the guest",
  vmm: "work of the VMM",
};

/** Share of the baseline below which a difference isn't worth a word. */
const NOTICEABLE = 0.02;
/** Share of idle time that can hide a mode's added work. */
const HIDING = 0.2;

/** Bytes of the pages in which `landed` is counted. */
const PAGE = 4096;

/** Plain sentences on what a comparison shows. */
export function findings(report: CompareReport): string[] {
  const finished = report.modes.filter((mode) => mode.operations > 0);
  return [
    ...failures(report.modes),
    ...dearest(finished),
    ...slowest(finished),
    ...wire(report),
    ...serialLine(finished),
    ...translation(report),
    ...checksums(report),
    ...diskAfter(report),
    ...report.modes.flatMap(strays),
  ];
}

function largest(values: Readonly<Record<Part, number>>): Part {
  return (Object.keys(values) as Part[]).reduce((best, part) => (values[part] > values[best] ? part : best));
}

/** The reason with most exits, split by device where it is a register access. */
function commonest(report: GuestReport): string | undefined {
  const top = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts).reduce<[string, number] | undefined>(
      (best, entry) => (!best || entry[1] > best[1] ? entry : best),
      undefined,
    );
  const reason = top(report.exits);
  if (!reason || reason[1] === 0) return undefined;
  const device = reason[0].startsWith("mmio") ? top(report.mmioExits) : undefined;
  const where = device ? `, most register accesses going to ${device[0]}` : "";
  return `${brief(report.perOperation.exits)} exits per ${unitOf(report)}, ${brief(reason[1] / report.operations)} of them ${reason[0]}${where}`;
}

/** Which mode costs the hart most per I/O, and by which component it exceeds the cheapest (or native). */
function dearest(modes: readonly GuestReport[]): string[] {
  if (modes.length < 2) return modes.map(alone);
  const base = modes.find((mode) => mode.mode === "native");
  const most = modes.reduce((worst, mode) => (mode.perOperation.busy > worst.perOperation.busy ? mode : worst));
  const { busy } = most.perOperation;
  if (most === base) {
    return [`native itself costs the hart most, ${brief(busy)} busy cycles per ${unitOf(most)}: no mode adds to it.`];
  }
  const than = base ?? modes.reduce((best, mode) => (mode.perOperation.busy < best.perOperation.busy ? mode : best));
  const added = {
    guest: most.perOperation.guest - than.perOperation.guest,
    exit: most.perOperation.exit - than.perOperation.exit,
    vmm: most.perOperation.vmm - than.perOperation.vmm,
  };
  const part = largest(added);
  const difference = busy - than.perOperation.busy;
  if (difference <= 0) return [];
  if (difference < NOTICEABLE * than.perOperation.busy) {
    return [
      `No mode costs the hart noticeably more than ${than.mode}: ${most.mode}, the dearest, ${percent(difference / than.perOperation.busy)} more busy cycles per ${unitOf(most)}.`,
    ];
  }
  const share = Math.min(1, added[part] / difference);
  const exits = commonest(most);
  return [
    `${most.mode} costs the hart most: ${brief(busy)} busy cycles per ${unitOf(most)}, ${brief(busy / than.perOperation.busy)} times ${than.mode}'s ` +
      `${brief(than.perOperation.busy)}. ${percent(share)} of the difference is ${PARTS[part]}${exits ? ` (${exits})` : ""}.`,
  ];
}

function alone(report: GuestReport): string {
  const { guest, exit, vmm, busy } = report.perOperation;
  const part = largest({ guest, exit, vmm });
  const exits = commonest(report);
  return `${report.mode} costs the hart ${brief(busy)} busy cycles per ${unitOf(report)}; ${percent({ guest, exit, vmm }[part] / busy)} of them are ${PARTS[part]}${exits ? ` (${exits})` : ""}.`;
}

/** Whether the cost shows in throughput, or hides behind the disk. */
function slowest(modes: readonly GuestReport[]): string[] {
  const base = modes.find((mode) => mode.mode === "native");
  const others = modes.filter((mode) => mode !== base);
  if (!base || others.length === 0 || base.throughputMBps === 0) return [];
  const least = others.reduce((worst, mode) => (mode.throughputMBps < worst.throughputMBps ? mode : worst));
  const share = least.throughputMBps / base.throughputMBps;
  const idle = base.perOperation.cycles > 0 ? base.perOperation.idle / base.perOperation.cycles : 0;
  if (share > 1 - NOTICEABLE) {
    const why =
      idle > HIDING
        ? `natively the hart idles ${percent(idle)} of the time, which hides the added work`
        : "the added work is small beside the guest's own";
    return [`All modes reach at least ${percent(Math.min(1, share))} of native's throughput: ${why}.`];
  }
  return [
    `${least.mode} reaches ${percent(share)} of native's throughput (${rates(least, base)}); ` +
      `the hart idles ${percent(least.perOperation.idle / least.perOperation.cycles)} of its time, natively ${percent(idle)}.`,
  ];
}

/** "12.3 of 45.6 MB/s"; bits for what goes over the wire. */
function rates(...reports: readonly GuestReport[]): string {
  const isMessages = reports.some((report) => unitOf(report) === "message");
  return `${reports.map(({ throughputMBps }) => brief(throughputMBps * (isMessages ? 8 : 1))).join(" of ")} ${isMessages ? "Mb/s" : "MB/s"}`;
}

/** Bytes of a frame around a datagram's data: Ethernet, IPv4, UDP; the least of a frame; preamble, check sequence, gap. */
const FRAME_HEADERS = 42;
const SHORTEST_FRAME = 60;
const AROUND_FRAME = 24;

/** 10^6 bits of data per second that the wire can carry in messages of `bs` bytes. */
function wireLimit(bs: number, bandwidth: number): number {
  const { datagrams, bytes: each, last } = cut(bs);
  const frame = (data: number) => Math.max(SHORTEST_FRAME, data + FRAME_HEADERS) + AROUND_FRAME;
  return (bandwidth * bs) / ((datagrams - 1) * frame(each) + frame(last)) / 1e6;
}

/** What the wire would allow, and who comes near it; or whose round trips are longest. */
function wire({ modes, network, workload: { kind, bs } }: CompareReport): string[] {
  const done = modes.filter((mode) => mode.operations > 0 && mode.network);
  if (!network || !isNetwork(kind) || done.length === 0) return [];
  const peak = (of: (mode: GuestReport) => number, best: (a: number, b: number) => number) =>
    done.reduce((a, b) => (best(of(a), of(b)) === of(a) ? a : b));
  if (kind === "netrr") {
    const mean = (mode: GuestReport) => mode.network?.roundTrip?.mean ?? 0;
    const [shortest, longest] = [peak(mean, Math.min), peak(mean, Math.max)];
    const ratio = mean(longest) / mean(shortest);
    return [
      `A round trip of ${bytes(bs)} takes ${shortest.mode} ${brief(mean(shortest))} µs${longest === shortest ? "" : ` and ${longest.mode} ${brief(mean(longest))} µs, ${brief(ratio)} times as long`}.`,
    ];
  }
  const limit = wireLimit(bs, network.bandwidth);
  const rate = (mode: GuestReport) => mode.throughputMBps * 8;
  const [fastest, slowestOne] = [peak(rate, Math.max), peak(rate, Math.min)];
  const share = (mode: GuestReport) => `${mode.mode} fills ${percent(rate(mode) / limit)} of it`;
  const lost = done.reduce((sum, mode) => sum + (mode.network?.lost ?? 0), 0);
  return [
    `In messages of ${bytes(bs)} the wire can carry ${brief(limit)} Mb/s of data: ${share(fastest)}${slowestOne === fastest ? "" : `, ${share(slowestOne)}`}.`,
    ...(lost > 0 ? [`${grouped(lost)} datagrams were lost on the wires.`] : []),
  ];
}

/** How the hart's time for a character compares with the line's, and at which rate it would be as long. */
function serialLine(modes: readonly GuestReport[]): string[] {
  const done = modes.filter((mode) => unitOf(mode) === "character");
  if (done.length === 0) return [];
  const { baud, lineSeconds } = done[0].serial;
  const cost = ({ serial }: GuestReport) => serial.hartSeconds;
  const micro = (seconds: number) => `${brief(seconds * 1e6)} µs`;
  const [least, most] = [
    done.reduce((best, mode) => (cost(mode) < cost(best) ? mode : best)),
    done.reduce((worst, mode) => (cost(mode) > cost(worst) ? mode : worst)),
  ];
  const busy = (mode: GuestReport) => `${micro(cost(mode))} (${percent(cost(mode) / lineSeconds)}) under ${mode.mode}`;
  const echoes = done.filter(({ serial }) => serial.echo);
  const echo = ({ serial }: GuestReport) => serial.echo!.mean;
  return [
    `The line of ${grouped(baud)} baud takes ${micro(lineSeconds)} for a character; the hart is busy for ${busy(least)}` +
      `${most === least ? "" : `, and for ${busy(most)}, which would be all of its time at ${grouped(Math.round(10 / cost(most)))} baud`}.`,
    ...(echoes.length > 0
      ? [
          `A character typed has come back after ${list(echoes.map((mode) => `${micro(echo(mode))} under ${mode.mode}`))}.`,
        ]
      : []),
    ...done
      .filter(({ serial }) => serial.ofLineRate < 1 - NOTICEABLE)
      .map((mode) => `${mode.mode} fills only ${percent(mode.serial.ofLineRate)} of the line.`),
  ];
}

function translation({ modes, configuration }: CompareReport): string[] {
  const users = modes.filter(({ iotlb }) => iotlb.hits + iotlb.misses > 0);
  if (users.length === 0) {
    // a guest that ended before its I/O says nothing about its mode
    if (modes.some(({ operations }) => operations === 0)) return [];
    return ["The IOTLB had nothing to do: no device of these modes sends addresses that need translation."];
  }
  const user = users.reduce((best, mode) =>
    mode.iotlb.misses > best.iotlb.misses ||
    (mode.iotlb.misses === best.iotlb.misses && mode.iotlb.hits > best.iotlb.hits)
      ? mode
      : best,
  );
  const { hits, misses, evictions, walkReferences, ddtReferences } = user.iotlb;
  const entries = (configuration.iotlb as { entries?: number } | undefined)?.entries;
  const idle = modes.filter((mode) => !users.includes(mode) && mode.operations > 0).map((mode) => mode.mode);
  const cost =
    misses > 0
      ? `its ${grouped(misses)} ${misses === 1 ? "miss" : "misses"} took ${grouped(walkReferences)} memory references of page walks` +
        `${ddtReferences > 0 ? ` and ${grouped(ddtReferences)} of the device directory` : ""}, with ${grouped(evictions)} evictions`
      : "it never missed";
  return [
    `Under ${user.mode} the IOTLB${entries ? ` (${entries} entries)` : ""} answered ${percent(hits / (hits + misses))} of ${grouped(hits + misses)} lookups; ` +
      `${cost}.${idle.length > 0 ? ` ${list(idle)} ${idle.length > 1 ? "don't" : "doesn't"} use it.` : ""}`,
  ];
}

function checksums(report: CompareReport): string[] {
  const { expectedChecksum, modes } = report;
  const hashed = modes.filter((mode) => mode.checksum !== null);
  if (hashed.length === 0) return [];
  const reference = expectedChecksum ?? hashed[0].checksum;
  const equal = hashed.filter((mode) => mode.checksum === reference);
  const different = hashed.filter((mode) => mode.checksum !== reference);
  const origin = originOf(modes);
  const found = equal.length > 0 ? `, as ${list(equal.map((mode) => mode.mode))} found` : "";
  if (different.length > 0) {
    const wrong = list(different.map((mode) => `${mode.mode} reported ${mode.checksum}`));
    return [
      expectedChecksum
        ? `${wrong}, but the host computed ${reference} from ${origin}${found}.`
        : `${wrong}, but ${list(equal.map((mode) => mode.mode))} ${reference}.`,
    ];
  }
  const who =
    hashed.length === 1
      ? `${hashed[0].mode}'s checksum`
      : hashed.length === 2
        ? "Both checksums"
        : `All ${hashed.length} checksums`;
  const agree = hashed.length === 1 ? "equals" : "equal";
  if (expectedChecksum) return [`${who} (${reference}) ${agree} the one that the host computed from ${origin}.`];
  return hashed.length === 1 ? [] : [`${who} are ${reference}; the host can't compute this one by itself.`];
}

/** What the host computes checksums from. */
export function originOf(reports: readonly GuestReport[]): string {
  const given = reports.filter(({ workload }) => workload === "netrecv" || workload === "netsave");
  if (given.length === 0) return "the disk's bytes";
  return given.length === reports.length ? "what the peer gave" : "the disk's bytes and what the peer gave";
}

function diskAfter({ disk }: CompareReport): string[] {
  if (!disk?.after) return [];
  const { after, expectedAfter } = disk;
  const digests = Object.entries(after);
  const [first] = digests;
  const same = new Set(Object.values(after)).size === 1;
  if (same && (expectedAfter === null || first[1] === expectedAfter)) {
    const foretold = expectedAfter === null ? "" : ", as the host had foretold";
    return [`Every mode left the same bytes on the disk (${first[1]})${foretold}.`];
  }
  const reference = expectedAfter ?? referenceDigest(after);
  const named = (wanted: boolean) => digests.filter(([, digest]) => (digest === reference) === wanted);
  const found = list(named(false).map(([mode, digest]) => `${mode} left ${digest}`));
  const right = list(named(true).map(([mode]) => mode));
  const than =
    expectedAfter === null
      ? `${right} left ${reference}`
      : `the host had foretold ${reference}${right ? `, as ${right} left it` : ""}`;
  return [`Not every disk is as it ought to be: ${found}, but ${than}.`];
}

/** The disk that judges the others where the host can't foretell it: native's, else the first safe mode's. */
export function referenceDigest(after: Readonly<Record<string, string>>): string {
  const modes = Object.keys(after) as (keyof typeof MODES)[];
  return after.native ?? after[modes.find((mode) => MODES[mode].safe) ?? modes[0]];
}

function failures(modes: readonly GuestReport[]): string[] {
  return modes
    .filter(({ status, problem }) => problem !== null || !["ok", "wrong-checksum", "wrong-data"].includes(status))
    .map((report) => `${report.name}: ${whyStopped(report)}.`);
}

/** Why a guest isn't ok, without a full stop. */
export function whyStopped({ stop, status, problem, errors, console }: GuestReport): string {
  if (problem !== null) return problem;
  if (stop.kind === "crash")
    return `the guest crashed: ${stop.what} at pc ${hex(stop.pc)}, address ${hex(stop.address)}`;
  if (stop.kind === "hang") return `the guest ${whyHung(stop)}`;
  if (stop.kind === "killed") return "the guest was killed, as its scenario says";
  if (status === "io-errors") return `the guest finished, but ${grouped(errors)} of its requests ended in an error`;
  const said = console.trimEnd().split("\n").at(-1)?.trim();
  const last = said ? `; its last words were "${printable(said)}"` : "";
  return stop.code === 0
    ? `the guest shut down without a result${last}`
    : `the guest shut down with code ${stop.code}${last}`;
}

/** The limit that ended a guest, and its value; the guest is the sentence's subject. */
export function whyHung({ limit, cycles = 0 }: Extract<StopReason, { kind: "hang" }>): string {
  if (limit === "quiet-cycles") return `hung: no progress for ${grouped(cycles)} cycles (quiet-cycles)`;
  if (limit === "max-cycles") return `hung: not at its end after ${grouped(cycles)} cycles (max-cycles)`;
  return "hung: it waits for what can never happen";
}

/** assigned-raw: whose memory the device's writes hit. */
export function strays({ name, mode, landed }: GuestReport): string[] {
  const missed = landed.filter((run) => !run.intended);
  if (missed.length === 0) return [];
  const total = missed.reduce((sum, run) => sum + run.bytes, 0);
  const owners = new Map<string, { bytes: number; pages: number; start: number; what: string }>();
  for (const run of missed) {
    const key = run.owner;
    const seen = owners.get(key);
    owners.set(key, {
      bytes: (seen?.bytes ?? 0) + run.bytes,
      pages: (seen?.pages ?? 0) + run.pages,
      start: Math.min(seen?.start ?? Number.POSITIVE_INFINITY, run.start),
      what: seen && seen.what !== run.what ? "several things" : run.what,
    });
  }
  const whose = (owner: string, what: string) => {
    if (owner === "nothing") return " where no memory is";
    if (owner === "free") return " of memory that nobody uses";
    return owner === name ? " of its own memory, but another place of it" : ` of the memory of ${owner} (${what})`;
  };
  const extent = (pages: number) => `${grouped(pages)} ${pages === 1 ? "page" : "pages"} (${bytes(pages * PAGE)})`;
  const parts = [...owners].map(
    ([owner, hit]) =>
      `${bytes(hit.bytes)} onto ${extent(hit.pages)}${whose(owner, hit.what)}, the first at ${hex(hit.start)}`,
  );
  return [`Under ${mode} the device wrote ${bytes(total)} where the guest didn't mean: ${list(parts)}.`];
}

/** One value of a sweep, and what a guest or mode showed under it. */
export interface SweepPoint {
  readonly value: string;
  readonly subject: string;
  readonly report: GuestReport;
}

/** What a sweep changed, subject by subject. */
export function sweepFindings(parameter: string, points: readonly SweepPoint[]): string[] {
  const bad = points.filter(({ report }) => report.status !== "ok");
  const subjects = [...new Set(points.map((point) => point.subject))];
  return [
    ...bad.map(({ value, subject, report }) =>
      report.status === "wrong-checksum"
        ? `${subject} with ${parameter} ${value}: reported ${report.checksum}, expected ${report.expectedChecksum}.`
        : `${subject} with ${parameter} ${value}: ${whyStopped(report)}.`,
    ),
    ...subjects.flatMap((subject) =>
      varied(
        parameter,
        points.filter((point) => point.subject === subject),
      ),
    ),
    ...(bad.length === 0 && points.every(({ report }) => report.expectedChecksum !== null)
      ? [`Every checksum equals the one that the host computed from ${originOf(points.map(({ report }) => report))}.`]
      : []),
  ];
}

function varied(parameter: string, points: readonly SweepPoint[]): string[] {
  const done = points.filter(({ report }) => report.operations > 0);
  if (done.length < 2) return [];
  const cost = ({ report }: SweepPoint) => report.perOperation.cycles;
  const best = done.reduce((least, point) => (cost(point) < cost(least) ? point : least));
  const worst = done.reduce((most, point) => (cost(point) > cost(most) ? point : most));
  const misses = ({ report }: SweepPoint) => report.iotlb.misses;
  const most = done.reduce((a, point) => (misses(point) > misses(a) ? point : a));
  const least = done.reduce((a, point) => (misses(point) < misses(a) ? point : a));
  const missed =
    misses(most) === misses(least)
      ? `its IOTLB misses stay at ${grouped(misses(most))}`
      : `its IOTLB misses go from ${grouped(misses(most))} (${most.value}) to ${grouped(misses(least))} (${least.value})`;
  if (cost(worst) === cost(best)) return [`${best.subject}: ${parameter} changes nothing; ${missed}.`];
  return [
    `${best.subject}: dearest with ${parameter} ${worst.value}, ${brief(cost(worst))} cycles per ${unitOf(best.report)}, and cheapest with ${best.value}, ` +
      `${brief(cost(best))} (${percent(1 - cost(best) / cost(worst))} less); ${missed}.`,
  ];
}
