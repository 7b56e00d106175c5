import { checksum } from "../metrics/checksum.js";
import { type GuestReport, guestReport } from "../metrics/report.js";
import type { DiskInterface } from "../platform/board.js";
import { UserError } from "../platform/user-error.js";
import type { DeviceModes } from "../vmm/types.js";
import type { MachineOptions, Runner } from "./compare.js";
import type { DiskFile } from "./disk-files.js";
import { attachedModes, commonMode, deviceModes } from "./modes.js";
import { addressOf, type DiskPart, expectedChecksum, FIRST_HOST, judged } from "./far-end.js";
import { Costs } from "../platform/costs.js";
import { resolveEvents } from "./scenario-events.js";
import {
  checkMemory,
  combinations,
  DEFAULT_MEMORY,
  mergeMachine,
  resolveMachine,
  resolveWorkload,
  type SweepStep,
  sweepSteps,
  sweptPlace,
} from "./resolve.js";
import {
  chosenDevice,
  type Devices,
  type Disk,
  hasDisk,
  hasNic,
  type Nic,
  resolveDisks,
  resolveNics,
  resolveSerials,
} from "./scenario-devices.js";
import {
  checkLines,
  checkNames,
  checkRanges,
  checkSharing,
  fileOf,
  NONE,
  type Range,
  rangeOf,
} from "./scenario-sharing.js";
import { checkShare } from "./shares.js";
import { checkPhysical } from "./virtio.js";
import { type MachineFile, SCENARIO_SWEEPS, type ScenarioFile } from "./schema.js";
import type { CyclesBy, DeviceShares, GuestConfig, Happened, PeerCounts, RunConfig, RunResult } from "./types.js";
import { bootargs, isFile, MODES, typedFor, type Workload, writes } from "./workload.js";
import type { Located, Path } from "./yaml-source.js";

/** Gets files that a scenario names; each throws UserError with the place where it is named. */
export interface Loader {
  disk(file: string, place: string): Uint8Array;
  kernel(file: string, place: string): Uint8Array;
}

interface Guest {
  readonly config: GuestConfig & { readonly name: string };
  readonly modes: DeviceModes;
  readonly workload: Workload;
  /** With its range; undefined for a guest that has none. */
  readonly disk: Disk | undefined;
  readonly range: Range;
  /** Or a file of the disk instead of a range; `range.length` is its size. */
  readonly file: DiskFile | undefined;
}

/** One run of a scenario; a scenario with a sweep has one per value. */
export interface ScenarioRun {
  /** The sweep's value; "" without one. */
  readonly label: string;
  /** Parameter → value. */
  readonly values: Readonly<Record<string, string>>;
  readonly config: RunConfig;
  readonly guests: readonly Guest[];
  readonly disks: readonly Disk[];
  readonly nics: readonly Nic[];
}

export interface ResolvedScenario {
  readonly title: string;
  readonly parameter: string | undefined;
  readonly runs: readonly ScenarioRun[];
}

/** What one run of a scenario found: schema `yado.run/1` without `host`. See docs/compare-json.md. */
export interface RunReport {
  readonly schema: "yado.run/1";
  readonly version: string;
  readonly title: string;
  /** `values`: parameter → value; of a sweep over several, `parameter` and `value` name all of them. */
  readonly sweep: {
    readonly parameter: string;
    readonly value: string;
    readonly values: Readonly<Record<string, string>>;
  } | null;
  readonly disks: readonly {
    readonly name: string;
    readonly interface: DiskInterface;
    readonly bytes: number;
    readonly crc32c: string;
  }[];
  /** With network interfaces: datagrams at the peer's services. */
  readonly peer?: PeerCounts;
  /** Of each device that the VMM shared out, by its name. */
  readonly shares: readonly (Omit<DeviceShares, "index"> & { readonly name: string })[];
  /** What happened from outside, and guests' own reboots; left out where there was nothing. */
  readonly events?: readonly EventReport[];
  readonly configuration: Readonly<Record<string, unknown>>;
  readonly cycles: number;
  readonly cyclesBy: CyclesBy;
  readonly guests: readonly GuestReport[];
}

