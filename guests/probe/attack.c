// A hostile or faulty driver: reads and writes whose DMA address isn't the guest's to name. Everything else about the
// command is in order, so that nothing but a check of the address can stop it.
#include "lib.h"
#include "workload.h"

enum { SHOWN = 16 };

static u32 run_one(struct block_device *device, const struct request *command, struct request **used) {
  struct request *request = block_idle();
  *used = request;
  if (!request) return STATUS_TIMEOUT;
  request->operation = command->operation;
  request->forged = command->forged;
  request->forged_address = command->forged_address;
  request->offset = command->offset;
  request->length = command->length;
  const u32 status = block_run(device, request);
  request->forged = false;
  block_release(request);
  return status;
}

static void report(const struct options *o, const struct block_device *device, u64 address, const char *operation,
                   const struct request *command, u32 status) {
  print("yado-attack kind=%s address=0x%lx op=%s offset=%lu bytes=%u status=%s code=0x%x", o->attack, address,
        operation, command->offset, command->length, block_status_name(device, status), status);
}

/** An ordinary read of the place that the attack named: shows whether the device lives, and what a write has leaked. */
static bool check(const struct options *o, struct block_device *device, u64 address, const struct request *attack) {
  struct request command = {.operation = OPERATION_READ, .offset = attack->offset, .length = attack->length};
  struct request *used;
  const u32 status = run_one(device, &command, &used);
  report(o, device, address, "check", &command, status);
  if (status == STATUS_SUCCESS) {
    print(" data=");
    for (u32 i = 0; i < SHOWN; i++) print("%02x", used->buffer[i]);
  }
  print("\n");
  return status == STATUS_SUCCESS;
}

static bool attack(const struct options *o, struct block_device *device, u64 address, bool write) {
  const u64 capacity = device->capacity, block = device->block_size;
  // One entry of a PRP list can't name more than what is left of its page.
  const u64 length = address % PAGE || o->bs < PAGE || capacity < PAGE ? block : PAGE;
  const u64 offset = o->attack_offset == ~0ul ? capacity - length : o->attack_offset / block * block;
  struct request *used;
  struct request command = {.operation = write ? OPERATION_WRITE : OPERATION_READ,
                            .forged = true, .forged_address = address, .offset = offset, .length = length};
  const u32 status = run_one(device, &command, &used);
  report(o, device, address, write ? "write" : "read", &command, status);
  print("\n");
  return check(o, device, address, &command);
}

bool attack_run(const struct options *o, struct block_device *device) {
  bool alive = true;
  if (!o->attack_count) panic("probe: attack=%s needs attack-address=", o->attack);
  for (u32 i = 0; i < o->attack_count && alive; i++) {
    if (o->attack_read) alive = attack(o, device, o->attack_addresses[i], false);
    if (o->attack_write && alive) alive = attack(o, device, o->attack_addresses[i], true);
  }
  return alive;
}
