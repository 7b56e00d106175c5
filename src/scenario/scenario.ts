// Several guests on one machine, as a scenario file describes them.
import { generatedBytes } from "../backends/disk-image.js";
import { checksum } from "../metrics/checksum.js";
import { type GuestReport, guestReport } from "../metrics/report.js";
import { lineRate } from "../platform/serial.js";
import { UserError } from "../platform/user-error.js";
import type { DeviceModes, DiskName } from "../vmm/types.js";
import type { MachineOptions, Runner } from "./compare.js";
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
import { type MachineFile, SCENARIO_SWEEPS, type ScenarioFile } from "./schema.js";
import type { CyclesBy, GuestConfig, Happened, NicConfig, PeerCounts, RunConfig, RunResult } from "./types.js";
import { bootargs, isFile, MODES, typedFor, usesDisk, usesNic, type Workload, writes } from "./workload.js";
import type { Located, Path } from "./yaml-source.js";

/** Gets files that a scenario names; each throws UserError with the place where it is named. */
export interface Loader {
  disk(file: string, place: string): Uint8Array;
  kernel(file: string, place: string): Uint8Array;
}

interface Disk {
  readonly name: string;
  readonly interface: DiskName;
  readonly image: Uint8Array;
  /** Bytes; beyond the image they are zeros. */
  readonly size: number;
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
    readonly interface: DiskName;
    readonly bytes: number;
    readonly crc32c: string;
  }[];
  /** With network interfaces: datagrams at the peer's services. */
  readonly peer?: PeerCounts;
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
        disks: disks.map(({ size, image, interface: controller }) => ({ interface: controller, size, image })),
        ...(nics.length > 0 ? { nics: nics.map(({ mac }) => ({ mac })), network: file.network ?? {} } : {}),
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
  for (const [i, { name, file, size, interface: controller = "nvme" }] of (
    value.disks ?? [{ name: "disk", file: undefined, size: undefined, interface: undefined }]
  ).entries()) {
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
    disks.push({ name, interface: controller, image, size: size ?? image.length });
  }
  return disks;
}

const kindOf = (file: ScenarioFile, guest: Guests[number]) => guest.workload?.kind ?? file.workload?.kind ?? "checksum";

function hasDisk(file: ScenarioFile, guest: Guests[number]): boolean {
  const kind = kindOf(file, guest);
  return guest.disk !== undefined || isFile(kind) || (guest.nic === undefined && usesDisk(kind));
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
  const ranges = file.guests.map((_, i) => rangeOf(file.guests, chosen, disks, i));
  checkRanges(ranges, names, chosen, disks, at);

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
    return {
      modes: modes[i],
      workload,
      disk,
      range,
      config: {
        name: names[i],
        kernel: kernel(guest.kernel, at(["guests", i, "kernel"])),
        bootargs: bootargs(workload, modes[i], nic === undefined ? [] : [`host=${FIRST_HOST + i}`], disk?.interface),
        mode: guest.mode,
        ram: memories[i],
        ...(disk ? { disk: chosen[i], ...(shared ? { range } : {}) } : { disk: null }),
        ...(nic === undefined ? {} : { nic }),
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
  for (const [i, { range }] of guests.entries()) {
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
    if (range) {
      throw new UserError(
        `a guest with mode ${mode} has the whole disk`,
        at(["guests", i, "range"]),
        "Leave range out",
      );
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
function rangeOf(guests: Guests, chosen: readonly number[], disks: readonly Disk[], i: number): Range {
  const { range } = guests[i];
  if (chosen[i] === NONE) return { start: 0, length: 0 };
  if (range) return range;
  const { size } = disks[chosen[i]];
  const sharers = chosen.flatMap((disk, j) => (disk === chosen[i] ? [j] : []));
  if (sharers.length === 1) return { start: 0, length: size };
  const share = Math.floor(size / sharers.length);
  const unit = share >= 4096 ? 4096 : SECTOR;
  const length = share - (share % unit);
  return { start: sharers.indexOf(i) * length, length };
}

function checkRanges(
  ranges: readonly Range[],
  names: readonly string[],
  chosen: readonly number[],
  disks: readonly Disk[],
  at: At,
): void {
  for (const [i, { start, length }] of ranges.entries()) {
    if (chosen[i] === NONE) continue;
    const place = at(["guests", i, "range"]);
    const disk = disks[chosen[i]];
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

function partOf({ disk, range }: Guest): DiskPart | undefined {
  return disk && { image: disk.image, ...range };
}

function described({ config, modes, workload, disk, range }: Guest) {
  const { name, ram, bootargs: commandLine } = config;
  return {
    name,
    mode: commonMode(modes),
    modes,
    memory: ram,
    ...(disk ? { disk: disk.name, range } : {}),
    workload,
    bootargs: commandLine,
  };
}
