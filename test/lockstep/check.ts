// Programs of one family, up to the first difference.
import type { CoreBuild } from "../../src/core/instance.js";
import { generate } from "./generate/index.js";
import { BATCH } from "./layout.js";
import { minimize } from "./minimize.js";
import { describe } from "./report.js";
import { runBoth } from "./run.js";

/** The first difference among `programs` programs from `seed` on, minimized and described; "" if there is none. */
export async function firstProblem(family: string, seed: number, programs: number, build: CoreBuild): Promise<string> {
  for (let done = 0; done < programs; done += BATCH) {
    const count = Math.min(BATCH, programs - done);
    const verdicts = await runBoth(
      Array.from({ length: count }, (_, i) => generate(family, seed + done + i)),
      build,
    );
    const found = verdicts.find(({ difference }) => difference && !difference.quirk);
    if (found) return describe(await minimize(found, build));
  }
  return "";
}
