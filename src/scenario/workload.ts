// What the guest program is told to do, and how each attach mode is called in reports.
import type { HashName } from "../metrics/checksum.js";
import type { DiskInterface, NicInterface } from "../platform/board.js";
import type { AttachModeName, DeviceModes } from "../vmm/types.js";
import { attachedModes, type ModeChoice } from "./modes.js";

/**
 * The probe's workloads. Sequential unless "rand"; "checksum" is "seqread" that also hashes what it read; "journal" is
 * "seqwrite" that goes on where one before it came to, and says how far it is; "console" sends
 * `total` characters down the serial line, and "echo" sends back as many that are typed.
 */
export const WORKLOADS = [
  "checksum",
  "seqread",
  "seqwrite",
  "randread",
  "randwrite",
  "journal",
  "console",
  "echo",
] as const;
/** Those with a network interface: messages to the peer's sink, from its source, there and back. */
export const NET_WORKLOADS = ["netstream", "netrecv", "netrr"] as const;
/** Those with a disk and a network interface: the disk's bytes to the peer's store, and from its source to the disk. */
export const FILE_WORKLOADS = ["netserve", "netsave"] as const;
export const ALL_WORKLOADS = [...WORKLOADS, ...NET_WORKLOADS, ...FILE_WORKLOADS] as const;
export type WorkloadKind = (typeof ALL_WORKLOADS)[number];

/** Whether it uses nothing but the serial line. */
export function isSerial(kind: string): boolean {
  return kind === "console" || kind === "echo";
}

/** Whether it uses nothing but a network interface. */
export function isNetwork(kind: WorkloadKind): boolean {
  return (NET_WORKLOADS as readonly string[]).includes(kind);
}

export function usesDisk(kind: WorkloadKind): boolean {
  return !isNetwork(kind) && !isSerial(kind);
}

export function usesNic(kind: WorkloadKind): boolean {
  return isNetwork(kind) || isFile(kind);
}

/** Whether a workload is about both: reads a file from the disk for the peer, or writes one that the peer gives. */
export function isFile(kind: WorkloadKind): boolean {
  return (FILE_WORKLOADS as readonly string[]).includes(kind);
}

/** One workload of the probe guest. */
export interface Workload {
  readonly kind: WorkloadKind;
  /** Bytes per request, a multiple of 512; with a network interface alone bytes of a message, 4…65536. */
  readonly bs: number;
  /** Requests in flight. */
  readonly qd: number;
  /** Completions taken before new requests are sent off together. */
  readonly batch: number;
  /** Bytes to move; 0 = as many as the guest's part of the disk holds, or messages of 1000 datagrams. */
  readonly total: number;
  readonly hash: HashName;
  /** Seed of the order and of the written pattern. */
  readonly seed: number;
  /** Whether what was written is read back and compared, after the measured part. Default false. */
  readonly verify?: boolean;
  /** Whether datagrams that are lost are asked for again (netrecv, netrr). Default false. */
  readonly retry?: boolean;
  /** How the driver waits for completions. Default "interrupt". */
  readonly wait?: "interrupt" | "poll";
  /** µs from the beginning of one request to that of the next at least (disk, netrr). Default 0. */
  readonly pace?: number;
}

/** What is left out; the hash only where the workload is "checksum", as the probe has it. */
export const defaultWorkload: Workload = {
  kind: "checksum",
  bs: 32768,
  qd: 8,
  batch: 1,
  total: 0,
  hash: "crc32c",
  seed: 1,
};

export interface ModeFacts {
  /** The driver that runs in the guest. */
  readonly driver: "stock" | "modified" | "virtio";
  /** The probe's name for it. */
  readonly option: string;
  /** False where the mode is the failure itself: a wrong checksum is then the expected outcome. */
  readonly safe: boolean;
  /** Whether several guests may share a disk. */
  readonly shares: boolean;
}

/** All attach modes, in the order of reports. */
export const MODES = {
  native: { driver: "stock", option: "nvme", safe: true, shares: false },
  emulated: { driver: "stock", option: "nvme", safe: true, shares: true },
  assigned: { driver: "stock", option: "nvme", safe: true, shares: false },
  "assigned-service": { driver: "modified", option: "nvme-service", safe: true, shares: false },
  "assigned-rewrite": { driver: "stock", option: "nvme", safe: true, shares: false },
  paravirtual: { driver: "virtio", option: "virtio", safe: true, shares: true },
  "assigned-raw": { driver: "stock", option: "nvme", safe: false, shares: false },
} as const satisfies Record<AttachModeName, ModeFacts>;

export const MODE_NAMES = Object.keys(MODES) as AttachModeName[];
export const SAFE_MODES: readonly AttachModeName[] = MODE_NAMES.filter((mode) => MODES[mode].safe);

/** Whether none of a guest's devices is attached in a way that is the failure itself. */
export function isSafe(modes: DeviceModes): boolean {
  return attachedModes(modes).every((mode) => MODES[mode].safe);
}

/** The drivers in the guest, "mixed" where disk and network interface differ. */
export function driverOf(modes: DeviceModes): ModeFacts["driver"] | "mixed" {
  const attached = attachedModes(modes);
  const drivers = new Set((attached.length > 0 ? attached : [modes.serial]).map((mode) => MODES[mode].driver));
  const [first = "stock"] = drivers;
  return drivers.size > 1 ? "mixed" : first;
}

