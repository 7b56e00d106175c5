// NVM Express 1.4: "Controller Registers", "Controller Initialization", "Identify command", "Number of Queues",
// "Create I/O Completion Queue command", "Create I/O Submission Queue command", "Read/Write/Flush command".
#include "nvme.h"
#include "lib.h"
#include "nvme_queue.h"
#include "plic.h"
#include "timer.h"

enum { CAP = 0x00, VS = 0x08, CC = 0x14, CSTS = 0x1c, AQA = 0x24, ASQ = 0x28, ACQ = 0x30, DOORBELLS = 0x1000 };
enum { CC_EN = 1, CC_IOSQES_64 = 6 << 16, CC_IOCQES_16 = 4 << 20, CSTS_RDY = 1, CSTS_CFS = 2 };
enum { ADMIN_CREATE_SQ = 0x01, ADMIN_CREATE_CQ = 0x05, ADMIN_IDENTIFY = 0x06, ADMIN_SET_FEATURES = 0x09 };
enum { IDENTIFY_NAMESPACE = 0, IDENTIFY_CONTROLLER = 1, FEATURE_NUMBER_OF_QUEUES = 7 };
enum { NVM_FLUSH = 0, NVM_WRITE = 1, NVM_READ = 2, QUEUE_CONTIGUOUS = 1, QUEUE_INTERRUPTS = 2 };
enum { NAMESPACE = 1, IO_QUEUE = 1, SECOND = 1000 };

static struct nvme_command admin_submissions[ADMIN_ENTRIES] __attribute__((aligned(4096)));
static struct nvme_completion admin_completions[ADMIN_ENTRIES] __attribute__((aligned(4096)));
static struct nvme_command io_submissions[QUEUE_ENTRIES] __attribute__((aligned(4096)));
static struct nvme_completion io_completions[QUEUE_ENTRIES] __attribute__((aligned(4096)));
static u8 identify_data[PAGE] __attribute__((aligned(4096)));

static struct {
  u64 registers, capabilities;
  const struct dma_map *map;
  struct nvme_queue admin, io;
  u64 identify_bus;
  u16 admin_id;                // of the admin command in flight
  volatile bool admin_done;
  volatile u32 admin_status, admin_result;
  u32 block_shift;
  struct block_device device;
} nvme = {
  .admin = {.submissions = admin_submissions, .completions = admin_completions},
  .io = {.submissions = io_submissions, .completions = io_completions},
};

static void take_admin(const struct nvme_completion *completion) {
  if (completion->command_id != nvme.admin_id || nvme.admin_done) return block_stray();
  nvme.admin_status = completion->status >> 1;
  nvme.admin_result = completion->result;
  nvme.admin_done = true;
}

static void take_io(const struct nvme_completion *completion) {
  if (completion->command_id >= MAX_DEPTH) return block_stray();
  block_complete(&requests[completion->command_id], completion->status >> 1);
}

/** Looks again after each doorbell: an interrupt controller that sees edges only would never tell about the line that
 * stayed up because one more completion had come meanwhile. */
static bool poll(void) {
  bool any = false;
  for (u32 rounds = 0; rounds < QUEUE_ENTRIES; rounds++, any = true) {
    const bool admin = nvme_queue_take(&nvme.admin, take_admin);
    const bool io = nvme.io.entries && nvme_queue_take(&nvme.io, take_io);
    if (!admin && !io) break;
  }
  return any;
}

/** Sends one admin command and waits for its end; false with a message after an error or a timeout. */
static bool admin(const char *name, struct nvme_command command) {
  const u64 deadline = time_now() + block_timeout();
  nvme.admin_id++;
  nvme.admin_done = false;
  command.dword0 |= (u32)nvme.admin_id << 16;
  nvme_queue_push(&nvme.admin, &command);
  nvme_queue_ring(&nvme.admin);
  while (!nvme.admin_done && time_now() < deadline) {
    if (block_polling()) poll();
    interrupts_disable();
    if (!nvme.admin_done && !block_polling()) wait_for_interrupt();
    interrupts_enable();
  }
  if (!nvme.admin_done && poll() && nvme.admin_done) print("nvme: %s: completed without an interrupt\n", name);
  if (!nvme.admin_done) return print("nvme: %s: timeout\n", name), false;
  if (nvme.admin_status)
    print("nvme: %s: status 0x%x %s\n", name, nvme.admin_status, nvme_status_name(nvme.admin_status));
  return !nvme.admin_status;
}

