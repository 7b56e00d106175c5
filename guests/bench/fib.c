// Fibonacci numbers by plain recursion: calls, returns, the stack.
#include "bench.h"

volatile u32 repetitions = 300;

// Two functions that call each other, lest the compiler turn a recursion into a loop.
static u64 even(u32 n);
__attribute__((noinline)) static u64 odd(u32 n) { return n < 2 ? n : even(n - 1) + even(n - 2); }
__attribute__((noinline)) static u64 even(u32 n) { return n < 2 ? n : odd(n - 1) + odd(n - 2); }

u64 kernel(u32 count) {
  u64 checksum = 0;
  for (u32 round = 0; round < count; round++) checksum = checksum * 7 + even(24 + round % 3);
  return checksum;
}
