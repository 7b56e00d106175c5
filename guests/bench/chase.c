// Follows pointers through 4096 nodes of a cache line each, in random order: 256 KiB, more than L1D and less than L2.
// Every 16th pass ends with SFENCE.VMA, as QEMU gives its software TLB its proper size only when it is flushed.
#include "bench.h"

volatile u32 repetitions = 25000;

enum { NODES = 4096 };

struct node {
  struct node *next;
  u64 value;
  u64 unused[6];
};

static struct node nodes[NODES] PAGES;
static u32 order[NODES] PAGES;

u64 kernel(u32 count) {
  u32 seed = 1;
  for (u32 i = 0; i < NODES; i++) order[i] = i;
  for (u32 i = NODES - 1; i > 0; i--) {
    const u32 j = next_random(&seed) % (i + 1);
    const u32 kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
  for (u32 i = 0; i < NODES; i++) {
    nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
    nodes[order[i]].value = i;
  }
  u64 checksum = 0;
  const struct node *at = &nodes[order[0]];
  for (u32 round = 0; round < count; round++) {
    for (u32 i = 0; i < NODES; i++) {
      checksum = checksum * 3 + at->value;
      at = at->next;
    }
    if (round % 16 == 15) asm volatile("sfence.vma" ::: "memory");
  }
  return checksum;
}
