// The command line: key=value words in /chosen/bootargs. docs/guide-probe.md says what each means.
#pragma once
#include "hash.h"
#include "kernel.h"

enum { MAX_ATTACKS = 8 };

struct options {
  char workload[16], driver[16], nic_driver[16], attack[16];
  u64 bs, qd, batch, total, seed, start, length;
  enum hash_kind hash;
  bool verify, retry, large_pages, polling, uart_interrupts, uart_fifo, indirect, event_index;
  u64 attack_addresses[MAX_ATTACKS];
  u32 attack_count;
  bool attack_read, attack_write;
  u64 attack_offset;  // on the disk; ~0: its last 4 KiB
  u64 service_chunk, timeout_ms;
  u64 ms, tick_ms, bytes, count;
  u64 pace_us;
  u64 host, interrupt_rate, queues;
};

/** Reads the words of `line` over the defaults; unknown words are named and passed over. */
void options_read(struct options *options, const char *line);
