// The one file that meets the loader, Node's file system and WebAssembly itself.
import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { RAM, RAM_MAX } from "../../assembly/layout.js";

/** What core.wasm exports; every argument and result is an i32 or an f64, never an i64. */
export interface CoreExports {
  [key: string]: unknown;
  reset(): void;
  /** Runs until the clock reaches `deadline` (cycles) or an exit; returns enum Exit. */
  run(deadline: number): number;
  /** The same for one instruction, or the trap taken instead of it. */
  step(): number;
  /** Makes `hart` the one that `run` runs and that registers and CSRs belong to. */
  selectHart(hart: number): void;
  /** What FENCE.I does: forgets decoded instructions of pages written since. */
  fenceI(): void;
  /** Forgets decoded instructions of the pages in [address, address + length) of this memory, which the host wrote. */
  touched(address: number, length: number): void;
  /** Drops every cached translation of the hart (both stages). */
  flushTranslations(): void;
  /** Translates for the VMM or a debugger: returns the address in this memory, or 0. No side effect. */
  probe(addressLo: number, addressHi: number, mode: number, virt: number): number;
  /** Puts what a CSR reads as into X_SINK. */
  peekCsr(n: number): void;
  /** Writes a CSR as an instruction would that may. */
  pokeCsr(n: number, lo: number, hi: number): void;
  /** Lets Wasm finish exits of one reason (enum Exit) by itself (enum Handler). */
  setHandler(exit: number, handler: number): void;
  /** Hub: see assembly/hub. Each returns 0 or an IOMMU fault cause; details in the DMA record. */
  dmaRead(device: number, iovaLo: number, iovaHi: number, staging: number, length: number): number;
  dmaWrite(device: number, iovaLo: number, iovaHi: number, staging: number, length: number): number;
  /** IOMMU register file, 4 KiB; 4- or 8-byte accesses are made of 4-byte ones. */
  iommuRead(offset: number): number;
  iommuWrite(offset: number, value: number): void;
  /** Where a device's 4-byte write goes: a number for `msiDeliver`, or 0 when the IOMMU refuses it or nothing is there. */
  msiRoute(device: number, iovaLo: number, iovaHi: number): number;
  msiDeliver(destination: number, data: number): void;
  /** IMSICs for the first `harts` harts (0: none) with that many guest interrupt files each. Returns 1, or 0 for no such shape. */
  aiaConfigure(harts: number, guests: number): number;
  /** Stores 4 bytes to an IMSIC's page (physical address). Returns 1, or 0 where there is none. */
  imsicWrite(lo: number, hi: number, data: number): number;
  /** Shapes the IOTLB and empties it: entries, ways (0: fully associative), enum Replacement, seed. Returns 1, or 0 for no such shape. */
  hubConfigure(entries: number, ways: number, policy: number, seed: number): number;
}

/** One compiled build of the core. `timed` has the cache model, `flat` has none. */
export type CoreBuild = "timed" | "flat";

const modules = new Map<CoreBuild, WebAssembly.Module>();

function compiled(build: CoreBuild): WebAssembly.Module {
  let module = modules.get(build);
  if (!module) {
    const file = new URL(build === "timed" ? "../build/core.wasm" : "../build/core-flat.wasm", rootOf(import.meta.url));
    module = new WebAssembly.Module(readFileSync(file));
    modules.set(build, module);
  }
  return module;
}

/** build/ lies beside src/ in the tree and beside dist/ when bundled. */
function rootOf(url: string): URL {
  return new URL(/\/src\/core\/[^/]+$/.test(url) ? ".." : ".", url);
}

/** Instantiates the core over a fresh memory that holds `ramSize` bytes of RAM (a multiple of 64 KiB). */
export function instantiate(build: CoreBuild, ramSize: number): { exports: CoreExports; memory: WebAssembly.Memory } {
  if (ramSize <= 0 || ramSize > RAM_MAX || ramSize % 0x10000 !== 0) {
    throw new RangeError(`RAM of ${ramSize} bytes: must be a multiple of 64 KiB up to ${RAM_MAX}`);
  }
  const pages = (RAM + ramSize) / 0x10000;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65536 });
  const { exports } = instantiateSync<CoreExports>(compiled(build), { env: { memory } });
  return { exports, memory };
}
