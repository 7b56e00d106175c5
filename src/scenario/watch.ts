// Memory that nobody has reason to change during a run, filled with a known pattern: what differs afterwards is damage.
import type { Core } from "../core/core.js";
import type { PlacedRun } from "../vmm/memory/placement.js";
import type { Damage } from "./types.js";

const PIECE = 0x1_0000;
const MULTIPLIER = 0x9e37_79b1;
/** MULTIPLIER times it is 1 modulo 2^32. */
const INVERSE = 0x0e8b_2f51;
const MASK = 0x5961_646f;

function pattern(start: number, bytes: number): Uint8Array {
  const words = new Uint32Array(bytes / 4);
  const first = (start / 4) >>> 0;
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(first + i, MULTIPLIER) ^ MASK;
  return new Uint8Array(words.buffer);
}

/** The address (below 2^34) at which the pattern has a word. */
export function addressOf(word: number): number {
  return (Math.imul(word ^ MASK, INVERSE) >>> 0) * 4;
}

/** Runs of physical memory, each a multiple of 64 KiB. */
export class Watch {
  constructor(
    private readonly core: Core,
    private readonly runs: readonly PlacedRun[],
  ) {}

  fill(): void {
    for (const { start, bytes } of this.runs) {
      for (let at = start; at < start + bytes; at += PIECE) this.core.store(at, pattern(at, PIECE));
    }
  }

  /** What changed since `fill`, run by run. */
  damage(): Damage[] {
    return this.runs.flatMap((run) => this.compare(run));
  }

  private compare({ start, bytes, owner, what }: PlacedRun): Damage[] {
    let changed = 0;
    let first = 0;
    for (let at = start; at < start + bytes; at += PIECE) {
      const expected = pattern(at, PIECE);
      const found = this.core.slice(at, PIECE);
      for (let i = 0; i < PIECE; i++) {
        if (found[i] === expected[i]) continue;
        if (changed === 0) first = at + i;
        changed++;
      }
    }
    return changed === 0 ? [] : [{ owner, what, bytes: changed, first }];
  }
}
