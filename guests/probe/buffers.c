// I/O buffers: one for each request slot, page aligned.
#include "lib.h"
#include "paging.h"
#include "workload.h"

/** What a buffer holds before the first transfer: data that never arrives is wrong, but always in the same way. */
#define UNTOUCHED 0xa5a5a5a5a5a5a5a5ul

/** Bytes from `start` to the end of RAM, or to the device tree where that comes first. */
static u64 room(const struct machine *m, u64 start) {
  u64 end = m->memory_start + m->memory_size;
  if (m->tree_start >= start && m->tree_start < end) end = m->tree_start & ~(PAGE - 1);
  return end > start ? end - start : 0;
}

void buffers_init(const struct machine *m, struct options *o, const struct block_device *device, u64 start) {
  const u32 block = device->block_size;
  o->bs = MIN(o->bs, (u64)device->max_transfer) / block * block;
  if (!o->bs) panic("probe: bs is below the device's block of %u bytes", block);
  const u64 each = ALIGN_UP(o->bs, PAGE);
  // Attacks may cost slots, so they get some more than the workload needs.
  const u64 wanted = o->qd + (o->attack_count ? 2 * o->attack_count : 0);
  const u64 slots = MIN(MIN(wanted, (u64)device->depth), room(m, start) / each);
  o->qd = MIN(o->qd, slots);
  if (!o->qd) panic("probe: no memory for a buffer of %lu bytes", o->bs);
  const u64 whole = o->large_pages ? ALIGN_UP(each * slots, 2 * MIB) : each * slots;
  paging_map(start, MIN(whole, room(m, start)), MAP_R | MAP_W, o->large_pages);
  for (u32 slot = 0; slot < slots; slot++) {
    requests[slot].slot = slot;
    requests[slot].buffer = (u8 *)start + slot * each;
  }
  block_set_slots(slots);
  fill_words((void *)start, UNTOUCHED, each * slots);
}

u64 pattern_word(u64 offset, u64 seed) {
  u64 x = (offset / 8 + seed * 0x9e3779b97f4a7c15ul) * 0xbf58476d1ce4e5b9ul;
  return x ^ x >> 31;
}
