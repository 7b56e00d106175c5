// A core without WebAssembly: the same memory and accessors, with a script in place of the hart.
import { Exit } from "../../assembly/isa/exit.js";
import { EXIT_ADDRESS, EXIT_SIZE, EXIT_VALUE, EXIT_WRITE, TIME_DIVIDER } from "../../assembly/layout.js";
import { Core } from "../../src/core/core.js";

/** What the fake hart does in one stretch: some cycles, then an exit. */
export type Step = (core: Core, deadline: number) => Exit;

const LOW_MEMORY = 0x1_0000;
const RAM_SIZE = 0x10_0000;

/** A core whose `run` plays `steps` one after another, and then runs into every deadline. */
export function fakeCore(steps: Step[]): Core {
  const buffer = new ArrayBuffer(LOW_MEMORY);
  const core: Core = Object.create(Core.prototype);
  const registers = new Map<number, number>();
  const exports = {
    run: (deadline: number) => {
      const step = steps.shift();
      if (step) return step(core, deadline);
      core.cycles = deadline;
      return Exit.Deadline;
    },
    dmaRead: () => 0,
    dmaWrite: () => 0,
    iommuRead: (offset: number) => registers.get(offset) ?? 0,
    iommuWrite: (offset: number, value: number) => registers.set(offset, value),
    touched: () => {},
    flushTranslations: () => {},
    reset: () => {},
  };
  Object.assign(core, {
    exports,
    ramSize: RAM_SIZE,
    u8: new Uint8Array(buffer),
    u32: new Uint32Array(buffer),
    u64: new BigUint64Array(buffer),
    ram: new Uint8Array(RAM_SIZE),
    staging: new Uint8Array(0x1000),
  });
  core.u32[TIME_DIVIDER >>> 2] = 150;
  return core;
}

/** Steps of a script. */
export const step = {
  run:
    (cycles: number): Step =>
    (core, deadline) => {
      core.cycles = Math.min(core.cycles + cycles, deadline);
      return Exit.Deadline;
    },
  wait: (): Step => () => Exit.WaitForInterrupt,
  load:
    (address: number, size = 4): Step =>
    (core) =>
      access(core, address, size, false, 0),
  store:
    (address: number, value: number, size = 4): Step =>
    (core) =>
      access(core, address, size, true, value),
  exit:
    (exit: Exit): Step =>
    () =>
      exit,
  check:
    (look: (core: Core) => void): Step =>
    (core) => {
      look(core);
      return Exit.Deadline;
    },
};

function access(core: Core, address: number, size: number, write: boolean, value: number): Exit {
  core.setNumber(EXIT_ADDRESS, address);
  core.u32[EXIT_SIZE >>> 2] = size;
  core.u32[EXIT_WRITE >>> 2] = write ? 1 : 0;
  core.setNumber(EXIT_VALUE, value);
  return Exit.Mmio;
}
