// Who writes RAM says so here, so that code decoded from it is known to be stale (assembly/hart/code.ts forgets it).
import { CODE_PAGES, CODE_PAGES_END, DECODED, HART_RESERVATION, RAM, RAM_START } from "../layout";

/** Entries of CODE_PAGES whose pages are stale, as far as they fit. */
const STALE: u32 = DECODED;
export const STALE_MAX: u32 = 1024;
export const STALE_END: u32 = STALE + STALE_MAX * 4;

/** How many pages hold decoded code and were written since. */
export let stalePages: u32 = 0;

/** The entry of CODE_PAGES for `address` in this memory: 0, or the page's table, which begins with u32 stale. */
// @ts-ignore: decorator
@inline
export function codePage(address: u32): u32 {
  return CODE_PAGES + (((address - RAM) >> 12) << 2);
}

/** RAM at `address` is about to be written. */
// @ts-ignore: decorator
@inline
export function willWrite(address: u32): void {
  const page = codePage(address);
  if (load<u32>(page)) markStale(page);
}
function markStale(page: u32): void {
  const table = load<u32>(page);
  if (load<u32>(table)) return;
  store<u32>(table, 1);
  if (stalePages < STALE_MAX) store<u32>(STALE + stalePages * 4, page);
  stalePages++;
}

/** The host or a device wrote [address, address + length) of this memory. */
// @ts-ignore: decorator
@inline
export function touchedRam(address: u32, length: u32): void {
  if (!length) return;
  // "Load-Reserved/Store-Conditional Instructions": SC fails after a device wrote what LR read
  const reserved = load<u64>(HART_RESERVATION) - <u64>RAM_START + <u64>RAM;
  if (reserved + 8 > <u64>address && reserved < <u64>address + length) store<u64>(HART_RESERVATION, -1);
  const last = codePage(address + length - 1);
  for (let page = codePage(address); page <= last; page += 4) {
    if (load<u32>(page)) markStale(page);
  }
}

/** Disowns the tables of all stale pages; false if there are more than were noted. */
export function dropStale(): bool {
  const all = stalePages <= STALE_MAX;
  if (all) for (let i: u32 = 0; i < stalePages; i++) store<u32>(load<u32>(STALE + i * 4), 0);
  stalePages = 0;
  return all;
}

/** Disowns the tables of all pages. */
export function dropAll(): void {
  memory.fill(CODE_PAGES, 0, CODE_PAGES_END - CODE_PAGES);
  stalePages = 0;
}
