// No work: what a run costs before and after the kernel.
#include "bench.h"

volatile u32 repetitions = 0;

u64 kernel(u32 count) { return count; }
