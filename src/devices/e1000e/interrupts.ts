// Intel 82574 GbE Controller Family Datasheet 3.4, "Interrupts" ("Registers", "Interrupt Moderation", "Clearing Interrupt Causes"):
// causes, masks, and how they reach the host, by its line or by messages.
import type { EventHandle, IrqLine, MessageVectors } from "../../platform/ports.js";
import { CtrlExt, Reg, type RegisterFile } from "./registers.js";
import { Count, type Statistics } from "./statistics.js";

export const enum Cause {
  TXDW = 1 << 0,
  TXQE = 1 << 1,
  LSC = 1 << 2,
  RXDMT0 = 1 << 4,
  RXO = 1 << 6,
  RXT0 = 1 << 7,
  MDAC = 1 << 9,
  TXD_LOW = 1 << 15,
  SRPD = 1 << 16,
  ACK = 1 << 17,
  MNG = 1 << 18,
  RXQ0 = 1 << 20,
  RXQ1 = 1 << 21,
  TXQ0 = 1 << 22,
  TXQ1 = 1 << 23,
  OTHER = 1 << 24,
  INT_ASSERTED = 1 << 31,
}
const VALID = 0x01f7_82d7;
/** What OTHER stands for with messages. */
const OTHER_CAUSES = Cause.LSC | Cause.RXO | Cause.MDAC | Cause.SRPD | Cause.ACK | Cause.MNG;
/** IVAR has a field of four bits for each of these, from bit 0 on: a vector, and whether it is valid. */
const ALLOCATED = [Cause.RXQ0, Cause.RXQ1, Cause.TXQ0, Cause.TXQ1, Cause.OTHER] as const;
const IVAR_VALID = 8;
const VECTORS = 5;
/** ITR and EITR count in 256 ns. */
const THROTTLE_UNIT = 256;

export interface InterruptPorts {
  irq: IrqLine;
  messages?: MessageVectors | undefined;
  registers: RegisterFile;
  statistics: Statistics;
  now(): number;
  /** Nanoseconds as cycles. */
  cycles(nanoseconds: number): number;
  schedule(cycles: number, action: () => void): EventHandle;
}

export class Interrupts {
  /** Times that the host was interrupted. */
  raised = 0;
  private icr = 0;
  private mask = 0;
  /** Causes whose message was sent, while they last. */
  private signalled = 0;
  private level = false;
  /** Cycle before which the line, and each vector, isn't to be used again. */
  private quietUntil = 0;
  private readonly vectorQuietUntil = new Float64Array(VECTORS);
  private wake: EventHandle | undefined;
  private wakeAt = Infinity;

  constructor(private readonly ports: InterruptPorts) {}

  /** Whether causes of queues have their own bits. */
  get byMessage(): boolean {
    return this.ports.messages?.enabled === true;
  }

  cause(bits: number): void {
    this.icr |= bits & VALID;
    this.update();
  }

  // ---- registers

  get ims(): number {
    return this.mask >>> 0;
  }
  get ics(): number {
    return (this.icr | this.asserted) >>> 0;
  }
  private get asserted(): number {
    return this.icr & this.mask ? Cause.INT_ASSERTED : 0;
  }

  setMask(bits: number): void {
    this.mask |= bits & VALID;
    this.update();
  }
  clearMask(bits: number): void {
    this.mask &= ~bits;
    this.update();
  }

  /** "Read to Clear"; with messages only when nothing is enabled, or an enabled cause asserts the interrupt. */
  readIcr(): number {
    const value = this.ics;
    if (!this.byMessage || this.mask === 0 || this.asserted) {
      this.acknowledge();
      this.icr = 0;
    }
    this.update();
    return value;
  }

  /** Write-to-clear; OTHER stands for its causes. */
  writeIcr(bits: number): void {
    if (this.asserted) this.acknowledge();
    this.icr &= ~(bits | (bits & Cause.OTHER ? OTHER_CAUSES : 0));
    this.update();
  }

  /** CTRL_EXT.IAME: an access to ICR masks what IAM names. */
  private acknowledge(): void {
    const { registers } = this.ports;
    if (this.asserted && registers.get(Reg.CTRL_EXT) & CtrlExt.IAME) this.mask &= ~registers.get(Reg.IAM);
  }

  // ---- reaching the host

  /** Brings line and messages up to date with causes, masks and throttles. */
  update(): void {
    if (this.byMessage) this.signal();
    else this.drive();
  }

  private drive(): void {
    const { irq, registers } = this.ports;
    const pending = this.asserted !== 0;
    if (pending === this.level) return;
    if (pending) {
      const now = this.ports.now();
      if (now < this.quietUntil) {
        this.wakeBy(this.quietUntil);
        return;
      }
      this.quietUntil = now + this.interval(registers.get(Reg.ITR));
      this.interrupted();
    }
    this.level = pending;
    irq.set(pending);
  }