/** CSTS.RDY follows CC.EN within CAP.TO (in half seconds). */
static bool wait_ready(u32 ready) {
  const u64 half_seconds = nvme.capabilities >> 24 & 0xff;
  const u64 deadline = time_now() + time_from_ms((half_seconds ? half_seconds : 1) * SECOND / 2);
  do {
    const u32 status = mmio_read32(nvme.registers + CSTS);
    if (status & CSTS_CFS && ready) return print("nvme: fatal status, CSTS=0x%x\n", status), false;
    if ((status & CSTS_RDY) == ready) return true;
  } while (time_now() < deadline);
  return print("nvme: CSTS.RDY stays %u\n", !ready), false;
}

static void set_doorbells(struct nvme_queue *queue, u32 id) {
  const u64 stride = 4ul << (nvme.capabilities >> 32 & 15);
  queue->tail_doorbell = nvme.registers + DOORBELLS + 2 * id * stride;
  queue->head_doorbell = nvme.registers + DOORBELLS + (2 * id + 1) * stride;
}

static bool enable(void) {
  mmio_write32(nvme.registers + CC, 0);
  if (!wait_ready(0)) return false;
  set_doorbells(&nvme.admin, 0);
  if (!nvme_queue_init(&nvme.admin, ADMIN_ENTRIES, nvme.map) || !nvme_prp_init(nvme.map) ||
      !nvme.map->address(identify_data, PAGE, &nvme.identify_bus))
    return print("nvme: the translation service refuses\n"), false;
  mmio_write32(nvme.registers + AQA, (ADMIN_ENTRIES - 1) << 16 | (ADMIN_ENTRIES - 1));
  mmio_write64(nvme.registers + ASQ, nvme.admin.submissions_bus);
  mmio_write64(nvme.registers + ACQ, nvme.admin.completions_bus);
  mmio_write32(nvme.registers + CC, CC_IOSQES_64 | CC_IOCQES_16 | CC_EN);  // pages of 4 KiB, NVM command set
  return wait_ready(1);
}

static bool identify(u32 what, u32 nsid) {
  memset(identify_data, 0xa5, PAGE);
  return admin("identify", (struct nvme_command){
    .dword0 = ADMIN_IDENTIFY, .nsid = nsid, .prp1 = nvme.identify_bus, .dword10 = what});
}

static bool identify_controller(void) {
  if (!identify(IDENTIFY_CONTROLLER, 0)) return false;
  char model[41];
  copy_text(model, sizeof model, (const char *)identify_data + 24, (const char *)identify_data + 64);
  for (u32 n = strlen(model); n && model[n - 1] == ' ';) model[--n] = 0;
  const u32 mdts = identify_data[77], page_shift = 12 + (nvme.capabilities >> 48 & 15);
  const u64 limit = mdts && mdts < 20 ? 1ul << (page_shift + mdts) : MAX_REQUEST;
  nvme.device.max_transfer = MIN(limit, (u64)MAX_REQUEST);
  print("nvme: \"%s\", up to %u bytes a command\n", model, nvme.device.max_transfer);
  return true;
}

static bool identify_namespace(void) {
  if (!identify(IDENTIFY_NAMESPACE, NAMESPACE)) return false;
  u64 blocks;
  u32 format;
  memcpy(&blocks, identify_data, sizeof blocks);
  memcpy(&format, identify_data + 128 + 4 * (identify_data[26] & 15), sizeof format);
  nvme.block_shift = format >> 16 & 0xff;
  if (nvme.block_shift < 9 || nvme.block_shift > 12 || format & 0xffff || blocks >> (63 - nvme.block_shift))
    return print("nvme: namespace of 0x%lx blocks, format 0x%x: not understood\n", blocks, format), false;
  nvme.device.block_size = 1u << nvme.block_shift;
  nvme.device.capacity = blocks << nvme.block_shift;
  return true;
}

