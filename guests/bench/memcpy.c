// Copies 64 KiB in words, four at a time: nothing but loads and stores.
#include "bench.h"

volatile u32 repetitions = 50000;

enum { WORDS = 8192 };

static u64 source[WORDS] PAGES;
static u64 target[WORDS] PAGES;

__attribute__((noinline)) static void copy(u64 *restrict to, const u64 *restrict from, u32 words) {
  for (u32 i = 0; i < words; i += 4) {
    const u64 a = from[i], b = from[i + 1], c = from[i + 2], d = from[i + 3];
    to[i] = a;
    to[i + 1] = b;
    to[i + 2] = c;
    to[i + 3] = d;
  }
}

u64 kernel(u32 count) {
  u32 seed = 1;
  for (u32 i = 0; i < WORDS; i++) source[i] = next_random(&seed);
  u64 checksum = 0;
  for (u32 round = 0; round < count; round++) {
    copy(target, source, WORDS);
    checksum += target[round % WORDS];
    source[(round + 1) % WORDS] ^= round;
  }
  return checksum;
}