/** The same driver for a network interface. */
export const NIC_OPTIONS = { nvme: "e1000e", "nvme-service": "e1000e-service", virtio: "virtio" } as const;
/** And for the serial line, which knows no modified driver. */
const SERIAL_OPTIONS = { nvme: "uart", "nvme-service": "uart", virtio: "virtio-console" } as const;
/** Datagrams of all messages where `total` is 0. */
const DATAGRAMS = 1000;
/** Most bytes of data in a datagram. */
const LARGEST_DATAGRAM = 1472;
/** Bytes of data in the datagrams that are saved, where that divides the request. */
const SAVED = 1024;
export const SECTOR = 512;

/** How a message of `bs` bytes is cut into datagrams: bytes of each, and of the last one. */
export function cut(bs: number): { readonly datagrams: number; readonly bytes: number; readonly last: number } {
  const datagrams = Math.ceil(bs / LARGEST_DATAGRAM);
  const bytes = Math.ceil(bs / datagrams);
  return { datagrams, bytes, last: bs - (datagrams - 1) * bytes };
}

/** Bytes that a network workload moves where its `total` is 0. */
export function usualTotal(bs: number): number {
  return Math.ceil(DATAGRAMS / cut(bs).datagrams) * bs;
}

/** Bytes of the datagrams that the peer's source gives for a workload, one after the other; `available` as in `covered`. */
export function givenDatagrams(workload: Workload, available: number): number[] {
  const { kind, bs, total } = workload;
  if (kind === "netsave") {
    const bytes = savedBytes(bs);
    return new Array<number>(covered(workload, available) / bytes).fill(bytes);
  }
  const { datagrams, bytes, last } = cut(bs);
  const message = [...new Array<number>(datagrams - 1).fill(bytes), last];
  return new Array(Math.ceil(total / bs)).fill(message).flat();
}

function savedBytes(bs: number): number {
  return bs % SAVED === 0 ? SAVED : SECTOR;
}

/** The controllers that a disk may be behind. */
export const INTERFACES = ["nvme", "ata", "virtio", "virtio-mmio"] as const satisfies readonly DiskInterface[];
export const NIC_INTERFACES = ["e1000e", "virtio", "virtio-mmio"] as const satisfies readonly NicInterface[];
/** The same driver for another sort of disk. */
export const forDisk = (option: ModeFacts["option"], disk: string): string =>
  disk.startsWith("virtio") ? "virtio" : option.replace("nvme", disk);

/** What is typed at a guest that is to send it back. */
export function typedFor({ kind, total }: Workload): Uint8Array | undefined {
  return kind === "echo" ? Uint8Array.from({ length: total }, (_, i) => 0x61 + (i % 26)) : undefined;
}

/** The probe's command line. */
export function bootargs(
  workload: Workload,
  choice: ModeChoice,
  extra: readonly string[] = [],
  { disk = "nvme", nic = "e1000e" }: { readonly disk?: DiskInterface; readonly nic?: NicInterface } = {},
): string {
  const { kind, bs, qd, batch, total, hash, seed, verify, retry, wait, pace } = workload;
  const modes = typeof choice === "string" ? { disk: choice, nic: choice, serial: choice } : choice;
  const option = (mode: AttachModeName | undefined) => MODES[mode ?? "native"].option;
  const drivers = {
    disk: forDisk(option(modes.disk ?? modes.nic), disk),
    nic: nic === "e1000e" ? NIC_OPTIONS[option(modes.nic)] : "virtio",
    serial: SERIAL_OPTIONS[option(modes.serial)],
  };
  return [
    `workload=${kind}`,
    `driver=${drivers[isSerial(kind) ? "serial" : isNetwork(kind) ? "nic" : "disk"]}`,
    ...(isFile(kind) ? [`nic-driver=${drivers.nic}`] : []),
    `bs=${bs}`,
    `qd=${qd}`,
    `batch=${batch}`,
    `total=${total}`,
    `seed=${seed}`,
    `hash=${hash}`,
    ...(isSerial(kind) && total > 0 ? [`bytes=${total}`] : []),
    ...(verify ? ["verify=1"] : []),
    ...(retry ? ["retry=1"] : []),
    ...(wait ? [`wait=${wait}`] : []),
    ...(pace ? [`pace=${pace}`] : []),
    ...extra,
  ].join(" ");
}

/** Whether the workload changes the disk. */
export function writes(kind: WorkloadKind): boolean {
  return kind === "seqwrite" || kind === "randwrite" || kind === "journal" || kind === "netsave";
}

/**
 * Bytes from the start of its part of the disk, `available` bytes long, that a workload in order covers: it ends with a
 * whole request, unless the part ends before; a checksum covers no byte more than `total`.
 */
export function covered({ kind, bs, total }: Workload, available: number): number {
  if (isFile(kind)) {
    const unit = kind === "netsave" ? savedBytes(bs) : SECTOR;
    return Math.floor((total === 0 ? available : Math.min(total, available)) / unit) * unit;
  }
  if (total === 0) return available;
  return Math.min(kind === "checksum" || kind === "journal" ? total : Math.ceil(total / bs) * bs, available);
}

/** Whether the guest hashes the bytes of its part of the disk in order, so that the host can compute the same. */
export function hashesInOrder({ kind, hash }: Workload): boolean {
  return hash !== "none" && (kind === "checksum" || kind === "seqread" || kind === "netserve");
}
