// The same image on a hart of ours: no host plays a mode, and a physical address that isn't RAM is refused.
import { Exit } from "../../assembly/isa/exit.js";
import { EXIT_ADDRESS, EXIT_PENDING, RAM_START } from "../../assembly/layout.js";
import { Core } from "../../src/core/core.js";
import type { CoreBuild } from "../../src/core/instance.js";
import { FINISHER, MTIMECMP } from "./harness.js";
import { type Image, type Outcome, outcomeOf } from "./image.js";
import { RAM_BYTES } from "./layout.js";

/** enum Pending of assembly/hart/memory.ts: the access under way meets an access fault. */
const REFUSED = 2;
/** Cycles that a WFI in vain passes. */
const WAIT = 1000;
/** More than any program takes. */
const CYCLES = 1_000_000;

const cores = new Map<CoreBuild, Core>();

/** Runs an image; a program that takes more than `CYCLES` is left where it is. */
export function runYado(image: Image, build: CoreBuild): Outcome {
  const core = cores.get(build) ?? new Core(RAM_BYTES, build);
  cores.set(build, core);
  core.exports.reset();
  core.ram.fill(0);
  core.store(RAM_START, image.bytes);
  const deadline = CYCLES * image.slots.length;
  while (core.cycles < deadline) {
    const exit = core.run(deadline);
    if (exit === Exit.WaitForInterrupt) core.cycles += WAIT;
    if (exit === Exit.Mmio) {
      const address = core.number(EXIT_ADDRESS);
      if (address === FINISHER) break;
      if (address !== MTIMECMP) core.u32[EXIT_PENDING >>> 2] = REFUSED;
    }
  }
  return outcomeOf(image, core.ram);
}
