// Messages to the peer's sink (RFC 863), from its source, and there and back (RFC 862), in as few datagrams as they take.
#include "dma.h"
#include "lib.h"
#include "plic.h"
#include "sbi.h"
#include "timer.h"
#include "console.h"
#include "workload.h"

/** So many waits in vain end the run; with `retry`, which asks again for what is lost, rather more. */
enum { TIMEOUT_LIMIT = 4, RETRY_LIMIT = 64 };

static struct run {
  const struct options *options;
  struct net_device *device;
  u32 bs, pieces;         // bytes of a message; datagrams that it takes
  u32 piece, last;        // bytes of a datagram, and of a message's last one
  u32 depth, window;      // messages under way, datagrams under way
  u64 operations, datagrams;  // of the run: messages, datagrams
  u64 issued, arrived;    // datagrams sent or asked for; that came, or (netstream) left
  u64 bytes, done, errors, timeouts, lost;  // done: messages
  u64 asked, next;        // netrecv: asked for, up to this number; number of the datagram that comes next
  u64 latency_sum, latency_most;
  u64 progress;           // when something last came or left
  struct hash hash;
  // netrr, by message number modulo `depth`:
  u64 message[NET_DEPTH], started[NET_DEPTH];
  u64 due;                // when the next message may be sent
  u64 missing[NET_DEPTH];  // a bit for each datagram that hasn't come back
} run;

static u32 length_of(u64 number) { return (number + 1) % run.pieces ? run.piece : run.last; }

static void take(const u8 *data, u32 length) {
  run.arrived++;
  run.bytes += length;
  run.progress = time_now();
  hash_update(&run.hash, data, length);
}

static void take_echo(const u8 *data, u32 length) {
  const u32 number = length >= UDP_NUMBER ? get_be32(data) : 0;
  const u64 message = number / run.pieces, slot = message % run.depth, bit = 1ul << number % run.pieces;
  if (length != length_of(number) || number >= run.issued || run.message[slot] != message || !(run.missing[slot] & bit)) {
    run.errors += !run.options->retry;  // what was asked for twice may come twice
    return;
  }
  take(data, length);
  run.missing[slot] &= ~bit;
  if (run.missing[slot]) return;
  const u64 latency = time_now() - run.started[slot];
  run.latency_sum += latency;
  if (latency > run.latency_most) run.latency_most = latency;
  run.done++;
}

static void take_source(const u8 *data, u32 length) {
  const u32 number = length >= UDP_NUMBER ? get_be32(data) : 0;
  const bool again = run.options->retry;
  if (length != length_of(number) || number < run.next || number >= run.asked || (again && number > run.next)) {
    run.errors += !again;
    return;
  }
  run.lost += number - run.next;
  run.next = number + 1;
  take(data, length);
}

static void on_datagram(u16 port, const u8 *data, u32 length) {
  if (port == PORT_ECHO) take_echo(data, length);
  if (port == PORT_SOURCE) take_source(data, length);
  if (port == PORT_COUNT) net_take_count(data, length);
}

static void prepare(u16 port) {
  static u64 data[UDP_MOST / 8];
  for (u32 i = 0; i < COUNT(data); i++) data[i] = pattern_word(i * 8, run.options->seed);
  for (u32 slot = 0; slot < run.window; slot++)
    net_prepare(slot, port, (const u8 *)data, length_of(slot) - UDP_NUMBER);
}

/** Sends the next datagram with its number; a guest that may not reach its own buffer counts an error. */
static void issue(void) {
  const u32 slot = run.issued % run.window;
  net_number(slot, run.issued++);
  if (!net_send(slot)) run.errors++;
}

static bool given_up(void) { return run.timeouts >= (run.options->retry ? RETRY_LIMIT : TIMEOUT_LIMIT); }

/** Waits; true when nothing has happened for so long that it is no use any more. */
static bool wait(bool sent) {
  net_wait(sent);
  const u64 now = time_now();
  if (now - run.progress < time_from_ms(run.options->timeout_ms)) return false;
  run.timeouts++;
  run.progress = now;
  return true;
}

/** Keeps up to `window` datagrams on their way out. What counts is what has come to the peer in the end. */
static void stream(void) {
  u64 left = 0;
  while (left < run.datagrams && !given_up()) {
    bool any = false;
    for (; run.issued < run.datagrams && !net_busy(run.issued % run.window); any = true) issue();
    if (any) run.device->kick();
    bool done = run.device->poll();
    for (; left < run.issued && !net_busy(left % run.window); left++) run.progress = time_now();
    if (!any && !done) wait(true);
  }
  struct net_count count = {0, 0};
  if (!net_ask_count(PORT_SINK, time_from_ms(run.options->timeout_ms), &count)) run.errors++;
  run.arrived = count.datagrams;
  run.bytes = count.bytes;
  run.done = run.bytes / run.bs;
  run.lost = run.datagrams - run.arrived;
}

static bool may_ask(u32 slot) {
  if (run.issued == run.datagrams || run.missing[slot]) return false;
  for (u32 i = 0; i < run.pieces; i++)
    if (net_busy((run.issued + i) % run.window)) return false;
  return true;
}

/** Sends the datagrams again that haven't come back. */
static void ask_again(void) {
  for (u32 slot = 0; slot < run.depth; slot++)
    for (u32 i = 0; i < run.pieces; i++) {
      const u64 number = run.message[slot] * run.pieces + i;
      if (!(run.missing[slot] >> i & 1) || net_busy(number % run.window)) continue;
      net_number(number % run.window, number);
      if (!net_send(number % run.window)) run.errors++;
    }
  run.device->kick();
}

