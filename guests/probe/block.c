// Requests in flight: completion queue, waiting, timeouts.
#include "block.h"
#include "lib.h"
#include "timer.h"

/** Resets after which nothing came: then requests are lost instead. */
enum { MOST_IN_VAIN = 3 };

struct request requests[MAX_DEPTH];

static struct {
  struct request *completed[MAX_DEPTH];
  volatile u32 head, tail;  // head: next to take; tail: next free
  bool polling;
  u64 timeout, timeouts, strays, missed, resets;
  bool recovers, ill;  // whether a device that fails is to be reset; is, at the next occasion
  u32 in_vain;         // resets since a request completed
  u64 next_look;  // at overdue requests
  u32 slots, next_slot;
} block;

void block_set_slots(u32 slots) { block.slots = slots; }

struct request *block_idle(void) {
  for (u32 n = 0; n < block.slots; n++) {
    if (block.next_slot >= block.slots) block.next_slot = 0;
    struct request *request = &requests[block.next_slot++];
    if (request->state == STATE_IDLE) return request;
  }
  return NULL;
}

void block_release(struct request *request) {
  if (request->state == STATE_DONE) request->state = STATE_IDLE;
}

void block_configure(u64 timeout_ms, bool polling) {
  block.timeout = time_from_ms(timeout_ms);
  block.polling = polling;
  timer_start(time_from_ms(timeout_ms) / 8 + 1);
}

bool block_polling(void) { return block.polling; }
u64 block_timeout(void) { return block.timeout; }
u64 block_timeouts(void) { return block.timeouts; }
u64 block_missed(void) { return block.missed; }
u64 block_resets(void) { return block.resets; }
void block_recover(bool recovers) { block.recovers = recovers; }
u64 block_strays(void) { return block.strays; }
void block_stray(void) { block.strays++; }

void block_start(struct block_device *device, struct request *request) {
  request->status = 0;
  request->submitted = time_now();
  request->state = STATE_SUBMITTED;
  device->submit(request);
}

void block_complete(struct request *request, u32 status) {
  if (request->state != STATE_SUBMITTED) return block_stray();
  block.in_vain = 0;
  request->status = status;
  request->completed = time_now();
  request->state = STATE_DONE;
  block.completed[block.tail % MAX_DEPTH] = request;
  block.tail++;
}

struct request *block_take_completed(void) {
  if (block.head == block.tail) return NULL;
  struct request *request = block.completed[block.head % MAX_DEPTH];
  block.head++;
  return request;
}

bool block_retry(struct request *request) {
  if (!block.recovers || request->forged || block.in_vain == MOST_IN_VAIN) return false;
  return block.ill = true;
}

/** An overdue request is lost: its slot and buffer stay out of use, for the device may still write there. */
static void lose_overdue(struct block_device *device, u64 now) {
  for (u32 i = 0; i < MAX_DEPTH; i++) {
    struct request *request = &requests[i];
    if (request->state != STATE_SUBMITTED || now - request->submitted < block.timeout) continue;
    if (device->poll()) block.missed++;
    if (request->state != STATE_SUBMITTED) continue;
    block.timeouts++;
    block_complete(request, STATUS_TIMEOUT);
    request->state = STATE_LOST;
  }
}

/** How long the oldest request has been under way; 0 without one. */
static u64 oldest(u64 now) {
  u64 age = 0;
  for (u32 i = 0; i < MAX_DEPTH; i++)
    if (requests[i].state == STATE_SUBMITTED && now - requests[i].submitted > age) age = now - requests[i].submitted;
  return age;
}

static void look_for_overdue(struct block_device *device) {
  const u64 now = time_now();
  if (now < block.next_look) return;
  block.next_look = now + block.timeout / 8;
  if (!block.recovers || !device->recover || block.in_vain == MOST_IN_VAIN) return lose_overdue(device, now);
  const u64 age = oldest(now);
  if (age < block.timeout / 8) return;
  if (device->poll()) block.missed++;
  else if (age >= block.timeout || !device->alive()) block.ill = true;
}

/** Resets the device and gives it again what it hasn't completed. */
static void recover(struct block_device *device) {
  block.ill = false;
  block.in_vain++;
  block.resets++;
  print("probe: %s is reset\n", device->driver);
  if (!device->recover()) return;
  for (u32 i = 0; i < MAX_DEPTH; i++) {
    if (requests[i].state != STATE_SUBMITTED) continue;
    requests[i].submitted = time_now();
    device->submit(&requests[i]);
  }
  device->kick();
}

void block_poll(struct block_device *device) {
  if (block.ill) recover(device);
  if (block.polling || device->arm) device->poll();
}

bool block_arm(struct block_device *device) { return block.head != block.tail || (device->arm && device->arm()); }

void block_overdue(struct block_device *device) {
  if (block.head == block.tail) look_for_overdue(device);
}

void block_wait(struct block_device *device) {
  block_poll(device);
  interrupts_disable();
  if (!block.polling && !block_arm(device)) wait_for_interrupt();
  block_overdue(device);
  interrupts_enable();
}

u32 block_run(struct block_device *device, struct request *request) {
  block_start(device, request);
  device->kick();
  for (;;) {
    struct request *completed = block_take_completed();
    if (completed == request) return request->status;
    if (!completed) block_wait(device);
    block_poll(device);
  }
}

const char *block_status_name(const struct block_device *device, u32 status) {
  if (status == STATUS_SUCCESS) return "success";
  if (status == STATUS_UNMAPPED) return "unmapped";
  if (status == STATUS_TIMEOUT) return "timeout";
  return device->status_name(status);
}