static bool create_io_queues(void) {
  if (!admin("set number of queues", (struct nvme_command){
        .dword0 = ADMIN_SET_FEATURES, .dword10 = FEATURE_NUMBER_OF_QUEUES}))  // one of each, zero's based
    return false;
  const u32 entries = MIN((u32)(nvme.capabilities & 0xffff) + 1, (u32)QUEUE_ENTRIES);
  if (!nvme_queue_init(&nvme.io, entries, nvme.map)) return print("nvme: the translation service refuses\n"), false;
  set_doorbells(&nvme.io, IO_QUEUE);
  nvme.device.depth = MIN((u32)MAX_DEPTH, entries - 1);
  const u32 size_and_id = (entries - 1) << 16 | IO_QUEUE;
  return admin("create completion queue", (struct nvme_command){
           .dword0 = ADMIN_CREATE_CQ, .prp1 = nvme.io.completions_bus, .dword10 = size_and_id,
           .dword11 = QUEUE_CONTIGUOUS | (block_polling() ? 0 : QUEUE_INTERRUPTS)}) &&
         admin("create submission queue", (struct nvme_command){
           .dword0 = ADMIN_CREATE_SQ, .prp1 = nvme.io.submissions_bus, .dword10 = size_and_id,
           .dword11 = IO_QUEUE << 16 | QUEUE_CONTIGUOUS});
}

static bool alive(void) { return (mmio_read32(nvme.registers + CSTS) & (CSTS_RDY | CSTS_CFS)) == CSTS_RDY; }

/** "Controller Level Reset": the queues are made anew, and what was in them is nobody's. */
static bool recover(void) {
  interrupts_disable();
  poll();
  nvme.io.entries = 0;
  interrupts_enable();
  return enable() && create_io_queues();
}

static bool bring_up(void) {
  return enable() && identify_controller() && identify_namespace() && create_io_queues();
}

static void submit(struct request *request) {
  struct nvme_command command = {.nsid = NAMESPACE};
  if (request->operation == OPERATION_FLUSH) {
    command.dword0 = NVM_FLUSH;
  } else {
    const u64 block = request->offset >> nvme.block_shift;
    command.dword0 = request->operation == OPERATION_WRITE ? NVM_WRITE : NVM_READ;
    command.dword10 = (u32)block;
    command.dword11 = (u32)(block >> 32);
    command.dword12 = (request->length >> nvme.block_shift) - 1;
    if (!nvme_prp_describe(&command, request, nvme.map)) {
      interrupts_disable();
      block_complete(request, STATUS_UNMAPPED);
      return interrupts_enable();
    }
  }
  command.dword0 |= (u32)request->slot << 16;
  nvme_queue_push(&nvme.io, &command);
}

static void kick(void) { nvme_queue_ring(&nvme.io); }

struct block_device *nvme_start(const struct pci_function *function, const struct dma_map *map) {
  nvme.registers = function->bar0;
  nvme.map = map;
  nvme.capabilities = mmio_read64(nvme.registers + CAP);
  const u32 version = mmio_read32(nvme.registers + VS);
  const u32 page_shift_min = 12 + (nvme.capabilities >> 48 & 15);
  if (page_shift_min != 12) return print("nvme: wants pages above 4 KiB\n"), NULL;
  print("nvme: version %u.%u, CAP 0x%lx, addresses: %s\n", version >> 16, version >> 8 & 0xff, nvme.capabilities,
        map->name);
  if (!block_polling() && !plic_enable(function->source, poll)) return print("nvme: no interrupt\n"), NULL;
  // a controller that was reset meanwhile gets another chance
  if (!bring_up() && (alive() || !bring_up())) return NULL;
  nvme.device.driver = "nvme";
  nvme.device.submit = submit;
  nvme.device.kick = kick;
  nvme.device.poll = poll;
  nvme.device.alive = alive;
  nvme.device.recover = recover;
  nvme.device.status_name = nvme_status_name;
  return &nvme.device;
}
