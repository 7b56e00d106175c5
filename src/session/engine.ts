// How the selected hart is run: by the core itself, or with something around each instruction.
import { Exit } from "../../assembly/isa/exit.js";
import { HART_INSTRET } from "../../assembly/layout.js";
import type { Core } from "../core/core.js";
import type { Machine } from "../platform/machine.js";

/** Runs the selected hart, to a cycle or for one instruction, or to an exit before. */
export interface Engine {
  run(until: number): Exit;
  step(): Exit;
}

export function coreEngine(core: Core): Engine {
  return { run: (until) => core.run(until), step: () => core.exports.step() as Exit };
}

/** Runs by single steps while `going` says so. */
export function stepwise(core: Core, step: () => Exit, going: () => boolean = () => true): Engine {
  const run = (until: number): Exit => {
    let exit = step();
    while (exit === Exit.Deadline && core.cycles < until && going()) exit = step();
    return exit;
  };
  return { run, step };
}

/** Instructions that a run to a deadline may do beyond it: a block of decoded ones is finished first. */
const OVERSHOOT = 4096;

/** Stops after exactly `limit` instructions of all harts together. */
export function limited(machine: Machine, engine: Engine, limit: number, reached: () => void): Engine {
  const { core } = machine;
  const left = () => limit - retired(machine);
  const step = (): Exit => {
    if (left() > 0) return engine.step();
    reached();
    return Exit.Deadline;
  };
  const nearly = stepwise(core, step, () => left() > 0);
  const run = (until: number): Exit => {
    const spare = left() - OVERSHOOT;
    return spare > 0 ? engine.run(Math.min(until, core.cycles + spare)) : nearly.run(until);
  };
  return { run, step };
}

/** Instructions that all harts have retired since power-on. */
export function retired({ harts }: Machine): number {
  let sum = 0;
  for (const { state } of harts) sum += state.number(HART_INSTRET);
  return sum;
}
