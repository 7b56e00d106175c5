// From what the user wrote (flags, files) to run configurations: defaults, ranges, and what fits together.
import { RAM_MAX } from "../../assembly/layout.js";
import { bytes } from "../metrics/format.js";
import { Costs, PARAMETERS } from "../platform/costs.js";
import { lineRate } from "../platform/serial.js";
import type { DiskInterface } from "../platform/board.js";
import { UserError } from "../platform/user-error.js";
import type { MachineOptions } from "./compare.js";
import { suggest } from "./near.js";
import { parseSize, SIZE_FORM } from "./quantity.js";
import { type MachineFile, SWEEP_PARAMETERS, type WorkloadFile } from "./schema.js";
import type { AttachModeName } from "../vmm/types.js";
import {
  defaultWorkload,
  INTERFACES,
  isFile,
  isNetwork,
  isSerial,
  MODE_NAMES,
  usesDisk,
  usesNic,
  usualTotal,
  type Workload,
  SECTOR,
} from "./workload.js";

const PAGE_SIZES = [4096, 2 * 1024 * 1024];
const CHUNK = 4 * 1024 * 1024;
const VMM_MEMORY = 16 * 1024 * 1024;
/** Chunks that the machine keeps beyond everyone's memory. */
const SPARE_CHUNKS = 4;
/** The probe's I/O buffers begin at this offset of its RAM; the device tree takes the last 64 KiB. */
const BUFFERS = 4 * 1024 * 1024;
const DEVICE_TREE = 0x1_0000;
/** The probe's limits: guests/probe/block.h. */
const MAX_DEPTH = 64;
const MOST_ENTRIES = 4096;
/** Smallest piece of memory that guests are given: a large page. */
const LEAST_CHUNK = 2 * 1024 * 1024;
/** Entries of the IOTLB when only its ways are set. */
const IOTLB_ENTRIES = 64;
const MAX_REQUEST = 1024 * 1024;
/** Of messages: guests/probe/net.h. */
const MOST_DATA = 64 * 1024;
const LEAST_DATA = 4;
/** Characters that a workload of the serial line moves where its total is 0. */
const CHARACTERS = 4096;
/** Bytes of a message where nothing is said: one full datagram. */
const USUAL_DATA = 1472;
/** The probe's buffers for frames. */
const FRAMES = 512 * 1024;

/** Bytes of the disk of `npm start`, which is generated: the repository holds no image. */
export const DEFAULT_DISK_SIZE = 8 * 1024 * 1024;
export const DEFAULT_MEMORY = 64 * 1024 * 1024;

/** Where a value was written, for messages: an option, or a place in a file. */
export type PlaceOf = (key: string) => string;

/** Names of all cost parameters. */
export const COST_NAMES: readonly string[] = Object.keys(PARAMETERS);

function complain(problem: string, place: string, remedy: string): never {
  throw new UserError(problem, place, remedy);
}

function checkCosts(costs: Readonly<Record<string, number>>, place: PlaceOf): Readonly<Record<string, number>> {
  for (const [name, value] of Object.entries(costs)) {
    if (!COST_NAMES.includes(name)) {
      complain(`no cost is called "${name}"`, place(`costs.${name}`), suggest(name, COST_NAMES));
    }
    try {
      new Costs({ [name]: value });
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      complain(error.problem, place(`costs.${name}`), error.remedy);
    }
  }
  return costs;
}

