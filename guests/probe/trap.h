// Traps: interrupts are dispatched, faults end the run, except those that a probe expects.
#pragma once
#include "kernel.h"

/** From here on a fault is stepped over and remembered. */
void trap_expect(void);
/** Ends that; true when there was a fault. */
bool trap_happened(void);
/** Reads a 32-bit register that may not exist; false after an access fault. */
bool probe_read32(u64 address, u32 *value);
