// Programs run on both machines, and what came out.
import type { CoreBuild } from "../../src/core/instance.js";
import { type Difference, firstDifference } from "./compare.js";
import { imageOf, type Outcome } from "./image.js";
import type { Program } from "./program.js";
import { runQemu } from "./qemu.js";
import { runYado } from "./yado.js";

export interface Verdict {
  program: Program;
  difference?: Difference;
  qemu: Uint8Array;
  yado: Uint8Array;
}

/** Seconds without the end of a program after which it is taken to hang; programs take milliseconds. */
const PATIENCE = 6;

/** Runs up to BATCH programs on both. One that hangs on either has a difference, or none if it hangs on both; those behind it run anew. */
export async function runBoth(programs: readonly Program[], build: CoreBuild = "flat"): Promise<Verdict[]> {
  const image = imageOf(programs);
  const asked = runQemu(image, PATIENCE, programs[0].extensions);
  const yado = runYado(image, build);
  const qemu = await asked;
  const ended = Math.min(qemu.ended, yado.ended);
  const verdicts = programs.slice(0, ended).map((program, i) => ({
    program,
    difference: firstDifference(qemu.windows[i], yado.windows[i]),
    qemu: qemu.windows[i],
    yado: yado.windows[i],
  }));
  if (ended === programs.length) return verdicts;
  const says = (outcome: Outcome) => (outcome.ended > ended ? "ends" : (outcome.failure ?? "hangs"));
  const difference = {
    where: "the program",
    qemu: says(qemu),
    yado: says(yado),
    quirk: qemu.failure
      ? "QEMU fails an assertion of its own"
      : qemu.ended === yado.ended
        ? "hangs on both"
        : undefined,
  };
  verdicts.push({ program: programs[ended], difference, qemu: qemu.windows[ended], yado: yado.windows[ended] });
  return ended + 1 < programs.length ? [...verdicts, ...(await runBoth(programs.slice(ended + 1), build))] : verdicts;
}
