// The transaction under way: who asks for what, what it has cost, and how it failed. Valid until the next one begins.
import { Cost } from "../isa/cost";
import { Counter } from "../isa/counter";
import { COSTS, COUNTERS } from "../layout";

export let device: u32 = 0;
/** 1 if the transaction carries a process_id. */
export let processValid: u32 = 0;
export let processId: u32 = 0;
/** 1 if it asks for supervisor privilege; only with a process_id. */
export let supervisor: u32 = 0;
/** Enum Access (assembly/mmu/walk.ts). */
export let access: u32 = 0;

/** 1 once a device context with DTF = 1 was located: most faults are then not reported. */
export let faultsDisabled: u32 = 0;
/** `iotval2` of a guest-page fault. */
export let faultValue2: u64 = 0;

/** IOTLB lookups that hit and that missed; page-table and directory entries read. */
export let hits: u32 = 0;
export let misses: u32 = 0;
export let walkReads: u32 = 0;
export let directoryReads: u32 = 0;

// @ts-ignore: decorator
@inline
export function begin(id: u32, pv: u32, pid: u32, priv: u32, kind: u32): void {
  device = id & 0xff_ffff;
  processValid = pv;
  processId = pid;
  supervisor = pv & priv;
  access = kind;
  faultsDisabled = 0;
  faultValue2 = 0;
  hits = 0;
  misses = 0;
  walkReads = 0;
  directoryReads = 0;
}

// @ts-ignore: decorator
@inline
export function setFaultsDisabled(dtf: u32): void {
  faultsDisabled = dtf;
}
export function setFaultValue2(value: u64): void {
  faultValue2 = value;
}
// @ts-ignore: decorator
@inline
export function hit(): void {
  ++hits;
}
export function miss(): void {
  ++misses;
}
export function readTables(n: u32): void {
  walkReads += n;
}
export function readDirectory(): void {
  ++directoryReads;
}

// @ts-ignore: decorator
@inline
export function count(counter: u32, n: u32): void {
  const address = COUNTERS + 8 * counter;
  store<u64>(address, load<u64>(address) + n);
}

// @ts-ignore: decorator
@inline
export function cost(parameter: u32): u32 {
  return load<u32>(COSTS + 4 * parameter);
}

/** Adds the transaction to the counters; returns the cycles that its translation took. */
// @ts-ignore: decorator
@inline
export function settle(): u32 {
  count(Counter.IotlbHits, hits);
  const lookups = (hits + misses) * cost(Cost.IotlbHit);
  if (!(misses | directoryReads)) return lookups;
  count(Counter.IotlbMisses, misses);
  count(Counter.IoWalkReferences, walkReads);
  count(Counter.DdtWalkReferences, directoryReads);
  return lookups + walkReads * cost(Cost.IoWalkReference) + directoryReads * cost(Cost.DdtReference);
}