/** Something that happened: to whom by name, and at what cycle. */
export interface EventReport {
  readonly cycle: number;
  /** Machine time in seconds. */
  readonly seconds: number;
  readonly guest?: string;
  readonly disk?: string;
  readonly nic?: string;
  readonly action: Happened["action"];
  /** Of a guest's reset: the cycle at which it ran again; null if the run ended before. */
  readonly restarted?: number | null;
}

/**
 * Checks a scenario and fills in its defaults.
 * @param over what goes before the file's machine
 */
export function resolveScenario(
  source: Located<ScenarioFile>,
  load: Loader,
  probe: () => Uint8Array,
  over: MachineFile = {},
): ResolvedScenario {
  const { value: file, at } = source;
  const named = resolveDisks(source, load);
  const sweeps = file.sweep === undefined ? [] : Array.isArray(file.sweep) ? file.sweep : [file.sweep];
  const steps = combinations(
    sweeps.map(({ parameter, values }, n) => {
      const place: Path = Array.isArray(file.sweep) ? ["sweep", n] : ["sweep"];
      const where = (i?: number) => at(i === undefined ? [...place, "parameter"] : [...place, "values", i]);
      return sweepSteps(parameter, values, where, SCENARIO_SWEEPS);
    }),
  );
  const kernels = new Map<string, Uint8Array>();
  const kernel = (path: string | undefined, place: string) => {
    const key = path ?? "";
    const bytes = kernels.get(key) ?? (path === undefined ? probe() : load.kernel(path, place));
    kernels.set(key, bytes);
    return bytes;
  };
  const nics = resolveNics(source, named.length);
  const serials = resolveSerials(source);
  const runs = steps.map((step): ScenarioRun => {
    const disks = step.interface ? named.map((disk) => ({ ...disk, interface: step.interface! })) : named;
    const machine = resolveMachine(
      mergeMachine(mergeMachine(file.machine ?? {}, over), step.machine ?? {}),
      sweptPlace(step, (key) => at(["machine", ...key.split(".")])),
    );
    const guests = resolveGuests(firstGuests(source, step), { disks, nics, serials }, machine, step, kernel);
    const { frequency } = new Costs(machine.costs, machine.profile);
    const names = { guest: guests.map(({ config }) => config), disk: disks, nic: nics };
    const events = resolveEvents(source, names, frequency);
    return {
      label: step.label,
      values: step.values,
      guests,
      disks,
      nics,
      config: {
        ...machine,
        guests: guests.map((guest) => guest.config),
        disks: disks.map(({ size, image, interface: controller, depth }) => ({
          interface: controller,
          size,
          image,
          ...(depth === undefined ? {} : { depth }),
        })),
        ...(nics.length > 0 ? { nics: nics.map(({ name: _name, ...nic }) => nic), network: file.network ?? {} } : {}),
        ...(events.length > 0 ? { events } : {}),
        ...(guests.some(({ workload }) => isFile(workload.kind) && writes(workload.kind)) ? { keepDisks: true } : {}),
        ...(file.serials ? { serials: serials.map(({ baud }) => (baud === undefined ? {} : { baud })) } : {}),
        allowRaw: guests.some(({ modes }) => attachedModes(modes).includes("assigned-raw")),
      },
    };
  });
  const parameter = sweeps.length > 0 ? sweeps.map((sweep) => sweep.parameter).join(" × ") : undefined;
  return { title: file.title ?? "", parameter, runs };
}

