// A small hypervisor in HS-mode and what it does at each exit of its guest: answers an ECALL, or emulates a load or store
// of a device that the G-stage table (Sv39x4) leaves unmapped. For host time per exit, on QEMU and on Yado.
// RISC-V Privileged Architecture, "Hypervisor Extension"; the transformed instruction as in "Trap Values in htinst".
#include "board.h"

/** Exits that the guest provokes: ECALLs, then loads and stores. A runner may put other numbers into the ELF. */
volatile u32 ecalls = 100000;
volatile u32 accesses = 100000;

struct context {
  u64 x[32]; // x[0] holds the hypervisor's stack pointer
};

void enter_guest(struct context *context, u64 pc);
extern const char guest[];

#define CSR(number) #number
#define read_csr(name)                                       \
  ({                                                         \
    u64 value_;                                              \
    asm volatile("csrr %0, " name : "=r"(value_)::"memory"); \
    value_;                                                  \
  })
#define write_csr(name, value) asm volatile("csrw " name ", %0" ::"r"((u64)(value)) : "memory")

#define HGATP CSR(0x680)
#define HTVAL CSR(0x643)
#define HTINST CSR(0x64a)

enum { ECALL_FROM_VS = 10, LOAD_GUEST_PAGE_FAULT = 21, STORE_GUEST_PAGE_FAULT = 23 };
enum { SERVICE_END = 0, SERVICE_ADD = 1, A0 = 10, A7 = 17 };

static const u64 device = 0x09000000; // guest-physical; nothing stands there on the board either

static u64 root[2048] __attribute__((aligned(16384)));
static struct context context PAGES;
static struct {
  u64 checksum;
  u32 register_value;
  u32 ecalls;
  u32 accesses;
} seen PAGES;

void unexpected(u64 cause, u64 pc, u64 value) {
  print("unexpected trap: cause=");
  print_hex(cause);
  print(" pc=");
  print_hex(pc);
  print(" value=");
  print_hex(value);
  print("\n");
  finish(1);
}

static void report(void) {
  print("ecalls=");
  print_hex(seen.ecalls);
  print(" accesses=");
  print_hex(seen.accesses);
  print(" checksum=");
  print_hex(seen.checksum + seen.register_value);
  print("\n");
  finish(0);
}

static void on_ecall(struct context *c) {
  if (c->x[A7] == SERVICE_END) report();
  seen.ecalls++;
  seen.checksum = seen.checksum * 5 + c->x[A0];
  c->x[A0] = 0;
  write_csr("sepc", read_csr("sepc") + 4);
}

/** The instruction that faulted: as the hart gives it, or (a hart may give 0) fetched with the guest's rights. */
static u32 faulting_instruction(void) {
  const u64 transformed = read_csr(HTINST);
  if (transformed) return (u32)transformed;
  const u64 pc = read_csr("sepc");
  u64 low, high;
  asm volatile(".insn r 0x73, 4, 0x32, %0, %1, x3" : "=r"(low) : "r"(pc) : "memory");      // HLVX.HU
  asm volatile(".insn r 0x73, 4, 0x32, %0, %1, x3" : "=r"(high) : "r"(pc + 2) : "memory");
  return (u32)(high << 16 | low);
}

static void on_access(struct context *c, u64 cause) {
  const u64 address = read_csr(HTVAL) << 2 | (read_csr("stval") & 3);
  const u32 instruction = faulting_instruction();
  const u32 size = (instruction >> 12) & 7;
  if (address != device || size != 2) unexpected(cause, read_csr("sepc"), address);
  if (cause == LOAD_GUEST_PAGE_FAULT) {
    const u32 rd = (instruction >> 7) & 31;
    if (rd) c->x[rd] = (u64)(i64)(i32)seen.register_value;
  } else {
    const u32 rs2 = (instruction >> 20) & 31;
    seen.register_value = seen.register_value * 3 + (rs2 ? (u32)c->x[rs2] : 0);
  }
  seen.accesses++;
  write_csr("sepc", read_csr("sepc") + (instruction & 2 ? 4 : 2));
}

void handle(struct context *c) {
  const u64 cause = read_csr("scause");
  if (cause == ECALL_FROM_VS) on_ecall(c);
  else if (cause == LOAD_GUEST_PAGE_FAULT || cause == STORE_GUEST_PAGE_FAULT) on_access(c, cause);
  else unexpected(cause, read_csr("sepc"), read_csr("stval"));
}

void main(void) {
  enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128 };
  root[2] = (0x80000000UL >> 12) << 10 | V | R | W | X | U | A | D; // RAM: one 1 GiB page, identity
  write_csr(HGATP, 8UL << 60 | 1UL << 44 | (u64)root >> 12);       // Sv39x4, VMID 1
  asm volatile(".insn r 0x73, 0, 0x31, x0, x0, x0" ::: "memory");  // HFENCE.GVMA
  context.x[A0] = ecalls;
  context.x[A0 + 1] = accesses;
  context.x[A0 + 2] = device;
  enter_guest(&context, (u64)guest);
}
