// Delta debugging: statements are removed, halves first, as long as the same kind of difference stays.
import type { CoreBuild } from "../../src/core/instance.js";
import { BATCH } from "./layout.js";
import type { Program } from "./program.js";
import { runBoth, type Verdict } from "./run.js";

/** What must stay of a difference: numbers in it may change with the program. */
const kind = (verdict: Verdict) =>
  verdict.difference && !verdict.difference.quirk ? verdict.difference.where.replace(/\d+|0x[0-9a-f]+/g, "") : "";

/** The smallest program found with the difference of `verdict`. */
export async function minimize(verdict: Verdict, build: CoreBuild): Promise<Verdict> {
  let best = verdict;
  let size = Math.ceil(best.program.statements.length / 2);
  while (true) {
    const all = best.program.statements;
    const starts = Array.from({ length: Math.ceil(all.length / size) }, (_, i) => i * size);
    const candidates: Program[] = starts.map((start) => ({
      ...best.program,
      statements: all.filter((_, i) => i < start || i >= start + size),
    }));
    const smaller = await firstWith(candidates, kind(verdict), build);
    if (smaller) best = smaller;
    else if (size === 1) return best;
    if (size > 1 || !smaller)
      size = Math.max(1, Math.min(Math.ceil(size / 2), Math.ceil(best.program.statements.length / 2)));
  }
}

async function firstWith(
  candidates: readonly Program[],
  wanted: string,
  build: CoreBuild,
): Promise<Verdict | undefined> {
  for (let i = 0; i < candidates.length; i += BATCH) {
    const found = (await runBoth(candidates.slice(i, i + BATCH), build)).find((verdict) => kind(verdict) === wanted);
    if (found) return found;
  }
  return undefined;
}
