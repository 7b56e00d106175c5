// NVM Express 1.4, "Submission Queue & Completion Queue Definition", "Phase Tag",
// "Physical Region Page Entry and List", "Status Field Definition".
#include "nvme_queue.h"
#include "lib.h"

bool nvme_queue_init(struct nvme_queue *queue, u32 entries, const struct dma_map *map) {
  const u64 submissions = entries * sizeof(struct nvme_command), completions = entries * sizeof(struct nvme_completion);
  memset(queue->submissions, 0, submissions);
  memset(queue->completions, 0, completions);
  queue->entries = entries;
  queue->tail = queue->head = 0;
  queue->phase = 1;
  return map->address(queue->submissions, submissions, &queue->submissions_bus) &&
         map->address(queue->completions, completions, &queue->completions_bus);
}

void nvme_queue_push(struct nvme_queue *queue, const struct nvme_command *command) {
  queue->submissions[queue->tail] = *command;
  if (++queue->tail == queue->entries) queue->tail = 0;
}

void nvme_queue_ring(const struct nvme_queue *queue) {
  barrier_before_doorbell();
  mmio_write32(queue->tail_doorbell, queue->tail);
}

bool nvme_queue_take(struct nvme_queue *queue, void (*each)(const struct nvme_completion *completion)) {
  // The phase tag turns over once a round, so one round is all that a single visit can find.
  u32 taken = 0;
  for (; taken < queue->entries; taken++) {
    const volatile struct nvme_completion *completion = &queue->completions[queue->head];
    if ((completion->status & 1) != queue->phase) break;
    barrier_after_flag();
    each((const struct nvme_completion *)completion);
    if (++queue->head == queue->entries) queue->head = 0, queue->phase ^= 1;
  }
  if (taken) mmio_write32(queue->head_doorbell, queue->head);
  return taken;
}

static u64 lists[MAX_DEPTH][PAGE / sizeof(u64)] __attribute__((aligned(4096)));
static u64 lists_bus[MAX_DEPTH];

bool nvme_prp_init(const struct dma_map *map) {
  for (u32 slot = 0; slot < MAX_DEPTH; slot++)
    if (!map->address(lists[slot], PAGE, &lists_bus[slot])) return false;
  return true;
}

bool nvme_prp_describe(struct nvme_command *command, const struct request *request, const struct dma_map *map) {
  if (request->forged) return command->prp1 = request->forged_address, true;
  u64 *list = lists[request->slot];
  u64 bus = 0, mapped = 0, second = 0;  // `mapped`: end of the piece that the last call covered
  for (u64 done = 0; done < request->length; done += PAGE, bus += PAGE) {
    if (done >= mapped) {
      const u64 piece = MIN(map->chunk, request->length - done);
      if (!map->address(request->buffer + done, piece, &bus)) return false;
      mapped = done + piece;
    }
    if (done == 0) command->prp1 = bus;
    else list[done / PAGE - 1] = second = bus;
  }
  if (request->length > 2 * PAGE) command->prp2 = lists_bus[request->slot];
  else command->prp2 = second;
  return true;
}

static const struct {
  u16 status;
  const char *name;
} status_names[] = {
  {0x001, "invalid-command-opcode"}, {0x002, "invalid-field-in-command"}, {0x003, "command-id-conflict"},
  {0x004, "data-transfer-error"}, {0x005, "aborted-power-loss"}, {0x006, "internal-error"}, {0x007, "abort-requested"},
  {0x008, "aborted-sq-deletion"}, {0x00b, "invalid-namespace-or-format"}, {0x013, "prp-offset-invalid"},
  {0x080, "lba-out-of-range"}, {0x081, "capacity-exceeded"}, {0x082, "namespace-not-ready"},
  {0x100, "completion-queue-invalid"}, {0x101, "invalid-queue-identifier"}, {0x102, "invalid-queue-size"},
  {0x108, "invalid-interrupt-vector"}, {0x280, "write-fault"}, {0x281, "unrecovered-read-error"},
  {0x286, "access-denied"},
};

const char *nvme_status_name(u32 status) {
  for (u32 i = 0; i < COUNT(status_names); i++)
    if (status_names[i].status == (status & 0x7ff)) return status_names[i].name;  // status code and its type
  return "device-error";
}
