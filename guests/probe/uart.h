// 16550A UART: the console.
#pragma once
#include "kernel.h"

/** Sets the UART up, 8N1, FIFOs on if it has them and `fifo` is set. */
void uart_init(u64 base, bool fifo);
/** From now on output leaves by interrupt; `source` is its PLIC source. */
void uart_interrupt_driven(u32 source);
/** Back to polling; drains what waits. */
void uart_polled(void);
/** Writes everything, "\n" as it is. */
void uart_write(const char *text, u64 length);
/** Waits until the last character has left the ring. */
void uart_drain(void);
