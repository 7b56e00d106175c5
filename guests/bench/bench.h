// What a measured program and its frame (main.c) know of each other.
#ifndef BENCH_H
#define BENCH_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef int i32;
typedef long i64;

/** Data that the kernel writes: on pages of its own, away from code and from other data. */
#define PAGES __attribute__((aligned(4096)))

/** How often the kernel does its work. A runner may put another number into the ELF. */
extern volatile u32 repetitions;

/** The measured work; returns a checksum over all that it did. */
u64 kernel(u32 count);

/** Numbers that look random and are the same in every run (xorshift, period 2^32 - 1). */
static inline u32 next_random(u32 *state) {
  u32 x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

#endif
