// Loops that bench/ measures inside Wasm, so that no call from TypeScript is in the figures. Not part of the core.
import { Exit } from "../isa/exit";
import { EXIT_VALUE, STAGING } from "../layout";
import { context, locate } from "../hub/directory";
import { transfer } from "../hub/dma";
import { lookup, used } from "../hub/iotlb";
import { begin } from "../hub/request";
import { translate } from "../hub/translate";
import { Context } from "../hub/state";
import { Access } from "../mmu/walk";
import { run } from "../hart/run";

export * from "../index";

const PAGE: u32 = 4096;

/** `n` lookups in the IOTLB, of `pages` pages from IOVA 0 on in turn, for `device`; returns how many hit. */
export function lookups(n: u32, device: u32, pages: u32): u32 {
  begin(device, 0, 0, 0, Access.Read);
  if (locate()) return 0;
  const space = load<u64>(context, Context.Space);
  let found: u32 = 0;
  let iova: u64 = 0;
  for (let i: u32 = 0; i < n; ++i) {
    const entry = lookup(space, iova);
    if (entry) {
      used(entry);
      ++found;
    }
    iova += PAGE;
    if (iova == <u64>pages * PAGE) iova = 0;
  }
  return found;
}

/** `n` whole translations: device context, IOTLB, permissions. Returns how many succeeded. */
export function translations(n: u32, device: u32, pages: u32): u32 {
  let done: u32 = 0;
  let iova: u64 = 0;
  for (let i: u32 = 0; i < n; ++i) {
    begin(device, 0, 0, 0, Access.Read);
    if (!locate() && !translate(context, iova)) ++done;
    iova += PAGE;
    if (iova == <u64>pages * PAGE) iova = 0;
  }
  return done;
}

/** `n` transfers of `length` bytes at IOVAs that go round in `span` bytes; returns how many succeeded. */
export function transfers(n: u32, device: u32, span: u32, length: u32, write: u32): u32 {
  let done: u32 = 0;
  let at: u32 = 0;
  for (let i: u32 = 0; i < n; ++i) {
    if (!transfer(device, at, STAGING, length, write ? Access.Write : Access.Read)) ++done;
    at += length;
    if (at == span) at = 0;
  }
  return done;
}

/** The same bytes moved by nothing but memory.copy: `n` copies from `address` on, which go round in `span` bytes. */
export function copies(n: u32, address: u32, span: u32, length: u32, write: u32): void {
  let at: u32 = 0;
  for (let i: u32 = 0; i < n; ++i) {
    if (write) memory.copy(address + at, STAGING, length);
    else memory.copy(STAGING, address + at, length);
    at += length;
    if (at == span) at = 0;
  }
}

/** Runs until `n` MMIO exits were answered here; returns how many, less if another exit came first. */
export function answerExits(n: u32, deadline: f64): u32 {
  let seen: u32 = 0;
  while (seen < n) {
    if (run(deadline) != Exit.Mmio) break;
    store<u64>(EXIT_VALUE, 42);
    ++seen;
  }
  return seen;
}
