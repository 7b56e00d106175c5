// Workloads without a disk: idle, console, echo, hypercall, compute.
#include "lib.h"
#include "plic.h"
#include "sbi.h"
#include "timer.h"
#include "console.h"
#include "workload.h"

/** Ends the measured part. */
static struct sample region_end(struct sample begin) {
  const struct sample took = sample_since(begin);
  sbi_yado_region(false, REGION_IO);
  return took;
}

static void report_with(const char *workload, const char *driver, u64 errors, struct sample took) {
  print("yado-result workload=%s driver=%s errors=%lu cycles=%lu instret=%lu time_us=%lu", workload, driver, errors,
        took.cycles, took.instructions, time_to_us(took.time));
}

static void report(const char *workload, struct sample took) { report_with(workload, "none", 0, took); }

static void report_characters(u64 bytes, struct sample took, u64 interrupts, const struct options *o) {
  print(" bytes=%lu operations=%lu cycles_per_byte=%lu interrupts=%lu wait=%s fifo=%d\n", bytes, bytes,
        took.cycles / (bytes ? bytes : 1), interrupts, console_interrupts() ? "interrupt" : "poll", o->uart_fifo);
}

static bool idle(const struct options *o) {
  const u64 ticks = timer_ticks(), end = time_now() + time_from_ms(o->ms);
  const struct sample begin = sample_now();
  timer_start(time_from_ms(o->tick_ms));
  while (time_now() < end) wait_for_interrupt();
  timer_stop();
  report("idle", region_end(begin));
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
    console_write(line, n);
    left -= n;
  }
  console_settle();
  const struct sample took = region_end(begin);
  const u64 taken = plic_taken() - interrupts;
  report_with("console", console_driver(), 0, took);
  report_characters(o->bytes, took, taken, o);
  return true;
}

/** Sends back what comes, until it was `bytes` characters or nothing came for so long. */
static bool echo(const struct options *o) {
  char text[64];
  u64 left = o->bytes;
  const u64 interrupts = plic_taken(), patience = time_from_ms(o->timeout_ms);
  const struct sample begin = sample_now();
  for (u64 last = time_now(); left && time_now() - last < patience;) {
    interrupts_disable();
    const u32 n = console_read(text, MIN(left, sizeof text));
    if (!n && console_interrupts()) wait_for_interrupt();
    interrupts_enable();
    if (!n) continue;
    console_write(text, n);
    left -= n;
    last = time_now();
  }
  console_settle();
  const struct sample took = region_end(begin);
  const u64 taken = plic_taken() - interrupts;
  print("\n");
  report_with("echo", console_driver(), left, took);
  report_characters(o->bytes - left, took, taken, o);
  return !left;
}

static bool hypercall(const struct options *o) {
  const struct sample begin = sample_now();
  for (u64 i = 0; i < o->count; i++) sbi_spec_version();
  const struct sample took = region_end(begin);
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
  const struct sample took = region_end(begin);
  hash_end(&hash, text);
  report("compute", took);
  print(" bytes=%lu checksum=%s\n", o->bytes, text);
  return true;
}

int workload_plain(const struct options *o) {
  static const struct {
    const char *name;
    bool (*run)(const struct options *options);
  } workloads[] = {{"idle", idle}, {"console", console}, {"echo", echo}, {"hypercall", hypercall}, {"compute", compute}};
  for (u32 i = 0; i < COUNT(workloads); i++) {
    if (!same(o->workload, workloads[i].name)) continue;
    if (workloads[i].run == echo) console_listen();
    console_quiet();
    sbi_yado_region(true, REGION_IO);
    return workloads[i].run(o);
  }
  return -1;
}

bool workload_without(const struct options *o, const char *driver, const char *failure) {
  print("yado-result workload=%s driver=%s bytes=0 operations=0 errors=%d", o->workload, driver, failure != NULL);
  if (failure) print(" failure=%s", failure);
  print("\n");
  return !failure;
}
