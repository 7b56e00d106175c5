// A comparison as most tests want it.
import { generatedBytes } from "../../src/backends/disk-image.js";
import type { CompareOptions } from "../../src/scenario/compare.js";
import { defaultWorkload, SAFE_MODES } from "../../src/scenario/workload.js";

export const compareOptions: CompareOptions = {
  kernel: new Uint8Array(4),
  image: generatedBytes(0x10_0000, 1),
  modes: SAFE_MODES,
  workload: { ...defaultWorkload, bs: 65536 },
  memory: 0x400_0000,
  machine: {},
};
