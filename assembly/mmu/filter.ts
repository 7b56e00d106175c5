// Filters: direct-mapped tables in front of everything that an access costs to look up. With the cache model their granule is
// a line, and a hit means that the translation is valid and the line is in L1D; without it the granule is a page. One set of
// tables (loads, stores, fetch pages) a context, so that a trap or a guest switch loses nothing.
import { TLB_END } from "./tlb";

/** log2 of the granule in bytes. */
export const GRANULE: u32 = isDefined(TIMED) ? 6 : 12;
// more granules than L1D has lines: a direct-mapped table of just as many would miss far more often than L1D does
const ENTRIES: u32 = 2048;
const TABLE: u32 = ENTRIES * 16;
const FETCH_ENTRIES: u32 = 256;
const CONTEXT: u32 = TABLE * 2 + FETCH_ENTRIES * 16;
const CONTEXTS: u32 = 8;

const TABLES: u32 = (TLB_END + 63) & ~63;
/** A context's key: u64 atp, u64 hgatp, u64 modes and status bits; all ones when free. */
const KEYS: u32 = TABLES + CONTEXTS * CONTEXT;
export const FILTERS_END: u32 = KEYS + CONTEXTS * 24;

/** u32 addresses of the current context's tables, in memory so that the interpreter keeps them in no local. */
const CURRENT: u32 = FILTERS_END;
/** The context whose tables those are, and the next to be given away. */
let current: u32 = 0;
let next: u32 = 0;

/** For loads, for stores; an entry: u64 tag (address of the granule), u32 difference to this memory's address, u32 owner in L1D. */
// @ts-ignore: decorator
@inline
export function loadTable(): u32 {
  return load<u32>(CURRENT);
}
// @ts-ignore: decorator
@inline
export function storeTable(): u32 {
  return load<u32>(CURRENT, 4);
}
/** For fetches; an entry: u64 tag (page address), u32 the page's table of blocks, u32 where the page lies in this memory. */
// @ts-ignore: decorator
@inline
export function fetchTable(): u32 {
  return load<u32>(CURRENT, 8);
}

/** The entry where `va` would be. */
// @ts-ignore: decorator
@inline
export function filterEntry(table: u32, va: u64): u32 {
  return table + (<u32>(va >> (GRANULE - 4)) & ((ENTRIES - 1) << 4));
}
/** What a hit compares with: misaligned accesses never match, so that they take the slow path. */
// @ts-ignore: decorator
@inline
export function filterTag(va: u64, size: u64): u64 {
  return va & (~(((<u64>1) << GRANULE) - 1) | (size - 1));
}
// @ts-ignore: decorator
@inline
export function fetchEntry(table: u32, va: u64): u32 {
  return table + (<u32>(va >> 8) & ((FETCH_ENTRIES - 1) << 4));
}

// @ts-ignore: decorator
@inline
function matches(key: u32, atp: u64, hgatp: u64, bits: u64): bool {
  return load<u64>(key, 16) == bits && load<u64>(key) == atp && load<u64>(key, 8) == hgatp;
}

function makeCurrent(context: u32): void {
  store<u32>(CURRENT, context);
  store<u32>(CURRENT, context + TABLE, 4);
  store<u32>(CURRENT, context + TABLE * 2, 8);
}

/** Makes the tables of a context current, taking the oldest when it has none. */
export function useFilters(atp: u64, hgatp: u64, bits: u64): void {
  if (matches(KEYS + current * 24, atp, hgatp, bits)) return;
  let i: u32 = 0;
  while (i < CONTEXTS && !matches(KEYS + i * 24, atp, hgatp, bits)) i++;
  if (i == CONTEXTS) {
    i = next;
    next = (next + 1) % CONTEXTS;
    const key = KEYS + i * 24;
    store<u64>(key, atp);
    store<u64>(key, hgatp, 8);
    store<u64>(key, bits, 16);
    memory.fill(TABLES + i * CONTEXT, 0xff, CONTEXT);
  }
  current = i;
  makeCurrent(TABLES + i * CONTEXT);
}

/** Forgets all contexts. The current tables stay current, but empty, until `useFilters`. */
export function dropFilters(): void {
  memory.fill(KEYS, 0xff, CONTEXTS * 24);
  if (!loadTable()) makeCurrent(TABLES);
  memory.fill(loadTable(), 0xff, CONTEXT);
  next = 0;
}
/** Forgets what stores may skip, as when a page comes to hold decoded code. */
export function dropStores(): void {
  for (let i: u32 = 0; i < CONTEXTS; i++) memory.fill(TABLES + i * CONTEXT + TABLE, 0xff, TABLE);
}
/** Forgets where fetch pages have their blocks. */
export function dropFetches(): void {
  for (let i: u32 = 0; i < CONTEXTS; i++) memory.fill(TABLES + i * CONTEXT + TABLE * 2, 0xff, FETCH_ENTRIES * 16);
}
