// Types, CSR and memory-mapped access, barriers: what every file of the probe needs.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long i64;
typedef u64 size_t;
typedef _Bool bool;
enum { false = 0, true = 1 };
#define NULL ((void *)0)

#define KIB 1024ul
#define MIB (1024ul * KIB)
#define PAGE 4096ul
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define COUNT(array) (sizeof(array) / sizeof(array)[0])
#define ALIGN_UP(value, to) (((value) + (to) - 1) / (to) * (to))

/** Kernel, rings, page tables lie below this address, I/O buffers above. */
#define BUFFERS_START 0x80400000ul

#define csr_read(csr) ({ u64 value_; asm volatile("csrr %0, " #csr : "=r"(value_) : : "memory"); value_; })
#define csr_write(csr, value) asm volatile("csrw " #csr ", %0" : : "rK"((u64)(value)) : "memory")
#define csr_set(csr, bits) asm volatile("csrs " #csr ", %0" : : "rK"((u64)(bits)) : "memory")
#define csr_clear(csr, bits) asm volatile("csrc " #csr ", %0" : : "rK"((u64)(bits)) : "memory")

#define SSTATUS_SIE 2ul
#define SIE_STIE (1ul << 5)
#define SIE_SEIE (1ul << 9)
#define STIMECMP 0x14d

static inline u8 mmio_read8(u64 address) { return *(volatile u8 *)address; }
static inline u16 mmio_read16(u64 address) { return *(volatile u16 *)address; }
static inline u32 mmio_read32(u64 address) { return *(volatile u32 *)address; }
static inline void mmio_write8(u64 address, u8 value) { *(volatile u8 *)address = value; }
static inline void mmio_write16(u64 address, u16 value) { *(volatile u16 *)address = value; }
static inline void mmio_write32(u64 address, u32 value) { *(volatile u32 *)address = value; }

/** A 64-bit register as two 32-bit accesses, low half first: every device allows that. */
static inline u64 mmio_read64(u64 address) {
  const u64 low = mmio_read32(address);
  return (u64)mmio_read32(address + 4) << 32 | low;
}
static inline void mmio_write64(u64 address, u64 value) {
  mmio_write32(address, (u32)value);
  mmio_write32(address + 4, (u32)(value >> 32));
}

/** What was written to memory is seen by the device before the register access that follows. */
static inline void barrier_before_doorbell(void) { asm volatile("fence rw, ow" : : : "memory"); }
/** What the device wrote before the flag just read is read after it. */
static inline void barrier_after_flag(void) { asm volatile("fence r, r" : : : "memory"); }
/** Full order between memory accesses. */
static inline void barrier_full(void) { asm volatile("fence rw, rw" : : : "memory"); }

static inline u64 time_now(void) { return csr_read(time); }

static inline void interrupts_enable(void) { csr_set(sstatus, SSTATUS_SIE); }
static inline void interrupts_disable(void) { csr_clear(sstatus, SSTATUS_SIE); }
static inline bool interrupts_enabled(void) { return csr_read(sstatus) & SSTATUS_SIE; }
/** Wakes when an enabled interrupt is pending, even while they are disabled. */
static inline void wait_for_interrupt(void) { asm volatile("wfi" : : : "memory"); }
