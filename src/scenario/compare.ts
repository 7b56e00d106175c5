// One guest program with one disk, one network interface, or both, once per attach mode.
import { GIGABIT } from "../backends/network/wire.js";
import { checksum } from "../metrics/checksum.js";
import { referenceDigest } from "../metrics/findings.js";
import { type GuestReport, guestReport, relativeTo, reported } from "../metrics/report.js";
import type { DiskInterface, NicInterface } from "../platform/board.js";
import { UserError } from "../platform/user-error.js";
import type { AttachModeName } from "../vmm/types.js";
import { writtenPattern } from "./pattern.js";
import { isVirtio } from "./virtio.js";
import { addressOf, expectedChecksum, given, judged, wholeDisk } from "./far-end.js";
import type { LanConfig, PeerCounts, RunConfig, RunResult } from "./types.js";
import { bootargs, covered, isSafe, typedFor, usesDisk, usesNic, type Workload, writes } from "./workload.js";

/** What may be set about the machine: the part of a RunConfig that isn't guests and disks. */
export type MachineOptions = Omit<
  RunConfig,
  "guests" | "disks" | "nics" | "network" | "attack" | "allowRaw" | "keepDisks"
>;

export interface CompareOptions {
  /** The guest program: an ELF file's bytes. */
  readonly kernel: Uint8Array;
  /** The disk's contents; every mode starts from them. Not changed. Empty for workloads that have none. */
  readonly image: Uint8Array;
  /** The wire, for workloads that have one. */
  readonly network?: LanConfig;
  /** The disk's controller; virtio only under native. Default "nvme". */
  readonly interface?: DiskInterface;
  /** The network interface's sort; virtio only under native. Default "e1000e". */
  readonly nicInterface?: NicInterface;
  readonly modes: readonly AttachModeName[];
  readonly workload: Workload;
  /** Bytes of guest RAM. */
  readonly memory: number;
  readonly machine: MachineOptions;
}

/** Told how one run goes on. */
export interface RunWatch {
  /** The run begins: others may have gone before it. */
  started(): void;
  /** As RunObserver's. */
  progress(dmaBytes: number, cycles: number): void;
}

/** Runs one configuration, now or when its turn comes. */
export type Runner = (config: RunConfig, watch: RunWatch) => RunResult | Promise<RunResult>;

/** Told how a comparison goes on. `bytes` is what a mode has moved so far, at most `total`. */
export interface CompareObserver {
  started?(mode: AttachModeName, total: number): void;
  progress?(mode: AttachModeName, bytes: number, total: number): void;
  finished?(mode: AttachModeName, report: GuestReport): void;
}

/** What a comparison found: schema `yado.compare/1` without `host`. See docs/compare-json.md. */
export interface CompareReport {
  readonly schema: "yado.compare/1";
  readonly version: string;
  /** The guest program. */
  readonly guest: { readonly bytes: number; readonly crc32c: string };
  /** Null for workloads without one. */
  readonly disk: {
    /** Its controller. */
    readonly interface: DiskInterface;
    readonly bytes: number;
    readonly crc32c: string;
    /** For a workload that writes: the contents after each mode. */
    readonly after: Readonly<Record<string, string>> | null;
    /** What they ought to be, as the host foretells them; null where it can't. */
    readonly expectedAfter: string | null;
  } | null;
  /** Null for workloads without one. */
  readonly network:
    | (Required<LanConfig> & {
        readonly interface: NicInterface;
        /** Datagrams at the peer's services, by mode. */
        readonly peer: Readonly<Record<string, PeerCounts>>;
      })
    | null;
  readonly workload: Workload;
  /** Everything else the figures depend on, with every default filled in. */
  readonly configuration: Readonly<Record<string, unknown>>;
  /** The host's own checksum of what the guests were to hash; null where it can't know. */
  readonly expectedChecksum: string | null;
  readonly baseline: AttachModeName | null;
  readonly modes: readonly GuestReport[];
}

export interface CompareOutcome {
  readonly report: CompareReport;
  /** The disk after the run, if the workload writes and all modes left the same; else undefined. */
  readonly written: Uint8Array | undefined;
}

/** How a runner is used for several configurations at a time. */
export interface CompareServices {
  readonly run: Runner;
  readonly version: string;
  readonly observer?: CompareObserver;
}

/** What LanConfig says of each key. */
const USUAL_LAN: Required<LanConfig> = { bandwidth: GIGABIT.bandwidth, latency: GIGABIT.latency, loss: 0 };
/** Largest seed that the foretelling of written bytes knows. */
const MOST_SEED = 0xffff_ffff;

const crc = async (data: Uint8Array) => (await checksum("crc32c", data)) as string;

