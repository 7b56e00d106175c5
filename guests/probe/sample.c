// RISC-V Unprivileged Architecture, "Zicntr" Extension: cycle, time, instret.
#include "trap.h"
#include "workload.h"

static bool readable;

void sample_init(void) {
  trap_expect();
  csr_read(cycle);
  csr_read(instret);
  readable = !trap_happened();
}

struct sample sample_now(void) {
  struct sample s = {.time = time_now()};
  if (readable) s.cycles = csr_read(cycle), s.instructions = csr_read(instret);
  return s;
}

struct sample sample_since(struct sample begin) {
  const struct sample end = sample_now();
  return (struct sample){.cycles = end.cycles - begin.cycles,
                         .instructions = end.instructions - begin.instructions,
                         .time = end.time - begin.time};
}
