// The supervisor timer: a periodic tick that ends a WFI, and the clock's frequency.
#pragma once
#include "kernel.h"

/** `frequency` of `time` in Hz; uses stimecmp where it works, the firmware's timer elsewhere. */
void timer_init(u64 frequency, bool sstc);
/** Ticks every `interval` of `time` until timer_stop. */
void timer_start(u64 interval);
void timer_stop(void);
/** Waits for so many milliseconds, without the hart where nothing else is to do; interrupts must be enabled. */
void timer_sleep(u64 ms);
/** The same until `time` is there. */
void timer_sleep_until(u64 end);
/** Lets at least `us` microseconds lie between the operations that call it; who is late catches up. 0: none. */
void timer_pace(u64 *due, u64 us);
void timer_interrupt(void);
/** Ticks since reset. */
u64 timer_ticks(void);
bool timer_is_sstc(void);
u64 time_from_ms(u64 ms);
u64 time_to_us(u64 time);
u64 time_to_ns(u64 time);
