// virtio 1.2, "Console Device": "Device Operation", one port.
#include "console.h"
#include "lib.h"
#include "plic.h"
#include "timer.h"
#include "virtio.h"

enum { RECEIVE = 0, TRANSMIT = 1, BUFFERS = 16, BUFFER = 256 };
/** Milliseconds without any buffer coming back, after which the device is given up. */
#define STALLED_MS 1000

static struct virtq_memory receive_memory, transmit_memory;

static struct {
  struct virtio_device transport;
  struct virtq receive, transmit;
  bool interrupts, listening, broken;
  u32 receives;                 // buffers offered for what comes
  u32 underway;                 // transmit buffers with the device
  bool busy[BUFFERS];
  char out[BUFFERS][BUFFER];
  char in[BUFFERS][BUFFER];
  u32 slot, taken, length;      // of the receive buffer that is being read; length 0: none
} vcon = {.receive = {.memory = &receive_memory}, .transmit = {.memory = &transmit_memory}};

static bool reap(void) {
  struct used_element used;
  bool any = false;
  for (u32 n = 0; n < BUFFERS && virtq_take(&vcon.transmit, &used); n++, any = true)
    if (used.id < BUFFERS && vcon.busy[used.id]) vcon.busy[used.id] = false, vcon.underway--;
  return any;
}

/** Until at least one buffer came back; of those under way three quarters may, before it is worth an interrupt. */
static void wait_for_buffers(void) {
  const u64 deadline = time_now() + time_from_ms(STALLED_MS);
  while (!reap() && !vcon.broken) {
    vcon.broken = time_now() > deadline;
    if (!vcon.interrupts || !interrupts_enabled()) continue;
    interrupts_disable();
    if (!virtq_arm(&vcon.transmit, vcon.underway * 3 / 4)) wait_for_interrupt();
    interrupts_enable();
  }
}

static u32 free_buffer(void) {
  for (u32 i = 0; i < BUFFERS; i++)
    if (!vcon.busy[i]) return i;
  return BUFFERS;
}

static void write(const char *text, u64 length) {
  while (length && !vcon.broken) {
    reap();
    const u32 slot = free_buffer();
    if (slot == BUFFERS) {
      wait_for_buffers();
      continue;
    }
    const u32 n = MIN(length, (u64)BUFFER);
    memcpy(vcon.out[slot], text, n);
    virtq_set(&vcon.transmit, slot, (struct virtq_desc){(u64)vcon.out[slot], n, 0, 0});
    virtq_offer(&vcon.transmit, slot);
    vcon.busy[slot] = true;
    vcon.underway++;
    virtq_notify(&vcon.transmit);
    text += n;
    length -= n;
  }
}

static bool all_back(void) {
  reap();
  return !vcon.underway || vcon.broken;
}

static void drain(void) {
  while (!all_back()) wait_for_buffers();
}

static void offer(u32 slot) {
  virtq_set(&vcon.receive, slot, (struct virtq_desc){(u64)vcon.in[slot], BUFFER, DESC_F_WRITE, 0});
  virtq_offer(&vcon.receive, slot);
}

static void listen(void) {
  if (vcon.listening) return;
  vcon.listening = true;
  for (u32 slot = 0; slot < vcon.receives; slot++) offer(slot);
  virtq_notify(&vcon.receive);
}

static u32 read(char *to, u32 room) {
  struct used_element used;
  if (!vcon.length) {
    while (!virtq_take(&vcon.receive, &used))
      if (!virtq_arm(&vcon.receive, 0)) return 0;
    if (used.id >= vcon.receives) return 0;
    vcon.slot = used.id, vcon.taken = 0, vcon.length = MIN(used.length, (u32)BUFFER);
  }
  const u32 n = MIN(room, vcon.length - vcon.taken);
  memcpy(to, vcon.in[vcon.slot] + vcon.taken, n);
  vcon.taken += n;
  if (vcon.taken == vcon.length) {
    vcon.length = 0;
    offer(vcon.slot);
    virtq_notify(&vcon.receive);
  }
  return n;
}

static void poll(void) { vcon.interrupts = false; }

/** Only wakes whoever waits, who then looks. */
static bool on_interrupt(void) { return virtio_acknowledge(&vcon.transport); }

static const struct console_device device = {
  .write = write, .read = read, .listen = listen, .drain = drain, .gone = all_back, .poll = poll};

const struct console_device *virtio_console_start(const struct machine *machine, const struct options *options) {
  const u64 wanted = VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | (options->event_index ? VIRTIO_F_EVENT_IDX : 0);
  struct virtio_device *transport = &vcon.transport;
  if (!virtio_find(machine, VIRTIO_CONSOLE, transport) || !virtio_negotiate(transport, wanted)) return NULL;
  vcon.receives = MIN(virtq_init(&vcon.receive, transport, RECEIVE), (u32)BUFFERS);
  if (!vcon.receives || virtq_init(&vcon.transmit, transport, TRANSMIT) < BUFFERS)
    return print("virtio: queues too small for %u buffers\n", BUFFERS), NULL;
  vcon.interrupts = !console_polls(options);
  if (vcon.interrupts && !plic_enable(transport->source, on_interrupt)) return print("virtio: no interrupt\n"), NULL;
  virtio_driver_ok(transport);
  return &device;
}
