// The physical serial lines of a run, and who sits at their other ends: every character's way down the line is timed there.
import { SerialLine } from "../backends/serial-line.js";
import { Uart16550 } from "../devices/uart16550.js";
import { Console } from "../platform/console.js";
import type { Costs } from "../platform/costs.js";
import type { Core } from "../core/core.js";
import { Machine } from "../platform/machine.js";
import { serialPlace } from "../platform/memory-map.js";
import { BITS_PER_CHARACTER, type LineRate, uartSetUp } from "../platform/serial.js";
import type { VirtualMachine } from "../vmm/vm.js";
import type { PhysicalSerial } from "../vmm/uart-driver.js";
import type { SerialFigures } from "./types.js";

/** What of a guest matters here. */
export interface LineUser {
  readonly modes: { readonly serial: string };
  /** Index of its line. */
  readonly serial: number;
}

/** A line's input, each byte noted as the UART begins to take it. */
class LineInput extends Console {
  onTake: (byte: number) => void = () => {};

  override take(): number {
    const byte = super.take();
    if (byte >= 0) this.onTake(byte);
    return byte;
  }
}

interface Line extends PhysicalSerial {
  readonly uart: Uart16550;
  readonly end: SerialLine;
}

export class SerialLines {
  readonly machine: Machine;
  readonly lines: readonly Line[];

  constructor(
    machine: { readonly core: Core; readonly costs: Costs },
    rates: readonly LineRate[],
    private readonly users: readonly LineUser[],
  ) {
    const consoles = rates.map((_, n) => new LineInput((byte) => this.lines[n].end.receive(byte)));
    this.machine = new Machine({ ...machine, console: consoles[0], uartClock: rates[0].clock });
    this.lines = rates.map((rate, n) => this.makeLine(rate, n, consoles[n]));
  }

  private makeLine(rate: LineRate, n: number, console: LineInput): Line {
    const { machine } = this;
    const place = serialPlace(n);
    const uart =
      n === 0
        ? machine.uart
        : machine.attachMmio(place, ({ irq, clock }) => new Uart16550({ irq, clock, console, inputClock: rate.clock }));
    const channels = this.users.filter(({ serial }) => serial === n).length;
    const end = new SerialLine({
      now: () => machine.events.now(),
      channels,
      shared: channels > 1,
      type: (bytes) => {
        console.type(bytes);
        uart.poll();
      },
    });
    console.onTake = (byte) => end.taken(byte);
    return { start: place.start, irq: place.irq, rate, uart, end };
  }

  /** As firmware leaves them to software that owns them. */
  setUp(): void {
    for (const { uart, rate } of this.lines)
      for (const [register, value] of uartSetUp(rate)) uart.write(register, 1, value);
  }

  /** Sends what is still on its way, as the machine stops. */
  drain(): void {
    for (const { uart } of this.lines) uart.drain();
  }

  private lineOf(guest: number): Line {
    return this.lines[this.users[guest].serial];
  }

  private channelOf(guest: number) {
    const { serial } = this.users[guest];
    const channel = this.users.slice(0, guest).filter((user) => user.serial === serial).length;
    return { channel, ...this.lineOf(guest).end.channels[channel] };
  }

  /** What an assigned line carries is the guest's output, though the VMM never sees it. */
  listen(guest: number, vm: VirtualMachine): void {
    if (this.users[guest].modes.serial !== "assigned") return;
    this.lineOf(guest).end.channels[0].onByte = (byte) => vm.console.write(byte);
  }

  /** Types at a guest. */
  type(guest: number, bytes: Uint8Array): void {
    this.lineOf(guest).end.type(this.channelOf(guest).channel, bytes);
  }

  /** Characters that a guest has given to its device so far. */
  handed(guest: number, vm: VirtualMachine | undefined): number {
    return vm?.details.get("serial:sent")?.() ?? this.lineOf(guest).uart.accepted;
  }

  /** What came of the characters from the `begin`-th up to the `end`-th that a guest gave to its device. */
  figures(guest: number, begin: number, end: number): SerialFigures {
    const { rate } = this.lineOf(guest);
    const { sent, received } = this.channelOf(guest);
    const there = Math.min(end, sent.count);
    const { frequency } = this.machine.costs;
    const answered = Math.min(there - begin, received.count);
    const delays = Array.from({ length: answered }, (_, i) => (sent.at(begin + i) - received.at(i)) / frequency);
    const seconds = (sent.at(there - 1) - sent.at(begin)) / frequency;
    const pace = there - begin > 1 && seconds > 0 ? (there - begin - 1) / seconds : 0;
    return {
      baud: rate.baud,
      sent: end - begin,
      arrived: Math.max(0, there - begin),
      received: received.count,
      charactersPerSecond: pace,
      ofLineRate: (pace * BITS_PER_CHARACTER) / rate.baud,
      echo:
        delays.length > 0
          ? { mean: delays.reduce((sum, delay) => sum + delay, 0) / delays.length, most: Math.max(...delays) }
          : null,
    };
  }
}
