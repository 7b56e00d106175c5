// A checksum over a stream of bytes, whichever kind was asked for.
#include "hash.h"
#include "lib.h"

void hash_begin(struct hash *hash, enum hash_kind kind) {
  static const u32 start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                               0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  memset(hash, 0, sizeof *hash);
  hash->kind = kind;
  memcpy(hash->state, start, sizeof start);
}

static void update_sha256(struct hash *hash, const u8 *data, u64 length) {
  const u64 waiting = hash->length % 64;
  hash->length += length;
  if (waiting) {
    const u64 n = MIN(64 - waiting, length);
    memcpy(hash->block + waiting, data, n);
    if (waiting + n < 64) return;
    sha256_blocks(hash->state, hash->block, 1);
    data += n;
    length -= n;
  }
  sha256_blocks(hash->state, data, length / 64);
  memcpy(hash->block, data + length / 64 * 64, length % 64);
}

void hash_update(struct hash *hash, const void *data, u64 length) {
  if (hash->kind == HASH_CRC32C) hash->crc = crc32c(hash->crc, data, length);
  if (hash->kind == HASH_SHA256) update_sha256(hash, data, length);
}

static char *put_hex(char *text, u32 value) {
  for (int shift = 28; shift >= 0; shift -= 4) *text++ = "0123456789abcdef"[value >> shift & 15];
  return text;
}

/** FIPS 180-4, "Padding the Message": a one bit, zeros, the length in bits as a big-endian 64-bit number. */
static void pad_sha256(struct hash *hash) {
  u8 tail[72] = {0x80};
  const u64 bits = hash->length * 8, zeros = (55 - hash->length) & 63;
  for (u32 i = 0; i < 8; i++) tail[1 + zeros + i] = (u8)(bits >> (56 - 8 * i));
  update_sha256(hash, tail, 1 + zeros + 8);
}

void hash_end(struct hash *hash, char text[80]) {
  char *end = text;
  if (hash->kind == HASH_NONE) {
    memcpy(text, "none", 5);
    return;
  }
  memcpy(text, hash->kind == HASH_CRC32C ? "crc32c:" : "sha256:", 7);
  end += 7;
  if (hash->kind == HASH_CRC32C) end = put_hex(end, hash->crc);
  else {
    pad_sha256(hash);
    for (u32 i = 0; i < 8; i++) end = put_hex(end, hash->state[i]);
  }
  *end = 0;
}
