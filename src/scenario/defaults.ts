// A run's configuration with its defaults filled in, and checked for what can't be assembled.
import { RAM_MAX } from "../../assembly/layout.js";
import { MOST_CHANNELS } from "../backends/serial-mux.js";
import { Costs } from "../platform/costs.js";
import { MOST_SERIALS } from "../platform/memory-map.js";
import { DEFAULT_BAUD, type LineRate, lineRate } from "../platform/serial.js";
import { UserError } from "../platform/user-error.js";
import { attachModes, serialModes } from "../vmm/attach/index.js";
import { POOL_BYTES } from "../vmm/dma-pool.js";
import type { HostedGuest } from "../vmm/hosted.js";
import type { Extent } from "../vmm/extents.js";
import type { AttachModeName } from "../vmm/types.js";
import { LARGE_PAGE } from "../vmm/memory/gstage.js";
import { checkPhysical } from "./virtio.js";
import { attachedModes, commonMode, deviceModes } from "./modes.js";
import { DEFAULT_DISK_SIZE } from "./resolve.js";
import { checkShare } from "./shares.js";
import { SECTOR } from "./workload.js";
import type { DiskConfig, GuestConfig, LanConfig, NicConfig, RunConfig, RunEvent } from "./types.js";

const MIB = 0x10_0000;
const KIB = 0x400;
const PTE_BYTES = 8;
/** INTx of slots 1…4 lead to PLIC sources of their own. */
export const MOST_DEVICES = 4;
const MOST_QUEUES = 8;
/** What the hub has room for: assembly/hub/state.ts. */
const MOST_IOTLB_ENTRIES = 4096;
/** Words of the report, which no guest may be called by. */
export const RESERVED_NAMES: readonly string[] = ["vmm", "free", "nothing", "neighbour"];

interface ResolvedGuest extends HostedGuest {
  readonly serial: number;
}

export interface ResolvedConfig {
  readonly guests: readonly ResolvedGuest[];
  readonly disks: readonly DiskConfig[];
  readonly nics: readonly NicConfig[];
  readonly network: LanConfig;
  readonly events: readonly RunEvent[];
  readonly serials: readonly LineRate[];
  readonly seed: number;
  readonly core: "timed" | "flat";
  readonly chunk: number;
  readonly vmmRam: number;
  readonly pageSize: number;
  readonly iommuPageSize: number;
  readonly costs: Costs;
  readonly iotlb: { readonly entries: number; readonly ways: number } | undefined;
  readonly timeSlice: number;
  readonly maxCycles: number;
  readonly quietCycles: number;
  readonly native: boolean;
}

function refuse(problem: string, place: string, remedy: string): never {
  throw new UserError(problem, place, remedy);
}

/** Fills in defaults; UserError names what doesn't fit together. */
export function resolveConfig(config: RunConfig): ResolvedConfig {
  const chunk = config.chunk ?? 4 * MIB;
  if (chunk < LARGE_PAGE || !Number.isInteger(Math.log2(chunk))) {
    refuse(`chunks of ${chunk} bytes`, "chunk", "Give a power of two of at least 2 MiB");
  }
  const pageSize = pageSizeOf(config.pageSize ?? LARGE_PAGE, "pageSize");
  const iommuPageSize = pageSizeOf(config.iommuPageSize ?? pageSize, "iommuPageSize");
  const { nics = [] } = config;
  const disks = config.disks ?? (config.guests.some(hasDisk) ? [{ size: DEFAULT_DISK_SIZE }] : []);
  checkDisks(disks);
  checkNics(nics);
  if (disks.length + nics.length > MOST_DEVICES) {
    refuse(
      `${disks.length} disks and ${nics.length} network interfaces`,
      "nics",
      `There may be ${MOST_DEVICES} in all`,
    );
  }
  if (config.guests.length === 0) refuse("no guest", "guests", "Name at least one");
  const guests = config.guests.map((guest, i) => resolveGuest(guest, i, config, chunk));
  checkGuests(config, guests);
  for (const line of new Set(guests.map(({ serial }) => serial))) {
    const users = guests.filter(({ serial }) => serial === line).length;
    if (users > MOST_CHANNELS) {
      refuse(`${users} guests on serial line ${line}`, "guests", `There may be ${MOST_CHANNELS} on each`);
    }
  }
  for (const [i, { queues }] of nics.entries()) queuesOf(queues, `nics[${i}].queues`);
  if (commonMode(guests[0].modes) !== "native") {
    for (const [key, devices] of Object.entries({ disks, nics })) {
      checkPhysical(
        devices.map((device) => device.interface),
        (i) => `${key}[${i}].interface`,
      );
    }
  }
  const least = vmmNeed(guests, chunk, Math.min(pageSize, iommuPageSize));
  const vmmRam = config.vmmRam ?? least;
  if (vmmRam < least || vmmRam % chunk !== 0) {
    refuse(
      `${vmmRam} bytes for the VMM of these guests`,
      "vmm-memory",
      `Give a multiple of the chunk (${chunk}), at least ${least}`,
    );
  }
  const ram = guests.reduce((sum, guest) => sum + guest.ram, 0);
  if (ram + vmmRam + 4 * chunk > RAM_MAX) {
    refuse(`${ram} bytes of guest memory`, "guests", `All memory together may be ${RAM_MAX} bytes`);
  }
  const { iotlb } = config;
  if (iotlb) checkIotlb(iotlb.entries, iotlb.ways ?? iotlb.entries);
  return {
    guests,
    disks,
    nics,
    network: config.network ?? {},
    events: checkEvents(config.events ?? [], { guest: guests.length, disk: disks.length, nic: nics.length }),
    serials: resolveSerials(config),
    seed: config.seed ?? 1,
    core: config.core ?? "timed",
    chunk,
    vmmRam,
    pageSize,
    iommuPageSize,
    costs: new Costs(config.costs, config.profile),
    iotlb: iotlb && { entries: iotlb.entries, ways: iotlb.ways ?? iotlb.entries },
    timeSlice: config.timeSlice ?? 15_000_000,
    maxCycles: config.maxCycles ?? 60_000_000_000,
    quietCycles: config.quietCycles ?? 3_000_000_000,
    native: commonMode(guests[0].modes) === "native",
  };
}

