// A block device as the workloads see it: requests in slots, completions through a queue.
#pragma once
#include "kernel.h"

enum { MAX_DEPTH = 64, MAX_REQUEST = 1024 * 1024 };
enum operation { OPERATION_READ, OPERATION_WRITE, OPERATION_FLUSH };
enum state { STATE_IDLE, STATE_SUBMITTED, STATE_DONE, STATE_LOST };
/** Statuses of our own, beside the device's. */
enum { STATUS_SUCCESS = 0, STATUS_UNMAPPED = 0x10000, STATUS_TIMEOUT = 0x10001 };

struct request {
  u16 slot;
  u8 operation;
  volatile u8 state;
  bool forged;            // the device is given forged_address instead of the buffer's
  u64 forged_address;
  u64 offset;             // on the disk, in bytes
  u32 length;             // in bytes; at most one page where forged
  u8 *buffer;
  volatile u32 status;    // 0, one of ours, or as the device spells it
  u64 submitted, completed;  // in `time`
  u64 index;              // which operation of the workload it is
};

struct block_device {
  const char *driver;
  u64 capacity;      // in bytes
  u32 block_size;    // in bytes
  u32 max_transfer;  // in bytes
  u32 depth;         // requests in flight
  /** Puts a request into the queue; the device need not know before kick(). */
  void (*submit)(struct request *request);
  void (*kick)(void);
  /** Takes completions; true when there were any. The interrupt handler unless there is `arm`, and the body of a polling loop. */
  bool (*poll)(void);
  /** Where the device can be asked to be silent: asks for an interrupt at the next completion; true when one is there already.
   *  Such a device is polled while there is work to do, and interrupts only to end a wait. NULL for others. */
  bool (*arm)(void);
  /** Whether the device can complete anything; resets it, so that what wasn't completed can be submitted again. Both or none. */
  bool (*alive)(void);
  bool (*recover)(void);
  const char *(*status_name)(u32 status);
};

extern struct request requests[MAX_DEPTH];

/** The first `slots` requests have a buffer. */
void block_set_slots(u32 slots);
/** An idle request with a buffer, or NULL. */
struct request *block_idle(void);
/** The request was dealt with: its slot is idle again, unless it is lost. */
void block_release(struct request *request);

/** How long a request may take, how often the wait looks at the clock, and whether it sleeps; before any request. */
void block_configure(u64 timeout_ms, bool polling);
void block_start(struct block_device *device, struct request *request);
/** For drivers: the request is done. */
void block_complete(struct request *request, u32 status);
/** For drivers: a completion that belongs to no request. */
void block_stray(void);
u64 block_strays(void);
/** The oldest completed request that nobody took yet, or NULL. */
struct request *block_take_completed(void);
/** Takes what completed, where interrupts don't tell. */
void block_poll(struct block_device *device);
/** For a wait for more than this device, interrupts being disabled: true when there is a completion, or the device was
 *  asked to interrupt too late. `block_overdue` marks requests that are overdue after it. */
bool block_arm(struct block_device *device);
void block_overdue(struct block_device *device);
/** Sleeps (or polls) until a request of `device` completes or the clock ticks; marks requests that are overdue. */
void block_wait(struct block_device *device);
/** One request from start to end; its status. */
u32 block_run(struct block_device *device, struct request *request);
bool block_polling(void);
/** Completions found only because a request was overdue: their interrupt never came. */
u64 block_missed(void);
u64 block_timeout(void);
u64 block_timeouts(void);
/** Whether a device that fails is reset and asked again; resets so far. */
void block_recover(bool recovers);
u64 block_resets(void);
/** For drivers: a request has failed with what a reset may mend; true when there is one soon, after which it is submitted again. */
bool block_retry(struct request *request);
/** Name of a status, ours or the device's. */
const char *block_status_name(const struct block_device *device, u32 status);
