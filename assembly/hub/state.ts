// The hub's state in memory, chained: register file, configuration, directory caches, IOTLB.
import { HUB } from "../layout";
import { CAPABILITY_MSI_FLAT, IOMMU_SIZE, IommuReg } from "../isa/iommu";

export const REGS: u32 = HUB;
export const REGS_END: u32 = REGS + IOMMU_SIZE;

// ---- configuration of the IOTLB; survives a reset
/** u32 entries; u32 ways (= entries: fully associative); u32 sets; u32 enum Replacement; u32 seed of the random policy. */
export const ENTRIES: u32 = REGS_END;
export const WAYS: u32 = ENTRIES + 4;
export const SETS: u32 = WAYS + 4;
export const POLICY: u32 = SETS + 4;
export const SEED: u32 = POLICY + 4;
/** u32 64 - log2 of the number of hash buckets. */
export const HASH_SHIFT: u32 = SEED + 4;

// ---- IOTLB, beyond its entries
/** u32 state of the random policy. */
export const LFSR: u32 = HASH_SHIFT + 4;
/** u64 bit i: entries of 2^(12 + i) bytes exist; u32 × 37: how many. */
export const PAGE_SIZES: u32 = LFSR + 8;
export const SIZE_COUNTS: u32 = PAGE_SIZES + 8;
export const SIZES: u32 = 37;

// ---- the rest of the small words
/** u64 HART_CYCLES when `iohpmcycles` was last brought up to date. */
export const HPM_SINCE: u32 = SIZE_COUNTS + SIZES * 4 + 4;
/** u32 bit i: event counter i has an event and is not inhibited. */
export const HPM_ACTIVE: u32 = HPM_SINCE + 8;
/** u32 1: a translation request of the debug interface waits to be done. */
export const DEBUG_PENDING: u32 = HPM_ACTIVE + 4;
/** u32 wires as the host was last told. */
export const ANNOUNCED: u32 = DEBUG_PENDING + 4;
/** u32 vectors whose message waits until they aren't masked any more. */
export const MSI_WAITING: u32 = ANNOUNCED + 4;
export const WORDS_END: u32 = REGS_END + 0x100;

// ---- translation contexts: what a transaction is translated by. The device- and process-context caches hold them.
/** u64 all ones if empty, else device_id, or process_id << 24 | device_id. */
export const enum Context {
  Key = 0,
  /** u64 address space that tags IOTLB entries; 0 if both stages are Bare. */
  Space = 8,
  /** u64 roots of first stage, second stage and process directory. */
  VsRoot = 16,
  GRoot = 24,
  PdRoot = 32,
  /** u32 modes of iosatp, iohgatp and pdtp. */
  VsMode = 40,
  GMode = 44,
  PdMode = 48,
  /** u32 enum Walk. */
  Flags = 52,
  /** u32 tc of a device context, ta of a process context. */
  Control = 56,
  /** u32 who fills IOTLB entries: device_id, or GUEST_OWNER | GSCID. */
  Owner = 60,
  /** u64 root of the MSI page table, msi_addr_mask, msi_addr_pattern; u32 msiptp.MODE. */
  MsiRoot = 64,
  MsiMask = 72,
  MsiPattern = 80,
  MsiMode = 88,
}
export const CONTEXT_SIZE: u32 = 96;
export const GUEST_OWNER: u32 = 0x8000_0000;

/** Address space: PSCID in bits 19:0, GSCID in 35:20, then whether the first and the second stage are active. */
export const SPACE_GSCID_SHIFT: u64 = 20;
export const SPACE_PSCV: u64 = 1 << 36;
export const SPACE_GV: u64 = 1 << 37;

/** The context of `ddtp.iommu_mode` Bare: all zero. */
export const BARE_CONTEXT: u32 = WORDS_END;
export const DC_CACHE_ENTRIES: u32 = 256;
export const DC_CACHE: u32 = BARE_CONTEXT + CONTEXT_SIZE;
export const PC_CACHE_ENTRIES: u32 = 64;
export const PC_CACHE: u32 = DC_CACHE + DC_CACHE_ENTRIES * CONTEXT_SIZE;

// ---- IOTLB entries
export const enum Entry {
  /** u64 IOVA of the page | log2 of its size; 0 if empty. */
  Tag = 0,
  Space = 8,
  /** u64 physical and guest physical address of the page. */
  Pa = 16,
  Gpa = 24,
  /** u32 Pte bits R W X U G; PBMT << MEMORY_TYPE_SHIFT. */
  Perm = 32,
  Owner = 36,
  /** u32 next entry of the hash bucket; neighbours in the set's order; the set. */
  Chain = 40,
  Newer = 44,
  Older = 48,
  Set = 52,
  /** u8 log2 of the page of the first- and of the second-stage leaf; 64 if Bare. */
  VsShift = 56,
  GShift = 57,
  /** u16 which way of the set; u32 address of the set's pseudo-LRU tree. */
  Way = 58,
  Tree = 60,
}
export const MEMORY_TYPE_SHIFT: u32 = 16;
export const ENTRY_SIZE: u32 = 64;
export const MAX_ENTRIES: u32 = 4096;
export const TLB: u32 = PC_CACHE + PC_CACHE_ENTRIES * CONTEXT_SIZE;
/** u32 first entry of each hash bucket. */
export const BUCKETS: u32 = TLB + MAX_ENTRIES * ENTRY_SIZE;
export const MAX_BUCKETS: u32 = 2 * MAX_ENTRIES;
/** u32 × 3 a set: newest entry, oldest (or a free) entry, number of valid ones. */
export const SET_TABLE: u32 = BUCKETS + MAX_BUCKETS * 4;
export const SET_SIZE: u32 = 12;
/** u8 × ways a set: inner nodes of the pseudo-LRU tree, from index 1. */
export const TREES: u32 = SET_TABLE + MAX_ENTRIES * SET_SIZE;
export const HUB_STATE_END: u32 = TREES + MAX_ENTRIES;

export function reg(offset: u32): u32 {
  return load<u32>(REGS + offset);
}
export function setReg(offset: u32, value: u32): void {
  store<u32>(REGS + offset, value);
}
export function reg64(offset: u32): u64 {
  return load<u64>(REGS + offset);
}

/** Physical address in the PPN field (bits 53:10) of ddtp, cqb and fqb. */
export function queueBase(register: u64): u64 {
  return ((register >> 10) & 0xfff_ffff_ffff) << 12;
}
/** Index mask of a queue, from the LOG2SZ-1 field of cqb or fqb. */
export function queueMask(register: u64): u32 {
  return (2 << (<u32>register & 31)) - 1;
}

export function ddtpMode(): u32 {
  return reg(IommuReg.ddtp) & 15;
}

/** log2 of the device contexts in a page: "Base format" or "Extended format". */
export function leafBits(): u32 {
  return reg(IommuReg.capabilities) & CAPABILITY_MSI_FLAT ? 6 : 7;
}
