// A submission queue and its completion queue.
#pragma once
#include "block.h"
#include "dma.h"

enum { QUEUE_ENTRIES = 128, ADMIN_ENTRIES = 16 };

struct nvme_command {
  u32 dword0, nsid, dword2, dword3;
  u64 metadata, prp1, prp2;
  u32 dword10, dword11, dword12, dword13, dword14, dword15;
};

struct nvme_completion {
  u32 result, reserved;
  u16 sq_head, sq_id;
  u16 command_id, status;  // status: phase tag in bit 0
};

struct nvme_queue {
  struct nvme_command *submissions;
  struct nvme_completion *completions;
  u64 submissions_bus, completions_bus;
  u64 tail_doorbell, head_doorbell;
  u32 entries, tail, head;
  u16 phase;
};

/** Clears the rings and finds their bus addresses. */
bool nvme_queue_init(struct nvme_queue *queue, u32 entries, const struct dma_map *map);
/** Appends a command. The caller keeps fewer in flight than there are entries, and rings. */
void nvme_queue_push(struct nvme_queue *queue, const struct nvme_command *command);
void nvme_queue_ring(const struct nvme_queue *queue);
/** Takes new completions one by one through `each`, then tells the controller once; true when there were any. */
bool nvme_queue_take(struct nvme_queue *queue, void (*each)(const struct nvme_completion *completion));

/** Finds the bus addresses of the PRP lists, one page for each slot. */
bool nvme_prp_init(const struct dma_map *map);
/** Describes the request's buffer in PRP entries; false when a page has no bus address. */
bool nvme_prp_describe(struct nvme_command *command, const struct request *request, const struct dma_map *map);

/** Meaning of a status field without its phase tag. */
const char *nvme_status_name(u32 status);
