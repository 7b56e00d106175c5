// virtio 1.2, "Network Device": "Feature bits", "Device configuration layout", "Device Operation" with one buffer a frame,
// "Control Virtqueue", "Automatic receive steering in multiqueue mode".
#include "lib.h"
#include "plic.h"
#include "timer.h"
#include "virtio.h"

#define VIRTIO_NET_F_MAC (1ul << 5)
#define VIRTIO_NET_F_CTRL_VQ (1ul << 17)
#define VIRTIO_NET_F_MQ (1ul << 22)
enum { CONFIG_MAX_VIRTQUEUE_PAIRS = 8, CLASS_MQ = 4, MQ_VQ_PAIRS_SET = 0, ACK_OK = 0, CONTROL_MS = 100 };
/** Bytes of the header before each frame. */
enum { HEADER = 12, RECEIVE_BUFFERS = NET_RECEIVES };

static struct virtq_memory receive_memory[NET_PAIRS], transmit_memory[NET_PAIRS], control_memory;

struct pair {
  struct virtq receive, transmit;
  u32 first, buffers;  // of the receive buffers
  u32 underway;
  bool offered;
};

static struct {
  struct virtio_device transport;
  struct pair pairs[NET_PAIRS];
  u32 count;
  struct net_device device;
} nic;

/** Slots belong to the pairs in turn. */
static bool submit(u32 slot, u32 length) {
  struct pair *pair = &nic.pairs[slot % nic.count];
  u8 *header = net_frame(slot) - HEADER;
  memset(header, 0, HEADER);  // no offload
  virtq_set(&pair->transmit, slot, (struct virtq_desc){(u64)header, HEADER + length, 0, 0});
  virtq_offer(&pair->transmit, slot);
  pair->underway++;
  pair->offered = true;
  return true;
}

static void kick(void) {
  for (struct pair *pair = nic.pairs; pair < nic.pairs + nic.count; pair++) {
    if (pair->offered) virtq_notify(&pair->transmit);
    pair->offered = false;
  }
}

static void refill(struct pair *pair, u32 buffer) {
  const u64 address = (u64)net_receive_buffer(pair->first + buffer);
  virtq_set(&pair->receive, buffer, (struct virtq_desc){address, NET_BUFFER, DESC_F_WRITE, 0});
  virtq_offer(&pair->receive, buffer);
}

static bool poll_pair(struct pair *pair) {
  struct used_element used;
  bool any = false, received = false;
  for (u32 n = 0; n < NET_SLOTS && virtq_take(&pair->transmit, &used); n++, any = true) {
    pair->underway--;
    net_sent(used.id);
  }
  for (u32 n = 0; n < RECEIVE_BUFFERS && virtq_take(&pair->receive, &used); n++, received = true) {
    if (used.id >= pair->buffers) continue;
    const u32 length = MIN(used.length, (u32)NET_BUFFER);
    nic.device.received[pair - nic.pairs]++;
    if (length > HEADER) net_received(net_receive_buffer(pair->first + used.id) + HEADER, length - HEADER);
    refill(pair, used.id);
  }
  if (received) virtq_notify(&pair->receive);
  return any || received;
}

static bool poll(void) {
  bool any = false;
  for (struct pair *pair = nic.pairs; pair < nic.pairs + nic.count; pair++) any |= poll_pair(pair);
  return any;
}

/** Of what is on its way out, three quarters may leave before it is worth an interrupt. */
static bool arm(bool sent) {
  bool any = false;
  for (struct pair *pair = nic.pairs; pair < nic.pairs + nic.count; pair++) {
    any |= virtq_arm(&pair->receive, 0);
    if (sent && pair->underway) any |= virtq_arm(&pair->transmit, pair->underway * 3 / 4);
  }
  return any;
}

/** Only wakes whoever waits, who then polls. */
static bool on_interrupt(void) { return virtio_acknowledge(&nic.transport); }

static bool start_pair(u32 number) {
  struct pair *pair = &nic.pairs[number];
  *pair = (struct pair){.receive = {.memory = &receive_memory[number]}, .transmit = {.memory = &transmit_memory[number]}};
  const u32 entries = virtq_init(&pair->receive, &nic.transport, 2 * number);
  if (!entries || virtq_init(&pair->transmit, &nic.transport, 2 * number + 1) < NET_SLOTS)
    return print("virtio: queues too small for %u frames\n", NET_SLOTS), false;
  pair->buffers = MIN(entries, (u32)RECEIVE_BUFFERS / nic.count);
  pair->first = number * pair->buffers;
  return true;
}

/** Has the device use all pairs; false when it doesn't say so. */
static bool use_pairs(struct virtq *control) {
  static struct {
    u8 kind, command;
    u16 pairs;
    volatile u8 ack;
  } request;
  request.kind = CLASS_MQ, request.command = MQ_VQ_PAIRS_SET, request.pairs = nic.count, request.ack = 0xff;
  virtq_set(control, 0, (struct virtq_desc){(u64)&request, 4, DESC_F_NEXT, 1});
  virtq_set(control, 1, (struct virtq_desc){(u64)&request.ack, 1, DESC_F_WRITE, 0});
  virtq_offer(control, 0);
  virtq_notify(control);
  const u64 deadline = time_now() + time_from_ms(CONTROL_MS);
  struct used_element used;
  while (!virtq_take(control, &used))
    if (time_now() > deadline) return false;
  return request.ack == ACK_OK;
}

struct net_device *virtio_net_start(const struct machine *machine, const struct options *options) {
  static struct virtq control = {.memory = &control_memory};
  const u64 several = options->queues > 1 ? VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ : 0;
  const u64 wanted = VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_NET_F_MAC | several |
                     (options->event_index ? VIRTIO_F_EVENT_IDX : 0);
  struct virtio_device *transport = &nic.transport;
  if (!virtio_find(machine, VIRTIO_NETWORK, transport) || !virtio_negotiate(transport, wanted)) return NULL;
  const u32 most = transport->features & VIRTIO_NET_F_MQ ? mmio_read16(transport->base + 0x100 + CONFIG_MAX_VIRTQUEUE_PAIRS) : 1;
  nic.count = MIN(MIN(options->queues, (u64)most), (u64)NET_PAIRS);
  for (u32 i = 0; i < nic.count; i++)
    if (!start_pair(i)) return NULL;
  if (nic.count > 1 && !virtq_init(&control, transport, 2 * most)) return NULL;
  nic.device = (struct net_device){.driver = "virtio", .mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56}, .pairs = nic.count,
                                   .submit = submit, .kick = kick, .poll = poll, .arm = arm};
  if (transport->features & VIRTIO_NET_F_MAC)
    for (u32 i = 0; i < 6; i++) nic.device.mac[i] = mmio_read8(transport->base + 0x100 + i);
  print("virtio: network device at 0x%lx, features 0x%lx, %u of %u queue pairs of %u, PLIC source %u\n", transport->base,
        transport->features, nic.count, most, nic.pairs[0].receive.size, transport->source);
  if (!options->polling && !plic_enable(transport->source, on_interrupt)) return print("virtio: no interrupt\n"), NULL;
  virtio_driver_ok(transport);
  if (nic.count > 1 && !use_pairs(&control)) return print("virtio: %u queue pairs refused\n", nic.count), NULL;
  for (struct pair *pair = nic.pairs; pair < nic.pairs + nic.count; pair++) {
    for (u32 i = 0; i < pair->buffers; i++) refill(pair, i);
    virtq_notify(&pair->receive);
  }
  return &nic.device;
}
