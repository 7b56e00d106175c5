// Several guests on one machine, as a scenario file describes them.
import { generatedBytes } from "../backends/disk-image.js";
import { checksum } from "../metrics/checksum.js";
import { type GuestReport, guestReport } from "../metrics/report.js";
import { lineRate } from "../platform/serial.js";
import type { DiskInterface } from "../platform/board.js";
import { UserError } from "../platform/user-error.js";
import type { DeviceModes } from "../vmm/types.js";
import type { MachineOptions, Runner } from "./compare.js";
import { chosenFile, type DiskFile, resolveFiles, sizeOf } from "./disk-files.js";
import { attachedModes, commonMode, deviceModes } from "./modes.js";
import { type DiskPart, expectedChecksum, judged } from "./far-end.js";
import { suggest } from "./near.js";
import { Costs } from "../platform/costs.js";
import { resolveEvents } from "./scenario-events.js";
import {
  checkImage,
  checkMemory,
  combinations,
  DEFAULT_DISK_SIZE,
  DEFAULT_MEMORY,
  mergeMachine,
  resolveMachine,
  resolveWorkload,
  SECTOR,
  type SweepStep,
  sweepSteps,
  sweptPlace,
} from "./resolve.js";
import { checkShare } from "./shares.js";
import { type MachineFile, SCENARIO_SWEEPS, type ScenarioFile } from "./schema.js";
import type {
  CyclesBy,
  DeviceShares,
  GuestConfig,
  Happened,
  NicConfig,
  PeerCounts,
  RunConfig,
  RunResult,
} from "./types.js";
import { bootargs, isFile, MODES, typedFor, usesDisk, usesNic, type Workload, writes } from "./workload.js";
import type { Located, Path } from "./yaml-source.js";

/** Gets files that a scenario names; each throws UserError with the place where it is named. */
export interface Loader {
  disk(file: string, place: string): Uint8Array;
  kernel(file: string, place: string): Uint8Array;
}

interface Disk {
  readonly name: string;
  readonly interface: DiskInterface;
  readonly image: Uint8Array;
  /** Bytes; beyond the image they are zeros. */
  readonly size: number;
  readonly depth: number | undefined;
  readonly files: readonly DiskFile[];
}

