// RISC-V IOMMU Architecture 1.0, "Caching in-memory data structures": the IOTLB, one for all devices of the hub.
// Found by a hash index, so that a lookup costs the same with any number of entries; sets and ways decide only what is replaced.
import { Counter } from "../isa/counter";
import { Replacement } from "../isa/iommu";
import { Pte } from "../mmu/pte";
import { count } from "./request";
import {
  BUCKETS,
  ENTRIES,
  ENTRY_SIZE,
  Entry,
  HASH_SHIFT,
  LFSR,
  MAX_BUCKETS,
  MAX_ENTRIES,
  PAGE_SIZES,
  POLICY,
  SEED,
  SETS,
  SET_SIZE,
  SET_TABLE,
  SIZES,
  SIZE_COUNTS,
  SPACE_GSCID_SHIFT,
  SPACE_GV,
  SPACE_PSCV,
  TLB,
  TREES,
  WAYS,
} from "./state";

const PHI: u64 = 0x9e37_79b9_7f4a_7c15;

/**
 * Shapes an empty IOTLB: `entries` up to 4096, `ways` a divisor of it (0: fully associative), enum Replacement. Tree
 * pseudo-LRU wants a power of two of ways. Returns 1, or 0 and changes nothing when that cannot be.
 */
export function configureIotlb(entries: u32, ways: u32, policy: u32, seed: u32): u32 {
  if (ways == 0) ways = entries;
  if (entries == 0 || entries > MAX_ENTRIES || ways > entries || entries % ways != 0) return 0;
  if (policy > <u32>Replacement.Random || (policy == Replacement.Plru && (ways & (ways - 1)) != 0)) return 0;
  store<u32>(ENTRIES, entries);
  store<u32>(WAYS, ways);
  store<u32>(SETS, entries / ways);
  store<u32>(POLICY, policy);
  store<u32>(SEED, seed ? seed : 1);
  let bits = 1;
  while ((<u32>1) << bits < 2 * entries) ++bits;
  store<u32>(HASH_SHIFT, 64 - bits);
  resetIotlb();
  return 1;
}

/** Empties the IOTLB, and returns the replacement state to its beginning. */
export function resetIotlb(): void {
  const ways = load<u32>(WAYS);
  const sets = load<u32>(SETS);
  memory.fill(TLB, 0, MAX_ENTRIES * ENTRY_SIZE);
  memory.fill(BUCKETS, 0, MAX_BUCKETS * 4);
  memory.fill(TREES, 0, MAX_ENTRIES);
  memory.fill(SIZE_COUNTS, 0, SIZES * 4);
  store<u64>(PAGE_SIZES, 0);
  store<u32>(LFSR, load<u32>(SEED));
  for (let set: u32 = 0; set < sets; ++set) {
    const first = TLB + set * ways * ENTRY_SIZE;
    const last = first + (ways - 1) * ENTRY_SIZE;
    store<u32>(SET_TABLE + set * SET_SIZE, first);
    store<u32>(SET_TABLE + set * SET_SIZE, last, 4);
    store<u32>(SET_TABLE + set * SET_SIZE, 0, 8);
    for (let entry = first; entry <= last; entry += ENTRY_SIZE) {
      store<u32>(entry, set, Entry.Set);
      store<u16>(entry, (entry - first) / ENTRY_SIZE, Entry.Way);
      store<u32>(entry, TREES + set * ways, Entry.Tree);
      store<u32>(entry, entry == first ? 0 : entry - ENTRY_SIZE, Entry.Newer);
      store<u32>(entry, entry == last ? 0 : entry + ENTRY_SIZE, Entry.Older);
    }
  }
}

/** Address of the head of the hash bucket. */
function bucket(tag: u64, space: u64): u32 {
  const mixed = (tag ^ (space << 22) ^ (space >> 3)) * PHI;
  return BUCKETS + ((<u32>(mixed >> load<u32>(HASH_SHIFT))) << 2);
}

/** The entry that translates `iova` in `space`, or 0. */
// @ts-ignore: decorator
@inline
export function lookup(space: u64, iova: u64): u32 {
  let sizes = load<u64>(PAGE_SIZES);
  while (sizes) {
    const shift = 12 + ctz(sizes);
    const tag = ((iova >> shift) << shift) | shift;
    let entry = load<u32>(bucket(tag, space));
    while (entry) {
      if (load<u64>(entry, Entry.Tag) == tag && load<u64>(entry, Entry.Space) == space) return entry;
      entry = load<u32>(entry, Entry.Chain);
    }
    sizes &= sizes - 1;
  }
  return 0;
}

