// RISC-V Platform-Level Interrupt Controller Specification 1.0.0, "Memory Map", "Interrupt Claim Process",
// "Interrupt Completion".
#include "plic.h"
#include "lib.h"

enum { PRIORITY = 0, ENABLE = 0x2000, ENABLE_STRIDE = 0x80, CONTEXT = 0x200000, CONTEXT_STRIDE = 0x1000, CLAIM = 4 };
enum { MAX_SOURCES = 128, MAX_HANDLERS = 2 };
/** A line that stays up although its devices say it isn't theirs is switched off after so many interrupts. */
#define UNHANDLED_LIMIT 1000

static struct {
  u64 base, enable, context;
  u32 sources;
  interrupt_handler handlers[MAX_SOURCES][MAX_HANDLERS];
  u32 unhandled;  // in a row
  u64 taken;
} plic;

void plic_init(u64 base, u32 context, u32 sources) {
  plic.base = base;
  plic.enable = base + ENABLE + context * ENABLE_STRIDE;
  plic.context = base + CONTEXT + context * CONTEXT_STRIDE;
  plic.sources = MIN(sources + 1, MAX_SOURCES);
  for (u32 word = 0; word * 32 < plic.sources; word++) mmio_write32(plic.enable + word * 4, 0);
  mmio_write32(plic.context, 0);  // priority threshold
}

static void set_enabled(u32 source, bool on) {
  const u64 word = plic.enable + source / 32 * 4;
  const u32 bit = 1u << source % 32;
  mmio_write32(word, on ? mmio_read32(word) | bit : mmio_read32(word) & ~bit);
}

bool plic_enable(u32 source, interrupt_handler handler) {
  if (!source || source >= plic.sources) return false;
  for (u32 i = 0; i < MAX_HANDLERS; i++) {
    if (plic.handlers[source][i] && plic.handlers[source][i] != handler) continue;
    plic.handlers[source][i] = handler;
    mmio_write32(plic.base + PRIORITY + source * 4, 1);
    set_enabled(source, true);
    return true;
  }
  return false;
}

static bool handle(u32 source) {
  bool handled = false;
  if (source >= plic.sources) return false;
  for (u32 i = 0; i < MAX_HANDLERS && plic.handlers[source][i]; i++) handled |= plic.handlers[source][i]();
  return handled;
}

void plic_dispatch(void) {
  const u32 source = mmio_read32(plic.context + CLAIM);
  if (!source) return;
  plic.taken++;
  if (handle(source)) plic.unhandled = 0;
  else if (++plic.unhandled == UNHANDLED_LIMIT && source < plic.sources) {
    set_enabled(source, false);
    print("plic: source %u asked %u times for nothing: switched off\n", source, UNHANDLED_LIMIT);
    plic.unhandled = 0;
  }
  mmio_write32(plic.context + CLAIM, source);
}

u64 plic_taken(void) { return plic.taken; }