/** A guest with a network interface has a disk only if it says so. */
const hasDisk = ({ disk, nic }: GuestConfig): boolean => disk !== null && (nic === undefined || disk !== undefined);

function resolveSerials({ serials = [{}], baud = DEFAULT_BAUD }: RunConfig): LineRate[] {
  if (serials.length === 0 || serials.length > MOST_SERIALS) {
    refuse(`${serials.length} serial lines`, "serials", `There may be 1 to ${MOST_SERIALS}`);
  }
  return serials.map((line, n) =>
    line.baud === undefined ? lineRate(baud) : lineRate(line.baud, `serials[${n}].baud`),
  );
}

/**
 * Bytes of the VMM's memory, whole chunks, that are enough for guests whatever they do: tables of the hart and of the
 * IOMMU, a DMA pool for each disk that the VMM drives, shadow queues of rewriting guests; a quarter is code and data.
 */
function vmmNeed(guests: readonly HostedGuest[], chunk: number, pageSize: number): number {
  const tables = (ram: number) => 2 * (64 * KIB + (ram / pageSize) * PTE_BYTES);
  const driven = new Set(
    guests.flatMap(({ disk, nic, modes }) => [
      ...(modes.disk && !attachModes[modes.disk].exclusive ? [`disk ${disk}`] : []),
      ...(modes.nic && !attachModes[modes.nic].exclusive ? [`nic ${nic}`] : []),
    ]),
  );
  const rewriting = guests
    .flatMap(({ modes }) => attachedModes(modes))
    .filter((mode) => mode === "assigned-rewrite").length;
  const parts = guests.reduce((sum, { ram }) => sum + tables(ram), 2 * MIB * rewriting);
  const pools = driven.size * (POOL_BYTES + LARGE_PAGE + 64 * KIB);
  return Math.max(Math.ceil((16 * MIB) / chunk), Math.ceil(((parts + pools + MIB) * 4) / 3 / chunk)) * chunk;
}

function pageSizeOf(value: number, place: string): number {
  if (value !== 0x1000 && value !== LARGE_PAGE) refuse(`pages of ${value} bytes`, place, "Give 4096 or 2097152");
  return value;
}

function checkIotlb(entries: number, ways: number): void {
  const whole = Number.isInteger(entries) && Number.isInteger(ways) && entries >= 1 && entries <= MOST_IOTLB_ENTRIES;
  if (!whole || ways < 1 || entries % ways !== 0) {
    refuse(
      `an IOTLB of ${entries} entries in ${ways} ways`,
      "iotlb",
      `Give up to ${MOST_IOTLB_ENTRIES} entries, and ways that divide them`,
    );
  }
}

