// Made-up figures for judges: a guest that did all right, and evidence made of runs.
import { Evidence, type Measured } from "../../src/claims/evidence.js";
import type { Claim, DeviceClass, Judgement, Part } from "../../src/claims/types.js";
import { CLAIMS } from "../../src/claims/claims.js";
import type { GuestReport } from "../../src/metrics/report.js";
import type { AttackCase } from "../../src/scenario/attack.js";

const PER_OPERATION = { cycles: 2000, busy: 1000, guest: 1000, exit: 0, vmm: 0, idle: 1000, exits: 0 };
export const NO_LOOKUPS: GuestReport["iotlb"] = {
  hits: 0,
  misses: 0,
  evictions: 0,
  evictionsByOthers: 0,
  walkReferences: 0,
  ddtReferences: 0,
  faults: 0,
};

export const NO_CHARACTERS: GuestReport["serial"] = {
  baud: 115_200,
  sent: 0,
  arrived: 0,
  received: 0,
  charactersPerSecond: 0,
  ofLineRate: 0,
  echo: null,
  hartSeconds: 0,
  lineSeconds: 10 / 115_200,
};

export function guest(over: Partial<GuestReport> = {}): GuestReport {
  return {
    name: "guest",
    mode: "native",
    modes: { disk: "native", serial: "native" },
    driver: "stock",
    status: "ok",
    problem: null,
    stop: { kind: "shutdown", code: 0 },
    workload: "seqread",
    checksum: null,
    expectedChecksum: null,
    bytes: 1000,
    operations: 10,
    errors: 0,
    seconds: 1,
    throughputMBps: 100,
    iops: 10,
    response: { mean: 10, most: 20 },
    network: null,
    instructions: 1,
    cycles: 20_000,
    cyclesBy: { guest: 10_000, exit: 0, vmm: 0, idle: 10_000 },
    elsewhere: 0,
    perOperation: PER_OPERATION,
    relative: null,
    exits: {},
    exitsTotal: 0,
    mmioExits: {},
    directMmio: 0,
    iotlb: NO_LOOKUPS,
    interrupts: { raised: 0, injected: 0 },
    bytesCopied: 0,
    dma: { requests: 0, bytesRead: 0, bytesWritten: 0 },
    serial: NO_CHARACTERS,
    tlbMisses: 0,
    l1dMisses: 0,
    details: {},
    landed: [],
    taken: [],
    console: "",
    ...over,
  };
}

export const run = (values: Measured["values"], ...guests: readonly GuestReport[]): Measured => ({ values, guests });

export function evidence(
  runs: Readonly<Record<string, readonly Measured[]>>,
  attacks: readonly AttackCase[] = [],
): Evidence {
  return new Evidence(new Map(Object.entries(runs)), attacks);
}

export const claim = (id: string): Claim => CLAIMS.find((one) => one.id === id)!;
/** The claim as far as a class of devices goes: its only one, or the disk. */
export function part(id: string, device?: DeviceClass): Part {
  const { parts } = claim(id);
  return parts.find((one) => one.device === (device ?? (parts.length > 1 ? "disk" : one.device)))!;
}
export const judged = (id: string, figures: Evidence, device?: DeviceClass): Judgement =>
  part(id, device).judge(figures);

/**
 * Every disk workload, at 100 MB/s in `base` and at `rates` in `other`, the last rate for all that remain; natively, where
 * that is neither, at 1000 MB/s.
 */
export function workloads(base: string, other: string, rates: readonly number[], over: Partial<GuestReport> = {}) {
  const both = modePairs(base, other, rates, over);
  return {
    streams: ["512", "4K", "16K", "64K"].flatMap((bs) => both({ bs })),
    "small-io": ["1", "32"].flatMap((qd) => both({ qd })),
    "large-io": both({}),
  };
}

/** The same for the LAN. */
export function lanWorkloads(base: string, other: string, rates: readonly number[], over: Partial<GuestReport> = {}) {
  const both = modePairs(base, other, rates, over);
  return {
    "lan-stream-out": ["64", "64K"].flatMap((bs) => both({ bs })),
    "lan-stream-in": ["64", "64K"].flatMap((bs) => both({ bs })),
    "lan-requests": both({ bs: "64" }),
    "lan-requests-large": both({ bs: "64K" }),
  };
}

function modePairs(base: string, other: string, rates: readonly number[], over: Partial<GuestReport>) {
  let next = 0;
  const rate = () => rates[Math.min(next++, rates.length - 1)];
  const native = (values: Measured["values"]) =>
    base === "native" ? [] : [run({ ...values, mode: "native" }, guest({ throughputMBps: 1000 }))];
  return (values: Measured["values"]) => [
    ...native(values),
    run({ ...values, mode: base }, guest({ throughputMBps: 100 })),
    run({ ...values, mode: other }, guest({ throughputMBps: rate(), ...over })),
  ];
}

export function attackCase(over: Partial<AttackCase>): AttackCase {
  return {
    device: "disk",
    mode: "assigned",
    target: "vmm",
    verdict: "stopped",
    protects: true,
    operations: [],
    damage: [],
    leaked: null,
    faults: [{ cause: 23, deviceId: 8, type: 3, iova: 0, gpa: 0 }],
    deviceAlive: true,
    stop: { kind: "shutdown", code: 0 },
    console: "",
    ...over,
  };
}
