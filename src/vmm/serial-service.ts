// Shares one physical serial line between guests: each has a port that takes characters as fast as the line sends them. Guests
// that share a line take turns, and escapes in it tell whose characters follow (backends/serial-mux.ts).
import type { ConsolePort } from "../platform/ports.js";
import { ChannelDecoder, ChannelEncoder } from "../backends/serial-mux.js";
import type { VmmServices } from "./types.js";
import { type PhysicalSerial, type SerialEvents, UartDriver } from "./uart-driver.js";

/** Characters that a port keeps for the line, and how few are left when it takes more. */
const QUEUE = 32;
const LOW = 16;
/** Characters that a guest sends while others wait, before it is their turn. */
const TURN = 64;
/** Characters typed at a guest that doesn't read them; more are lost. */
const TYPED = 4096;

/** What was done for one guest. */
export interface SerialCounters {
  /** Characters that the guest handed over, and that came for it. */
  sent: number;
  received: number;
  /** Times that a guest handed something over. */
  handovers: number;
  /** Characters that came for a guest that didn't take them. */
  lost: number;
}

/** One guest's console, as its device model sees it. */
export interface SerialPort extends ConsolePort {
  readonly counters: SerialCounters;
  /** Called when something was typed. */
  onInput: () => void;
}

class Port implements SerialPort {
  readonly counters: SerialCounters = { sent: 0, received: 0, handovers: 0, lost: 0 };
  onInput: () => void = () => {};
  readonly queue: number[] = [];
  readonly typed: number[] = [];
  waiters: (() => void)[] = [];
  /** Whether a hand-over of this moment is already known to the driver. */
  announced = false;
  /** Whether characters of the guest are in the device's FIFO. */
  underway = false;

  constructor(
    private readonly service: SerialService,
    readonly index: number,
    readonly book: (work: () => void) => void,
    private readonly onByte: (byte: number) => void,
  ) {}

  write(byte: number): void {
    this.counters.sent++;
    this.onByte(byte);
    this.queue.push(byte);
    this.service.handedOver(this);
  }
  take(): number {
    return this.typed.shift() ?? -1;
  }
  room(): number {
    return this.waiters.length > 0 ? 0 : Math.max(0, QUEUE - this.queue.length);
  }
  whenRoom(action: () => void): void {
    this.waiters.push(action);
  }
  empty(): boolean {
    return this.queue.length === 0 && !this.underway;
  }
}

export class SerialService implements SerialEvents {
  readonly driver: UartDriver;
  private readonly ports: Port[] = [];
  private readonly encoder = new ChannelEncoder();
  private readonly decoder = new ChannelDecoder();
  /** Whose turn it is, for how many characters more, and bytes that must follow at once. */
  private turn = 0;
  private left = TURN;
  private readonly following: number[] = [];

  /** @param shared whether more than one guest will open a port: the line's other end must know the same */
  constructor(
    private readonly vmm: VmmServices,
    line: PhysicalSerial,
    private readonly shared: boolean,
  ) {
    this.driver = new UartDriver(vmm, line, this);
  }

  /**
   * A port for a guest, the n-th channel of a shared line.
   * @param book does work and books it to the guest
   * @param onByte sees every character that the guest hands over
   */
  open(book: (work: () => void) => void, onByte: (byte: number) => void): SerialPort {
    const port = new Port(this, this.ports.length, book, onByte);
    this.ports.push(port);
    return port;
  }

  // ---- from the guests

  /** Charged once for all that a guest hands over at one moment. */
  handedOver(port: Port): void {
    if (port.announced) return;
    port.announced = true;
    const { vmm, driver } = this;
    vmm.clock.after(0, () => {
      port.announced = false;
      port.counters.handovers++;
      port.book(() => vmm.charge("vmm", vmm.costs.consoleSend));
      driver.kick();
    });
  }

  next(): ReturnType<SerialEvents["next"]> {
    const port = this.choose();
    if (!port) return undefined;
    const { book } = port;
    const follows = this.following.shift();
    if (follows !== undefined) return { byte: follows, book };
    this.left--;
    const byte = port.queue.shift()!;
    port.underway = true;
    this.makeRoom(port);
    if (!this.shared) return { byte, book };
    const [first, ...others] = this.encoder.encode(port.index, byte);
    this.following.push(...others);
    return { byte: first, book };
  }

  /** The guest whose turn it is, until it has nothing more or has had its turn; undefined when nobody has anything. */
  private choose(): Port | undefined {
    const { ports } = this;
    const current = ports[this.turn];
    if (this.following.length > 0 || (this.left > 0 && current?.queue.length > 0)) return current;
    for (let i = 1; i <= ports.length; i++) {
      const next = (this.turn + i) % ports.length;
      if (ports[next].queue.length === 0) continue;
      this.turn = next;
      this.left = TURN;
      return ports[next];
    }
    return undefined;
  }

  private makeRoom(port: Port): void {
    if (port.waiters.length === 0 || port.queue.length > LOW) return;
    const { waiters } = port;
    port.waiters = [];
    for (const action of waiters) this.vmm.clock.after(0, action);
  }

  emptied(): void {
    for (const port of this.ports) port.underway = false;
  }

  // ---- to the guests

  received(byte: number): void {
    const whole = this.shared ? this.decoder.decode(byte) : { channel: 0, byte };
    const port = whole && this.ports[whole.channel];
    if (!port) return;
    if (port.typed.length >= TYPED) {
      port.counters.lost++;
      return;
    }
    port.counters.received++;
    port.typed.push(whole.byte);
    port.book(() => this.vmm.charge("vmm", this.vmm.costs.consoleReceive));
    port.onInput();
  }
}
