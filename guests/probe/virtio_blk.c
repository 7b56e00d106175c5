// virtio 1.2, "Block Device": "Feature bits", "Device configuration layout", "Device Operation";
// "Indirect Descriptors".
#include "lib.h"
#include "plic.h"
#include "virtio.h"

#define VIRTIO_BLK_F_SIZE_MAX (1ul << 1)
#define VIRTIO_BLK_F_RO (1ul << 5)
#define VIRTIO_BLK_F_BLK_SIZE (1ul << 6)
#define VIRTIO_BLK_F_FLUSH (1ul << 9)
enum { CONFIG_CAPACITY = 0, CONFIG_SIZE_MAX = 8, CONFIG_BLK_SIZE = 20, SECTOR = 512 };
enum { TYPE_IN = 0, TYPE_OUT = 1, TYPE_FLUSH = 4, STATUS_PENDING = 0xff, CHAIN = 3 };

struct header {
  u32 type, reserved;
  u64 sector;
};

/** What the device reads and writes about one request; a cache line each, the table aligned as it must be. */
static struct slot {
  struct virtq_desc table[CHAIN];
  struct header header;
} slots[MAX_DEPTH] __attribute__((aligned(64)));
static volatile u8 statuses[MAX_DEPTH];

static struct virtq_memory memory;
static struct {
  struct virtio_device transport;
  struct virtq queue;
  bool indirect;
  struct block_device device;
} blk = {.queue = {.memory = &memory}};

/** The chain of a request: header, data unless it is a flush, status. Returns its length. */
static u32 describe(const struct request *request, struct virtq_desc chain[CHAIN], u16 base) {
  struct slot *slot = &slots[request->slot];
  const bool read = request->operation == OPERATION_READ, flush = request->operation == OPERATION_FLUSH;
  u32 n = 0;
  slot->header = (struct header){.type = flush ? TYPE_FLUSH : read ? TYPE_IN : TYPE_OUT,
                                 .sector = flush ? 0 : request->offset / SECTOR};
  chain[n] = (struct virtq_desc){(u64)&slot->header, sizeof slot->header, DESC_F_NEXT, base + n + 1};
  n++;
  if (!flush) {
    const u64 address = request->forged ? request->forged_address : (u64)request->buffer;
    const u16 flags = DESC_F_NEXT | (read ? DESC_F_WRITE : 0);
    chain[n] = (struct virtq_desc){address, request->length, flags, base + n + 1};
    n++;
  }
  chain[n++] = (struct virtq_desc){(u64)&statuses[request->slot], 1, DESC_F_WRITE, 0};
  return n;
}

static void submit(struct request *request) {
  const u16 slot = request->slot;
  statuses[slot] = STATUS_PENDING;
  if (blk.indirect) {
    const u32 length = describe(request, slots[slot].table, 0);
    const u64 bytes = length * sizeof(struct virtq_desc);
    virtq_set(&blk.queue, slot, (struct virtq_desc){(u64)slots[slot].table, bytes, DESC_F_INDIRECT, 0});
    return virtq_offer(&blk.queue, slot);
  }
  struct virtq_desc chain[CHAIN];
  const u16 base = slot * CHAIN;
  const u32 length = describe(request, chain, base);
  for (u32 i = 0; i < length; i++) virtq_set(&blk.queue, base + i, chain[i]);
  virtq_offer(&blk.queue, base);
}

static bool poll(void) {
  bool any = false;
  struct used_element used;
  for (u32 n = 0; n < RING_ENTRIES && virtq_take(&blk.queue, &used); n++, any = true) {
    const u32 slot = blk.indirect ? used.id : used.id / CHAIN;
    if (slot < MAX_DEPTH) block_complete(&requests[slot], statuses[slot]);
    else block_stray();
  }
  return any;
}

static void kick(void) { virtq_notify(&blk.queue); }
static bool arm(void) { return virtq_arm(&blk.queue, 0); }

/** Only wakes whoever waits, who then polls. */
static bool on_interrupt(void) { return virtio_acknowledge(&blk.transport); }

static const char *status_name(u32 status) {
  if (status == STATUS_PENDING) return "status-not-written";
  return status == 1 ? "io-error" : status == 2 ? "unsupported" : "device-error";
}

struct block_device *virtio_blk_start(const struct machine *machine, const struct options *options) {
  const u64 wanted = VIRTIO_F_VERSION_1 | VIRTIO_F_ACCESS_PLATFORM | VIRTIO_BLK_F_SIZE_MAX | VIRTIO_BLK_F_RO |
                     VIRTIO_BLK_F_BLK_SIZE | VIRTIO_BLK_F_FLUSH |
                     (options->indirect ? VIRTIO_F_INDIRECT_DESC : 0) | (options->event_index ? VIRTIO_F_EVENT_IDX : 0);
  struct virtio_device *transport = &blk.transport;
  if (!virtio_find(machine, VIRTIO_BLOCK, transport) || !virtio_negotiate(transport, wanted)) return NULL;
  const u32 entries = virtq_init(&blk.queue, transport, 0);
  if (!entries) return NULL;
  blk.indirect = transport->features & VIRTIO_F_INDIRECT_DESC;
  const u64 sectors = virtio_config(transport, CONFIG_CAPACITY, 8);
  const u64 has = transport->features;
  const u32 size_max = has & VIRTIO_BLK_F_SIZE_MAX ? virtio_config(transport, CONFIG_SIZE_MAX, 4) : 0;
  const u32 blk_size = has & VIRTIO_BLK_F_BLK_SIZE ? virtio_config(transport, CONFIG_BLK_SIZE, 4) : SECTOR;
  if (blk_size < SECTOR || blk_size > PAGE || blk_size & (blk_size - 1) || sectors >> 54)
    return print("virtio: %lu sectors, blk_size %u: not understood\n", sectors, blk_size), NULL;
  print("virtio: block device at 0x%lx, features 0x%lx, queue of %u, PLIC source %u\n", transport->base,
        transport->features, entries, transport->source);
  blk.device = (struct block_device){
    .driver = "virtio", .capacity = sectors * SECTOR / blk_size * blk_size, .block_size = blk_size,
    .max_transfer = size_max ? MIN(size_max, (u32)MAX_REQUEST) : MAX_REQUEST,
    .depth = MIN((u32)MAX_DEPTH, blk.indirect ? entries : entries / CHAIN),
    .submit = submit, .kick = kick, .poll = poll, .arm = arm, .status_name = status_name};
  if (!block_polling() && !plic_enable(transport->source, on_interrupt)) return print("virtio: no interrupt\n"), NULL;
  virtio_driver_ok(transport);
  return &blk.device;
}
