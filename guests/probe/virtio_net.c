// virtio 1.2, "Network Device": "Feature bits", "Device configuration layout", "Device Operation" with one buffer a frame.
#include "lib.h"
#include "plic.h"
#include "virtio.h"

#define VIRTIO_NET_F_MAC (1ul << 5)
/** Bytes of the header before each frame. */
enum { HEADER = 12, RECEIVE = 0, TRANSMIT = 1, RECEIVE_BUFFERS = NET_RECEIVES };

static struct virtq_memory receive_memory, transmit_memory;

static struct {
  struct virtio_device transport;
  struct virtq receive, transmit;
  u32 buffers;
  u32 underway;
  struct net_device device;
} nic = {.receive = {.memory = &receive_memory}, .transmit = {.memory = &transmit_memory}};

static bool submit(u32 slot, u32 length) {
  u8 *header = net_frame(slot) - HEADER;
  memset(header, 0, HEADER);  // no offload
  virtq_set(&nic.transmit, slot, (struct virtq_desc){net_bus(PLACE_SEND, (u64)header), HEADER + length, 0, 0});
  virtq_offer(&nic.transmit, slot);
  nic.underway++;
  return true;
}

static void kick(void) { virtq_notify(&nic.transmit); }

static void refill(u32 buffer) {
  const u64 address = net_bus(PLACE_RECEIVE, (u64)net_receive_buffer(buffer));
  virtq_set(&nic.receive, buffer, (struct virtq_desc){address, NET_BUFFER, DESC_F_WRITE, 0});
  virtq_offer(&nic.receive, buffer);
}

static bool poll(void) {
  struct used_element used;
  bool any = false, received = false;
  for (u32 n = 0; n < NET_SLOTS && virtq_take(&nic.transmit, &used); n++, any = true) {
    nic.underway--;
    net_sent(used.id);
  }
  for (u32 n = 0; n < RECEIVE_BUFFERS && virtq_take(&nic.receive, &used); n++, received = true) {
    if (used.id >= nic.buffers) continue;
    const u32 length = MIN(used.length, (u32)NET_BUFFER);
    if (length > HEADER) net_received(net_receive_buffer(used.id) + HEADER, length - HEADER);
    refill(used.id);
  }
  if (received) virtq_notify(&nic.receive);
  return any || received;
}

/** Of what is on its way out, three quarters may leave before it is worth an interrupt. */
static bool arm(bool sent) {
  const bool came = virtq_arm(&nic.receive, 0);
  return (sent && virtq_arm(&nic.transmit, nic.underway * 3 / 4)) || came;
}

/** Only wakes whoever waits, who then polls. */
static bool on_interrupt(void) { return virtio_acknowledge(&nic.transport); }

struct net_device *virtio_net_start(const struct machine *machine, const struct options *options) {
  const u64 wanted = VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_NET_F_MAC |
                     (options->event_index ? VIRTIO_F_EVENT_IDX : 0);
  struct virtio_device *transport = &nic.transport;
  if (!virtio_find(machine, VIRTIO_NETWORK, transport) || !virtio_negotiate(transport, wanted)) return NULL;
  nic.receive.bus = net_bus(PLACE_RECEIVE_RING, 0);
  nic.transmit.bus = net_bus(PLACE_SEND_RING, 0);
  nic.underway = 0;
  const u32 entries = virtq_init(&nic.receive, transport, RECEIVE);
  if (!entries || virtq_init(&nic.transmit, transport, TRANSMIT) < NET_SLOTS)
    return print("virtio: queues too small for %u frames\n", NET_SLOTS), NULL;
  nic.buffers = MIN(entries, (u32)RECEIVE_BUFFERS);
  nic.device = (struct net_device){
    .driver = "virtio", .mac = {0x52, 0x54, 0, 0x12, 0x34, 0x56}, .submit = submit, .kick = kick, .poll = poll, .arm = arm};
  if (transport->features & VIRTIO_NET_F_MAC)
    for (u32 i = 0; i < 6; i++) nic.device.mac[i] = mmio_read8(transport->base + 0x100 + i);
  print("virtio: network device at 0x%lx, features 0x%lx, queues of %u, PLIC source %u\n", transport->base,
        transport->features, entries, transport->source);
  if (!options->polling && !plic_enable(transport->source, on_interrupt)) return print("virtio: no interrupt\n"), NULL;
  virtio_driver_ok(transport);
  for (u32 i = 0; i < nic.buffers; i++) refill(i);
  virtq_notify(&nic.receive);
  return &nic.device;
}
