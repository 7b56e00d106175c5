// PORTABLE. Costs in cycles that the hot path charges: u32 at COSTS + 4 * Cost. Defaults and sources: src/platform/costs.ts.

/** Cost parameters of hart and hub. */
export const enum Cost {
  Alu = 0,
  BranchTaken = 1,
  Mul = 2,
  Div = 3,
  Csr = 4,
  Fence = 5,
  Amo = 6,
  Load = 7,
  Store = 8,
  /** Floating point: sums, products, comparisons, conversions; quotients and roots. Fused multiply-adds are FpFused. */
  FpAdd = 9,
  FpDiv = 10,
  /** L1 miss that hits L2; L2 miss (memory). */
  L2Hit = 11,
  Memory = 12,
  /** Trap entry and return, for traps taken inside the guest (to M, S or VS). */
  TrapEntry = 13,
  TrapReturn = 14,
  /** An exit that Wasm finishes: leaving and entering the guest; the work of a hypercall; of a register read. */
  ExitInWasm = 15,
  HypercallInWasm = 16,
  ShadowReadInWasm = 17,
  FpFused = 18,
  /** IOTLB hit; one page-table reference by the hub; one directory reference by the hub. */
  IotlbHit = 20,
  IoWalkReference = 21,
  DdtReference = 22,
  /** A command of the IOMMU's queue. */
  IoCommand = 23,
}

/** Most cycles that the tally of a block can hold for one instruction, and for a branch that is taken. */
export const MOST_INSTRUCTION_CYCLES = 2000;
export const MOST_TAKEN_CYCLES = 1000;
