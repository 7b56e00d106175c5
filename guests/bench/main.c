// The frame around every measured program: runs it, prints its checksum, ends the machine.
#include "board.h"

void main(void) {
  const u64 checksum = kernel(repetitions);
  print("checksum=");
  print_hex(checksum);
  print("\n");
  finish(0);
}
