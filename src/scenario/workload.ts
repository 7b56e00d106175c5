// What the guest program is told to do, and how each attach mode is called in reports.
import type { HashName } from "../metrics/checksum.js";
import type { AttachModeName, DeviceModes } from "../vmm/types.js";
import { attachedModes, type ModeChoice } from "./modes.js";

/**
 * The probe's workloads. Sequential unless "rand"; "checksum" is "seqread" that also hashes what it read; "console" sends
 * `total` characters down the serial line.
 */
export const WORKLOADS = ["checksum", "seqread", "seqwrite", "randread", "randwrite", "journal", "console"] as const;
/** Those with a network interface: datagrams to the peer's sink, from its source, there and back. */
export const NET_WORKLOADS = ["netstream", "netrecv", "netrr"] as const;
export type WorkloadKind = (typeof WORKLOADS)[number] | (typeof NET_WORKLOADS)[number];

/** Whether it uses nothing but the serial line. */
export function isSerial(kind: string): boolean {
  return kind === "console";
}

export function isNetwork(kind: WorkloadKind): boolean {
  return (NET_WORKLOADS as readonly string[]).includes(kind);
}

/** One workload of the probe guest. */
export interface Workload {
  readonly kind: WorkloadKind;
  /** Bytes per request, a multiple of 512; bytes of data in a datagram, 4…1472. */
  readonly bs: number;
  /** Requests in flight. */
  readonly qd: number;
  /** Completions taken before new requests are sent off together. */
  readonly batch: number;
  /** Bytes to move; 0 = as many as the guest's part of the disk holds, or 1000 datagrams. */
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
/** Datagrams where `total` is 0: the probe's default. */
export const DATAGRAMS = 1000;

/** The probe's command line. */
export function bootargs(workload: Workload, choice: ModeChoice, extra: readonly string[] = []): string {
  const { kind, bs, qd, batch, total, hash, seed, verify, retry, wait } = workload;
  const modes = typeof choice === "string" ? { disk: choice, nic: choice, serial: choice } : choice;
  const used = isSerial(kind) ? modes.serial : isNetwork(kind) ? modes.nic : (modes.disk ?? modes.nic);
  const { option } = MODES[used ?? "native"];
  return [
    `workload=${kind}`,
    `driver=${isSerial(kind) ? SERIAL_OPTIONS[option] : isNetwork(kind) ? NIC_OPTIONS[option] : option}`,
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
    ...extra,
  ].join(" ");
}

/** Whether the workload changes the disk. */
export function writes(kind: WorkloadKind): boolean {
  return kind === "seqwrite" || kind === "randwrite" || kind === "journal";
}

/**
 * Bytes from the start of its part of the disk, `available` bytes long, that a workload in order covers: it ends with a
 * whole request, unless the part ends before; a checksum covers no byte more than `total`.
 */
export function covered({ kind, bs, total }: Workload, available: number): number {
  if (total === 0) return available;
  return Math.min(kind === "checksum" || kind === "journal" ? total : Math.ceil(total / bs) * bs, available);
}

/** Whether the guest hashes the bytes of its part of the disk in order, so that the host can compute the same. */
export function hashesInOrder({ kind, hash }: Workload): boolean {
  return hash !== "none" && (kind === "checksum" || kind === "seqread");
}
