// CRC-32C: RFC 3720, "CRC algorithm" (Castagnoli polynomial, reflected); eight bytes a step by eight tables.
#include "hash.h"

#define POLYNOMIAL 0x82f63b78u

static u32 tables[8][256];

static void make_tables(void) {
  for (u32 byte = 0; byte < 256; byte++) {
    u32 crc = byte;
    for (u32 bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
    tables[0][byte] = crc;
  }
  // tables[n][b]: what byte b becomes with n zero bytes behind it.
  for (u32 n = 1; n < 8; n++)
    for (u32 byte = 0; byte < 256; byte++)
      tables[n][byte] = tables[n - 1][byte] >> 8 ^ tables[0][tables[n - 1][byte] & 255];
}

static u32 by_bytes(u32 crc, const u8 *data, u64 length) {
  while (length--) crc = crc >> 8 ^ tables[0][(crc ^ *data++) & 255];
  return crc;
}

u32 crc32c(u32 crc, const void *data, u64 length) {
  const u8 *at = data;
  if (!tables[0][1]) make_tables();
  crc = ~crc;
  const u64 before = MIN(-(u64)at & 7, length);
  crc = by_bytes(crc, at, before);
  at += before, length -= before;
  for (; length >= 8; at += 8, length -= 8) {
    const u64 x = *(const u64 *)at ^ crc;
    crc = tables[7][x & 255] ^ tables[6][x >> 8 & 255] ^ tables[5][x >> 16 & 255] ^ tables[4][x >> 24 & 255] ^
          tables[3][x >> 32 & 255] ^ tables[2][x >> 40 & 255] ^ tables[1][x >> 48 & 255] ^ tables[0][x >> 56];
  }
  return ~by_bytes(crc, at, length);
}
