// 16550A UART.
#pragma once
#include "console.h"

/** Sets the UART up, 8N1, FIFOs on if it has them and `fifo` is set. */
void uart_init(u64 base, bool fifo);
/** From now on output leaves by interrupt; `source` is its PLIC source. */
void uart_interrupt_driven(u32 source);
extern const struct console_device uart_console;
