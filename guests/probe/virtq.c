// virtio 1.2, "Split Virtqueues": "The Virtqueue Descriptor Table", "The Virtqueue Available Ring", "The Virtqueue Used
// Ring", "Used Buffer Notification Suppression", "Available Buffer Notification Suppression"; "Virtio Over MMIO",
// "Virtqueue Configuration".
#include "lib.h"
#include "virtio.h"

enum { QUEUE_SEL = 0x30, QUEUE_SIZE_MAX = 0x34, QUEUE_SIZE = 0x38, QUEUE_READY = 0x44, QUEUE_NOTIFY = 0x50,
       QUEUE_DESC = 0x80, QUEUE_DRIVER = 0x90, QUEUE_DEVICE = 0xa0 };
enum { USED_F_NO_NOTIFY = 1, AVAIL_F_NO_INTERRUPT = 1 };

u32 virtq_init(struct virtq *queue, const struct virtio_device *device, u32 number) {
  const u64 base = device->base, bus = queue->bus ? queue->bus : (u64)queue->memory;
  mmio_write32(base + QUEUE_SEL, number);
  const u32 most = mmio_read32(base + QUEUE_SIZE_MAX);
  if (most < 4 || mmio_read32(base + QUEUE_READY)) return print("virtio: queue %u isn't usable\n", number), 0;
  memset(queue->memory, 0, sizeof *queue->memory);
  queue->next = queue->notified = queue->taken = 0;
  queue->number = number;
  queue->size = RING_ENTRIES;
  while (queue->size > most) queue->size /= 2;  // a power of two
  queue->event_index = device->features & VIRTIO_F_EVENT_IDX;
  queue->notify = base + QUEUE_NOTIFY;
  mmio_write32(base + QUEUE_SIZE, queue->size);
  mmio_write64(base + QUEUE_DESC, bus);
  mmio_write64(base + QUEUE_DRIVER, bus + __builtin_offsetof(struct virtq_memory, available));
  mmio_write64(base + QUEUE_DEVICE, bus + __builtin_offsetof(struct virtq_memory, used));
  barrier_before_doorbell();
  mmio_write32(base + QUEUE_READY, 1);
  return queue->size;
}

void virtq_set(struct virtq *queue, u16 index, struct virtq_desc desc) { queue->memory->table[index] = desc; }

void virtq_offer(struct virtq *queue, u16 head) { queue->memory->available.ring[queue->next++ % queue->size] = head; }

/** The device asks to be told when the index passes `event`: it did between `before` and `now`. */
static bool passed(u16 event, u16 now, u16 before) { return (u16)(now - event - 1) < (u16)(now - before); }

void virtq_notify(struct virtq *queue) {
  struct virtq_memory *memory = queue->memory;
  barrier_full();  // entries before the index
  memory->available.index = queue->next;
  barrier_full();  // the index before the device's wish
  const u16 avail_event = (u16)memory->used.ring[queue->size].id;
  const bool wanted = queue->event_index ? passed(avail_event, queue->next, queue->notified)
                                         : !(memory->used.flags & USED_F_NO_NOTIFY);
  queue->notified = queue->next;
  barrier_before_doorbell();
  if (wanted) mmio_write32(queue->notify, queue->number);
}

bool virtq_arm(struct virtq *queue, u16 more) {
  struct virtq_memory *memory = queue->memory;
  if (!queue->event_index) more = 0, memory->available.flags = 0;
  else *(volatile u16 *)&memory->available.ring[queue->size] = queue->taken + more;
  barrier_full();
  return (u16)(memory->used.index - queue->taken) > more;  // it may have come in between
}

bool virtq_take(struct virtq *queue, struct used_element *element) {
  struct virtq_memory *memory = queue->memory;
  if (!queue->event_index) memory->available.flags = AVAIL_F_NO_INTERRUPT;
  if (memory->used.index == queue->taken) return false;
  barrier_after_flag();
  const volatile struct used_element *used = &memory->used.ring[queue->taken++ % queue->size];
  *element = (struct used_element){used->id, used->length};
  return true;
}
