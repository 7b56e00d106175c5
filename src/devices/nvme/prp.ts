// NVM Express Base Specification 1.4, "Physical Region Page Entry and List": from a command's PRP entries to segments.
import { type DmaPort, highAfter, lowAfter, type Segment } from "../../platform/ports.js";
import type { Command, Prp } from "./command.js";
import { Status } from "./status.js";

const ENTRY_BYTES = 8;

/** What a command's data pointer leads to, and what finding that out took. */
export interface DataPointer {
  status: Status;
  segments: Segment[];
  /** Bytes of each PRP list read. */
  lists: number[];
  /** Translation cycles of those reads. */
  cycles: number;
}

/**
 * Follows the PRP entries of a command that transfers `length` bytes. Each list page but the last gives at least one
 * segment or leads to a whole page, so the work is bounded by the length, whatever the lists say.
 */
export function resolvePrps(dma: DmaPort, command: Command, length: number, pageSize: number): DataPointer {
  const { prp1, prp2 } = command;
  const pointer: DataPointer = { status: Status.Success, segments: [], lists: [], cycles: 0 };
  if ((prp1.lo & 3) !== 0) return refused(pointer, Status.PrpOffsetInvalid);
  const first = Math.min(length, pageSize - offset(prp1, pageSize));
  pointer.segments.push({ lo: prp1.lo, hi: prp1.hi, length: first });
  const rest = length - first;
  if (rest === 0) return pointer;
  if (rest > pageSize) return followList(dma, prp2, rest, pageSize, pointer);
  if (offset(prp2, pageSize) !== 0) return refused(pointer, Status.PrpOffsetInvalid);
  pointer.segments.push({ lo: prp2.lo, hi: prp2.hi, length: rest });
  return pointer;
}

function followList(dma: DmaPort, start: Prp, length: number, pageSize: number, pointer: DataPointer): DataPointer {
  let list = start;
  let left = length;
  if ((list.lo & (ENTRY_BYTES - 1)) !== 0) return refused(pointer, Status.PrpOffsetInvalid);
  while (left > 0) {
    const needed = Math.ceil(left / pageSize);
    const room = (pageSize - offset(list, pageSize)) / ENTRY_BYTES;
    const entries = Math.min(needed, room);
    const read = dma.read(list.lo, list.hi, entries * ENTRY_BYTES, 0);
    pointer.lists.push(entries * ENTRY_BYTES);
    pointer.cycles += read.cycles;
    if (!read.ok) return refused(pointer, Status.DataTransferError);
    const chained = needed > room;
    for (let i = 0; i < entries; i++) {
      const entry = { lo: dma.view.getUint32(i * 8, true), hi: dma.view.getUint32(i * 8 + 4, true) };
      if (offset(entry, pageSize) !== 0) return refused(pointer, Status.PrpOffsetInvalid);
      if (chained && i === entries - 1) {
        list = entry;
        break;
      }
      const bytes = Math.min(left, pageSize);
      pointer.segments.push({ lo: entry.lo, hi: entry.hi, length: bytes });
      left -= bytes;
    }
  }
  return pointer;
}

const offset = (prp: Prp, pageSize: number) => prp.lo & (pageSize - 1);

function refused(pointer: DataPointer, status: Status): DataPointer {
  pointer.status = status;
  pointer.segments = [];
  return pointer;
}

/** Sends `bytes` to the segments, which are at least as long; the translation cycles, or -1 for a fault. */
export function scatter(dma: DmaPort, segments: readonly Segment[], bytes: Uint8Array): number {
  let cycles = 0;
  let at = 0;
  for (const segment of segments) {
    const length = Math.min(segment.length, bytes.length - at);
    if (length === 0) break;
    dma.staging.set(bytes.subarray(at, at + length));
    const result = dma.write(segment.lo, segment.hi, length, 0);
    if (!result.ok) return -1;
    cycles += result.cycles;
    at += length;
  }
  return cycles;
}

/** Fetches what the segments hold into `bytes`; the translation cycles, or -1 for a fault. */
export function gather(dma: DmaPort, segments: readonly Segment[], bytes: Uint8Array): number {
  let cycles = 0;
  let at = 0;
  for (const segment of segments) {
    const result = dma.read(segment.lo, segment.hi, segment.length, 0);
    if (!result.ok) return -1;
    bytes.set(dma.staging.subarray(0, segment.length), at);
    cycles += result.cycles;
    at += segment.length;
  }
  return cycles;
}

/** The entry `index` of a queue of entries of `bytes` bytes. */
export function entryAddress(queue: Prp, index: number, bytes: number): Prp {
  return { lo: lowAfter(queue.lo, index * bytes), hi: highAfter(queue.lo, queue.hi, index * bytes) };
}
