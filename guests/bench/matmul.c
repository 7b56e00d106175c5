// Product of two 96 × 96 integer matrices, row by column: multiplications, and loads that stride over rows.
#include "bench.h"

volatile u32 repetitions = 500;

enum { SIZE = 96 };

static i32 left[SIZE][SIZE] PAGES;
static i32 right[SIZE][SIZE] PAGES;
static i32 product[SIZE][SIZE] PAGES;

u64 kernel(u32 count) {
  u32 seed = 1;
  for (int i = 0; i < SIZE; i++) {
    for (int j = 0; j < SIZE; j++) {
      left[i][j] = (i32)(next_random(&seed) % 1000);
      right[i][j] = (i32)(next_random(&seed) % 1000);
    }
  }
  u64 checksum = 0;
  for (u32 round = 0; round < count; round++) {
    for (int i = 0; i < SIZE; i++) {
      for (int j = 0; j < SIZE; j++) {
        i32 sum = 0;
        for (int k = 0; k < SIZE; k++) sum += left[i][k] * right[k][j];
        product[i][j] = sum;
      }
    }
    const u32 at = round % SIZE;
    checksum = checksum * 31 + (u32)product[at][SIZE - 1 - at];
    left[at][at] += 1; // so that no round repeats the one before
  }
  return checksum;
}