function resolveGuests(
  { value, at }: Located<ScenarioFile>,
  { disks, nics, serials }: Devices,
  machine: MachineOptions,
  step: SweepStep,
  kernel: (path: string | undefined, place: string) => Uint8Array,
): Guest[] {
  const { mode } = step;
  const file = mode === undefined ? value : { ...value, guests: value.guests.map((guest) => ({ ...guest, mode })) };
  const names = file.guests.map((guest, i) => guest.name ?? `guest${i}`);
  const chosen = file.guests.map((guest, i) => {
    if (!hasDisk(file, guest)) return NONE;
    return chosenDevice(guest.disk, disks, "disk", at(["guests", i, "disk"]));
  });
  checkNames(names, at);
  const modes = file.guests.map((guest, i) => {
    const has = { disk: chosen[i] !== NONE, nic: hasNic(file, guest) };
    return deviceModes(guest.mode, has, at(["guests", i, "mode"]));
  });
  checkSharing(file.guests, modes, names, chosen, disks, at);
  if (step.interface === undefined && modes.some((one) => commonMode(one) !== "native")) {
    for (const key of ["disks", "nics"] as const) {
      checkPhysical(file[key]?.map((device) => device.interface) ?? [], (i) => at([key, i, "interface"]));
    }
  }
  const lines = file.guests.map((guest, i) =>
    chosenDevice(guest.serial, serials, "serial line", at(["guests", i, "serial"])),
  );
  checkLines(modes, names, lines, serials, at);
  const files = file.guests.map((guest, i) => {
    const { disk: inMode } = modes[i];
    if (inMode === undefined || !MODES[inMode].shares) return undefined;
    return fileOf(guest, disks[chosen[i]], (key) => at(["guests", i, key]));
  });
  const ranges = file.guests.map((_, i) => rangeOf(file.guests, chosen, disks, files, i));
  checkRanges(ranges, files, names, chosen, disks, at);

  const memories = file.guests.map((guest) => step.memory ?? guest.memory ?? file.memory ?? DEFAULT_MEMORY);
  const all = memories.reduce((sum, memory) => sum + memory, 0);
  return file.guests.map((guest, i) => {
    const disk = chosen[i] === NONE ? undefined : disks[chosen[i]];
    const range = ranges[i];
    const workload = resolveWorkload(
      { ...file.workload, ...guest.workload, ...step.workload },
      sweptPlace(step, (key) =>
        at(guest.workload && key in guest.workload ? ["guests", i, "workload", key] : ["workload", key]),
      ),
      range.length,
    );
    const nic = hasNic(file, file.guests[i])
      ? chosenDevice(guest.nic, nics, "network interface", at(["guests", i, "nic"]))
      : undefined;
    const serial = lines[i];
    const place = step.places.memory ?? at(["guests", i, "memory"]);
    checkMemory(memories[i], workload, place, machine, all);
    const typed = typedFor(workload);
    const shared = modes[i].disk !== undefined && MODES[modes[i].disk].shares;
    checkShare(guest.share, modes[i], (key) => at(["guests", i, "share", ...key.split(".")]));
    const extents = files[i]?.extents;
    return {
      file: files[i],
      modes: modes[i],
      workload,
      disk,
      range,
      config: {
        name: names[i],
        kernel: kernel(guest.kernel, at(["guests", i, "kernel"])),
        bootargs: bootargs(
          workload,
          modes[i],
          nic === undefined ? [] : [`host=${FIRST_HOST + i}`, ...queuesOption(guest.queues ?? nics[nic].queues)],
          {
            disk: disk?.interface,
            nic: nic === undefined ? undefined : nics[nic].interface,
          },
        ),
        mode: guest.mode,
        ram: memories[i],
        ...(disk ? { disk: chosen[i], ...(extents ? { extents } : shared ? { range } : {}) } : { disk: null }),
        ...(guest.share ? { share: guest.share } : {}),
        ...(nic === undefined ? {} : { nic }),
        ...(guest.queues === undefined ? {} : { queues: guest.queues }),
        ...(serial === 0 ? {} : { serial }),
        ...(typed ? { typed } : {}),
      },
    };
  });
}

/** The scenario with as many guests as the sweep wants. */
function firstGuests(
  { value, at }: Located<ScenarioFile>,
  { guests: wanted, places }: SweepStep,
): Located<ScenarioFile> {
  const { guests } = value;
  if (wanted === undefined) return { value, at };
  if (wanted <= guests.length) return { value: { ...value, guests: guests.slice(0, wanted) }, at };
  throw new UserError(
    `${wanted} guests are more than the ${guests.length} that are described`,
    places.guests,
    "Describe more of them",
  );
}

