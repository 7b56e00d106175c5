// Which device the console is.
#include "console.h"
#include "lib.h"
#include "timer.h"
#include "uart.h"

/** Milliseconds that a hundred characters take at 115,200 baud. */
enum { QUIET_MS = 9 };
/** Looks at whether the last character has left, and milliseconds between two. */
enum { SETTLE_LOOKS = 1000, SETTLE_MS = 1 };

static const struct console_device *console;
static bool interrupts;

void console_early(const struct machine *machine) {
  if (!machine->uart) return;
  uart_init(machine->uart, true);
  console = &uart_console;
}

bool console_polls(const struct options *o) {
  const bool measured = same(o->workload, "console") || same(o->workload, "echo");
  return !o->uart_interrupts || (measured && o->polling);
}

void console_start(const struct machine *machine, const struct options *options) {
  interrupts = !console_polls(options);
  if (machine->uart && !options->uart_fifo) uart_init(machine->uart, false);
  if (!machine->uart || same(options->driver, "virtio-console")) {
    const struct console_device *virtio = virtio_console_start(machine, options);
    if (virtio) console = virtio;
  }
  if (console == &uart_console && interrupts) uart_interrupt_driven(machine->uart_source);
}

const char *console_driver(void) { return !console ? "none" : console == &uart_console ? "uart" : "virtio-console"; }
bool console_interrupts(void) { return interrupts; }

void console_write(const char *text, u64 length) {
  if (console) console->write(text, length);
}

u32 console_read(char *to, u32 room) { return console ? console->read(to, room) : 0; }

void console_listen(void) {
  if (console) console->listen();
}

void console_drain(void) {
  if (console) console->drain();
}

void console_settle(void) {
  console_drain();
  for (u32 looks = 0; console && looks < SETTLE_LOOKS && !console->gone(); looks++) timer_sleep(SETTLE_MS);
}

void console_quiet(void) {
  console_settle();
  if (console && !console->tells) timer_sleep(QUIET_MS);
}

void console_poll(void) {
  if (console) console->poll();
}