interface Range {
  readonly start: number;
  readonly length: number;
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

interface Nic extends NicConfig {
  readonly name: string;
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

/** PCIe slots with an interrupt of their own. */
const MOST_DEVICES = 4;
/** The first guest is 10.0.2.15, where users of QEMU's user networking expect it. */
const FIRST_HOST = 15;
const NETWORK = "10.0.2";
/** In place of a disk's index. */
const NONE = -1;
const OWNERS = ["vmm", "free", "nothing", "neighbour"];

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

function resolveDisks({ value, at }: Located<ScenarioFile>, load: Loader): Disk[] {
  const disks: Disk[] = [];
  if (value.disks && value.disks.length > MOST_DEVICES) {
    throw new UserError(
      `${value.disks.length} disks`,
      at(["disks", MOST_DEVICES]),
      `The machine has room for ${MOST_DEVICES}`,
    );
  }
  if (!value.disks && value.guests.every((guest) => !hasDisk(value, guest))) return disks;
  const entries: NonNullable<ScenarioFile["disks"]> = value.disks ?? [{ name: "disk" }];
  for (const [i, entry] of entries.entries()) {
    const { name, file, size, depth, interface: controller = "nvme" } = entry;
    const place = (key: string): Path => ["disks", i, key];
    if (disks.some((disk) => disk.name === name)) {
      throw new UserError(`a second disk called "${name}"`, at(place("name")), "Give each disk a name of its own");
    }
    if (size !== undefined) checkImage(size, at(place("size")));
    const image =
      file === undefined ? generatedBytes(size ?? DEFAULT_DISK_SIZE, 1 + i) : load.disk(file, at(place("file")));
    if (size === undefined) checkImage(image.length, at(place("file")));
    if (size !== undefined && image.length > size) {
      throw new UserError(
        `the disk is smaller than the ${image.length} bytes of its file`,
        at(place("size")),
        "Leave size out, or make it larger",
      );
    }
    const disk = { name, interface: controller, size: size ?? image.length, depth };
    const placeOf = (...key: (string | number)[]) => at(["disks", i, ...key]);
    disks.push({ ...disk, ...resolveFiles(entry, { ...disk, image }, placeOf, load.disk) });
  }
  return disks;
}

const kindOf = (file: ScenarioFile, guest: Guests[number]) => guest.workload?.kind ?? file.workload?.kind ?? "checksum";

function hasDisk(file: ScenarioFile, guest: Guests[number]): boolean {
  const kind = kindOf(file, guest);
  return (
    guest.disk !== undefined || guest.file !== undefined || isFile(kind) || (guest.nic === undefined && usesDisk(kind))
  );
}

function hasNic(file: ScenarioFile, guest: Guests[number]): boolean {
  return guest.nic !== undefined || usesNic(kindOf(file, guest));
}

function resolveNics({ value, at }: Located<ScenarioFile>, disks: number): Nic[] {
  const needed = value.guests.some((guest) => hasNic(value, guest));
  const nics = value.nics ?? (needed ? [{ name: "lan" }] : []);
  for (const [i, { name }] of nics.entries()) {
    if (nics.findIndex((nic) => nic.name === name) === i) continue;
    throw new UserError(
      `a second network interface called "${name}"`,
      at(["nics", i, "name"]),
      "Give each a name of its own",
    );
  }
  if (disks + nics.length > MOST_DEVICES) {
    throw new UserError(
      `${disks} disks and ${nics.length} network interfaces`,
      at(["nics"]),
      `The machine has room for ${MOST_DEVICES} in all`,
    );
  }
  return nics;
}

function resolveSerials({ value, at }: Located<ScenarioFile>): Devices["serials"] {
  const serials = value.serials ?? [{ name: "serial" }];
  for (const [i, { name, baud }] of serials.entries()) {
    if (baud !== undefined) lineRate(baud, at(["serials", i, "baud"]));
    if (serials.findIndex((line) => line.name === name) === i) continue;
    throw new UserError(
      `a second serial line called "${name}"`,
      at(["serials", i, "name"]),
      "Give each a name of its own",
    );
  }
  return serials;
}

/** The index of the device that a guest names, the first if it names none. */
function chosenDevice(
  named: string | undefined,
  devices: readonly { readonly name: string }[],
  what: string,
  place: string,
): number {
  const index = named === undefined ? 0 : devices.findIndex((device) => device.name === named);
  if (index >= 0) return index;
  const names = devices.map((device) => device.name);
  throw new UserError(`no ${what} is called "${named}"`, place, suggest(named ?? "", names));
}

interface Devices {
  readonly disks: readonly Disk[];
  readonly nics: readonly Nic[];
  readonly serials: readonly { readonly name: string; readonly baud?: number | undefined }[];
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

type Guests = ScenarioFile["guests"];
type At = Located<ScenarioFile>["at"];

function checkNames(names: readonly string[], at: At): void {
  for (const [i, name] of names.entries()) {
    if (OWNERS.includes(name))
      throw new UserError(`"${name}" is a word of the report`, at(["guests", i, "name"]), "Choose another name");
    if (names.indexOf(name) !== i) {
      throw new UserError(
        `a second guest called "${name}"`,
        at(["guests", i, "name"]),
        "Give each guest a name of its own",
      );
    }
  }
}

function checkSharing(
  guests: Guests,
  modes: readonly DeviceModes[],
  names: readonly string[],
  chosen: readonly number[],
  disks: readonly Disk[],
  at: At,
): void {
  for (const [i, { range, file }] of guests.entries()) {
    const place = at(["guests", i, "mode"]);
    if (attachedModes(modes[i]).includes("native") && guests.length > 1) {
      throw new UserError(
        "a native guest owns the whole machine",
        place,
        "Let it be the only guest, or choose another mode",
      );
    }
    const { disk: mode } = modes[i];
    if (mode === undefined || MODES[mode].shares) continue;
    if (range || file !== undefined) {
      const key = range ? "range" : "file";
      throw new UserError(`a guest with mode ${mode} has the whole disk`, at(["guests", i, key]), `Leave ${key} out`);
    }
    const other = chosen.findIndex((disk, j) => j !== i && disk !== NONE && disk === chosen[i]);
    if (other >= 0) {
      throw new UserError(
        `mode ${mode} dedicates disk "${disks[chosen[i]].name}", but ${names[other]} uses it too`,
        place,
        "Give it a disk of its own, or let both use emulated or paravirtual",
      );
    }
  }
}

function checkLines(
  modes: readonly DeviceModes[],
  names: readonly string[],
  lines: readonly number[],
  serials: Devices["serials"],
  at: At,
): void {
  for (const [i, { serial }] of modes.entries()) {
    const other = lines.findIndex((line, j) => j !== i && line === lines[i]);
    if (serial !== "assigned" || other < 0) continue;
    throw new UserError(
      `mode assigned dedicates serial line "${serials[lines[i]].name}", but ${names[other]} uses it too`,
      at(["guests", i, "mode"]),
      "Give it one of its own (serials, and the guest's serial), or let both use emulated or paravirtual",
    );
  }
}

/** The part of its disk that a guest sees: as written, or an equal share, in whole pages of 4 KiB where there is room. */
function rangeOf(
  guests: Guests,
  chosen: readonly number[],
  disks: readonly Disk[],
  files: readonly (DiskFile | undefined)[],
  i: number,
): Range {
  const { range } = guests[i];
  if (chosen[i] === NONE) return { start: 0, length: 0 };
  const file = files[i];
  if (file) return { start: file.extents[0].start, length: sizeOf(file.extents) };
  if (range) return range;
  const { size } = disks[chosen[i]];
  const sharers = chosen.flatMap((disk, j) => (disk === chosen[i] ? [j] : []));
  if (sharers.length === 1) return { start: 0, length: size };
  const share = Math.floor(size / sharers.length);
  const unit = share >= 4096 ? 4096 : SECTOR;
  const length = share - (share % unit);
  return { start: sharers.indexOf(i) * length, length };
}

/** The file that is a guest's part of its disk; undefined for one that has a range. */
function fileOf({ file, range }: Guests[number], disk: Disk, place: (key: string) => string): DiskFile | undefined {
  if (file === undefined) {
    if (disk.files.length === 0) return undefined;
    throw new UserError(`disk "${disk.name}" has files, and the guest names none`, place("disk"), "Give it a file");
  }
  if (range) throw new UserError("both a file and a range", place("range"), "Leave one of them out");
  return chosenFile(file, disk.files, disk.name, place("file"));
}

function checkRanges(
  ranges: readonly Range[],
  files: readonly (DiskFile | undefined)[],
  names: readonly string[],
  chosen: readonly number[],
  disks: readonly Disk[],
  at: At,
): void {
  for (const [i, { start, length }] of ranges.entries()) {
    if (chosen[i] === NONE) continue;
    const place = at(["guests", i, "range"]);
    const disk = disks[chosen[i]];
    if (files[i]) {
      const first = files.indexOf(files[i]);
      if (first === i) continue;
      const where = at(["guests", i, "file"]);
      throw new UserError(`${names[first]} has that file`, where, "Give each guest a file of its own");
    }
    if (start % SECTOR !== 0 || length % SECTOR !== 0 || length === 0) {
      throw new UserError(
        "its range isn't made of whole sectors",
        place,
        "Give multiples of 512 bytes, and a length above 0",
      );
    }
    if (start + length > disk.size) {
      throw new UserError(
        `its range ends at byte ${start + length}, beyond the ${disk.size} of disk "${disk.name}"`,
        place,
        "Choose a range inside the disk",
      );
    }
    const other = ranges.findIndex(
      (range, j) =>
        j < i && chosen[j] === chosen[i] && start < range.start + range.length && range.start < start + length,
    );
    if (other >= 0)
      throw new UserError(`its range overlaps that of ${names[other]}`, place, "Give each guest a range of its own");
  }
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
        address: `${NETWORK}.${FIRST_HOST + i}`,
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
