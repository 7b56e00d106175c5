// virtio over MMIO: devices with split virtqueues, and the block and the network device on it.
#pragma once
#include "block.h"
#include "machine.h"
#include "net.h"
#include "options.h"

enum { VIRTIO_NETWORK = 1, VIRTIO_BLOCK = 2, VIRTIO_CONSOLE = 3, RING_ENTRIES = 256 };

/** Feature bits that the transport or the ring defines. */
#define VIRTIO_F_INDIRECT_DESC (1ul << 28)
#define VIRTIO_F_EVENT_IDX (1ul << 29)
#define VIRTIO_F_VERSION_1 (1ul << 32)
#define VIRTIO_F_ACCESS_PLATFORM (1ul << 33)

enum { DESC_F_NEXT = 1, DESC_F_WRITE = 2, DESC_F_INDIRECT = 4 };

struct virtq_desc {
  u64 address;
  u32 length;
  u16 flags, next;
};

struct virtio_device {
  u64 base;
  u32 source;
  u64 features;  // negotiated
};

/** Finds the first device of type `id` with a version 2 interface; false with a message when there is none. */
bool virtio_find(const struct machine *machine, u32 id, struct virtio_device *found);
/** Resets, accepts `wanted` of what is offered, sets FEATURES_OK; false with a message. */
bool virtio_negotiate(struct virtio_device *device, u64 wanted);
void virtio_driver_ok(const struct virtio_device *device);
u64 virtio_config(const struct virtio_device *device, u32 offset, u32 size);
/** Reads and acknowledges the interrupt status; true when the device had raised one. */
bool virtio_acknowledge(const struct virtio_device *device);

struct used_element {
  u32 id, length;
};

/** What driver and device share. */
struct virtq_memory {
  struct virtq_desc table[RING_ENTRIES] __attribute__((aligned(4096)));
  struct {
    volatile u16 flags, index;
    u16 ring[RING_ENTRIES + 1];  // behind its last entry: used_event
  } available __attribute__((aligned(4096)));
  volatile struct {
    u16 flags, index;
    struct used_element ring[RING_ENTRIES + 1];  // behind its last entry: avail_event
  } used __attribute__((aligned(4096)));
};

struct virtq {
  struct virtq_memory *memory;
  u64 bus;       // where the device is told that `memory` is; 0: where it is
  u64 notify;
  u32 number, size;
  bool event_index;
  u16 next;      // index in the available ring
  u16 notified;  // what the device was last told of
  u16 taken;     // index in the used ring
};

/** Sets up virtqueue `number`, empty, with `memory` and `bus`; its number of entries, 0 with a message. */
u32 virtq_init(struct virtq *queue, const struct virtio_device *device, u32 number);
/** Writes entry `index` of the descriptor table. */
void virtq_set(struct virtq *queue, u16 index, struct virtq_desc desc);
/** Puts the chain that begins at `head` into the available ring. */
void virtq_offer(struct virtq *queue, u16 head);
/** Tells the device about what was offered since, unless it doesn't want to know. */
void virtq_notify(struct virtq *queue);
/** Takes the next used chain; false when there is none. The device is to be silent until `virtq_arm`. */
bool virtq_take(struct virtq *queue, struct used_element *element);
/** Asks for an interrupt at the next used chain but `more` (where the device can count); true when it is there already. */
bool virtq_arm(struct virtq *queue, u16 more);

/** The block device, or NULL with a message. */
struct block_device *virtio_blk_start(const struct machine *machine, const struct options *options);
/** The network device, or NULL with a message. */
struct net_device *virtio_net_start(const struct machine *machine, const struct options *options);
