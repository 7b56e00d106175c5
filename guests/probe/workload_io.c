// The I/O loop: keeps up to qd requests in flight, takes completions, hashes or compares what arrived.
#include "dma.h"
#include "lib.h"
#include "plic.h"
#include "sbi.h"
#include "timer.h"
#include "console.h"
#include "workload.h"

/** So many requests that never come back end the run. */
#define TIMEOUT_LIMIT 4

struct run {
  const struct options *options;
  struct block_device *device;
  u8 operation;
  bool random, ordered, compare, journal;  // ordered: completions are consumed in the order of submission
  u64 start, length, operations;  // of the range on the disk; of the run
  u64 random_state;
  u64 issued, consumed;
  struct request *order[MAX_DEPTH];  // in flight, in the order of submission, from `consumed` to `issued`
  u64 done, bytes, errors, mismatches, latency_sum, latency_most;
  u64 interrupts, translations;   // in the region of interest
  u64 recovered;                  // journal: operations whose blocks were there already
  struct hash hash;
  u64 due;  // when the next operation may begin
};

/** xorshift64*, Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled". */
static u64 next_random(u64 *state) {
  u64 x = *state;
  x ^= x >> 12;
  x ^= x << 25;
  x ^= x >> 27;
  *state = x;
  return x * 0x2545f4914f6cdd1dul;
}

static void begin_sequence(struct run *run) {
  run->issued = run->consumed = run->compare ? 0 : run->recovered;
  run->random_state = run->options->seed * 0x9e3779b97f4a7c15ul + 1;
  if (!run->random_state) run->random_state = 1;
}

/** The place of the next operation, which is `issued`. */
static void place(struct run *run, struct request *request) {
  const u64 bs = run->options->bs;
  const u64 blocks = (run->length + bs - 1) / bs;
  const u64 block = run->random ? next_random(&run->random_state) % blocks : run->issued % blocks;
  request->offset = run->start + block * bs;
  request->length = MIN(bs, run->length - block * bs);
  request->operation = run->operation;
  request->index = run->issued++;
}

static void fill_pattern(const struct run *run, const struct request *request) {
  u64 *word = (u64 *)request->buffer;
  for (u64 i = 0; i < request->length; i += 8) *word++ = pattern_word(request->offset + i, run->options->seed);
}

static bool pattern_holds(const struct run *run, const struct request *request) {
  const u64 *word = (const u64 *)request->buffer;
  for (u64 i = 0; i < request->length; i += 8)
    if (*word++ != pattern_word(request->offset + i, run->options->seed)) return false;
  return true;
}

static void note_error(struct run *run, const struct request *request) {
  if (run->errors++ < 4)
    print("probe: operation %lu at offset %lu: %s (0x%x)\n", request->index, request->offset,
          block_status_name(run->device, request->status), request->status);
}

/** Says that the first `count` blocks are on the disk; at once, so that a guest that ends there has said it. */
static void acknowledge(u64 count) {
  char line[32], *at = line + sizeof line;
  *--at = '\n';
  u64 left = count;
  do *--at = '0' + left % 10;
  while (left /= 10);
  static const char word[] = "yado-ack ";
  memcpy(at -= sizeof word - 1, word, sizeof word - 1);
  if (!sbi_console_write(at, line + sizeof line - at)) print("yado-ack %lu\n", count);
}

/** What the workload does with a completed request. Then its slot is free again, unless it was lost. */
static void consume(struct run *run, struct request *request) {
  run->consumed++;
  if (request->status != STATUS_SUCCESS) {
    note_error(run, request);
  } else if (run->compare) {
    if (!pattern_holds(run, request)) run->mismatches++;
  } else {
    const u64 latency = request->completed - request->submitted;
    run->latency_sum += latency;
    if (latency > run->latency_most) run->latency_most = latency;
    run->bytes += request->length;
    run->done++;
    if (run->journal && !run->errors) acknowledge(run->consumed);
  }
  // Bytes that never arrived are hashed as the buffer has them: wrong, and always in the same way.
  if (run->operation == OPERATION_READ) hash_update(&run->hash, request->buffer, request->length);
  block_release(request);
}

/** Submits operations until qd are in flight; tells the device once. True when there were any. */
static bool issue(struct run *run) {
  bool any = false;
  while (run->issued < run->operations && run->issued - run->consumed < run->options->qd) {
    struct request *request = block_idle();
    if (!request) break;
    run->order[run->issued % MAX_DEPTH] = request;
    place(run, request);
    if (run->operation == OPERATION_WRITE) fill_pattern(run, request);
    timer_pace(&run->due, run->options->pace_us);
    block_start(run->device, request);
    any = true;
  }
  if (any) run->device->kick();
  return any;
}

/** The next completed request: in the order of submission where that matters, else in that of completion. */
static struct request *next_completed(struct run *run) {
  if (!run->ordered) return block_take_completed();
  while (block_take_completed()) {
  }
  struct request *oldest = run->order[run->consumed % MAX_DEPTH];
  return run->consumed < run->issued && oldest->state != STATE_SUBMITTED ? oldest : NULL;
}