/** Tells the replacement policy that `entry` was used. */
// @ts-ignore: decorator
@inline
export function used(entry: u32): void {
  const policy = load<u32>(POLICY);
  if (policy == Replacement.Lru) {
    const set = SET_TABLE + load<u32>(entry, Entry.Set) * SET_SIZE;
    if (load<u32>(set) != entry) {
      unlink(set, entry);
      linkNewest(set, entry);
    }
  } else if (policy == Replacement.Plru) pointAway(entry);
}

function unlink(set: u32, entry: u32): void {
  const newer = load<u32>(entry, Entry.Newer);
  const older = load<u32>(entry, Entry.Older);
  if (newer) store<u32>(newer, older, Entry.Older);
  else store<u32>(set, older);
  if (older) store<u32>(older, newer, Entry.Newer);
  else store<u32>(set, newer, 4);
}

function linkNewest(set: u32, entry: u32): void {
  const head = load<u32>(set);
  store<u32>(entry, 0, Entry.Newer);
  store<u32>(entry, head, Entry.Older);
  if (head) store<u32>(head, entry, Entry.Newer);
  else store<u32>(set, entry, 4);
  store<u32>(set, entry);
}

function linkOldest(set: u32, entry: u32): void {
  const tail = load<u32>(set, 4);
  store<u32>(entry, 0, Entry.Older);
  store<u32>(entry, tail, Entry.Newer);
  if (tail) store<u32>(tail, entry, Entry.Older);
  else store<u32>(set, entry);
  store<u32>(set, entry, 4);
}

/** Turns the tree's nodes on the way to `entry` towards the other side. */
function pointAway(entry: u32): void {
  const tree = load<u32>(entry, Entry.Tree);
  let node = load<u32>(WAYS) + load<u16>(entry, Entry.Way);
  while (node > 1) {
    store<u8>(tree + (node >> 1), ~node & 1);
    node >>= 1;
  }
}

/** The entry that a new one replaces: a free one as long as the set has any. */
function victim(set: u32, index: u32): u32 {
  const ways = load<u32>(WAYS);
  const policy = load<u32>(POLICY);
  if (load<u32>(set, 8) < ways || policy == Replacement.Lru || policy == Replacement.Fifo) return load<u32>(set, 4);
  const first = TLB + index * ways * ENTRY_SIZE;
  if (policy == Replacement.Random) {
    let x = load<u32>(LFSR);
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    store<u32>(LFSR, x);
    return first + (x % ways) * ENTRY_SIZE;
  }
  const tree = TREES + index * ways;
  let node: u32 = 1;
  while (node < ways) node = 2 * node + load<u8>(tree + node);
  return first + (node - ways) * ENTRY_SIZE;
}

/**
 * Enters a translation of the page of 2^`shift` bytes around `iova`. `pa` and `gpa` are those of `iova` itself; `perm` is what
 * Entry.Perm holds. Returns the entry. The caller has made sure that no entry of the same page exists.
 */
export function insert(space: u64, iova: u64, shift: u32, pa: u64, gpa: u64, perm: u32, owner: u32): u32 {
  const offset = ((<u64>1) << shift) - 1;
  const index = <u32>((iova >> shift) % load<u32>(SETS));
  const set = SET_TABLE + index * SET_SIZE;
  const entry = victim(set, index);
  if (load<u64>(entry, Entry.Tag)) {
    count(Counter.IotlbEvictions, 1);
    if (load<u32>(entry, Entry.Owner) != owner) count(Counter.IotlbEvictionsByOthers, 1);
    forget(entry);
  }
  const tag = (iova & ~offset) | shift;
  store<u64>(entry, tag, Entry.Tag);
  store<u64>(entry, space, Entry.Space);
  store<u64>(entry, pa & ~offset, Entry.Pa);
  store<u64>(entry, gpa & ~offset, Entry.Gpa);
  store<u32>(entry, perm, Entry.Perm);
  store<u32>(entry, owner, Entry.Owner);
  const head = bucket(tag, space);
  store<u32>(entry, load<u32>(head), Entry.Chain);
  store<u32>(head, entry);
  const size = shift - 12;
  const counted = SIZE_COUNTS + size * 4;
  store<u32>(counted, load<u32>(counted) + 1);
  store<u64>(PAGE_SIZES, load<u64>(PAGE_SIZES) | ((<u64>1) << size));
  store<u32>(set, load<u32>(set, 8) + 1, 8);
  unlink(set, entry);
  linkNewest(set, entry);
  if (load<u32>(POLICY) == Replacement.Plru) pointAway(entry);
  return entry;
}

