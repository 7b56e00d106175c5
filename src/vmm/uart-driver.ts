// PC16550D Universal Asynchronous Receiver/Transmitter with FIFOs (data sheet, "FIFO Interrupt Mode Operation"). The VMM's
// own driver of a physical 16550A: a FIFO full of characters for each interrupt.
import { type LineRate, uartSetUp } from "../platform/serial.js";
import type { VmmServices } from "./types.js";

const enum Reg {
  RBR_THR = 0,
  IER = 1,
  IIR_FCR = 2,
  LSR = 5,
}
const IER_RECEIVED_AND_EMPTY = 3;
/** FIFOs on, interrupt at eight characters received. */
const FCR_TRIGGER_8 = 0x81;
const FIFO_SIZE = 16;
const LSR_DATA_READY = 1;
/** IIR bits 3:0. */
const enum Cause {
  NONE = 1,
  THR_EMPTY = 2,
  DATA = 4,
  TIMEOUT = 12,
}
/** Causes looked at in one interrupt: what still holds then interrupts again. */
const MOST_CAUSES = 8;

/** A physical 16550A. */
export interface PhysicalSerial {
  /** Physical address of its registers, which have a page for themselves. */
  readonly start: number;
  /** Source number at the physical PLIC. */
  readonly irq: number;
  readonly rate: LineRate;
}

/** What the driver sends, and who gets what it receives. */
export interface SerialEvents {
  /** The next byte for the line, and how its sending is booked; undefined when there is none. */
  next(): { readonly byte: number; book(work: () => void): void } | undefined;
  received(byte: number): void;
  /** All that was sent before has left the FIFO. */
  emptied(): void;
}

export class UartDriver {
  readonly counters = { sent: 0, received: 0, interrupts: 0 };
  /** Whether characters are in the FIFO whose end the device will tell. */
  busy = false;
  private filling = false;

  constructor(
    private readonly vmm: VmmServices,
    private readonly line: PhysicalSerial,
    private readonly events: SerialEvents,
  ) {}

  start(): void {
    for (const [register, value] of uartSetUp(this.line.rate)) this.write(register, value);
    this.write(Reg.IIR_FCR, FCR_TRIGGER_8);
    this.write(Reg.IER, IER_RECEIVED_AND_EMPTY);
  }

  /** There may be something to send. */
  kick(): void {
    if (!this.busy) this.fill();
  }

  /** The VMM calls it when the source is presented by the physical PLIC. */
  interrupt(): void {
    this.counters.interrupts++;
    for (let looks = 0; looks < MOST_CAUSES; looks++) {
      switch (this.read(Reg.IIR_FCR) & 0x0f) {
        case Cause.NONE:
          return;
        case Cause.THR_EMPTY:
          this.events.emptied();
          this.fill();
          break;
        case Cause.DATA:
        case Cause.TIMEOUT:
          this.receive();
          break;
        default:
          this.read(Reg.LSR);
      }
    }
  }

  /** THR is empty: a FIFO full. A write lets time pass, in which more may come. */
  private fill(): void {
    if (this.filling) return;
    this.filling = true;
    this.busy = false;
    for (let n = 0; n < FIFO_SIZE; n++) {
      const next = this.events.next();
      if (!next) break;
      this.busy = true;
      this.counters.sent++;
      next.book(() => this.write(Reg.RBR_THR, next.byte));
    }
    this.filling = false;
  }

  private receive(): void {
    for (let n = 0; n < FIFO_SIZE && this.read(Reg.LSR) & LSR_DATA_READY; n++) {
      this.counters.received++;
      this.events.received(this.read(Reg.RBR_THR));
    }
  }

  private read(register: number): number {
    return this.vmm.mmioRead(this.line.start + register, 1);
  }

  private write(register: number, value: number): void {
    this.vmm.mmioWrite(this.line.start + register, 1, value);
  }
}
