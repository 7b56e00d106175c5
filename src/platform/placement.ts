// Where software goes in RAM: firmware and kernel where they want to lie, the initial RAM disk as high as it can, the
// device tree above it, and nothing on top of anything else.
import { RAM_MAX } from "../../assembly/layout.js";
import { type Program, roundUp, type SoftwareFile } from "./kernel.js";
import { DEVICE_TREE_SIZE, RAM_START } from "./memory-map.js";
import { UserError } from "./user-error.js";

export interface MemoryPlan {
  /** Physical address of the room for the device tree. */
  readonly deviceTree: number;
  readonly initrd: { readonly start: number; readonly end: number } | undefined;
}

interface Range {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

const PAGE = 4096;
const MIB = 0x10_0000;
const hex = (value: number): string => `0x${value.toString(16)}`;

/** Where the device tree goes: the last 64 KiB of RAM. */
export function deviceTreeAddress(ramSize: number): number {
  return RAM_START + ramSize - DEVICE_TREE_SIZE;
}

/** Finds room for everything, or explains which part has none. */
export function planMemory(ramSize: number, programs: readonly Program[], initrd?: SoftwareFile): MemoryPlan {
  const ranges = programs.flatMap(rangesOf).sort((a, b) => a.start - b.start);
  for (const [i, range] of ranges.entries()) {
    const before = ranges[i - 1];
    if (range.start < RAM_START) {
      throw new UserError(
        `is linked at ${hex(range.start)}…${hex(range.end)}, outside RAM`,
        range.name,
        `Link it at ${hex(RAM_START)} or above`,
      );
    }
    if (before && before.end > range.start) {
      throw new UserError(
        `overlaps ${before.name} at ${hex(range.start)}`,
        range.name,
        `Link it at ${hex(before.end)} or above, or choose other firmware`,
      );
    }
  }
  const top = Math.max(RAM_START, ...ranges.map(({ end }) => end));
  const deviceTree = deviceTreeAddress(ramSize);
  const length = initrd?.bytes.length ?? 0;
  const start = Math.floor((deviceTree - length) / PAGE) * PAGE;
  if (start < top) throw tooLittle(ramSize, top, ranges, initrd);
  return { deviceTree, initrd: initrd && { start, end: start + length } };
}

function rangesOf({ name, segments }: Program): Range[] {
  return segments.map(({ address, size }) => ({ name, start: address, end: address + size }));
}

function tooLittle(ramSize: number, top: number, ranges: readonly Range[], initrd?: SoftwareFile): UserError {
  const needed = roundUp(top, PAGE) - RAM_START + roundUp(initrd?.bytes.length ?? 0, PAGE) + DEVICE_TREE_SIZE;
  const place = initrd?.name ?? ranges.find(({ end }) => end === top)?.name ?? "memory";
  const has = ramSize % MIB === 0 ? `${ramSize / MIB} MiB` : `${ramSize / 1024} KiB`;
  const remedy =
    needed > RAM_MAX
      ? `The machine has at most ${RAM_MAX / MIB} MiB, from ${hex(RAM_START)} on`
      : `Give the machine at least ${Math.ceil(needed / MIB)} MiB`;
  return new UserError(`doesn't fit into ${has} of memory`, place, remedy);
}
