// A file server and its mirror: the disk's range goes to the peer's store, or what the peer's source gives goes to the disk.
// Both devices work at the same time; the bytes are copied once in between, as between a file's pages and packets.
#include "dma.h"
#include "lib.h"
#include "plic.h"
#include "sbi.h"
#include "timer.h"
#include "console.h"
#include "workload.h"

/** Bytes of data in a datagram: behind its number, a multiple of 8; and with it, a whole number of blocks. */
enum { SERVED = 1464, SAVED = 1024 };
/** So many waits in vain end the run. */
enum { TIMEOUT_LIMIT = 4 };

static struct run {
  const struct options *options;
  struct block_device *disk;
  u64 bs, start, length;     // of a request; of the range on the disk
  u64 operations;            // requests of the run
  u64 issued, consumed;      // requests
  struct request *order[MAX_DEPTH];  // netserve: in flight, in order, from `consumed` to `issued`
  struct request *current;   // being sent from, or filled
  u64 position;              // in its buffer
  u64 datagrams, sent;       // netserve: of the run, handed to the interface
  u64 asked, next;           // netsave: asked for, up to this number; number of the datagram that comes next
  u32 piece;                 // netsave: bytes of a datagram
  u64 bytes, errors, timeouts, lost, again;  // again: times that the source was asked again for what it had given
  u64 progress;              // when something last came or left
  struct hash hash;
} run;

static void wait(bool sent) {
  interrupts_disable();
  const bool ready = block_arm(run.disk) | net_arm(sent);
  if (!ready && !run.options->polling) wait_for_interrupt();
  block_overdue(run.disk);
  interrupts_enable();
}

/** True when nothing has happened for so long that it is no use any more. */
static bool overdue(void) {
  const u64 now = time_now();
  if (now - run.progress < time_from_ms(run.options->timeout_ms)) return false;
  run.timeouts++;
  run.progress = now;
  return true;
}

static void place(struct request *request, u64 number, u8 operation) {
  request->operation = operation;
  request->index = number;
  request->offset = run.start + number * run.bs;
  request->length = MIN(run.bs, run.length - number * run.bs);
}

static void note_error(const struct request *request) {
  if (run.errors++ < 4)
    print("probe: operation %lu at offset %lu: %s (0x%x)\n", request->index, request->offset,
          block_status_name(run.disk, request->status), request->status);
}

// ---- netserve

static bool read_on(void) {
  bool any = false;
  for (; run.issued < run.operations && run.issued - run.consumed < run.options->qd; any = true) {
    struct request *request = block_idle();
    if (!request) break;
    run.order[run.issued % MAX_DEPTH] = request;
    place(request, run.issued++, OPERATION_READ);
    block_start(run.disk, request);
  }
  if (any) run.disk->kick();
  return any;
}

/** The next read, in order, once it is complete. */
static void take_read(void) {
  while (block_take_completed()) {
  }
  struct request *oldest = run.order[run.consumed % MAX_DEPTH];
  if (run.current || run.consumed == run.issued || oldest->state == STATE_SUBMITTED) return;
  run.current = oldest;
  run.position = 0;
  if (oldest->status != STATUS_SUCCESS) note_error(oldest);
  hash_update(&run.hash, oldest->buffer, oldest->length);
}

/** Sends from the current request as long as there are free frames; true when any. */
static bool send_on(void) {
  bool any = false;
  for (take_read(); run.current; take_read()) {
    while (run.position < run.current->length && !net_busy(run.sent % NET_DEPTH)) {
      const u32 slot = run.sent % NET_DEPTH, length = MIN((u64)SERVED, run.current->length - run.position);
      net_prepare(slot, PORT_STORE, run.current->buffer + run.position, length);
      net_number(slot, run.sent++);
      if (!net_send(slot)) run.errors++;
      run.position += length;
      any = true;
    }
    if (run.position < run.current->length) break;
    block_release(run.current);
    run.current = NULL;
    run.consumed++;
  }
  return any;
}

/** What counts is what has come to the peer in the end. */
static void serve(struct net_device *nic) {
  while (run.consumed < run.operations && run.timeouts < TIMEOUT_LIMIT) {
    const bool issued = read_on();
    block_poll(run.disk);
    const bool sent = send_on();
    if (sent) nic->kick();
    if (nic->poll() || sent || issued) run.progress = time_now();
    else if (!overdue()) wait(run.current != NULL);
  }
  while (net_busy(0) && !overdue())
    if (!nic->poll()) net_wait(true);
  struct net_count count = {0, 0};
  if (!net_ask_count(PORT_STORE, time_from_ms(run.options->timeout_ms), &count)) run.errors++;
  run.bytes = count.bytes - UDP_NUMBER * count.datagrams;
  run.lost = run.sent - count.datagrams;
}

// ---- netsave

static void take_write(void) {
  for (struct request *request; (request = block_take_completed()); run.consumed++) {
    if (request->status != STATUS_SUCCESS) note_error(request);
    else run.bytes += request->length;
    block_release(request);
  }
}

static bool begin_request(void) {
  if (!run.current && run.issued - run.consumed < run.options->qd) run.current = block_idle();
  if (run.current && !run.position) place(run.current, run.issued, OPERATION_WRITE);
  return run.current;
}

