// CRC-32 (ISO 3309) with a table of 256 words: a chain of dependent loads.
#include "bench.h"

volatile u32 repetitions = 3000;

enum { POLYNOMIAL = 0xedb88320u, LENGTH = 1 << 16 };

static u32 table[256] PAGES;
static u8 message[LENGTH] PAGES;

u64 kernel(u32 count) {
  for (u32 i = 0; i < 256; i++) {
    u32 remainder = i;
    for (int bit = 0; bit < 8; bit++) remainder = (remainder >> 1) ^ (remainder & 1 ? POLYNOMIAL : 0);
    table[i] = remainder;
  }
  u32 seed = 1;
  for (u32 i = 0; i < LENGTH; i++) message[i] = (u8)next_random(&seed);

  u32 crc = ~0u;
  for (u32 round = 0; round < count; round++) {
    for (u32 i = 0; i < LENGTH; i++) crc = (crc >> 8) ^ table[(u8)crc ^ message[i]];
  }
  return (u32)~crc;
}