/** Consumes up to `batch` completed requests before new ones are issued; false when nothing has completed. */
static bool consume_completed(struct run *run) {
  u64 n = 0;
  for (; n < run->options->batch; n++) {
    struct request *request = next_completed(run);
    if (!request) break;
    consume(run, request);
  }
  return n;
}

/** One pass over all operations; ends early when too many requests time out. */
static void run_sequence(struct run *run) {
  begin_sequence(run);
  const u64 timeouts = block_timeouts();
  while (run->consumed < run->operations) {
    const bool issued = issue(run);
    block_poll(run->device);
    const bool consumed = consume_completed(run);
    if (block_timeouts() - timeouts >= MIN((u64)TIMEOUT_LIMIT, run->options->qd)) {
      print("probe: too many timeouts: the run ends after %lu of %lu operations\n", run->consumed, run->operations);
      return;
    }
    if (!issued && !consumed) block_wait(run->device);
  }
}

static void flush(struct run *run) {
  struct request *request = block_idle();
  if (!request) return;
  request->operation = OPERATION_FLUSH;
  request->length = 0;
  const u32 status = block_run(run->device, request);
  if (status) note_error(run, request);
  block_release(request);
}

/** How many blocks from the first on hold what a journal writes: where a guest before this one came to. */
static u64 count_written(struct run *run) {
  begin_sequence(run);
  run->operation = OPERATION_READ;
  u64 count = 0;
  while (count < run->operations) {
    struct request *request = block_idle();
    if (!request) break;
    place(run, request);
    const bool holds = block_run(run->device, request) == STATUS_SUCCESS && pattern_holds(run, request);
    block_release(request);
    if (!holds) break;
    count++;
  }
  run->operation = OPERATION_WRITE;
  return count;
}

static void set_range(struct run *run) {
  const struct options *o = run->options;
  const u64 block = run->device->block_size, capacity = run->device->capacity;
  if (o->start >= capacity || o->start % block) panic("probe: start=%lu isn't a block of the disk", o->start);
  run->start = o->start;
  run->length = MIN(o->length ? o->length : capacity, capacity - o->start) / block * block;
  const bool once = same(o->workload, "checksum") || run->journal;
  if (once && o->total) run->length = MIN(run->length, o->total) / block * block;
  if (!run->length) panic("probe: the range is empty");
  const u64 total = o->total && !once ? o->total : run->length;
  run->operations = (total + o->bs - 1) / o->bs;
}

static void report(const struct run *run, const struct sample *took, const char *checksum) {
  const struct options *o = run->options;
  print("yado-result workload=%s driver=%s bytes=%lu operations=%lu errors=%lu timeouts=%lu checksum=%s", o->workload,
        run->device->driver, run->bytes, run->done, run->errors, block_timeouts(), checksum);
  if (run->journal) print(" recovered=%lu", run->recovered);
  if (o->verify || run->journal) print(" mismatches=%lu", run->mismatches);
  print(" cycles=%lu instret=%lu time_us=%lu", took->cycles, took->instructions, time_to_us(took->time));
  print(" bs=%lu qd=%lu start=%lu length=%lu interrupts=%lu", o->bs, o->qd, run->start, run->length,
        run->interrupts);
  if (block_resets()) print(" resets=%lu", block_resets());
  print(" latency_mean_ns=%lu latency_max_ns=%lu translations=%lu strays=%lu missed_interrupts=%lu\n",
        run->done ? time_to_ns(run->latency_sum) / run->done : 0, time_to_ns(run->latency_most), run->translations,
        block_strays(), block_missed());
}

bool workload_io(const struct options *o, struct block_device *device) {
  static struct run run;
  run = (struct run){.options = o, .device = device};
  const bool checksum = same(o->workload, "checksum");
  run.journal = same(o->workload, "journal");
  const bool write = run.journal || same(o->workload, "seqwrite") || same(o->workload, "randwrite");
  run.random = same(o->workload, "randread") || same(o->workload, "randwrite");
  if (!checksum && !write && !run.random && !same(o->workload, "seqread"))
    panic("probe: workload=%s isn't known", o->workload);
  run.operation = write ? OPERATION_WRITE : OPERATION_READ;
  run.ordered = checksum || run.journal || o->hash != HASH_NONE;
  set_range(&run);
  block_recover(true);
  if (run.journal) run.recovered = count_written(&run);
  hash_begin(&run.hash, write && !o->verify ? HASH_NONE : o->hash);  // of what is read back
  hash_update(&run.hash, "", 0);  // makes its tables, outside the region of interest

  console_quiet();
  const u64 interrupts_before = plic_taken(), translations_before = dma_service_calls();
  sbi_yado_region(true, REGION_IO);
  const struct sample begin = sample_now();
  run_sequence(&run);
  if (write) flush(&run);
  const struct sample took = sample_since(begin);
  sbi_yado_region(false, REGION_IO);
  run.interrupts = plic_taken() - interrupts_before;
  run.translations = dma_service_calls() - translations_before;

  if (write && (o->verify || run.journal) && !block_timeouts()) {
    run.operation = OPERATION_READ;
    run.compare = true;
    run_sequence(&run);
  }
  char text[80];
  hash_end(&run.hash, text);
  report(&run, &took, text);
  return !run.errors && !run.mismatches;
}
