// Datagrams to the peer's sink (RFC 863), from its source, and there and back (RFC 862).
#include "dma.h"
#include "lib.h"
#include "plic.h"
#include "sbi.h"
#include "timer.h"
#include "console.h"
#include "workload.h"

enum { PORT_ECHO = 7, PORT_SINK = 9, PORT_SOURCE = 5002 };
/** So many waits in vain end the run. */
enum { TIMEOUT_LIMIT = 4 };

static struct run {
  const struct options *options;
  struct net_device *device;
  u32 bs, depth;
  u64 operations;         // of the run
  u64 issued, arrived;    // datagrams sent or asked for; that came, or (netstream) left
  u64 bytes, errors, timeouts, lost;
  u64 asked, next;        // netrecv: asked for, up to this number; number of the datagram that comes next
  u64 latency_sum, latency_most;
  u64 progress;           // when something last came or left
  struct hash hash;
  u64 started[NET_DEPTH];
  bool waiting[NET_DEPTH];
} run;

static void take(const u8 *data, u32 length) {
  run.arrived++;
  run.bytes += length;
  run.progress = time_now();
  hash_update(&run.hash, data, length);
}

static void take_echo(const u8 *data, u32 length) {
  const u32 number = length >= 4 ? get_be32(data) : 0, slot = number % run.depth;
  if (length != run.bs || number >= run.issued || !run.waiting[slot]) {
    run.errors++;
    return;
  }
  const u64 latency = time_now() - run.started[slot];
  run.latency_sum += latency;
  if (latency > run.latency_most) run.latency_most = latency;
  run.waiting[slot] = false;
  take(data, length);
}

static void take_source(const u8 *data, u32 length) {
  const u32 number = length >= 4 ? get_be32(data) : 0;
  if (length != run.bs || number < run.next || number >= run.asked) {
    run.errors++;
    return;
  }
  run.lost += number - run.next;
  run.next = number + 1;
  take(data, length);
}

static void on_datagram(u16 port, const u8 *data, u32 length) {
  if (port == PORT_ECHO) take_echo(data, length);
  if (port == PORT_SOURCE) take_source(data, length);
}

static void prepare(u16 port, u32 length) {
  static u64 data[(UDP_MOST + 7) / 8];
  for (u32 i = 0; i < COUNT(data); i++) data[i] = pattern_word(i * 8, run.options->seed);
  for (u32 slot = 0; slot < run.depth; slot++) net_prepare(slot, port, (const u8 *)data, length);
}

/** Sends the datagram of a slot with its number; a guest that may not reach its own buffer counts an error. */
static void issue(u32 slot) {
  net_number(slot, run.issued);
  run.started[slot] = time_now();
  run.issued++;
  if (!net_send(slot)) run.errors++;
}

/** Waits; true when nothing has happened for so long that it is no use any more. */
static bool wait(bool sent) {
  net_wait(sent);
  const u64 now = time_now();
  if (now - run.progress < time_from_ms(run.options->timeout_ms)) return false;
  run.timeouts++;
  run.progress = now;
  return true;
}

/** Keeps up to `depth` datagrams on their way out. */
static void stream(void) {
  u64 left = 0;
  while (left < run.operations && run.timeouts < TIMEOUT_LIMIT) {
    bool any = false;
    for (; run.issued < run.operations && !net_busy(run.issued % run.depth); any = true) issue(run.issued % run.depth);
    if (any) run.device->kick();
    bool done = run.device->poll();
    for (; left < run.issued && !net_busy(left % run.depth); left++, run.bytes += run.bs) run.progress = time_now();
    if (!any && !done) wait(true);
  }
  run.arrived = left;
}

/** Keeps up to `depth` datagrams there or on their way back. One that is lost is given up. */
static void request_response(void) {
  u64 given_up = 0;
  while (run.arrived + given_up < run.operations && run.timeouts < TIMEOUT_LIMIT) {
    bool any = false;
    for (;; any = true) {
      const u32 slot = run.issued % run.depth;
      if (run.issued == run.operations || run.waiting[slot] || net_busy(slot)) break;
      run.waiting[slot] = true;
      issue(slot);
    }
    if (any) run.device->kick();
    if (run.device->poll() || any || !wait(false)) continue;
    for (u32 slot = 0; slot < run.depth; slot++) {
      given_up += run.waiting[slot];
      run.waiting[slot] = false;
    }
  }
  run.lost = given_up;
}

