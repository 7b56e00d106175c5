// The core with the loops of assembly/bench/loops.ts beside its own exports, compiled by `compiledLoops` of support.mjs.
import { readFileSync } from "node:fs";
import { COSTS, RAM, RAM_SIZE } from "../assembly/layout.js";
import type { CoreExports } from "../src/core/instance.js";
import { applyCosts, Costs } from "../src/platform/costs.js";

/** See assembly/bench/loops.ts. */
export interface Loops extends CoreExports {
  lookups(n: number, device: number, pages: number): number;
  translations(n: number, device: number, pages: number): number;
  transfers(n: number, device: number, span: number, length: number, write: number): number;
  copies(n: number, address: number, span: number, length: number, write: number): void;
  answerExits(n: number, deadline: number): number;
}

/** An instance after reset, with the default costs and `ramSize` bytes of RAM. */
export function instantiateLoops(wasm: string, ramSize: number): { exports: Loops; memory: WebAssembly.Memory } {
  const memory = new WebAssembly.Memory({ initial: (RAM + ramSize) / 0x10000, maximum: 65536 });
  const module = new WebAssembly.Module(readFileSync(wasm));
  const instance = new WebAssembly.Instance(module, { env: { memory, abort: () => {} } });
  const exports = instance.exports as unknown as Loops;
  new DataView(memory.buffer).setBigUint64(RAM_SIZE, BigInt(ramSize), true);
  exports.reset();
  const u32 = new Uint32Array(memory.buffer);
  const setCost = (cost: number, cycles: number) => {
    u32[(COSTS >>> 2) + cost] = cycles;
  };
  applyCosts({ u32, setCost }, new Costs());
  return { exports, memory };
}

/** Nanoseconds of user CPU time per iteration of `loop(n)`: the best of three, after V8 has optimized it. */
export function nanoseconds(n: number, loop: (n: number) => void): number {
  for (let i = 0; i < 10; i++) loop(n / 20);
  const runs = [1, 2, 3].map(() => {
    const start = process.cpuUsage();
    loop(n);
    return (process.cpuUsage(start).user * 1000) / n;
  });
  return Math.min(...runs);
}
