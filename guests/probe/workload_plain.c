// Workloads without a disk: idle, console, hypercall, compute.
#include "lib.h"
#include "plic.h"
#include "sbi.h"
#include "timer.h"
#include "uart.h"
#include "workload.h"

static void report(const char *workload, struct sample took) {
  print("yado-result workload=%s driver=none errors=0 cycles=%lu instret=%lu time_us=%lu", workload, took.cycles,
        took.instructions, time_to_us(took.time));
}

static bool idle(const struct options *o) {
  const u64 ticks = timer_ticks(), end = time_now() + time_from_ms(o->ms);
  const struct sample begin = sample_now();
  timer_start(time_from_ms(o->tick_ms));
  while (time_now() < end) wait_for_interrupt();
  timer_stop();
  report("idle", sample_since(begin));
  print(" ticks=%lu\n", timer_ticks() - ticks);
  return true;
}

static bool console(const struct options *o) {
  char line[64];
  for (u32 i = 0; i < sizeof line; i++) line[i] = 'a' + i % 26;
  line[sizeof line - 1] = '\n';
  const u64 interrupts = plic_taken();
  const struct sample begin = sample_now();
  for (u64 left = o->bytes; left;) {
    const u64 n = MIN(left, sizeof line);
    if (n == left) line[n - 1] = '\n';
    uart_write(line, n);
    left -= n;
  }
  uart_drain();
  const struct sample took = sample_since(begin);
  const u64 taken = plic_taken() - interrupts;
  report("console", took);
  print(" bytes=%lu cycles_per_byte=%lu interrupts=%lu uart=%s fifo=%d\n", o->bytes, took.cycles / o->bytes, taken,
        o->uart_interrupts ? "interrupt" : "poll", o->uart_fifo);
  return true;
}

static bool hypercall(const struct options *o) {
  const struct sample begin = sample_now();
  for (u64 i = 0; i < o->count; i++) sbi_spec_version();
  const struct sample took = sample_since(begin);
  report("hypercall", took);
  print(" count=%lu cycles_per_call=%lu\n", o->count, took.cycles / o->count);
  return true;
}

/** Hashes memory of its own over and over: no exits but those of the timer. */
static bool compute(const struct options *o) {
  static u64 data[32 * KIB / 8];
  struct hash hash;
  char text[80];
  for (u64 i = 0; i < COUNT(data); i++) data[i] = pattern_word(i * 8, o->seed);
  hash_begin(&hash, o->hash);
  const struct sample begin = sample_now();
  for (u64 left = o->bytes; left;) {
    const u64 n = MIN(left, sizeof data);
    hash_update(&hash, data, n);
    left -= n;
  }
  const struct sample took = sample_since(begin);
  hash_end(&hash, text);
  report("compute", took);
  print(" bytes=%lu checksum=%s\n", o->bytes, text);
  return true;
}

int workload_plain(const struct options *o) {
  static const struct {
    const char *name;
    bool (*run)(const struct options *options);
  } workloads[] = {{"idle", idle}, {"console", console}, {"hypercall", hypercall}, {"compute", compute}};
  for (u32 i = 0; i < COUNT(workloads); i++) {
    if (!same(o->workload, workloads[i].name)) continue;
    uart_drain();
    sbi_yado_region(true, REGION_IO);
    const bool good = workloads[i].run(o);
    sbi_yado_region(false, REGION_IO);
    return good;
  }
  return -1;
}

bool workload_without(const struct options *o, const char *driver, const char *failure) {
  print("yado-result workload=%s driver=%s bytes=0 operations=0 errors=%d", o->workload, driver, failure != NULL);
  if (failure) print(" failure=%s", failure);
  print("\n");
  return !failure;
}