/** Asks for more whenever half of what was asked for has come: number of the first, how many, bytes of each. */
static void receive(void) {
  u8 request[12] = {0};
  u32 slot = 0;
  while (run.next < run.operations && run.timeouts < TIMEOUT_LIMIT) {
    const u64 open = run.asked - run.next;
    const u32 count = MIN(run.depth - open, run.operations - run.asked);
    const bool ask = open <= run.depth / 2 && count && !net_busy(slot);
    if (ask) {
      put_be32(request + 4, count);
      put_be32(request + 8, run.bs);
      net_prepare(slot, PORT_SOURCE, request, sizeof request);
      net_number(slot, run.asked);
      if (!net_send(slot)) run.errors++;
      run.device->kick();
      run.asked += count;
      slot = (slot + 1) % run.depth;
    }
    if (run.device->poll() || ask || !wait(false)) continue;
    run.lost += run.asked - run.next;
    run.next = run.asked;
  }
}

static void report(struct sample took, u64 interrupts, u64 translations, struct net_counters before) {
  const struct options *o = run.options;
  const struct net_counters now = net_counters();
  char text[80];
  hash_end(&run.hash, text);
  print("yado-result workload=%s driver=%s bytes=%lu operations=%lu errors=%lu timeouts=%lu checksum=%s", o->workload,
        run.device->driver, run.bytes, run.arrived, run.errors, run.timeouts, text);
  print(" lost=%lu malformed=%lu frames_sent=%lu frames_received=%lu", run.lost, now.malformed - before.malformed,
        now.sent - before.sent, now.received - before.received);
  print(" cycles=%lu instret=%lu time_us=%lu bs=%u qd=%u interrupts=%lu", took.cycles, took.instructions,
        time_to_us(took.time), run.bs, run.depth, interrupts);
  print(" latency_mean_ns=%lu latency_max_ns=%lu translations=%lu\n",
        run.arrived ? time_to_ns(run.latency_sum) / run.arrived : 0, time_to_ns(run.latency_most), translations);
}

bool workload_net(const struct options *o, struct net_device *device) {
  static const struct {
    const char *name;
    void (*run)(void);
    u16 port;
  } workloads[] = {{"netstream", stream, PORT_SINK}, {"netrecv", receive, PORT_SOURCE},
                   {"netrr", request_response, PORT_ECHO}};
  run = (struct run){.options = o, .device = device, .bs = MIN(o->bs, (u64)UDP_MOST), .depth = o->qd};
  run.operations = o->total ? (o->total + run.bs - 1) / run.bs : o->count;
  hash_begin(&run.hash, o->hash);
  hash_update(&run.hash, "", 0);  // makes its tables, outside the region of interest
  timer_start(time_from_ms(o->timeout_ms) / 8 + 1);
  net_start(device, o->host, o->polling, on_datagram);
  if (!net_resolve(time_from_ms(o->timeout_ms))) {
    print("yado-result workload=%s driver=%s bytes=0 operations=0 errors=1 failure=no-peer\n", o->workload,
          device->driver);
    return false;
  }
  for (u32 i = 0; i < COUNT(workloads); i++) {
    if (!same(o->workload, workloads[i].name)) continue;
    prepare(workloads[i].port, run.bs);
    console_settle();
    const u64 interrupts = plic_taken(), translations = dma_service_calls();
    const struct net_counters before = net_counters();
    sbi_yado_region(true, REGION_IO);
    const struct sample begin = sample_now();
    run.progress = begin.time;
    workloads[i].run();
    const struct sample took = sample_since(begin);
    sbi_yado_region(false, REGION_IO);
    report(took, plic_taken() - interrupts, dma_service_calls() - translations, before);
    return !run.errors && !run.lost && !run.timeouts;
  }
  panic("probe: workload=%s isn't known", o->workload);
}
