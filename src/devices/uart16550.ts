// PC16550D Universal Asynchronous Receiver/Transmitter with FIFOs (data sheet, "Registers").
import {
  Access,
  type Clock,
  type ConsolePort,
  type EventHandle,
  type IrqLine,
  type MmioDevice,
} from "../platform/ports.js";

const enum Reg {
  RBR_THR_DLL = 0,
  IER_DLM = 1,
  IIR_FCR = 2,
  LCR = 3,
  MCR = 4,
  LSR = 5,
  MSR = 6,
  SCR = 7,
}
const enum Ier {
  ERBFI = 1,
  ETBEI = 2,
  ELSI = 4,
  EDSSI = 8,
}
const enum Iir {
  MODEM_STATUS = 0,
  NONE = 1,
  THR_EMPTY = 2,
  DATA = 4,
  LINE_STATUS = 6,
  TIMEOUT = 12,
  FIFOS = 0xc0,
}
const enum Fcr {
  ENABLE = 1,
  CLEAR_RECEIVER = 2,
  CLEAR_TRANSMITTER = 4,
}
const enum Lcr {
  STOP_BITS = 4,
  PARITY = 8,
  DLAB = 0x80,
}
const enum Mcr {
  DTR = 1,
  RTS = 2,
  OUT1 = 4,
  OUT2 = 8,
  LOOP = 0x10,
}
const enum Lsr {
  DR = 1,
  OE = 2,
  THRE = 0x20,
  TEMT = 0x40,
}
const enum Msr {
  DCTS = 1,
  DDSR = 2,
  TERI = 4,
  DDCD = 8,
  CTS = 0x10,
  DSR = 0x20,
  RI = 0x40,
  DCD = 0x80,
}

const FIFO_SIZE = 16;
/** Looks at an idle line after which software that never enabled the interrupt counts as waiting for input. */
const IDLE_LOOKS = 16;
/** By FCR bits 7:6. */
const TRIGGER_LEVELS = [1, 4, 8, 14];
/** 115,200 baud at 3.6864 MHz, until software sets another. */
const RESET_DIVISOR = 2;

export interface UartState {
  ier: number;
  lcr: number;
  mcr: number;
  scr: number;
  divisor: number;
  fifos: boolean;
  trigger: number;
  received: number[];
  overrun: boolean;
  /** Four character times went by and nobody touched the receive FIFO. */
  timeout: boolean;
  waiting: number[];
  /** The character in the transmitter shift register, or -1. */
  shifting: number;
  /** The THR-empty interrupt: raised when THR empties, dropped when IIR is read or THR written. */
  thrEmpty: boolean;
  modemDeltas: number;
  /** Reads of LSR that found nothing received and nothing left to send, since something was sent. */
  idleLooks: number;
}

export interface UartPorts {
  irq: IrqLine;
  clock: Clock;
  console: ConsolePort;
  /** Input clock in Hz; 0: characters take no time (a software model with no line behind it). */
  inputClock: number;
  /** What is sent takes no time, whatever the input clock; what comes in arrives at line rate. */
  sendsAtOnce?: boolean;
}

function resetState(): UartState {
  return {
    ier: 0,
    lcr: 3,
    mcr: 0,
    scr: 0,
    divisor: RESET_DIVISOR,
    fifos: false,
    trigger: 1,
    received: [],
    overrun: false,
    timeout: false,
    waiting: [],
    shifting: -1,
    thrEmpty: false,
    modemDeltas: 0,
    idleLooks: 0,
  };
}

/** A 16550A on a serial line that takes its time: start, data, parity and stop bits at the programmed baud rate. */
export class Uart16550 implements MmioDevice {
  private s = resetState();
  private sending: EventHandle | undefined;
  private ageing: EventHandle | undefined;
  private arriving: EventHandle | undefined;
  private awaitingRoom = false;
  /** Characters given to the transmitter that have left or will. */
  accepted = 0;
  /** Rises of the interrupt line. */
  interrupts = 0;
  private interrupting = false;

  constructor(private readonly ports: UartPorts) {}

  read(offset: number, size: number): number {
    if (size > 4) return -1;
    const { s } = this;
    switch (offset) {
      case Reg.RBR_THR_DLL:
        return s.lcr & Lcr.DLAB ? s.divisor & 0xff : this.takeReceived();
      case Reg.IER_DLM:
        return s.lcr & Lcr.DLAB ? s.divisor >>> 8 : s.ier;
      case Reg.IIR_FCR:
        return this.readIir();
      case Reg.LCR:
        return s.lcr;
      case Reg.MCR:
        return s.mcr;
      case Reg.LSR:
        return this.readLsr();
      case Reg.MSR:
        return this.readMsr();
      case Reg.SCR:
        return s.scr;
      default:
        return 0;
    }
  }

