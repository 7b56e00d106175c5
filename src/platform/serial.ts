// The rate of a 16550A's line. PC16550D data sheet, "Programmable Baud Generator": 16 cycles of its clock, divided, a bit.
import { UART } from "./memory-map.js";
import { UserError } from "./user-error.js";

/** What firmware leaves behind, and what a kernel is told (`console=ttyS0,115200`). */
export const DEFAULT_BAUD = 115_200;
/** A start bit, eight data bits, a stop bit. */
export const BITS_PER_CHARACTER = 10;
const CYCLES_PER_BIT = 16;
const LEAST_BAUD = 300;
const MOST_BAUD = 10_000_000;

export interface LineRate {
  readonly baud: number;
  /** Hz of the UART's clock, and what it is divided by. */
  readonly clock: number;
  readonly divisor: number;
}

/** The board's clock as far as it divides, else one that is made for the rate. UserError for one that is no rate. */
export function lineRate(baud: number, place = "baud"): LineRate {
  if (!Number.isInteger(baud) || baud < LEAST_BAUD || baud > MOST_BAUD) {
    throw new UserError(`${baud} baud`, place, `Give a whole number from ${LEAST_BAUD} to ${MOST_BAUD}`);
  }
  const divisor = UART.clock / CYCLES_PER_BIT / baud;
  return Number.isInteger(divisor)
    ? { baud, clock: UART.clock, divisor }
    : { baud, clock: baud * CYCLES_PER_BIT, divisor: 1 };
}

/** Registers by their offsets; with DLAB set the first two are the divisor. */
const enum Reg {
  DLL = 0,
  IER_DLM = 1,
  FCR = 2,
  LCR = 3,
  MCR = 4,
}
const DLAB = 0x80;
const EIGHT_BITS = 3;
const FIFOS_CLEARED = 7;
const DTR_RTS_OUT2 = 0x0b;

/** How a UART is left by firmware: rate set, eight bits, no parity, one stop bit, FIFOs empty, no interrupts. */
export function uartSetUp({ divisor }: LineRate): readonly (readonly [register: number, value: number])[] {
  return [
    [Reg.IER_DLM, 0],
    [Reg.LCR, DLAB | EIGHT_BITS],
    [Reg.DLL, divisor & 0xff],
    [Reg.IER_DLM, divisor >>> 8],
    [Reg.LCR, EIGHT_BITS],
    [Reg.FCR, FIFOS_CLEARED],
    [Reg.MCR, DTR_RTS_OUT2],
  ];
}
