// L1D, L1I and L2: set-associative, tree pseudo-LRU, physically indexed and tagged by line of 64 bytes. L1D is consulted only
// when the hart's line filter misses (assembly/mmu/filter.ts): a filter hit implies an L1D hit, and what L1D evicts leaves the filter.
import { Cost } from "../isa/cost";
import { Counter } from "../isa/counter";
import { COSTS, COUNTERS, HARTS_MAX, SELECTED_HART_BIT, L1I_PRESENT, RAM_START, TIMING } from "../layout";

const L1_SETS: u32 = 64;
const L2_SETS: u32 = 1024;
const WAYS: u32 = 8;

// u32 tags (line number + 1), 8 a set; the pseudo-LRU bits, u8 a set. L2 is shared by all harts.
const L2_TAGS: u32 = TIMING;
const L2_ORDER: u32 = L2_TAGS + L2_SETS * WAYS * 4;
/** Victim way by pseudo-LRU bits (u8 × 128), and and-mask, or-value by way touched (2 × u8 × 8). */
const VICTIM: u32 = L2_ORDER + L2_SETS;
const TOUCH: u32 = VICTIM + 128;
/** A hart's own: tags and order of L1D and L1I; then two u32 a way of L1D: the filter entries (for loads, for stores) that stand for its line. */
const L1: u32 = TOUCH + 16;
const L1I: u32 = L1_SETS * WAYS * 4;
const L1_ORDER: u32 = 2 * L1I;
const L1D_FILTER: u32 = L1_ORDER + 2 * L1_SETS;
const L1_SIZE: u32 = L1D_FILTER + L1_SETS * WAYS * 8;
const CACHES_END: u32 = L1 + HARTS_MAX * L1_SIZE;

/** L1 of the selected hart. */
let l1: u32 = L1;

export function selectCaches(hart: u32): void {
  l1 = L1 + hart * L1_SIZE;
}

/** The tag that the last miss put out, 0 for none. */
let evicted: u32 = 0;

// @ts-ignore: decorator
@inline
export function count(counter: Counter, by: u64 = 1): void {
  store<u64>(COUNTERS + counter * 8, load<u64>(COUNTERS + counter * 8) + by);
}
// @ts-ignore: decorator
@inline
export function cost(what: Cost): i32 {
  return load<i32>(COSTS + what * 4);
}

export function resetCaches(): void {
  memory.fill(TIMING, 0, CACHES_END - TIMING);
  for (let bits: u32 = 0; bits < 128; bits++) {
    let node: u32 = 1;
    let victim: u32 = 0;
    for (let level = 0; level < 3; level++) {
      const right = (bits >> (node - 1)) & 1;
      victim = victim * 2 + right;
      node = node * 2 + right;
    }
    store<u8>(VICTIM + bits, victim);
  }
  for (let w: u32 = 0; w < WAYS; w++) {
    let node: u32 = 1;
    let clear: u32 = 0;
    let set: u32 = 0;
    for (let level = 2; level >= 0; level--) {
      const right = (w >> level) & 1;
      clear |= 1 << (node - 1);
      if (!right) set |= 1 << (node - 1);
      node = node * 2 + right;
    }
    store<u8>(TOUCH + w * 2, ~clear);
    store<u8>(TOUCH + w * 2, set, 1);
  }
}

/** Bit of `access`'s result that says miss. */
const MISS: u32 = 8;

/** The way that holds `tag`, marked as used; on a miss the pseudo-LRU victim, now holding it, with MISS set. */
// @ts-ignore: decorator
@inline
function access(tags: u32, order: u32, set: u32, tag: u32): u32 {
  const base = tags + (set << 5);
  const wanted = i32x4.splat(tag);
  const match =
    i32x4.bitmask(i32x4.eq(v128.load(base), wanted)) | (i32x4.bitmask(i32x4.eq(v128.load(base, 16), wanted)) << 4);
  const bits = <u32>load<u8>(order + set);
  let way: u32;
  let miss: u32 = 0;
  if (match) way = ctz(match);
  else {
    way = load<u8>(VICTIM + bits);
    evicted = load<u32>(base + (way << 2));
    store<u32>(base + (way << 2), tag);
    miss = MISS;
  }
  store<u8>(order + set, (bits & load<u8>(TOUCH + way * 2)) | load<u8>(TOUCH + way * 2, 1));
  return way | miss;
}

/** Cycles beyond L1 for a line that missed there. */
// @ts-ignore: decorator
@inline
function beyondL1(line: u32): i32 {
  if (!(access(L2_TAGS, L2_ORDER, line & (L2_SETS - 1), line + 1) & MISS)) return cost(Cost.L2Hit);
  count(Counter.L2Misses);
  return cost(Cost.L2Hit) + cost(Cost.Memory);
}

/** The filter entry named by `owner` no longer stands for its line (unless it has passed to another owner). */
// @ts-ignore: decorator
@inline
function disown(owner: u32): void {
  const entry = load<u32>(owner);
  if (entry && load<u32>(entry, 12) == owner) store<u64>(entry, -1);
  store<u32>(owner, 0);
}

/**
 * A data access to a line of RAM that the filter did not know: cycles beyond an L1 hit. `entry` is the filter entry about
 * to be filled for it (`write`: 1 of the filter for stores, else 0), or 0.
 */
export function dataLine(pa: u64, entry: u32, write: u32): i32 {
  const line = <u32>((pa - <u64>RAM_START) >> 6);
  const set = line & (L1_SETS - 1);
  const found = access(l1, l1 + L1_ORDER, set, line + 1);
  const owner = l1 + L1D_FILTER + ((set * WAYS + (found & 7)) << 3);
  if (found & MISS) {
    disown(owner);
    disown(owner + 4);
  }
  if (entry) {
    disown(owner + write * 4);
    store<u32>(owner + write * 4, entry);
    store<u32>(entry, owner + write * 4, 12);
  }
  if (!(found & MISS)) return 0;
  count(Counter.L1dMisses);
  return beyondL1(line);
}

/** Fetch from a line of RAM that was not marked present in L1I. */
export function fetchLine(present: u32): i32 {
  const line = present - L1I_PRESENT;
  const bit = load<u32>(SELECTED_HART_BIT);
  store<u8>(present, load<u8>(present) | bit);
  if (!(access(l1 + L1I, l1 + L1_ORDER + L1_SETS, line & (L1_SETS - 1), line + 1) & MISS)) return 0;
  if (evicted) {
    const out = L1I_PRESENT + evicted - 1;
    store<u8>(out, load<u8>(out) & ~bit);
  }
  count(Counter.L1iMisses);
  return beyondL1(line);
}

/** Cycles of memory references made by the walk under way. */
export let walkCycles: i32 = 0;
export function startWalk(): void {
  walkCycles = 0;
}

/** A page-table reference of the hart's walker: goes through L1D like a load. */
export function walkReference(pa: u64): void {
  count(Counter.WalkReferences);
  walkCycles += cost(Cost.Load);
  if (isDefined(TIMED)) walkCycles += dataLine(pa, 0, 0);
}