function runConfig(options: CompareOptions, mode: AttachModeName): RunConfig {
  const { kernel, workload, memory: ram, image, network = {} } = options;
  const [disk, nic] = [usesDisk(workload.kind), usesNic(workload.kind)];
  // the VMM has no drivers for virtio devices: there it has what it always has
  const of = <T extends string>(name: T | undefined) =>
    name && isVirtio(name) && mode !== "native" ? undefined : name;
  const interfaces = { disk: of(options.interface), nic: of(options.nicInterface) };
  const devices = { disk: disk ? 0 : null, ...(nic ? { nic: 0 } : {}) };
  const typed = typedFor(workload);
  return {
    ...options.machine,
    guests: [
      {
        name: mode,
        kernel,
        bootargs: bootargs(workload, mode, [], interfaces),
        mode,
        ram,
        ...devices,
        ...(typed ? { typed } : {}),
      },
    ],
    ...(disk ? { disks: [{ interface: interfaces.disk, size: image.length, image }] } : {}),
    ...(nic ? { nics: [{ interface: interfaces.nic }], network } : {}),
    allowRaw: mode === "assigned-raw",
    keepDisks: writes(workload.kind),
  };
}

/** Runs the program once per mode, all at once as far as the runner lets them, and compares. */
export async function compare(options: CompareOptions, services: CompareServices): Promise<CompareOutcome> {
  const { image, workload, modes } = options;
  const { observer } = services;
  if (modes.length === 0)
    throw new UserError("no attach mode is named", "--modes", "Name at least one, as in --modes native");
  const [hasDisk, hasNic] = [usesDisk(workload.kind), usesNic(workload.kind)];
  const total = hasDisk ? covered(workload, image.length) : workload.total;
  const disk = hasDisk ? wholeDisk(image) : undefined;
  const lossy = (options.network?.loss ?? 0) > 0;
  const expected = await expectedChecksum(workload, disk);

  const results = await Promise.all(
    modes.map(async (mode) => {
      const result = await services.run(runConfig(options, mode), {
        started: () => observer?.started?.(mode, total),
        progress: (dmaBytes) => observer?.progress?.(mode, Math.min(dmaBytes, total), total),
      });
      observer?.finished?.(mode, guestReport(result.guests[0], result.frequency, expected));
      return result;
    }),
  );

  const reference = expected ?? referenceChecksum(results);
  const after = await diskDigests(modes, results);
  const expectedAfter = after && (await foretold(options));
  const left = after && (expectedAfter ?? referenceDigest(after));
  const reports = results
    .map((result) => {
      const { peer, disks } = result;
      const report = guestReport(result.guests[0], result.frequency, reference);
      return judged(report, workload, { address: addressOf(0), peer, lossy, before: disk, after: disks?.[0] });
    })
    .map((report) => (report.status === "ok" && after && after[report.mode] !== left ? withWrongData(report) : report));
  const baseline = reports.find((report) => report.mode === "native");
  const {
    guests: _guests,
    disks: _disks,
    nics: _nics,
    network: _network,
    attack: _attack,
    ...configuration
  } = results[0].resolved;

  const written = after && reports.every(succeeded) ? results[0].disks?.[0] : undefined;
  return {
    report: {
      schema: "yado.compare/1",
      version: services.version,
      guest: { bytes: options.kernel.length, crc32c: await crc(options.kernel) },
      disk: hasDisk
        ? {
            interface: options.interface ?? "nvme",
            bytes: image.length,
            crc32c: await crc(image),
            after,
            expectedAfter,
          }
        : null,
      network: hasNic
        ? { interface: options.nicInterface ?? "e1000e", ...USUAL_LAN, ...options.network, peer: peers(modes, results) }
        : null,
      workload,
      configuration: { memory: options.memory, ...configuration },
      expectedChecksum: expected ?? null,
      baseline: baseline ? "native" : null,
      modes: relativeTo(baseline, reports),
    },
    written,
  };
}

/** Where the host can't compute a checksum, the first safe mode's stands for it: native's, if it ran. */
function referenceChecksum(results: readonly RunResult[]): string | undefined {
  const guests = results.map((result) => result.guests[0]).filter((guest) => isSafe(guest.modes) && reported(guest));
  const reference = guests.find((guest) => guest.mode === "native") ?? guests[0];
  return reference && reported(reference);
}

const withWrongData = (report: GuestReport): GuestReport => ({ ...report, status: "wrong-data" });

/** The disk after it was written in order, known beforehand. */
async function foretold({ image, workload }: CompareOptions): Promise<string | null> {
  const { kind, seed } = workload;
  const disk = image.slice();
  if (kind === "netsave") disk.set(given(workload, image.length));
  else if (kind === "seqwrite" && seed <= MOST_SEED) disk.set(writtenPattern(covered(workload, image.length), seed));
  else return null;
  return crc(disk);
}

function peers(modes: readonly AttachModeName[], results: readonly RunResult[]): Record<string, PeerCounts> {
  return Object.fromEntries(results.flatMap(({ peer }, i) => (peer ? [[modes[i], peer]] : [])));
}

async function diskDigests(
  modes: readonly AttachModeName[],
  results: readonly RunResult[],
): Promise<Record<string, string> | null> {
  const digests: [string, string][] = [];
  for (const [i, { disks }] of results.entries()) {
    if (disks?.[0]) digests.push([modes[i], await crc(disks[0])]);
  }
  return digests.length > 0 ? Object.fromEntries(digests) : null;
}

function succeeded(report: GuestReport): boolean {
  return report.status === "ok" || report.status === "killed";
}

/** Whether a report is what a user may rely on: every safe mode finished, with the right checksum. */
export function sound(reports: readonly GuestReport[]): boolean {
  return reports.every((report) => succeeded(report) || (!isSafe(report.modes) && report.status !== "hung"));
}