  private signal(): void {
    const { registers } = this.ports;
    if (this.level) {
      this.level = false;
      this.ports.irq.set(false);
    }
    if (this.icr & OTHER_CAUSES & this.mask) this.icr |= Cause.OTHER;
    this.signalled &= this.icr & this.mask;
    const now = this.ports.now();
    const ivar = registers.get(Reg.IVAR);
    let fired = 0;
    for (const [i, bit] of ALLOCATED.entries()) {
      if ((this.icr & this.mask & ~this.signalled & bit) === 0) continue;
      const field = (ivar >>> (4 * i)) & 15;
      const vector = field & ~IVAR_VALID;
      if ((field & IVAR_VALID) === 0 || vector >= VECTORS) continue;
      if (now < this.vectorQuietUntil[vector]) {
        if (fired & (1 << vector)) this.sent(bit);
        else this.wakeBy(this.vectorQuietUntil[vector]);
        continue;
      }
      if ((fired & (1 << vector)) === 0) {
        fired |= 1 << vector;
        this.vectorQuietUntil[vector] = now + this.interval(registers.get(Reg.EITR + 4 * vector));
        this.interrupted();
        this.ports.messages?.raise(vector);
      }
      this.sent(bit);
    }
  }

  /** EIAC clears a cause as its message is sent, and its mask unless IAME is set; EIAME clears the masks that IAM names. */
  private sent(bit: number): void {
    const { registers } = this.ports;
    const extended = registers.get(Reg.CTRL_EXT);
    const clear = registers.get(Reg.EIAC) & bit;
    this.signalled |= bit;
    this.icr &= ~clear;
    if ((extended & CtrlExt.IAME) === 0) this.mask &= ~clear;
    if (extended & CtrlExt.EIAME) this.mask &= ~(registers.get(Reg.IAM) & bit);
    this.signalled &= this.icr & this.mask;
  }

  private interrupted(): void {
    this.raised++;
    this.ports.statistics.count(Count.IAC);
  }

  private interval(units: number): number {
    return this.ports.cycles((units & 0xffff) * THROTTLE_UNIT);
  }

  private wakeBy(cycle: number): void {
    if (cycle >= this.wakeAt) return;
    this.wake?.cancel();
    this.wakeAt = cycle;
    this.wake = this.ports.schedule(cycle - this.ports.now(), () => {
      this.wakeAt = Infinity;
      this.update();
    });
  }

  reset(): void {
    this.wake?.cancel();
    this.wakeAt = Infinity;
    this.icr = 0;
    this.mask = 0;
    this.signalled = 0;
    this.quietUntil = 0;
    this.vectorQuietUntil.fill(0);
    if (this.level) this.ports.irq.set(false);
    this.level = false;
  }
}

/** RDTR and RADV, TIDV and TADV count in 1.024 µs. */
const DELAY_UNIT = 1024;

/**
 * A cause held back ("Receive Interrupt Delay Timer / Packet Timer", "Receive Interrupt Absolute Delay Timer", and their
 * likes for transmission): the packet timer starts anew with every event, the absolute timer with the first.
 */
export class DelayedCause {
  private waiting = 0;
  private packet: EventHandle | undefined;
  private absolute: EventHandle | undefined;

  constructor(
    private readonly ports: Pick<InterruptPorts, "registers" | "statistics" | "cycles" | "schedule">,
    private readonly delays: { packet: Reg; absolute: Reg; counts: { packet: Count; absolute: Count } },
    private readonly raise: (bits: number) => void,
  ) {}

  /** Without a packet delay, the cause is raised now. */
  event(bits: number): void {
    const { registers } = this.ports;
    const { packet, absolute, counts } = this.delays;
    const delay = registers.get(packet) & 0xffff;
    this.waiting |= bits;
    if (delay === 0) {
      this.flush();
      return;
    }
    this.packet?.cancel();
    this.packet = this.start(delay, counts.packet);
    const limit = registers.get(absolute) & 0xffff;
    if (limit !== 0) this.absolute ??= this.start(limit, counts.absolute);
  }

  private start(units: number, counter: Count): EventHandle {
    return this.ports.schedule(this.ports.cycles(units * DELAY_UNIT), () => {
      this.ports.statistics.count(counter);
      this.flush();
    });
  }

  /** Raises causes that aren't to be held back, and with them what waits: an immediate interrupt stops both timers. */
  immediate(bits: number): void {
    this.waiting |= bits;
    this.flush();
  }

  /** Raises what waits. */
  flush(): void {
    const bits = this.waiting;
    this.reset();
    if (bits) this.raise(bits);
  }

  reset(): void {
    this.waiting = 0;
    this.packet?.cancel();
    this.absolute?.cancel();
    this.packet = undefined;
    this.absolute = undefined;
  }
}
