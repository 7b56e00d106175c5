// The two devices that a bare program needs: a console and an end.
#ifndef BOARD_H
#define BOARD_H

#include "bench.h"

void print(const char *text);
void print_hex(u64 value);
/** Ends the machine; anything but 0 as a failure. */
void finish(u32 code);

#endif
