// Memory that nobody has reason to change during a run, filled with a known pattern: what differs afterwards is damage.
import type { Core } from "../core/core.js";
import type { PlacedRun } from "../vmm/memory/placement.js";
import type { Damage } from "./types.js";

const MULTIPLIER = 0x9e37_79b1;
/** MULTIPLIER times it is 1 modulo 2^32. */
const INVERSE = 0x0e8b_2f51;
const MASK = 0x5961_646f;

/** The address (below 2^34) at which the pattern has a word. */
export function addressOf(word: number): number {
  return (Math.imul(word ^ MASK, INVERSE) >>> 0) * 4;
}

/** Runs of physical memory, each of whole words. */
export class Watch {
  constructor(
    private readonly core: Core,
    private readonly runs: readonly PlacedRun[],
  ) {}

  fill(): void {
    for (const { start, bytes } of this.runs) {
      const words = this.words(start, bytes);
      const first = (start / 4) >>> 0;
      for (let i = 0; i < words.length; i++) words[i] = Math.imul(first + i, MULTIPLIER) ^ MASK;
      this.core.exports.touched(words.byteOffset, bytes);
    }
  }

  /** What changed since `fill`, run by run. */
  damage(): Damage[] {
    return this.runs.flatMap((run) => this.compare(run));
  }

  private words(start: number, bytes: number): Int32Array {
    const { buffer, byteOffset } = this.core.slice(start, bytes);
    return new Int32Array(buffer, byteOffset, bytes / 4);
  }

  private compare({ start, bytes, owner, what }: PlacedRun): Damage[] {
    const words = this.words(start, bytes);
    const firstWord = (start / 4) >>> 0;
    let changed = 0;
    let first = 0;
    for (let i = 0; i < words.length; i++) {
      const expected = Math.imul(firstWord + i, MULTIPLIER) ^ MASK;
      const difference = words[i] ^ expected;
      if (difference === 0) continue;
      for (let byte = 0; byte < 4; byte++) {
        if (((difference >>> (8 * byte)) & 0xff) === 0) continue;
        if (changed === 0) first = start + i * 4 + byte;
        changed++;
      }
    }
    return changed === 0 ? [] : [{ owner, what, bytes: changed, first }];
  }
}
