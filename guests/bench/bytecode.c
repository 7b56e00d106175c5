// An interpreter of a small stack machine: one switch with a case for each operation, an indirect jump for each step.
#include "bench.h"

volatile u32 repetitions = 200;

enum operation { PUSH, ADD, SUBTRACT, MULTIPLY, XOR, SHIFT, DUPLICATE, SWAP, LOAD, STORE, DECREMENT, JUMP_IF, HALT };

enum { SUM = 0, LEFT = 1, MIX = 2 };

// Counts variable LEFT down from its start, and stirs each value into SUM and MIX.
static const u8 program[] = {
    LOAD, SUM, LOAD, LEFT, ADD, STORE, SUM,                              // SUM += LEFT
    LOAD, MIX, DUPLICATE, PUSH, 7, SHIFT, XOR, LOAD, SUM, ADD,           // MIX = (MIX ^ MIX >> 7) + SUM
    PUSH, 5, MULTIPLY, LOAD, LEFT, SWAP, SUBTRACT, STORE, MIX,           // MIX = LEFT - 5 * MIX
    LOAD, LEFT, DECREMENT, DUPLICATE, STORE, LEFT, JUMP_IF, 0, HALT,
};

static u64 stack[64] PAGES;
static u64 variables[64] PAGES;

__attribute__((noinline)) static void interpret(const u8 *code) {
  u64 *top = stack;
  for (u32 pc = 0;;) {
    switch ((enum operation)code[pc++]) {
      case PUSH: *++top = code[pc++]; break;
      case ADD: top--; top[0] += top[1]; break;
      case SUBTRACT: top--; top[0] -= top[1]; break;
      case MULTIPLY: top--; top[0] *= top[1]; break;
      case XOR: top--; top[0] ^= top[1]; break;
      case SHIFT: top--; top[0] >>= top[1] & 63; break;
      case DUPLICATE: top[1] = top[0]; top++; break;
      case SWAP: { const u64 kept = top[0]; top[0] = top[-1]; top[-1] = kept; break; }
      case LOAD: *++top = variables[code[pc++]]; break;
      case STORE: variables[code[pc++]] = *top--; break;
      case DECREMENT: top[0]--; break;
      case JUMP_IF: pc = *top-- ? code[pc] : pc + 1; break;
      case HALT: return;
    }
  }
}

u64 kernel(u32 count) {
  variables[SUM] = 0;
  variables[MIX] = 1;
  for (u32 round = 0; round < count; round++) {
    variables[LEFT] = 10000;
    interpret(program);
  }
  return variables[SUM] ^ variables[MIX];
}
