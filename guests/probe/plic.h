// Platform-Level Interrupt Controller, seen from one S-mode context.
#pragma once
#include "kernel.h"

/** Returns true when its device had asked for the interrupt. */
typedef bool (*interrupt_handler)(void);

void plic_init(u64 base, u32 context, u32 sources);
/** Routes `source` to `handler`; false when the source is out of range. */
bool plic_enable(u32 source, interrupt_handler handler);
/** Claims, handles and completes until nothing is pending. */
void plic_dispatch(void);
/** External interrupts taken since reset. */
u64 plic_taken(void);