static void take_source(const u8 *data, u32 length) {
  const u32 number = length >= UDP_NUMBER ? get_be32(data) : 0;
  if (length != run.piece || number != run.next || number >= run.asked || !begin_request()) {
    if (number > run.next) run.lost++;  // those between are missing: it will be asked for again
    return;
  }
  run.next++;
  run.progress = time_now();
  memcpy(run.current->buffer + run.position, data, length);
  hash_update(&run.hash, run.current->buffer + run.position, length);
  run.position += length;
  if (run.position < run.current->length) return;
  run.issued++;
  run.position = 0;
  block_start(run.disk, run.current);
  run.disk->kick();
  run.current = NULL;
}

/** Datagrams that there are buffers for. */
static u64 room(void) {
  const u64 underway = run.issued - run.consumed, free = underway < run.options->qd ? run.options->qd - underway : 0;
  return (free * run.bs - run.position) / run.piece;
}

/** Asks for as much as there are buffers for, whenever half of it has come. */
static bool ask(struct net_device *nic) {
  const u64 most = MIN((u64)NET_DEPTH, room()), open = run.asked - run.next, slot = run.asked % NET_DEPTH;
  const u64 count = most > open ? MIN(most - open, run.datagrams - run.asked) : 0;
  if (!count || open > most / 2 || net_busy(slot)) return false;
  if (!net_ask_source(slot, run.asked, (struct net_wish){count, run.piece, 1, run.piece})) run.errors++;
  nic->kick();
  run.asked += count;
  return true;
}

static void flush(void) {
  struct request *request = block_idle();
  if (!request) return;
  request->operation = OPERATION_FLUSH;
  request->length = 0;
  if (block_run(run.disk, request)) note_error(request);
  block_release(request);
}

static void save(struct net_device *nic) {
  while (run.consumed < run.operations && run.timeouts < TIMEOUT_LIMIT) {
    const bool asked = ask(nic);
    block_poll(run.disk);
    const u64 before = run.consumed;
    take_write();
    if (nic->poll() || asked || run.consumed != before) continue;
    if (run.next < run.asked && overdue()) run.asked = run.next, run.again++;
    else wait(false);
  }
  flush();
}

static void on_datagram(u16 port, const u8 *data, u32 length) {
  if (port == PORT_SOURCE) take_source(data, length);
  if (port == PORT_COUNT) net_take_count(data, length);
}

// ---- both

static void set_range(bool saving) {
  const struct options *o = run.options;
  const u64 block = run.disk->block_size, capacity = run.disk->capacity;
  run.bs = o->bs;
  run.piece = run.bs % SAVED ? block : SAVED;
  const u64 unit = saving ? run.piece : block;
  if (o->start >= capacity || o->start % block) panic("probe: start=%lu isn't a block of the disk", o->start);
  run.start = o->start;
  run.length = MIN(o->length ? o->length : capacity, capacity - o->start);
  if (o->total) run.length = MIN(run.length, o->total);
  run.length = run.length / unit * unit;
  if (!run.length) panic("probe: the range is empty");
  run.operations = (run.length + run.bs - 1) / run.bs;
  run.datagrams = run.length / run.piece;
}

static void report(struct net_device *nic, struct sample took, u64 interrupts, u64 translations,
                   struct net_counters before) {
  const struct options *o = run.options;
  const struct net_counters now = net_counters();
  char text[80];
  hash_end(&run.hash, text);
  print("yado-result workload=%s driver=%s+%s bytes=%lu operations=%lu errors=%lu timeouts=%lu checksum=%s", o->workload,
        run.disk->driver, nic->driver, run.bytes, run.consumed, run.errors, run.timeouts + block_timeouts(), text);
  print(" datagrams=%lu lost=%lu again=%lu frames_sent=%lu frames_received=%lu", run.next ? run.next : run.sent,
        run.lost, run.again, now.sent - before.sent, now.received - before.received);
  print(" cycles=%lu instret=%lu time_us=%lu bs=%lu qd=%lu interrupts=%lu translations=%lu\n", took.cycles,
        took.instructions, time_to_us(took.time), run.bs, o->qd, interrupts, translations);
}

bool workload_file(const struct options *o, struct block_device *disk, struct net_device *nic) {
  const bool saving = same(o->workload, "netsave");
  run = (struct run){.options = o, .disk = disk};
  set_range(saving);
  hash_begin(&run.hash, o->hash);
  hash_update(&run.hash, "", 0);  // makes its tables, outside the region of interest
  net_start(nic, o->host, o->polling, on_datagram);
  if (!net_resolve(time_from_ms(o->timeout_ms))) return workload_without(o, nic->driver, "no-peer");
  console_quiet();
  const u64 interrupts = plic_taken(), translations = dma_service_calls();
  const struct net_counters before = net_counters();
  sbi_yado_region(true, REGION_IO);
  const struct sample begin = sample_now();
  run.progress = begin.time;
  (saving ? save : serve)(nic);
  const struct sample took = sample_since(begin);
  sbi_yado_region(false, REGION_IO);
  report(nic, took, plic_taken() - interrupts, dma_service_calls() - translations, before);
  return !run.errors && !run.timeouts && !block_timeouts();
}
