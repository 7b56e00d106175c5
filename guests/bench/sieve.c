// Sieve of Eratosthenes over odd numbers: byte stores with strides, short inner loops.
#include "bench.h"

volatile u32 repetitions = 1300;

enum { LIMIT = 1 << 18, ODDS = LIMIT / 2 };

static u8 composite[ODDS] PAGES; // composite[i] stands for 2i + 1

u64 kernel(u32 count) {
  u64 primes = 0;
  for (u32 round = 0; round < count; round++) {
    for (u32 i = 0; i < ODDS; i++) composite[i] = 0;
    for (u32 i = 1; 2 * i * (i + 1) < ODDS; i++) {
      if (composite[i]) continue;
      for (u32 j = 2 * i * (i + 1); j < ODDS; j += 2 * i + 1) composite[j] = 1;
    }
    for (u32 i = 1; i < ODDS; i++) primes += !composite[i];
  }
  return primes + count; // 2 is the prime that the odd numbers lack
}
