// Sv39, identity mapped.
#pragma once
#include "kernel.h"

enum { MAP_R = 2, MAP_W = 4, MAP_X = 8 };

/** Maps [address, address + length) onto itself in pages of 4 KiB, or 2 MiB where `large` and aligned. */
void paging_map(u64 address, u64 length, u32 rights, bool large);
/** Maps the kernel (text RX, data RW, a hole under the stack) and switches translation on. */
void paging_start(void);