/** Takes `entry` out of the index and out of the counts; its place in the set's order stays. */
function forget(entry: u32): void {
  const tag = load<u64>(entry, Entry.Tag);
  let link = bucket(tag, load<u64>(entry, Entry.Space));
  while (load<u32>(link) != entry) link = load<u32>(link) + Entry.Chain;
  store<u32>(link, load<u32>(entry, Entry.Chain));
  store<u64>(entry, 0, Entry.Tag);
  const size = <u32>(tag & 0xfff) - 12;
  const counted = SIZE_COUNTS + size * 4;
  const left = load<u32>(counted) - 1;
  store<u32>(counted, left);
  if (!left) store<u64>(PAGE_SIZES, load<u64>(PAGE_SIZES) & ~((<u64>1) << size));
  const set = SET_TABLE + load<u32>(entry, Entry.Set) * SET_SIZE;
  store<u32>(set, load<u32>(set, 8) - 1, 8);
}

/** Empties `entry`, which becomes the first to be filled again. */
export function invalidate(entry: u32): void {
  forget(entry);
  const set = SET_TABLE + load<u32>(entry, Entry.Set) * SET_SIZE;
  unlink(set, entry);
  linkOldest(set, entry);
}

/** Whether `a` and `b` lie in the same page of 2^`shift` bytes; never if the stage is Bare. */
function samePage(a: u64, b: u64, shift: u32): bool {
  return shift < 64 && (a ^ b) >> shift == 0;
}

/** IOTINVAL.VMA, "operands and operations". `address` is an IOVA. */
export function invalidateVma(gv: u32, av: u32, pscv: u32, gscid: u32, pscid: u32, address: u64): void {
  const end = TLB + load<u32>(ENTRIES) * ENTRY_SIZE;
  let gone: u32 = 0;
  for (let entry = TLB; entry < end; entry += ENTRY_SIZE) {
    const tag = load<u64>(entry, Entry.Tag);
    if (!tag || !guestMatches(load<u64>(entry, Entry.Space), gv, gscid)) continue;
    if (pscv) {
      const space = load<u64>(entry, Entry.Space);
      if (!(space & SPACE_PSCV) || (<u32>space & 0xf_ffff) != pscid || load<u32>(entry, Entry.Perm) & Pte.G) continue;
    }
    if (av && !samePage(tag, address, load<u8>(entry, Entry.VsShift))) continue;
    invalidate(entry);
    ++gone;
  }
  count(Counter.IotlbInvalidations, gone);
}

/** IOTINVAL.GVMA, "operands and operations". `address` is a guest physical address. */
export function invalidateGvma(gv: u32, av: u32, gscid: u32, address: u64): void {
  const end = TLB + load<u32>(ENTRIES) * ENTRY_SIZE;
  let gone: u32 = 0;
  for (let entry = TLB; entry < end; entry += ENTRY_SIZE) {
    if (!load<u64>(entry, Entry.Tag)) continue;
    const space = load<u64>(entry, Entry.Space);
    if (!(space & SPACE_GV) || (gv && !guestMatches(space, 1, gscid))) continue;
    if (gv && av && !samePage(load<u64>(entry, Entry.Gpa), address, load<u8>(entry, Entry.GShift))) continue;
    invalidate(entry);
    ++gone;
  }
  count(Counter.IotlbInvalidations, gone);
}

/** GV = 0 means translations without a second stage, GV = 1 those of `gscid`. */
function guestMatches(space: u64, gv: u32, gscid: u32): bool {
  if (!gv) return !(space & SPACE_GV);
  return (space & SPACE_GV) != 0 && (<u32>(space >> SPACE_GSCID_SHIFT) & 0xffff) == gscid;
}
