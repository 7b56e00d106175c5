// Watched memory that got out: its pattern (watch.ts) tells each word's address, so that a frame on the wire shows by
// itself whose bytes it carries.
import type { PlacedRun } from "../vmm/memory/placement.js";
import type { Leak } from "./types.js";
import { addressOf } from "./watch.js";

const WORD = 4;
/** Words in a row that are no accident. */
const LEAST = 4;
const SHOWN = 16;

export class Leaks {
  private readonly found = new Map<PlacedRun, { first: number; bytes: number; data: string }>();

  constructor(private readonly runs: readonly PlacedRun[]) {}

  /** Looks for watched memory in what leaves the machine, at any alignment. */
  inspect(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let shift = 0; shift < WORD; shift++) {
      for (let at = shift; at + WORD <= bytes.length; ) {
        const first = addressOf(view.getUint32(at, true));
        let end = at + WORD;
        while (end + WORD <= bytes.length && addressOf(view.getUint32(end, true)) === first + end - at) end += WORD;
        if (end - at >= LEAST * WORD) this.note(first, bytes.subarray(at, end));
        at = end;
      }
    }
  }

  private note(first: number, bytes: Uint8Array): void {
    const run = this.runs.find(({ start, bytes: length }) => first >= start && first < start + length);
    if (!run) return;
    const known = this.found.get(run);
    const data = Array.from(bytes.subarray(0, SHOWN), (byte) => byte.toString(16).padStart(2, "0")).join("");
    if (known) known.bytes += bytes.length;
    else this.found.set(run, { first, bytes: bytes.length, data });
  }

  /** Run by run. Bytes that got out twice count twice. */
  report(): Leak[] {
    return [...this.found].map(([{ owner, what }, { first, bytes, data }]) => ({ owner, what, bytes, first, data }));
  }
}