/** Checks and translates the machine's part. Keys left out keep the run's own defaults. */
export function resolveMachine(file: MachineFile, place: PlaceOf): MachineOptions {
  for (const key of ["page-size", "iommu-page-size"] as const) {
    const value = file[key];
    if (value !== undefined && !PAGE_SIZES.includes(value)) {
      complain(`${bytes(value)} is no page size of the second stage`, place(key), "Give 4K or 2M");
    }
  }
  const iotlb = file.iotlb && { entries: IOTLB_ENTRIES, ...file.iotlb };
  if (iotlb?.ways !== undefined && iotlb.entries % iotlb.ways !== 0) {
    complain(
      `${iotlb.entries} entries don't divide into sets of ${iotlb.ways}`,
      place("iotlb.ways"),
      "Give a number of ways that divides the number of entries",
    );
  }
  if (iotlb && iotlb.entries > MOST_ENTRIES) {
    complain(`an IOTLB of ${iotlb.entries} entries`, place("iotlb.entries"), `Give at most ${MOST_ENTRIES}`);
  }
  const { chunk = CHUNK, "vmm-memory": vmmMemory } = file;
  if (chunk < LEAST_CHUNK || !Number.isInteger(Math.log2(chunk))) {
    complain(
      `pieces of ${bytes(chunk)} are impossible`,
      place("chunk"),
      `Give a power of two, at least ${bytes(LEAST_CHUNK)}`,
    );
  }
  if (vmmMemory !== undefined && (vmmMemory < VMM_MEMORY || vmmMemory % chunk !== 0)) {
    complain(
      `${bytes(vmmMemory)} for the VMM don't fit`,
      place("vmm-memory"),
      `Give a multiple of ${bytes(chunk)}, at least ${bytes(VMM_MEMORY)}`,
    );
  }
  const options: Record<string, unknown> = {
    core: file.core,
    seed: file.seed,
    iotlb,
    pageSize: file["page-size"],
    iommuPageSize: file["iommu-page-size"],
    profile: file.profile,
    timeSlice: file["time-slice"],
    maxCycles: file["max-cycles"],
    quietCycles: file["quiet-cycles"],
    chunk: file.chunk,
    baud: file.baud === undefined ? undefined : lineRate(file.baud, place("baud")).baud,
    vmmRam: file["vmm-memory"],
    costs: file.costs && checkCosts(file.costs, place),
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Fills in the workload's defaults, and checks its limits against the probe's and the disk's. */
export function resolveWorkload(file: WorkloadFile, place: PlaceOf, available: number): Workload {
  const kind = file.kind ?? defaultWorkload.kind;
  const hashing = ["checksum", "netrecv", "netrr"].includes(kind) || isFile(kind);
  const hash = hashing ? defaultWorkload.hash : "none";
  const usual = isNetwork(kind) ? { ...defaultWorkload, bs: USUAL_DATA } : defaultWorkload;
  const workload = { ...usual, hash, ...file } as Workload;
  const { bs, total } = workload;
  if (isNetwork(kind) && (bs < LEAST_DATA || bs > MOST_DATA)) {
    complain(
      `messages of ${bytes(bs)} are impossible`,
      place("bs"),
      `Give a number from ${LEAST_DATA} to ${MOST_DATA}`,
    );
  }
  if (isNetwork(kind)) return { ...checkDepth(workload, place), total: total || usualTotal(bs) };
  if (bs === 0 || bs % SECTOR !== 0 || bs > MAX_REQUEST) {
    complain(
      `requests of ${bytes(bs)} are impossible`,
      place("bs"),
      `Give a multiple of 512 bytes, at most ${bytes(MAX_REQUEST)}`,
    );
  }
  checkDepth(workload, place);
  if (isSerial(kind)) return { ...workload, total: total || CHARACTERS };
  if (total % SECTOR !== 0) {
    complain(
      `${total} bytes aren't whole sectors`,
      place("total"),
      "Give a multiple of 512 bytes, or 0 for the whole disk",
    );
  }
  if (total > available && !workload.kind.startsWith("rand")) {
    complain(
      `${bytes(total)} are more than the ${bytes(available)} of the disk that the guest has`,
      place("total"),
      "Give less, or 0 for all of it",
    );
  }
  return workload;
}

function checkDepth(workload: Workload, place: PlaceOf): Workload {
  const { qd, batch } = workload;
  if (qd < 1 || qd > MAX_DEPTH) {
    complain(`${qd} requests in flight are impossible`, place("qd"), `Give a number from 1 to ${MAX_DEPTH}`);
  }
  if (batch > qd) {
    complain(`batches of ${batch} with ${qd} requests in flight are impossible`, place("batch"), `Give at most ${qd}`);
  }
  return workload;
}

/** Checks the RAM of one guest against what the probe needs, and of all against what the machine can hold. */
export function checkMemory(
  memory: number,
  workload: Workload,
  place: string,
  { chunk = CHUNK, vmmRam = Math.max(VMM_MEMORY, chunk) }: MachineOptions,
  all = memory,
): void {
  const { kind, bs, qd } = workload;
  const buffers = (usesNic(kind) ? FRAMES : 0) + (usesDisk(kind) ? bs * qd : 0);
  const least = Math.ceil((BUFFERS + buffers + DEVICE_TREE) / chunk) * chunk;
  if (memory < least) {
    complain(
      `${bytes(memory)} are too little memory for a guest with ${qd} requests of ${bytes(bs)}`,
      place,
      `Give at least ${bytes(least)}, or smaller requests or fewer of them in flight`,
    );
  }
  if (memory % chunk !== 0) {
    complain(`${memory} bytes of memory don't fit`, place, `Give a multiple of ${bytes(chunk)}`);
  }
  const most = RAM_MAX - SPARE_CHUNKS * chunk;
  if (all + vmmRam > most) {
    complain(
      `${bytes(all)} for guests and ${bytes(vmmRam)} for the VMM don't fit into the machine`,
      place,
      `All memory together may be ${bytes(most)}`,
    );
  }
}

/** Checks a disk image's size. */
export function checkImage(length: number, place: string): void {
  if (length === 0) complain("the disk image is empty", place, "Give a file of at least 512 bytes");
  if (length % SECTOR !== 0) {
    complain(
      `the disk image has ${length} bytes, ${length % SECTOR} more than whole sectors of 512`,
      place,
      `Pad it, as with \`truncate -s %512 FILE\``,
    );
  }
}

/** What a sweep sets for one value: keys of the machine, the workload, or the memory. */
export interface SweepStep {
  readonly label: string;
  /** Parameter → where its value is written. */
  readonly places: Readonly<Record<string, string>>;
  readonly machine?: MachineFile;
  readonly workload?: WorkloadFile;
  readonly memory?: number;
  /** Of all guests. */
  readonly mode?: AttachModeName;
  /** Of all disks. */
  readonly interface?: DiskInterface;
  /** How many of the guests there are, from the first on. */
  readonly guests?: number;
  /** Parameter → value, as written. */
  readonly values: Readonly<Record<string, string>>;
}

/** A run without a sweep. */
export const noSweep: SweepStep = { label: "", places: {}, values: {} };

/**
 * Checks a sweep and translates each of its values.
 * @param place of the parameter, or of the value with an index
 * @param more parameters besides those that any sweep may vary
 */
export function sweepSteps(
  parameter: string,
  values: readonly (string | number)[],
  place: (index?: number) => string,
  more: readonly string[] = [],
): SweepStep[] {
  const known = [...more, ...SWEEP_PARAMETERS, ...COST_NAMES];
  if (!known.includes(parameter))
    complain(`nothing to vary is called "${parameter}"`, place(), suggest(parameter, known));
  return values.map((value, i) => ({
    ...step(parameter, value, place(i)),
    label: String(value),
    places: { [parameter]: place(i) },
    values: { [parameter]: String(value) },
  }));
}

/** Every combination of the steps of several sweeps, those of the last one changing fastest. */
export function combinations(sweeps: readonly (readonly SweepStep[])[]): SweepStep[] {
  return sweeps.reduce<SweepStep[]>(
    (before, steps) => before.flatMap((one) => steps.map((other) => both(one, other))),
    [noSweep],
  );
}

function both(one: SweepStep, other: SweepStep): SweepStep {
  const merged = {
    ...one,
    ...other,
    label: [one.label, other.label].filter(Boolean).join(" × "),
    places: { ...one.places, ...other.places },
    values: { ...one.values, ...other.values },
  };
  if (one.machine && other.machine) merged.machine = mergeMachine(one.machine, other.machine);
  if (one.workload && other.workload) merged.workload = { ...one.workload, ...other.workload };
  return merged;
}

/** Places of a section's keys: the sweep's own for those that it sets. */
export function sweptPlace(step: SweepStep, place: PlaceOf): PlaceOf {
  const parameter = (key: string) => key.replace(/^costs\./, "").replace(/^iotlb\./, "iotlb-");
  return (key) => step.places[parameter(key)] ?? place(key);
}

/** Whether an object has a value at "a.b". */
export function isSet(object: unknown, key: string): boolean {
  const at = (node: unknown, part: string) => (node as Record<string, unknown> | null | undefined)?.[part];
  return key.split(".").reduce(at, object) !== undefined;
}

function step(
  parameter: string,
  value: string | number,
  place: string,
): Omit<SweepStep, "label" | "places" | "values"> {
  const label = String(value);
  const size = () => parseSize(value) ?? complain(`"${label}" is no size`, place, `Expected: ${SIZE_FORM}`);
  const number = () => {
    const parsed = typeof value === "number" ? value : value.trim() === "" ? Number.NaN : Number(value);
    return Number.isFinite(parsed) && parsed >= 0
      ? parsed
      : complain(`"${label}" is no number`, place, "Give numbers of at least 0");
  };
  const whole = () => {
    const parsed = number();
    return Number.isSafeInteger(parsed) && parsed > 0
      ? parsed
      : complain(`"${label}" is no count`, place, "Give whole numbers of at least 1");
  };
  switch (parameter) {
    case "mode": {
      const mode = MODE_NAMES.find((known) => known === label);
      return { mode: mode ?? complain(`no attach mode is called "${label}"`, place, suggest(label, MODE_NAMES)) };
    }
    case "interface": {
      const name = INTERFACES.find((known) => known === label);
      return {
        interface: name ?? complain(`no disk controller is called "${label}"`, place, suggest(label, INTERFACES)),
      };
    }
    case "guests":
      return { guests: whole() };
    case "iotlb-entries":
      return { machine: { iotlb: { entries: whole() } } };
    case "iotlb-ways":
      return { machine: { iotlb: { ways: whole() } } };
    case "baud":
      return { machine: { baud: whole() } };
    case "page-size":
    case "iommu-page-size":
      return { machine: { [parameter]: size() } };
    case "profile":
      if (value !== "kernel" && value !== "userspace")
        complain(`"${label}" is no profile`, place, "Give kernel or userspace");
      return { machine: { profile: value } };
    case "memory":
      return { memory: size() };
    case "bs":
      return { workload: { bs: size() } };
    case "qd":
    case "batch":
      return { workload: { [parameter]: whole() } };
    default:
      return { machine: { costs: { [parameter]: number() } } };
  }
}

/** `over` on top of `under`; costs and the IOTLB's shape are merged key by key. */
export function mergeMachine(under: MachineFile, over: MachineFile): MachineFile {
  const merged: MachineFile = { ...under, ...over };
  if (under.costs && over.costs) merged.costs = { ...under.costs, ...over.costs };
  if (under.iotlb && over.iotlb) merged.iotlb = { ...under.iotlb, ...over.iotlb };
  return merged;
}
