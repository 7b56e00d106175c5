// 16550 UART and SiFive test finisher, where QEMU's `virt` board has them.
#include "board.h"

static volatile u8 *const uart = (volatile u8 *)0x10000000;
static volatile u32 *const finisher = (volatile u32 *)0x100000;

enum { TRANSMIT = 0, LINE_STATUS = 5, LINE_STATUS_EMPTY = 0x20, FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555 };

static void put(char c) {
  while (!(uart[LINE_STATUS] & LINE_STATUS_EMPTY)) {
  }
  uart[TRANSMIT] = (u8)c;
}

void print(const char *text) {
  while (*text) put(*text++);
}

void print_hex(u64 value) {
  for (int shift = 60; shift >= 0; shift -= 4) put("0123456789abcdef"[(value >> shift) & 15]);
}

void finish(u32 code) {
  for (;;) *finisher = code ? FINISHER_FAIL | code << 16 : FINISHER_PASS;
}
