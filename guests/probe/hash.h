// Checksums over a stream of bytes: CRC-32C and SHA-256.
#pragma once
#include "kernel.h"

enum hash_kind { HASH_NONE, HASH_CRC32C, HASH_SHA256, HASH_UNSAID };

struct hash {
  enum hash_kind kind;
  u32 crc;
  u32 state[8];
  u64 length;
  u8 block[64];  // bytes that don't fill a block yet
};

void hash_begin(struct hash *hash, enum hash_kind kind);
void hash_update(struct hash *hash, const void *data, u64 length);
/** Writes "crc32c:…", "sha256:…" or "none" and NUL. */
void hash_end(struct hash *hash, char text[80]);

u32 crc32c(u32 crc, const void *data, u64 length);
void sha256_blocks(u32 state[8], const u8 *data, u64 blocks);
