// PORTABLE. Events counted in Wasm: u64 at COUNTERS + 8 * Counter.

/** Counters of the hart and of the hub. */
export const enum Counter {
  /** Data and instruction accesses that the modelled caches missed. */
  L1dMisses = 0,
  L1iMisses = 1,
  L2Misses = 2,
  /** Page TLB of the hart: misses, and memory references of its walks. */
  TlbMisses = 3,
  WalkReferences = 4,
  /** Traps taken inside Wasm. */
  TrapsToM = 5,
  TrapsToS = 6,
  TrapsToVS = 7,
  /** Exits that the handler table finished without leaving Wasm. */
  ExitsShadowRead = 8,
  ExitsSbi = 9,
  /** Cycles charged for them: for leaving and entering the guest, and for the work. */
  ExitsInWasmExitCycles = 10,
  ExitsInWasmWorkCycles = 11,
  /** The hub. */
  DmaRequests = 16,
  DmaBytesRead = 17,
  DmaBytesWritten = 18,
  IotlbHits = 19,
  IotlbMisses = 20,
  IotlbEvictions = 21,
  /** Evictions of an entry of another device context (GSCID or device) than the one that missed. */
  IotlbEvictionsByOthers = 22,
  IotlbInvalidations = 23,
  /** Memory references of the hub's page walks (first and second stage), without directory reads. */
  IoWalkReferences = 24,
  DdtWalkReferences = 25,
  DdtCacheHits = 26,
  DdtCacheMisses = 27,
  IoFaults = 28,
  IoFaultsLost = 29,
  IoCommands = 30,
}
