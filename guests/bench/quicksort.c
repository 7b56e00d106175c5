// Quicksort (Lomuto's partition, the smaller side by recursion): branches that no predictor knows.
#include "bench.h"

volatile u32 repetitions = 120;

enum { LENGTH = 1 << 16 };

static i32 values[LENGTH] PAGES;

static inline void swap(i32 *a, i32 *b) {
  const i32 kept = *a;
  *a = *b;
  *b = kept;
}

static i64 partition(i64 low, i64 high) {
  swap(&values[low + (high - low) / 2], &values[high]);
  const i32 pivot = values[high];
  i64 boundary = low;
  for (i64 i = low; i < high; i++) {
    if (values[i] < pivot) swap(&values[i], &values[boundary++]);
  }
  swap(&values[boundary], &values[high]);
  return boundary;
}

static void sort(i64 low, i64 high) {
  while (low < high) {
    const i64 middle = partition(low, high);
    if (middle - low < high - middle) {
      sort(low, middle - 1);
      low = middle + 1;
    } else {
      sort(middle + 1, high);
      high = middle - 1;
    }
  }
}

u64 kernel(u32 count) {
  u32 seed = 1;
  u64 checksum = 0;
  for (u32 round = 0; round < count; round++) {
    for (u32 i = 0; i < LENGTH; i++) values[i] = (i32)next_random(&seed);
    sort(0, LENGTH - 1);
    for (u32 i = 1; i < LENGTH; i++) checksum += (values[i - 1] <= values[i]) * (u64)i;
    checksum ^= (u32)values[LENGTH / 3];
  }
  return checksum;
}
