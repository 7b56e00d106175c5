// Filters: direct-mapped tables in front of everything that an access costs to look up. With the cache model their granule is
// a line, and a hit means that the translation is valid and the line is in L1D; without it the granule is a page. One set of
// tables (loads, stores, fetch pages) a context, so that a trap or a guest switch loses nothing. They hold only what is allowed on
// the whole granule: a hit is all that an access needs.
import { SELECTED_HART, RAM, RAM_MAX } from "../layout";
import { TLB_END } from "./tlb";

/** log2 of the granule in bytes. */
export const GRANULE: u32 = isDefined(TIMED) ? 6 : 12;
// more granules than L1D has lines: a direct-mapped table of just as many would miss far more often than L1D does
const ENTRIES: u32 = 2048;
const TABLE: u32 = ENTRIES * 16;
const FETCH_ENTRIES: u32 = 256;
const CONTEXT: u32 = TABLE * 2 + FETCH_ENTRIES * 16;
const CONTEXTS: u32 = 32;

const TABLES: u32 = (TLB_END + 511) & ~511;
const KEYS: u32 = TABLES + CONTEXTS * CONTEXT;
const enum Key {
  /** u64 atp, u64 hgatp, u64 modes, status bits and hart: all ones when free. */
  Atp = 0,
  Hgatp = 8,
  Bits = 16,
  /** u64 × 2, for the lower and the upper half of the addresses: the least and the greatest that came from a superpage. */
  Least = 24,
  Greatest = 40,
  Size = 56,
}
const KEYS_END: u32 = KEYS + CONTEXTS * Key.Size;
/** u8 a chunk of the tables: 1 if it may be other than empty. Only such chunks are touched to empty a table. */
const CHUNK_SHIFT: u32 = 9;
const CHUNK: u32 = 1 << CHUNK_SHIFT;
const USED: u32 = KEYS_END;
/** u8 a physical page: 1 if some filter for stores may know it. */
const STORED: u32 = USED + CONTEXTS * (CONTEXT >> CHUNK_SHIFT);
export const FILTERS_END: u32 = STORED + (RAM_MAX >>> 12);

const EMPTY: u64 = -1;

/** Bits of a key, besides those of a status register: modes of fetches and of data, and the hart. */
export const KEY_VIRT: u64 = 1 << 2;
export const KEY_DATA_MODE_SHIFT: u64 = 3;
export const KEY_DATA_VIRT: u64 = 1 << 5;
const HART_SHIFT: u64 = 56;

/** u32 addresses of the current context's tables, in memory so that the interpreter keeps them in no local. */
const CURRENT: u32 = FILTERS_END;
/** The key of the context whose tables those are, and the next context to be given away. */
let current: u32 = KEYS;
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
  return load<u64>(key, Key.Bits) == bits && load<u64>(key) == atp && load<u64>(key, Key.Hgatp) == hgatp;
}
// @ts-ignore: decorator
@inline
function tables(key: u32): u32 {
  return TABLES + ((key - KEYS) / Key.Size) * CONTEXT;
}

/** Makes the tables of a context current, taking the oldest when it has none. */
export function useFilters(atp: u64, hgatp: u64, bits: u64): void {
  bits |= <u64>load<u32>(SELECTED_HART) << HART_SHIFT;
  if (matches(current, atp, hgatp, bits)) return;
  let unused: u32 = 0;
  let key = KEYS;
  for (; key < KEYS_END && !matches(key, atp, hgatp, bits); key += Key.Size) {
    if (!unused && load<u64>(key, Key.Bits) == EMPTY) unused = key;
  }
  if (key >= KEYS_END) {
    key = unused;
    if (!key) {
      key = KEYS + next * Key.Size;
      next = (next + 1) % CONTEXTS;
    }
    empty(key);
    store<u64>(key, atp);
    store<u64>(key, hgatp, Key.Hgatp);
    store<u64>(key, bits, Key.Bits);
  }
  current = key;
  const context = tables(key);
  store<u32>(CURRENT, context);
  store<u32>(CURRENT, context + TABLE, 4);
  store<u32>(CURRENT, context + TABLE * 2, 8);
}

/** The entry of the current context where `va` would be, about to be filled from a leaf of 2^`leafShift` bytes. */
// @ts-ignore: decorator
@inline
export function dataEntry(va: u64, write: u32, leafShift: u32): u32 {
  return used(filterEntry(write ? storeTable() : loadTable(), va), va, leafShift);
}
// @ts-ignore: decorator
@inline
export function codeEntry(va: u64, leafShift: u32): u32 {
  return used(fetchEntry(fetchTable(), va), va, leafShift);
}
// @ts-ignore: decorator
@inline
function used(entry: u32, va: u64, leafShift: u32): u32 {
  store<u8>(USED + ((entry - TABLES) >> CHUNK_SHIFT), 1);
  if (leafShift > 12) noteSuperpage(va, leafShift);
  return entry;
}
function noteSuperpage(va: u64, leafShift: u32): void {
  const offset = ((<u64>1) << leafShift) - 1;
  const half = current + <u32>(va >> 63) * 8;
  store<u64>(half, min(load<u64>(half, Key.Least), va & ~offset), Key.Least);
  store<u64>(half, max(load<u64>(half, Key.Greatest), va | offset), Key.Greatest);
}

