// virtio 1.2, "Split Virtqueues": "The Virtqueue Descriptor Table", "The Virtqueue Available Ring", "The Virtqueue Used
// Ring", "Used Buffer Notification Suppression", "Available Buffer Notification Suppression"; "Virtio Over MMIO",
// "Virtqueue Configuration".
#include "lib.h"
#include "virtio.h"

enum { QUEUE_SEL = 0x30, QUEUE_SIZE_MAX = 0x34, QUEUE_SIZE = 0x38, QUEUE_READY = 0x44, QUEUE_NOTIFY = 0x50,
       QUEUE_DESC = 0x80, QUEUE_DRIVER = 0x90, QUEUE_DEVICE = 0xa0 };
enum { USED_F_NO_NOTIFY = 1, AVAIL_F_NO_INTERRUPT = 1 };

struct used_element {
  u32 id, length;
};

static struct virtq_desc table[RING_ENTRIES] __attribute__((aligned(4096)));
static struct {
  volatile u16 flags, index;
  u16 ring[RING_ENTRIES + 1];  // behind its last entry: used_event
} available __attribute__((aligned(4096)));
static volatile struct {
  u16 flags, index;
  struct used_element ring[RING_ENTRIES + 1];  // behind its last entry: avail_event
} used __attribute__((aligned(4096)));

static struct {
  u64 notify;
  u32 size;
  bool event_index;
  u16 next;      // index in the available ring
  u16 notified;  // what the device was last told of
  u16 taken;     // index in the used ring
} queue;

u32 virtq_init(const struct virtio_device *device) {
  const u64 base = device->base;
  mmio_write32(base + QUEUE_SEL, 0);
  const u32 most = mmio_read32(base + QUEUE_SIZE_MAX);
  if (most < 4 || mmio_read32(base + QUEUE_READY)) return print("virtio: queue 0 isn't usable\n"), 0;
  queue.size = RING_ENTRIES;
  while (queue.size > most) queue.size /= 2;  // a power of two
  queue.event_index = device->features & VIRTIO_F_EVENT_IDX;
  queue.notify = base + QUEUE_NOTIFY;
  mmio_write32(base + QUEUE_SIZE, queue.size);
  mmio_write64(base + QUEUE_DESC, (u64)table);
  mmio_write64(base + QUEUE_DRIVER, (u64)&available);
  mmio_write64(base + QUEUE_DEVICE, (u64)&used);
  barrier_before_doorbell();
  mmio_write32(base + QUEUE_READY, 1);
  return queue.size;
}

void virtq_set(u16 index, struct virtq_desc desc) { table[index] = desc; }

void virtq_offer(u16 head) { available.ring[queue.next++ % queue.size] = head; }

/** The device asks to be told when the index passes `event`: it did between `before` and `now`. */
static bool passed(u16 event, u16 now, u16 before) { return (u16)(now - event - 1) < (u16)(now - before); }

void virtq_notify(void) {
  barrier_full();  // entries before the index
  available.index = queue.next;
  barrier_full();  // the index before the device's wish
  const u16 avail_event = (u16)used.ring[queue.size].id;
  const bool wanted = queue.event_index ? passed(avail_event, queue.next, queue.notified)
                                        : !(used.flags & USED_F_NO_NOTIFY);
  queue.notified = queue.next;
  barrier_before_doorbell();
  if (wanted) mmio_write32(queue.notify, 0);
}

bool virtq_arm(void) {
  if (queue.event_index) *(volatile u16 *)&available.ring[queue.size] = queue.taken;
  else available.flags = 0;
  barrier_full();
  return used.index != queue.taken;  // it may have come in between
}

bool virtq_take(u32 *head) {
  if (!queue.event_index) available.flags = AVAIL_F_NO_INTERRUPT;
  if (used.index == queue.taken) return false;
  barrier_after_flag();
  *head = used.ring[queue.taken++ % queue.size].id;
  return true;
}