  write(offset: number, size: number, word: number): Access {
    if (size > 4) return Access.Fault;
    const { s } = this;
    const value = word & 0xff;
    switch (offset) {
      case Reg.RBR_THR_DLL:
        if (s.lcr & Lcr.DLAB) s.divisor = (s.divisor & 0xff00) | value;
        else this.transmit(value);
        break;
      case Reg.IER_DLM:
        if (s.lcr & Lcr.DLAB) s.divisor = (value << 8) | (s.divisor & 0xff);
        else this.writeIer(value & 0x0f);
        break;
      case Reg.IIR_FCR:
        this.writeFcr(value);
        break;
      case Reg.LCR:
        s.lcr = value;
        break;
      case Reg.MCR:
        this.writeMcr(value & 0x1f);
        break;
      case Reg.SCR:
        s.scr = value;
        break;
      default:
        break;
    }
    this.update();
    return Access.Ok;
  }

  reset(): void {
    for (const event of [this.sending, this.ageing, this.arriving]) event?.cancel();
    this.s = resetState();
    this.update();
  }

  /** Cycles that one character occupies the line. */
  characterCycles(): number {
    if (this.ports.inputClock === 0) return 0;
    const { lcr, divisor } = this.s;
    const bits = 1 + 5 + (lcr & 3) + (lcr & Lcr.PARITY ? 1 : 0) + (lcr & Lcr.STOP_BITS ? 2 : 1);
    return Math.round((bits * 16 * Math.max(divisor, 1) * this.ports.clock.frequency) / this.ports.inputClock);
  }

  /** A character came in over the line. */
  receive(byte: number): void {
    if (this.s.mcr & Mcr.LOOP) return;
    this.accept(byte);
    this.update();
  }

  /** Call when something was typed at the console: its characters come in one after another at line rate. */
  poll(): void {
    if (this.ports.inputClock === 0) this.pullAll();
    else this.startArrival();
  }

  /** The other end sends only what somebody will take: else it would be lost while the software starts. */
  private get listening(): boolean {
    const { s } = this;
    const room = s.fifos ? s.received.length < FIFO_SIZE : s.received.length === 0;
    return room && ((s.ier & Ier.ERBFI) !== 0 || s.idleLooks >= IDLE_LOOKS);
  }

  private startArrival(): void {
    if (this.arriving || !this.listening) return;
    const byte = this.ports.console.take();
    if (byte < 0) return;
    this.arriving = this.ports.clock.after(this.characterCycles(), () => {
      this.arriving = undefined;
      this.receive(byte);
      this.startArrival();
    });
  }

  /** Sends what is still waiting at once, as when the machine stops: nothing printed gets lost. */
  drain(): void {
    while (this.s.shifting >= 0) {
      this.sending?.cancel();
      this.sent();
    }
    this.update();
  }

  state(): UartState {
    return structuredClone(this.s);
  }

  private pullAll(): void {
    while (this.listening) {
      const byte = this.ports.console.take();
      if (byte < 0) return;
      this.receive(byte);
    }
  }

  private transmit(byte: number): void {
    const { s } = this;
    s.thrEmpty = false;
    s.idleLooks = 0;
    if (s.fifos ? s.waiting.length < FIFO_SIZE : s.waiting.length === 0) {
      s.waiting.push(byte);
      this.accepted++;
    }
    if (s.shifting < 0) this.shift();
  }

  /** Moves the next character from THR or FIFO into the shift register. */
  private shift(): void {
    const { s } = this;
    const byte = s.waiting.shift();
    s.shifting = byte ?? -1;
    if (byte === undefined) return;
    if (s.waiting.length === 0) s.thrEmpty = true;
    const cycles = this.ports.sendsAtOnce ? 0 : this.characterCycles();
    if (cycles === 0) this.handOver();
    else {
      this.sending = this.ports.clock.after(cycles, () => {
        this.sent();
        this.update();
      });
    }
  }

  /** Without a line of its own a character goes as soon as the console takes it. */
  private handOver(): void {
    const { console } = this.ports;
    if (this.s.mcr & Mcr.LOOP || !console.whenRoom || console.room?.() !== 0) {
      this.sent();
      return;
    }
    if (this.awaitingRoom) return;
    this.awaitingRoom = true;
    console.whenRoom(() => {
      this.awaitingRoom = false;
      if (this.s.shifting >= 0) this.handOver();
      this.update();
    });
  }

  private sent(): void {
    const byte = this.s.shifting;
    this.sending = undefined;
    if (this.s.mcr & Mcr.LOOP) this.accept(byte);
    else this.ports.console.write(byte);
    this.shift();
  }

