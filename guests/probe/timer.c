// RISC-V "Sstc" Extension for Supervisor-mode Timer Interrupts; RISC-V SBI, "Timer Extension".
#include "timer.h"
#include "sbi.h"
#include "trap.h"

#define NEVER (~0ul)

static struct {
  u64 frequency, interval;
  bool sstc;
  volatile u64 ticks;
} timer;

static void set_compare(u64 time) {
  if (timer.sstc) asm volatile("csrw %0, %1" : : "i"(STIMECMP), "r"(time));
  else sbi_set_timer(time);
}

void timer_init(u64 frequency, bool sstc) {
  timer.frequency = frequency;
  // The device tree says what the hart has; firmware may not have passed it on (menvcfg.STCE).
  if (sstc) {
    timer.sstc = true;
    trap_expect();
    set_compare(NEVER);
    timer.sstc = !trap_happened();
  }
  if (!timer.sstc) set_compare(NEVER);
  csr_set(sie, SIE_STIE | SIE_SEIE);
}

void timer_start(u64 interval) {
  timer.interval = interval;
  set_compare(time_now() + interval);
}

void timer_stop(void) {
  timer.interval = 0;
  set_compare(NEVER);
}

void timer_sleep_until(u64 end) {
  while (time_now() < end) {
    interrupts_disable();
    set_compare(end);
    wait_for_interrupt();
    interrupts_enable();
  }
  set_compare(timer.interval ? time_now() + timer.interval : NEVER);
}

void timer_sleep(u64 ms) { timer_sleep_until(time_now() + time_from_ms(ms)); }

void timer_pace(u64 *due, u64 us) {
  if (!us) return;
  if (*due) timer_sleep_until(*due);
  else *due = time_now();
  *due += us * timer.frequency / 1000000;
}

void timer_interrupt(void) {
  timer.ticks++;
  set_compare(timer.interval ? time_now() + timer.interval : NEVER);
}

u64 timer_ticks(void) { return timer.ticks; }
bool timer_is_sstc(void) { return timer.sstc; }
u64 time_from_ms(u64 ms) { return ms * timer.frequency / 1000; }
u64 time_to_us(u64 time) { return time * 1000 / (timer.frequency / 1000); }
u64 time_to_ns(u64 time) { return time * 1000 / (timer.frequency / 1000000 ? timer.frequency / 1000000 : 1); }
