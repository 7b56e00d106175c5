// RISC-V Privileged Architecture, "Supervisor Cause Register (scause)".
#include "trap.h"
#include "lib.h"
#include "plic.h"
#include "timer.h"

#define INTERRUPT (1ul << 63)
enum { SUPERVISOR_TIMER = 5, SUPERVISOR_EXTERNAL = 9 };

static volatile bool expected, happened;

static const char *const cause_names[] = {
  "instruction address misaligned", "instruction access fault", "illegal instruction", "breakpoint",
  "load address misaligned", "load access fault", "store address misaligned", "store access fault",
  "environment call from U", "environment call from S", "", "environment call from M",
  "instruction page fault", "load page fault", "", "store page fault",
};

static u64 instruction_length(u64 pc) { return (*(const u16 *)pc & 3) == 3 ? 4 : 2; }

void trap_handle(u64 cause) {
  if (cause == (INTERRUPT | SUPERVISOR_EXTERNAL)) return plic_dispatch();
  if (cause == (INTERRUPT | SUPERVISOR_TIMER)) return timer_interrupt();
  if (expected && !(cause & INTERRUPT)) {
    happened = true;
    csr_write(sepc, csr_read(sepc) + instruction_length(csr_read(sepc)));
    return;
  }
  const char *name = cause < COUNT(cause_names) ? cause_names[cause] : cause & INTERRUPT ? "interrupt" : "";
  panic("probe: panic: scause=0x%lx (%s) sepc=0x%lx stval=0x%lx", cause, name, csr_read(sepc), csr_read(stval));
}

void trap_expect(void) {
  happened = false;
  expected = true;
}

bool trap_happened(void) {
  expected = false;
  return happened;
}

bool probe_read32(u64 address, u32 *value) {
  trap_expect();
  *value = mmio_read32(address);
  return !trap_happened();
}