/** Notes that a filter for stores is about to know the page at `address` of this memory. */
// @ts-ignore: decorator
@inline
export function noteStores(address: u32): void {
  store<u8>(STORED + ((address - RAM) >> 12), 1);
}

function emptyTables(start: u32, end: u32): void {
  for (let chunk = start; chunk < end; chunk += CHUNK) {
    const flag = USED + ((chunk - TABLES) >> CHUNK_SHIFT);
    if (!load<u8>(flag)) continue;
    store<u8>(flag, 0);
    memory.fill(chunk, 0xff, CHUNK);
  }
}
function empty(key: u32): void {
  const context = tables(key);
  emptyTables(context, context + CONTEXT);
  for (let half: u32 = 0; half < 16; half += 8) {
    store<u64>(key + half, EMPTY, Key.Least);
    store<u64>(key + half, 0, Key.Greatest);
  }
}

/** Power-on. A context's tables are emptied when somebody takes it. `fresh`: this memory has never been anything but zero. */
export function resetFilters(fresh: bool): void {
  memory.fill(KEYS, 0xff, KEYS_END - KEYS);
  memory.fill(USED, 1, STORED - USED);
  if (!fresh) memory.fill(STORED, 0, FILTERS_END - STORED);
  current = KEYS;
  next = 0;
}

// Whoever drops a context leaves its tables as they are: `useContext` comes before their next use, and finds the key free.

// @ts-ignore: decorator
@inline
function free(key: u32): void {
  store<u64>(key, EMPTY, Key.Bits);
}
/** Whether the context is one of this hart. */
// @ts-ignore: decorator
@inline
function own(bits: u64): bool {
  return <u32>(bits >> HART_SHIFT) == load<u32>(SELECTED_HART);
}
// @ts-ignore: decorator
@inline
function virtual(bits: u64): u32 {
  return bits & (KEY_VIRT | KEY_DATA_VIRT) ? 1 : 0;
}
// @ts-ignore: decorator
@inline
function vmidOf(hgatp: u64): u32 {
  return <u32>(hgatp >> 44) & 0x3fff;
}

/** Forgets all contexts of this hart. */
export function dropFilters(): void {
  for (let key = KEYS; key < KEYS_END; key += Key.Size) if (own(load<u64>(key, Key.Bits))) free(key);
}

/** Forgets what an SFENCE.VMA or HFENCE.VVMA with these arguments covers: see tlbFlushStage1. */
export function dropStage1(virt: u32, vmid: u32, byPage: bool, va: u64, byAsid: bool, asid: u32): void {
  for (let key = KEYS; key < KEYS_END; key += Key.Size) {
    const bits = load<u64>(key, Key.Bits);
    if (!own(bits) || virtual(bits) != virt) continue;
    // a guest that translates nothing itself is still behind a second stage, of which the TLB forgets as much
    if (!virt && !(load<u64>(key) >> 60)) continue;
    if (virt && vmidOf(load<u64>(key, Key.Hgatp)) != vmid) continue;
    if (byAsid && (<u32>(load<u64>(key) >> 44) & 0xffff) != asid) continue;
    if (byPage) dropPage(key, va);
    else free(key);
  }
}
/** Forgets what is known of guests: of one VMID or of all. Filters know no guest physical addresses. */
export function dropStage2(byVmid: bool, vmid: u32): void {
  for (let key = KEYS; key < KEYS_END; key += Key.Size) {
    const bits = load<u64>(key, Key.Bits);
    if (own(bits) && virtual(bits) && (!byVmid || vmidOf(load<u64>(key, Key.Hgatp)) == vmid)) free(key);
  }
}

/** Forgets the page at `va`, or the whole context if it may be a superpage's. */
function dropPage(key: u32, va: u64): void {
  const page = va & ~(<u64>0xfff);
  const half = key + <u32>(va >> 63) * 8;
  if (page >= load<u64>(half, Key.Least) && page <= load<u64>(half, Key.Greatest)) return free(key);
  const context = tables(key);
  for (let table = context; table <= context + TABLE; table += TABLE) {
    const entry = filterEntry(table, page);
    memory.fill(entry, 0xff, <u32>16 << (12 - GRANULE));
  }
  store<u64>(fetchEntry(context + TABLE * 2, page), EMPTY);
}

/** Forgets what stores may skip in the page at `address` of this memory, as when it comes to hold decoded code. */
export function dropStores(address: u32): void {
  const page = (address - RAM) >> 12;
  if (!load<u8>(STORED + page)) return;
  store<u8>(STORED + page, 0);
  for (let key = KEYS; key < KEYS_END; key += Key.Size) {
    if (load<u64>(key, Key.Bits) == EMPTY) continue;
    const end = tables(key) + TABLE * 2;
    for (let chunk = end - TABLE; chunk < end; chunk += CHUNK) {
      if (!load<u8>(USED + ((chunk - TABLES) >> CHUNK_SHIFT))) continue;
      for (let entry = chunk; entry < chunk + CHUNK; entry += 16) {
        const tag = load<u64>(entry);
        if (tag != EMPTY && (<u32>tag + load<u32>(entry, 8) - RAM) >> 12 == page) store<u64>(entry, EMPTY);
      }
    }
  }
}
/** Forgets where fetch pages have their blocks. */
export function dropFetches(): void {
  for (let key = KEYS; key < KEYS_END; key += Key.Size) {
    const end = tables(key) + CONTEXT;
    emptyTables(end - FETCH_ENTRIES * 16, end);
  }
}