function queuesOf(queues = 1, place: string): number {
  if (Number.isInteger(queues) && queues >= 1 && queues <= MOST_QUEUES) return queues;
  return refuse(`${queues} queue pairs`, place, `Give 1 to ${MOST_QUEUES}`);
}

function checkNics(nics: readonly NicConfig[]): void {
  for (const [i, { interrupts = 0 }] of nics.entries()) {
    if (interrupts === "adaptive" || (Number.isInteger(interrupts) && interrupts >= 0)) continue;
    refuse(
      `${interrupts} interrupts a second`,
      `nics[${i}].interrupts`,
      'Give a whole number, 0 for no limit, or "adaptive"',
    );
  }
}

function checkDisks(disks: readonly DiskConfig[]): void {
  if (disks.length > MOST_DEVICES) refuse(`${disks.length} disks`, "disks", `There may be ${MOST_DEVICES}`);
  for (const [i, disk] of disks.entries()) {
    const { depth = 1 } = disk;
    if (!Number.isInteger(depth) || depth < 1) refuse(`a depth of ${depth}`, `disks[${i}].depth`, "Give at least 1");
    if (!(disk.size > 0) || disk.size % SECTOR !== 0) {
      refuse(`a disk of ${disk.size} bytes`, `disks[${i}].size`, "Give a multiple of 512 above 0");
    }
    if (disk.image && disk.image.length > disk.size) {
      refuse(
        `an image of ${disk.image.length} bytes on a disk of ${disk.size}`,
        `disks[${i}].image`,
        "Make the disk larger",
      );
    }
  }
}

function resolveGuest(guest: GuestConfig, index: number, config: RunConfig, chunk: number): ResolvedGuest {
  const place = `guests[${index}]`;
  const ram = guest.ram ?? 64 * MIB;
  if (!(ram >= chunk) || ram % chunk !== 0) {
    refuse(`${ram} bytes of RAM`, `${place}.ram`, `Give a multiple of the chunk (${chunk})`);
  }
  const { nic } = guest;
  const nics = config.nics?.length ?? 0;
  if (nic !== undefined && !(nic >= 0 && nic < nics)) {
    refuse(`no network interface ${nic}`, `${place}.nic`, `There are ${nics}, counted from 0`);
  }
  const disk = hasDisk(guest) ? (guest.disk ?? 0) : undefined;
  const disks = config.disks?.length ?? 1;
  if (disk !== undefined && !(disk >= 0 && disk < disks)) {
    refuse(`no disk ${disk}`, `${place}.disk`, `There are ${disks}, counted from 0`);
  }
  const modes = deviceModes(guest.mode, { disk: disk !== undefined, nic: nic !== undefined }, `${place}.mode`);
  for (const mode of Object.values(modes)) {
    if (mode in attachModes) continue;
    refuse(
      `no attach mode is called "${mode}"`,
      `${place}.mode`,
      `Choose one of ${Object.keys(attachModes).join(", ")}`,
    );
  }
  const { serial = 0 } = guest;
  const lines = config.serials?.length ?? 1;
  if (!(serial >= 0 && serial < lines)) {
    refuse(`no serial line ${serial}`, `${place}.serial`, `There are ${lines}, counted from 0`);
  }
  const size = config.disks?.[disk ?? 0]?.size ?? DEFAULT_DISK_SIZE;
  return {
    name: guest.name ?? `guest${index}`,
    kernel: guest.kernel,
    bootargs: guest.bootargs,
    modes,
    ram,
    serial,
    ...(disk === undefined ? {} : { disk }),
    ...(nic === undefined ? {} : { nic }),
    queues: queuesOf(guest.queues, `${place}.queues`),
    range: guest.range ?? share(config, index, size),
    ...(guest.extents ? { extents: guest.extents } : {}),
    ...(guest.share ? { share: guest.share } : {}),
  };
}

/** An equal share of the disk, in whole pages where there is room. */
function share(config: RunConfig, index: number, size: number): { start: number; length: number } {
  const disk = config.guests[index].disk ?? 0;
  const users = config.guests.flatMap((guest, i) => (hasDisk(guest) && (guest.disk ?? 0) === disk ? [i] : []));
  if (users.length === 1) return { start: 0, length: size };
  const equal = Math.floor(size / users.length);
  const length = equal - (equal % (equal >= 0x1000 ? 0x1000 : SECTOR));
  return { start: users.indexOf(index) * length, length };
}