const digests = new WeakMap<Uint8Array, Promise<string | undefined>>();

/** Of a disk's image, which many runs may share. */
function digest(image: Uint8Array): Promise<string | undefined> {
  let known = digests.get(image);
  if (!known) {
    known = checksum("crc32c", image);
    digests.set(image, known);
  }
  return known;
}

/** Runs one run of a scenario and works out its figures. */
export async function runScenario(
  scenario: ResolvedScenario,
  run: ScenarioRun,
  services: { readonly run: Runner; readonly version: string },
  observer: { started?(total: number): void; progress?(bytes: number, total: number): void } = {},
): Promise<RunReport> {
  const total = run.guests.reduce((sum, { workload, range }) => sum + (workload.total || range.length), 0);
  const expected = await Promise.all(run.guests.map((guest) => expectedChecksum(guest.workload, partOf(guest))));
  const result: RunResult = await services.run(run.config, {
    started: () => observer.started?.(total),
    progress: (dmaBytes) => observer.progress?.(Math.min(dmaBytes, total), total),
  });
  const disks = await Promise.all(
    run.disks.map(async ({ name, size, image, interface: controller }) => ({
      name,
      interface: controller,
      bytes: size,
      crc32c: (await digest(image)) as string,
    })),
  );
  const { guests: _guests, disks: _disks, nics: _nics, attack: _attack, ...configuration } = result.resolved;
  return {
    schema: "yado.run/1",
    version: services.version,
    title: scenario.title,
    sweep:
      scenario.parameter === undefined ? null : { parameter: scenario.parameter, value: run.label, values: run.values },
    disks,
    ...(result.peer ? { peer: result.peer } : {}),
    shares: result.shares.map(({ index, ...shares }) => ({
      name: (shares.device === "disk" ? run.disks : run.nics)[index].name,
      ...shares,
    })),
    ...(result.events ? { events: result.events.map((event) => eventReport(event, run, result.frequency)) } : {}),
    configuration: { ...configuration, guests: run.guests.map(described) },
    cycles: result.cycles,
    cyclesBy: result.cyclesBy,
    guests: result.guests.map((guest, i) => {
      const { workload, config } = run.guests[i];
      return judged(guestReport(guest, result.frequency, expected[i]), workload, {
        address: addressOf(i),
        peer: result.peer,
        lossy: (run.config.network?.loss ?? 0) > 0,
        before: partOf(run.guests[i]),
        after: typeof config.disk === "number" ? result.disks?.[config.disk] : undefined,
      });
    }),
  };
}

function queuesOption(queues: number | undefined): string[] {
  return queues === undefined ? [] : [`queues=${queues}`];
}

function eventReport(event: Happened, { guests, disks, nics }: ScenarioRun, frequency: number): EventReport {
  const { cycle, action } = event;
  const base = { cycle, seconds: cycle / frequency };
  if ("disk" in event) return { ...base, disk: disks[event.disk].name, action };
  if ("nic" in event) return { ...base, nic: nics[event.nic].name, action };
  const { name: guest } = guests[event.guest].config;
  return action === "kill"
    ? { ...base, guest, action }
    : { ...base, guest, action, restarted: event.restarted ?? null };
}

function partOf({ disk, range, file }: Guest): DiskPart | undefined {
  return disk && { image: disk.image, extents: file?.extents ?? [range], length: range.length };
}

function described({ config, modes, workload, disk, range, file }: Guest) {
  const { name, ram, bootargs: commandLine, share } = config;
  return {
    name,
    mode: commonMode(modes),
    modes,
    memory: ram,
    ...(disk ? { disk: disk.name, ...(file ? { file: file.name, extents: file.extents } : { range }) } : {}),
    ...(share ? { share } : {}),
    workload,
    bootargs: commandLine,
  };
}
