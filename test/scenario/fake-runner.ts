// Stands in for the machine where only what surrounds it is tested: figures that follow from the configuration.
import { checksum } from "../../src/metrics/checksum.js";
import { commonMode, deviceModes } from "../../src/scenario/modes.js";
import type { Runner } from "../../src/scenario/compare.js";
import type {
  GuestConfig,
  GuestResult,
  RunConfig,
  RunCounters,
  RunResult,
  StopReason,
} from "../../src/scenario/types.js";

export const FREQUENCY = 1_500_000_000;

/** What a test wants to be otherwise. */
export interface FakeOptions {
  /** By mode: the checksum that the guest reports. */
  readonly checksum?: Readonly<Record<string, string>>;
  readonly stop?: Readonly<Record<string, StopReason>>;
  readonly errors?: Readonly<Record<string, number>>;
  /** Modes that moved nothing. */
  readonly idle?: readonly string[];
  /** By mode: where a raw device's writes went. */
  readonly landed?: Readonly<Record<string, GuestResult["landed"]>>;
  /** By mode: the disk afterwards. */
  readonly disk?: Readonly<Record<string, Uint8Array>>;
}

const VMM_CYCLES: Readonly<Record<string, number>> = {
  emulated: 90_000,
  paravirtual: 20_000,
  "assigned-rewrite": 12_000,
};
const EXITS: Readonly<Record<string, Record<string, number>>> = {
  emulated: { "mmio-write": 4, "mmio-read": 2, interrupt: 1, "mmio:nvme": 5, "mmio:plic": 1 },
  paravirtual: { "mmio-write": 1, interrupt: 1, "mmio:virtio": 1 },
  assigned: { interrupt: 1 },
};

export function fakeCounters(mode: string, operations: number): RunCounters {
  const guest = 8_000 * operations;
  const vmm = (VMM_CYCLES[mode] ?? 0) * operations;
  const exits = Object.fromEntries(Object.entries(EXITS[mode] ?? {}).map(([reason, n]) => [reason, n * operations]));
  const exit = 450 * operations * Object.keys(exits).filter((reason) => !reason.includes(":")).length;
  const idle = 60_000 * operations;
  const translated = mode === "assigned" ? operations : 0;
  return {
    cycles: guest + exit + vmm + idle,
    cyclesBy: { guest, exit, vmm, idle },
    elsewhere: 0,
    instructions: 5_000 * operations,
    exits,
    directMmio: mode === "native" ? 3 * operations : 0,
    iotlb: {
      hits: 15 * translated,
      misses: translated,
      evictions: translated / 2,
      evictionsByOthers: 0,
      walkReferences: 3 * translated,
      ddtReferences: 2,
      faults: 0,
    },
    interrupts: { raised: operations, injected: mode === "native" ? 0 : operations },
    bytesCopied: mode === "emulated" ? operations * 65536 : 0,
    dma: { requests: operations, bytesRead: 0, bytesWritten: operations * 65536 },
    tlbMisses: 7,
    l1dMisses: 11,
  };
}

function option(guest: GuestConfig, key: string): string {
  return new RegExp(`(?:^| )${key}=(\\S*)`).exec(guest.bootargs)?.[1] ?? "";
}

async function fakeGuest(
  guest: GuestConfig,
  index: number,
  config: RunConfig,
  fake: FakeOptions,
): Promise<GuestResult> {
  const modes = deviceModes(
    guest.mode,
    {
      disk: guest.disk !== null && (guest.disk !== undefined || guest.nic === undefined),
      nic: guest.nic !== undefined,
    },
    "",
  );
  const mode = commonMode(modes);
  const disk = config.disks?.[guest.disk ?? 0] ?? { size: 0, image: new Uint8Array() };
  const { start, length } = guest.range ?? { start: 0, length: disk.size };
  const bytes = Math.min(Number(option(guest, "total")) || length, length);
  const operations = Math.ceil(bytes / Number(option(guest, "bs")));
  const image = (disk.image ?? new Uint8Array()).subarray(start, start + bytes);
  const sum = fake.checksum?.[mode] ?? (await checksum("crc32c", image));
  const counters = fakeCounters(mode, operations);
  const stop = fake.stop?.[mode] ?? ({ kind: "shutdown", code: 0 } as const);
  const idle = fake.idle?.includes(mode) ?? false;
  const seconds = counters.cycles / FREQUENCY;
  return {
    name: guest.name ?? `guest${index}`,
    mode,
    modes,
    console: "probe: ready\n",
    stop,
    result: { workload: option(guest, "workload"), errors: String(fake.errors?.[mode] ?? 0) },
    attacks: [],
    counters,
    bytes: idle ? 0 : bytes,
    operations: idle ? 0 : operations,
    checksum: idle ? undefined : sum,
    throughputMBps: bytes / 1e6 / seconds,
    serial: { baud: 115_200, sent: 0, arrived: 0, received: 0, charactersPerSecond: 0, ofLineRate: 0, echo: null },
    landed: fake.landed?.[mode] ?? [],
    taken: [],
  };
}

/** A runner whose guests do what they are told in no time. */
export function fakeRunner(fake: FakeOptions = {}): Runner {
  return async (config, watch): Promise<RunResult> => {
    watch.started();
    const guests = await Promise.all(config.guests.map((guest, i) => fakeGuest(guest, i, config, fake)));
    watch.progress(guests[0].bytes, guests[0].counters.cycles);
    const { cycles, cyclesBy } = guests[0].counters;
    const { guests: _guests, disks, ...rest } = config;
    return {
      guests,
      cycles,
      cyclesBy,
      frequency: FREQUENCY,
      memoryMap: [],
      damage: [],
      leaks: [],
      faults: [],
      shares: [],
      disks: config.keepDisks
        ? disks?.map((disk) => fake.disk?.[guests[0].mode] ?? disk.image ?? new Uint8Array(disk.size))
        : undefined,
      resolved: { ...rest, iotlb: rest.iotlb ?? { entries: 64, ways: 64 } },
    };
  };
}
