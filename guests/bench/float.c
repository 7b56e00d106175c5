// Product of two 64 × 64 matrices of doubles, then loops in the manner of the Livermore kernels: a fragment of hydrodynamics, an
// equation of state, an inner product, and a recurrence in which each step waits for the one before.
#include "bench.h"

volatile u32 repetitions = 120;

enum { SIZE = 64, LENGTH = 1000, LOOPS = 40 };

static double left[SIZE][SIZE] PAGES;
static double right[SIZE][SIZE] PAGES;
static double product[SIZE][SIZE] PAGES;
static double x[LENGTH] PAGES;
static double y[LENGTH + 16] PAGES;
static double z[LENGTH + 16] PAGES;

/** mstatus.FS: dirty. */
static void enable_float(void) { __asm__ volatile("csrs mstatus, %0" ::"r"(3ul << 13)); }

/** A number between 0 and 1. */
static double next_double(u32 *seed) { return (double)(next_random(seed) >> 8) * 0x1p-24; }

static void multiply(void) {
  for (int i = 0; i < SIZE; i++) {
    for (int j = 0; j < SIZE; j++) {
      double sum = 0;
      for (int k = 0; k < SIZE; k++) sum += left[i][k] * right[k][j];
      product[i][j] = sum;
    }
  }
}

static double loops(double q, double r, double t) {
  double inner = 0;
  for (int k = 0; k < LENGTH; k++) x[k] = q + y[k] * (r * z[k + 10] + t * z[k + 11]);
  for (int k = 0; k < LENGTH; k++) inner += z[k] * x[k];
  for (int k = 0; k < LENGTH; k++) {
    x[k] = y[k] + r * (z[k] + r * y[k]) + t * (y[k + 3] + r * (y[k + 2] - r * y[k + 1]));
  }
  for (int k = 1; k < LENGTH; k++) x[k] = z[k] * (y[k] - x[k - 1]);
  return inner / (1 + x[LENGTH - 1] * x[LENGTH - 1]);
}

static u64 bits(double value) {
  union {
    double number;
    u64 bits;
  } both = {value};
  return both.bits;
}

u64 kernel(u32 count) {
  enable_float();
  u32 seed = 1;
  for (int i = 0; i < SIZE; i++) {
    for (int j = 0; j < SIZE; j++) {
      left[i][j] = next_double(&seed);
      right[i][j] = next_double(&seed) - 0.5;
    }
  }
  for (int k = 0; k < LENGTH + 16; k++) {
    y[k] = next_double(&seed);
    z[k] = next_double(&seed);
  }
  u64 checksum = 0;
  for (u32 round = 0; round < count; round++) {
    multiply();
    double sum = 0;
    for (int i = 0; i < LOOPS; i++) sum += loops(0.25, next_double(&seed), 0.125);
    const u32 at = round % SIZE;
    checksum = checksum * 31 + bits(product[at][SIZE - 1 - at]) + bits(sum);
    left[at][at] += 0.5; // so that no round repeats the one before
  }
  return checksum;
}