/** Ranges may overlap: whether guests see the same sectors is the scenario's choice. */
function checkRange(range: Extent, mode: AttachModeName, size: number, place: string): void {
  const { start, length } = range;
  if (!(start >= 0 && length > 0 && start + length <= size) || start % SECTOR !== 0 || length % SECTOR !== 0) {
    refuse(
      `the range ${start}+${length} of a disk of ${size} bytes`,
      place,
      "Give whole sectors of 512 bytes inside the disk",
    );
  }
  if (attachModes[mode].exclusive && (start !== 0 || length !== size)) {
    refuse(`a range for mode ${mode}`, place, "It has the whole disk: leave range out");
  }
}

function checkEvents(
  events: readonly RunEvent[],
  there: Readonly<Record<"guest" | "disk" | "nic", number>>,
): readonly RunEvent[] {
  for (const [i, event] of events.entries()) {
    const [kind, index] =
      "guest" in event
        ? (["guest", event.guest] as const)
        : "disk" in event
          ? (["disk", event.disk] as const)
          : (["nic", event.nic] as const);
    if (!(event.at >= 0)) refuse(`an event at cycle ${event.at}`, `events[${i}].at`, "Give a cycle from 0 on");
    if (!(index >= 0 && index < there[kind])) {
      refuse(`no ${kind} ${index}`, `events[${i}].${kind}`, `There are ${there[kind]}, counted from 0`);
    }
  }
  return events;
}

function checkGuests(config: RunConfig, guests: readonly ResolvedGuest[]): void {
  for (const [i, guest] of guests.entries()) {
    const place = `guests[${i}]`;
    if (RESERVED_NAMES.includes(guest.name))
      refuse(`the name "${guest.name}"`, place, "Choose another: reports use it");
    if (guests.findIndex((other) => other.name === guest.name) !== i) {
      refuse(`a second guest called "${guest.name}"`, place, "Give each a name of its own");
    }
    const { modes } = guest;
    const isNative = commonMode(modes) === "native";
    if (isNative && guests.length > 1) {
      refuse("a native guest beside others", place, "It owns the whole machine: let it be the only one");
    }
    if (!isNative && attachedModes(modes).includes("native")) {
      refuse("mode native for only one device", `${place}.mode`, "Give it to all of them, or to none");
    }
    checkSerial(guest, isNative, guests, place);
    if (attachedModes(modes).includes("assigned-raw") && !config.allowRaw) {
      refuse("mode assigned-raw without consent", place, "Set allowRaw: its DMA goes wrong by design");
    }
    checkShare(guest.share, modes, (key) => `${place}.share.${key}`);
    const { disk, nic } = guest;
    const sharer = guests.findIndex((one, j) => nic !== undefined && j !== i && one.nic === nic);
    if (modes.nic && attachModes[modes.nic].exclusive && sharer >= 0) {
      refuse(
        `mode ${modes.nic} takes network interface ${nic} for itself, but ${guests[sharer].name} uses it`,
        `${place}.nic`,
        "Give it one of its own, or share in mode emulated or paravirtual",
      );
    }
    if (disk === undefined) continue;
    const other = guests.findIndex((one, j) => j !== i && one.disk === disk);
    if (modes.disk && attachModes[modes.disk].exclusive && other >= 0) {
      refuse(
        `mode ${modes.disk} takes disk ${disk} for itself, but ${guests[other].name} uses it`,
        `${place}.disk`,
        "Give it a disk of its own, or share in mode emulated or paravirtual",
      );
    }
    const size = config.disks?.[disk].size ?? DEFAULT_DISK_SIZE;
    for (const range of guest.extents ?? [guest.range]) checkRange(range, modes.disk!, size, `${place}.range`);
  }
}

function checkSerial(
  { modes, serial, name }: ResolvedGuest,
  isNative: boolean,
  guests: readonly ResolvedGuest[],
  place: string,
): void {
  if ((modes.serial === "native") !== isNative) {
    refuse(
      `mode ${modes.serial} for the serial line`,
      `${place}.mode`,
      isNative ? "Leave it out: all of the machine is native" : "Choose emulated, assigned or paravirtual",
    );
  }
  if (isNative && serial !== 0)
    refuse(`serial line ${serial} natively`, `${place}.serial`, "Leave it out: it is the first");
  const sharer = guests.find((other) => other.name !== name && other.serial === serial);
  if (serialModes[modes.serial].exclusive && sharer) {
    refuse(
      `mode ${modes.serial} takes serial line ${serial} for itself, but ${sharer.name} uses it`,
      `${place}.serial`,
      "Give it one of its own, or share in mode emulated or paravirtual",
    );
  }
}
