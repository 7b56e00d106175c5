// 16550A UART (PC16550D data sheet, "Registers"): output, polled or by the THR-empty interrupt; input by interrupt.
#include "uart.h"
#include "plic.h"
#include "timer.h"

enum { RBR = 0, THR = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5 };
enum { IER_ERBFI = 0x01, IER_ETBEI = 0x02, IIR_FIFOS = 0xc0, FCR_ENABLE = 0x01, FCR_RESET = 0x06, FCR_TRIGGER_8 = 0x80 };
enum { LCR_8N1 = 0x03, LSR_DATA = 0x01, LSR_THRE = 0x20, LSR_TEMT = 0x40 };
enum { MCR_DTR_RTS_OUT2 = 0x0b, FIFO_DEPTH = 16 };
/** THRE that never comes: give up after so many looks, and drop the character. */
#define PATIENCE 1000000u
/** Milliseconds without any progress of the ring. */
#define STALLED_MS 1000

static struct {
  u64 base;
  u32 depth;                // characters per THRE
  bool interrupts, listening;
  char ring[4096];
  volatile u32 head, tail;  // head: next to send; tail: next free
  char input[4096];
  volatile u32 first, last;  // of the input: next to be read; next free
} uart;

void uart_init(u64 base, bool fifo) {
  uart.base = base;
  mmio_write8(base + IER, 0);
  mmio_write8(base + LCR, LCR_8N1);
  mmio_write8(base + FCR, fifo ? FCR_ENABLE | FCR_RESET | FCR_TRIGGER_8 : 0);
  mmio_write8(base + MCR, MCR_DTR_RTS_OUT2);
  uart.depth = fifo && (mmio_read8(base + IIR) & IIR_FIFOS) == IIR_FIFOS ? FIFO_DEPTH : 1;
}

static bool transmitter_empty(void) { return mmio_read8(uart.base + LSR) & LSR_THRE; }

static bool wait_for_transmitter(void) {
  for (u32 looks = 0; looks < PATIENCE; looks++)
    if (transmitter_empty()) return true;
  return false;
}

static bool ring_empty(void) { return uart.head == uart.tail; }

/** Fills the transmitter from the ring; the interrupt stays on while more waits. */
static void send_from_ring(void) {
  for (u32 n = 0; n < uart.depth && !ring_empty(); n++) {
    mmio_write8(uart.base + THR, uart.ring[uart.head % sizeof uart.ring]);
    uart.head++;
  }
}

/** Wants interrupts for input while listening, and for room where there is something to send. */
static void enable(bool sending) {
  mmio_write8(uart.base + IER, (uart.listening ? IER_ERBFI : 0) | (sending ? IER_ETBEI : 0));
}

/** Takes what has come, as far as there is room; the line status after it. */
static u8 take_input(void) {
  u8 status = mmio_read8(uart.base + LSR);
  while (status & LSR_DATA && uart.last - uart.first < sizeof uart.input) {
    uart.input[uart.last % sizeof uart.input] = mmio_read8(uart.base + RBR);
    uart.last++;
    status = mmio_read8(uart.base + LSR);
  }
  return status;
}

static bool on_interrupt(void) {
  const u8 cause = mmio_read8(uart.base + IIR);
  if (cause & 1) return false;
  const bool sending = !ring_empty();
  if (take_input() & LSR_THRE) send_from_ring();
  if (sending && ring_empty()) enable(false);
  return true;
}

void uart_interrupt_driven(u32 source) { uart.interrupts = plic_enable(source, on_interrupt); }

static void go_polled(void) {
  mmio_write8(uart.base + IER, 0);
  uart.interrupts = false;
  while (!ring_empty() && wait_for_transmitter()) send_from_ring();
}

/** Sleeps until the ring moves on; when it doesn't for so long, its interrupt is lost for good. */
static void wait_for_progress(void) {
  const u32 head = uart.head;
  const u64 deadline = time_now() + time_from_ms(STALLED_MS);
  while (time_now() < deadline) {
    interrupts_disable();
    if (head == uart.head && !ring_empty()) wait_for_interrupt();
    interrupts_enable();
    if (head != uart.head || ring_empty()) return;
  }
  go_polled();
}

static void drain(void) {
  while (uart.interrupts && !ring_empty()) wait_for_progress();
}

static void write_polled(const char *text, u64 length) {
  while (length) {
    if (!wait_for_transmitter()) return;
    for (u32 n = 0; n < uart.depth && length; n++, length--) mmio_write8(uart.base + THR, *text++);
  }
}

static void write_to_ring(const char *text, u64 length) {
  while (length) {
    interrupts_disable();
    const bool idle = ring_empty();
    while (length && uart.tail - uart.head < sizeof uart.ring) {
      uart.ring[uart.tail % sizeof uart.ring] = *text++;
      uart.tail++;
      length--;
    }
    if (idle) {
      enable(true);
      if (transmitter_empty()) send_from_ring();
    }
    interrupts_enable();
    if (!length) return;
    wait_for_progress();
    if (!uart.interrupts) return write_polled(text, length);
  }
}

static void write(const char *text, u64 length) {
  if (uart.interrupts && interrupts_enabled()) return write_to_ring(text, length);
  while (!ring_empty() && wait_for_transmitter()) send_from_ring();
  write_polled(text, length);
}

static u32 read(char *to, u32 room) {
  if (!uart.interrupts) take_input();
  u32 n = 0;
  for (; n < room && uart.first != uart.last; n++, uart.first++) to[n] = uart.input[uart.first % sizeof uart.input];
  return n;
}

static void listen(void) {
  uart.listening = true;
  if (uart.interrupts) enable(!ring_empty());
}

static bool gone(void) { return ring_empty() && mmio_read8(uart.base + LSR) & LSR_TEMT; }

const struct console_device uart_console = {
  .write = write, .read = read, .listen = listen, .drain = drain, .gone = gone, .tells = true, .poll = go_polled};