/** Keeps up to `depth` messages there or on their way back. One that isn't whole in time is given up, or asked for again. */
static void request_response(void) {
  u64 forgotten = 0;
  while (run.done + forgotten < run.operations && !given_up()) {
    bool any = false;
    for (;; any = true) {
      const u64 message = run.issued / run.pieces, slot = message % run.depth;
      if (!may_ask(slot)) break;
      timer_pace(&run.due, run.options->pace_us);
      run.message[slot] = message;
      run.missing[slot] = ~0ul >> (64 - run.pieces);
      run.started[slot] = time_now();
      for (u32 i = 0; i < run.pieces; i++) issue();
    }
    if (any) run.device->kick();
    if (run.device->poll() || any || !wait(false)) continue;
    if (run.options->retry) ask_again();
    else for (u32 slot = 0; slot < run.depth; slot++) {
      forgotten += run.missing[slot] != 0;
      run.missing[slot] = 0;
    }
  }
  run.lost = run.issued - run.arrived;
}

/** Asks for more whenever half of what was asked for has come. */
static void receive(void) {
  u32 slot = 0;
  while (run.next < run.datagrams && !given_up()) {
    const u64 open = run.asked - run.next;
    const u32 count = MIN(run.window - open, run.datagrams - run.asked);
    const bool ask = open <= run.window / 2 && count && !net_busy(slot);
    if (ask) {
      if (!net_ask_source(slot, run.asked, (struct net_wish){count, run.piece, run.pieces, run.last})) run.errors++;
      run.device->kick();
      run.asked += count;
      slot = (slot + 1) % run.window;
    }
    if (run.device->poll() || ask || !wait(false)) continue;
    if (run.options->retry) {
      run.asked = run.next;
      continue;
    }
    run.lost += run.asked - run.next;
    run.next = run.asked;
  }
  run.done = run.bytes / run.bs;
}

static void report(struct sample took, u64 interrupts, u64 translations, struct net_counters before) {
  const struct options *o = run.options;
  const struct net_counters now = net_counters();
  char text[80];
  hash_end(&run.hash, text);
  print("yado-result workload=%s driver=%s bytes=%lu operations=%lu errors=%lu timeouts=%lu checksum=%s", o->workload,
        run.device->driver, run.bytes, run.done, run.errors, run.timeouts, text);
  print(" datagrams=%lu lost=%lu malformed=%lu frames_sent=%lu frames_received=%lu", run.arrived, run.lost,
        now.malformed - before.malformed, now.sent - before.sent, now.received - before.received);
  if (net_resets()) print(" resets=%lu", net_resets());
  print(" cycles=%lu instret=%lu time_us=%lu bs=%u qd=%u interrupts=%lu", took.cycles, took.instructions,
        time_to_us(took.time), run.bs, run.depth, interrupts);
  if (run.device->pairs > 1) print(" received_by_pair=%lu,%lu", run.device->received[0], run.device->received[1]);
  print(" latency_mean_ns=%lu latency_max_ns=%lu translations=%lu\n",
        run.done ? time_to_ns(run.latency_sum) / run.done : 0, time_to_ns(run.latency_most), translations);
}

/** How messages are cut: evenly, so that none of their datagrams is too short for its number. */
static void cut(const struct options *o) {
  run.bs = MIN(o->bs, (u64)NET_MESSAGE);
  run.pieces = (run.bs + UDP_MOST - 1) / UDP_MOST;
  run.piece = (run.bs + run.pieces - 1) / run.pieces;
  run.last = run.bs - (run.pieces - 1) * run.piece;
  const u32 most = NET_DEPTH / run.pieces;
  run.depth = MIN(o->qd, (u64)most);
  run.window = run.depth * run.pieces;
  run.operations = o->total ? (o->total + run.bs - 1) / run.bs : o->count;
  run.datagrams = run.operations * run.pieces;
}

bool workload_net(const struct options *o, struct net_device *device) {
  static const struct {
    const char *name;
    void (*run)(void);
    u16 port;
  } workloads[] = {{"netstream", stream, PORT_SINK}, {"netrecv", receive, PORT_SOURCE},
                   {"netrr", request_response, PORT_ECHO}};
  run = (struct run){.options = o, .device = device};
  cut(o);
  hash_begin(&run.hash, o->hash);
  hash_update(&run.hash, "", 0);  // makes its tables, outside the region of interest
  timer_start(time_from_ms(o->timeout_ms) / 8 + 1);
  net_start(device, o->host, o->polling, on_datagram);
  net_recover(time_from_ms(o->timeout_ms) / 8);
  bool resolved = net_resolve(time_from_ms(o->timeout_ms));
  for (u32 i = 0; !resolved && o->retry && i < RETRY_LIMIT; i++) resolved = net_resolve(time_from_ms(o->timeout_ms));
  if (!resolved) return workload_without(o, device->driver, "no-peer");
  for (u32 i = 0; i < COUNT(workloads); i++) {
    if (!same(o->workload, workloads[i].name)) continue;
    prepare(workloads[i].port);
    console_quiet();
    const u64 interrupts = plic_taken(), translations = dma_service_calls();
    const struct net_counters before = net_counters();
    sbi_yado_region(true, REGION_IO);
    const struct sample begin = sample_now();
    run.progress = begin.time;
    workloads[i].run();
    const struct sample took = sample_since(begin);
    sbi_yado_region(false, REGION_IO);
    report(took, plic_taken() - interrupts, dma_service_calls() - translations, before);
    return !run.errors && (!run.timeouts || (o->retry && !given_up()));
  }
  panic("probe: workload=%s isn't known", o->workload);
}
