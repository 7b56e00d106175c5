// Every shared address, size and offset, chained: each room begins where the one before it ends.
// PORTABLE: compiled by asc and by tsc. Plain literals only (asc wraps i32).

/** Physical address at which RAM begins, as on QEMU's `virt` board. */
export const RAM_START = 0x8000_0000;
/** Most RAM that the layout leaves room for, in bytes. */
export const RAM_MAX = 0x6000_0000;

// ---- hart registers: addresses fit in 16 bits, so that a decoded record can hold three of them
/** x0…x31, 8 bytes each; slot 32 takes what is written to x0. */
export const X_REGS = 0x400;
export const X_SINK = X_REGS + 32 * 8;
/** f0…f31, 8 bytes each. */
export const F_REGS = X_SINK + 8;
/** u8 each setting of an instruction's rm: the rounding mode that it means, or more than 4 where that takes a closer look. */
export const F_ROUND = F_REGS + 32 * 8;
/** u8 each setting of rm: 1 if it rounds to nearest, ties to even, and all that inexact results would change is changed already. */
export const F_QUICK = F_ROUND + 8;

// ---- hart state, beyond CSRs
export const HART = F_QUICK + 8 + 0xe8; // 0x700, after 0xe8 spare bytes
/** u64 program counter (virtual). */
export const HART_PC = HART;
/** u64 cycles since reset: the clock of the machine. */
export const HART_CYCLES = HART_PC + 8;
/** u64 instructions retired since reset. */
export const HART_INSTRET = HART_CYCLES + 8;
/** u32 privilege mode: 0 U, 1 S, 3 M. */
export const HART_MODE = HART_INSTRET + 8;
/** u32 virtualization mode V: 0 or 1. */
export const HART_VIRT = HART_MODE + 4;
/** u64 physical address of the LR/SC reservation, or all ones. */
export const HART_RESERVATION = HART_VIRT + 4;
/** u32 interrupt lines into mip from outside: bits as in mip (SEIP, MEIP, MSIP, MTIP). */
export const HART_LINES = HART_RESERVATION + 8;
/** u32, see enum Host: which traps leave Wasm as exits. */
export const HART_HOST = HART_LINES + 4;
/** u64 mtimecmp of the ACLINT, in ticks of `time`. */
export const HART_MTIMECMP = HART_HOST + 4;
/** u32 what the PMP registers come to: see assembly/mmu/pmp.ts. */
export const HART_PMP = HART_MTIMECMP + 8;
export const HART_END = 0x800;

// ---- the exit record: why `run` returned
export const EXIT = HART_END;
/** u32 enum Exit. */
export const EXIT_REASON = EXIT;
/** u32 bytes accessed (1, 2, 4, 8). */
export const EXIT_SIZE = EXIT_REASON + 4;
/** u32 1 for a write. */
export const EXIT_WRITE = EXIT_SIZE + 4;
/** u32 1 while a load waits for its value in EXIT_VALUE; the next `run` completes it. */
export const EXIT_PENDING = EXIT_WRITE + 4;
/** u64 physical address of an MMIO exit. */
export const EXIT_ADDRESS = EXIT_PENDING + 4;
/** u64 value stored, or (filled in by the host) value loaded. */
export const EXIT_VALUE = EXIT_ADDRESS + 8;
/** u64 mcause/scause of a trap that leaves Wasm (interrupt bit 63 included). */
export const EXIT_CAUSE = EXIT_VALUE + 8;
/** u64 mtval/stval. */
export const EXIT_TVAL = EXIT_CAUSE + 8;
/** u64 guest physical address (htval << 2 with its low bits restored from tval). */
export const EXIT_GPA = EXIT_TVAL + 8;
/** u64 htinst/mtinst: the transformed instruction. */
export const EXIT_TINST = EXIT_GPA + 8;
/** u32 mode the trap came from; u32 V it came from; u32 mode it would go to (1 HS, 3 M). */
export const EXIT_FROM_MODE = EXIT_TINST + 8;
export const EXIT_FROM_VIRT = EXIT_FROM_MODE + 4;
export const EXIT_TO_MODE = EXIT_FROM_VIRT + 4;
/** u32 address (in this memory) of the register that a pending load writes, and u32 load kind. */
export const EXIT_RD = EXIT_TO_MODE + 4;
export const EXIT_LOAD_KIND = EXIT_RD + 4;
/** u32 bytes of the trapping instruction (2 or 4); to step over it add this to HART_PC. */
export const EXIT_INSN_LENGTH = EXIT_LOAD_KIND + 4;
export const EXIT_END = 0x900;

