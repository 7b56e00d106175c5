// The console: the 16550A, or the virtio console where there is no other or the command line wants it.
#pragma once
#include "machine.h"
#include "options.h"

struct console_device {
  /** Takes everything; waits where it must. */
  void (*write)(const char *text, u64 length);
  /** What has come, at most `room` characters, and how many. */
  u32 (*read)(char *to, u32 room);
  /** From now on what comes is kept for `read` and interrupts. */
  void (*listen)(void);
  /** Waits until the device has taken everything. */
  void (*drain)(void);
  /** Whether the last character has left, or was at least taken where the device `tells` no more. */
  bool (*gone)(void);
  bool tells;
  /** From now on without interrupts: the end is near. */
  void (*poll)(void);
};

/** Before the first output; the UART is set up as the board has it. */
void console_early(const struct machine *machine);
/** Once interrupts can be routed: takes the device that `options` want, driven as they say. */
void console_start(const struct machine *machine, const struct options *options);
/** Its driver's name: "uart", "virtio-console" or "none". */
const char *console_driver(void);
/** Whether output waits for interrupts. */
bool console_interrupts(void);

void console_write(const char *text, u64 length);
u32 console_read(char *to, u32 room);
void console_listen(void);
void console_drain(void);
/** Drains, and waits until the last character has left, as far as the device tells. */
void console_settle(void);
/** Settles, and gives a device that doesn't tell time for what lies between it and the line. */
void console_quiet(void);
void console_poll(void);

/** The virtio console, or NULL with a message. */
const struct console_device *virtio_console_start(const struct machine *machine, const struct options *options);
/** Whether this run polls its console. */
bool console_polls(const struct options *options);