  private accept(byte: number): void {
    const { s } = this;
    if (!s.fifos) {
      if (s.received.length > 0) s.overrun = true;
      s.received = [byte];
      return;
    }
    if (s.received.length < FIFO_SIZE) s.received.push(byte);
    else s.overrun = true;
    this.age();
  }

  private takeReceived(): number {
    const byte = this.s.received.shift() ?? 0;
    this.s.timeout = false;
    this.age();
    this.poll();
    this.update();
    return byte;
  }

  /** Restarts the receive FIFO's time-out: four character times. */
  private age(): void {
    this.ageing?.cancel();
    this.ageing = undefined;
    if (!this.s.fifos || this.s.received.length === 0) return;
    this.ageing = this.ports.clock.after(4 * this.characterCycles(), () => {
      this.s.timeout = true;
      this.update();
    });
  }

  private writeIer(value: number): void {
    const { s } = this;
    if (value & ~s.ier & Ier.ETBEI && s.waiting.length === 0) s.thrEmpty = true;
    s.ier = value;
    this.poll();
  }

  private writeFcr(value: number): void {
    const { s } = this;
    const enable = (value & Fcr.ENABLE) !== 0;
    const changed = enable !== s.fifos;
    s.fifos = enable;
    if (enable) s.trigger = TRIGGER_LEVELS[value >>> 6];
    if (changed || (enable && value & Fcr.CLEAR_RECEIVER)) {
      s.received = [];
      s.timeout = false;
      this.age();
    }
    if ((changed || (enable && value & Fcr.CLEAR_TRANSMITTER)) && s.waiting.length > 0) {
      this.accepted -= s.waiting.length;
      s.waiting = [];
      s.thrEmpty = true;
    }
  }

  private writeMcr(value: number): void {
    const before = this.modemLines();
    this.s.mcr = value;
    const changed = before ^ this.modemLines();
    const deltas = ((changed & (Msr.CTS | Msr.DSR | Msr.DCD)) >>> 4) & (Msr.DCTS | Msr.DDSR | Msr.DDCD);
    const ringEnded = changed & before & Msr.RI ? Msr.TERI : 0;
    this.s.modemDeltas |= deltas | ringEnded;
  }

  /** CTS, DSR, RI, DCD: a peer that is there and ready, or in loopback the modem control outputs. */
  private modemLines(): number {
    const { mcr } = this.s;
    if (!(mcr & Mcr.LOOP)) return Msr.CTS | Msr.DSR | Msr.DCD;
    return (
      (mcr & Mcr.RTS ? Msr.CTS : 0) |
      (mcr & Mcr.DTR ? Msr.DSR : 0) |
      (mcr & Mcr.OUT1 ? Msr.RI : 0) |
      (mcr & Mcr.OUT2 ? Msr.DCD : 0)
    );
  }

  /** Nothing waits, nothing is being sent, and what a software model has handed on has left as well. */
  private get isEmpty(): boolean {
    const { waiting, shifting } = this.s;
    return waiting.length === 0 && shifting < 0 && (this.ports.console.empty?.() ?? true);
  }

  private readLsr(): number {
    const { s } = this;
    const lsr =
      (s.received.length > 0 ? Lsr.DR : 0) |
      (s.overrun ? Lsr.OE : 0) |
      (s.waiting.length === 0 ? Lsr.THRE : 0) |
      (this.isEmpty ? Lsr.TEMT : 0);
    s.overrun = false;
    if (lsr === (Lsr.THRE | Lsr.TEMT)) {
      s.idleLooks++;
      this.poll();
    }
    this.update();
    return lsr;
  }

  private readMsr(): number {
    const msr = this.modemLines() | this.s.modemDeltas;
    this.s.modemDeltas = 0;
    this.update();
    return msr;
  }

  private readIir(): number {
    const cause = this.cause();
    if (cause === Iir.THR_EMPTY) this.s.thrEmpty = false;
    this.update();
    return cause | (this.s.fifos ? Iir.FIFOS : 0);
  }

  /** The pending interrupt of highest priority. */
  private cause(): Iir {
    const { ier, received, trigger, fifos, overrun, timeout, thrEmpty, modemDeltas } = this.s;
    if (ier & Ier.ELSI && overrun) return Iir.LINE_STATUS;
    if (ier & Ier.ERBFI && received.length >= (fifos ? trigger : 1)) return Iir.DATA;
    if (ier & Ier.ERBFI && timeout) return Iir.TIMEOUT;
    if (ier & Ier.ETBEI && thrEmpty) return Iir.THR_EMPTY;
    if (ier & Ier.EDSSI && modemDeltas !== 0) return Iir.MODEM_STATUS;
    return Iir.NONE;
  }

  private update(): void {
    const level = this.cause() !== Iir.NONE;
    if (level && !this.interrupting) this.interrupts++;
    this.interrupting = level;
    this.ports.irq.set(level);
  }
}