// ---- the outcome of one DMA request
export const DMA = EXIT_END;
/** u32 0 or the IOMMU fault cause (RISC-V IOMMU 1.0, "Fault record 'CAUSE' field encodings"). */
export const DMA_CAUSE = DMA;
/** u32 bytes moved before the fault, or the whole length. */
export const DMA_BYTES = DMA_CAUSE + 4;
/** u32 nanoseconds/1000 … see DMA_CYCLES: u32 cycles that translation took. */
export const DMA_CYCLES = DMA_BYTES + 4;
/** u32 lookups that hit, u32 that missed, in this request. */
export const DMA_HITS = DMA_CYCLES + 4;
export const DMA_MISSES = DMA_HITS + 4;
/** u32 1 when the IOMMU's interrupt state changed and the host must look at `ipsr`. */
export const DMA_INTERRUPT = DMA_MISSES + 4;
/** u64 I/O virtual address at which the fault arose. */
export const DMA_FAULT_IOVA = DMA_INTERRUPT + 4;
export const DMA_END = 0x980;

// ---- counters, u64 each: COUNTERS + 8 * enum Counter
export const COUNTERS = DMA_END;
export const COUNTERS_END = COUNTERS + 64 * 8;
// ---- costs, u32 cycles each: COSTS + 4 * enum Cost
export const COSTS = COUNTERS_END;
export const COSTS_END = COSTS + 64 * 4;

// ---- the machine, whatever hart runs
/** u64 size of RAM in bytes. */
export const RAM_SIZE = COSTS_END;
/** u32 cycles per tick of `time`. */
export const TIME_DIVIDER = RAM_SIZE + 8;
/** u32 the hart whose state lies in X_REGS…EXIT_END and in CSRS, and 1 << its number. */
export const SELECTED_HART = TIME_DIVIDER + 4;
export const SELECTED_HART_BIT = SELECTED_HART + 4;
/** u64 `time` stands still beyond this cycle: harts that take turns must not see it go back. */
export const TIME_LIMIT = SELECTED_HART_BIT + 8;
/** u64 physical address of HTIF's tohost: stores there go to the host, as to a device; 0 when there is none. */
export const HTIF_TOHOST = TIME_LIMIT + 8;
export const MACHINE_END = 0x1000;

// ---- CSR file, u64 each: CSRS + 8 * number
export const CSRS = 0x1000;
export const CSRS_END = CSRS + 4096 * 8;

// ---- exits that Wasm finishes itself, without policy: see assembly/hart/handlers.ts
/** u32 an exit reason: which handler (index in the function table), or 0 to leave. */
export const HANDLERS = CSRS_END;
/** u64 a function of SBI's BASE extension: what its calls 0…6 answer. */
export const SBI_BASE_ANSWERS = HANDLERS + 16 * 4;
/** u32 how many shadow registers there are; then each: u64 guest physical address, u32 value, u32 VMID. */
export const SHADOW_COUNT = SBI_BASE_ANSWERS + 8 * 8;
export const SHADOW_REGISTERS = SHADOW_COUNT + 8;
export const SHADOW_REGISTERS_MAX = 32;
export const SHADOW_END = HANDLERS + 0x1000;

/** asc's own static data (`--memoryBase`). */
export const STATIC = SHADOW_END; // 0xa000
export const STATIC_END = STATIC + 0x6000;

/** u8 a CSR number: enum Trait (assembly/csr/file.ts). */
export const CSR_TRAITS = STATIC_END; // 0x10000
export const CSR_TRAITS_END = CSR_TRAITS + 4096;

/** Rooms whose inside belongs to assembly/mmu, assembly/timing and assembly/hub. */
export const MMU = CSR_TRAITS_END;
export const MMU_END = MMU + 0x40_0000;
export const TIMING = MMU_END;
export const TIMING_END = TIMING + 0x8_0000;
/** States of harts that aren't selected: what lies at X_REGS + n while a hart is, lies at HARTS + hart * HART_SLOT_SIZE + n while it isn't. */
export const HARTS_MAX = 8;
export const HART_SLOT_SIZE = 0x1_0000;
export const HARTS = TIMING_END;
export const HARTS_END = HARTS + HARTS_MAX * HART_SLOT_SIZE;
/** Interrupt files of the IMSICs: assembly/aia. */
export const AIA = HARTS_END;
/** u64 a hart: interrupts that its files signal. Bits as in mip (MEIP, SEIP); hgeip is the high half. */
export const AIA_SIGNALS = AIA + 0x40;
export const AIA_END = AIA + 0x4_0000;
export const HUB = AIA_END;
export const HUB_END = HUB + 0x8_0000;

/** Where devices put bytes to be sent, and find bytes received, by DMA. */
export const STAGING = HUB_END;
export const STAGING_SIZE = 0x40_0000;
export const STAGING_END = STAGING + STAGING_SIZE;

/** u32 a physical page: 0, or the address of its table of decoded blocks. */
export const CODE_PAGES = STAGING_END;
export const CODE_PAGES_END = CODE_PAGES + 0x18_0000;
/** u8 a physical line: bit h while it is in the L1I of hart h. */
export const L1I_PRESENT = CODE_PAGES_END;
export const L1I_PRESENT_END = L1I_PRESENT + 0x180_0000;
/** Decoded instructions. */
export const DECODED = L1I_PRESENT_END;
export const DECODED_END = DECODED + 0x200_0000;

/** Where RAM lies in this memory: address = physical - RAM_START + RAM. */
export const RAM = (DECODED_END + 0xffff) & ~0xffff;
