// Goldfish real-time clock, as on QEMU's `virt` board: nanoseconds since 1970, one alarm. Registers as the device of
// QEMU 7.2 and Linux's driver for it have them; no specification exists.
import { Access, type Clock, type EventHandle, type IrqLine, type MmioDevice } from "../platform/ports.js";

const enum Reg {
  TIME_LOW = 0x00,
  TIME_HIGH = 0x04,
  ALARM_LOW = 0x08,
  ALARM_HIGH = 0x0c,
  IRQ_ENABLED = 0x10,
  CLEAR_ALARM = 0x14,
  ALARM_STATUS = 0x18,
  CLEAR_INTERRUPT = 0x1c,
}

const NANOSECONDS = 1_000_000_000n;
const LOW = 0xffff_ffffn;
const HIGH = LOW << 32n;

export interface RtcPorts {
  irq: IrqLine;
  clock: Clock;
}

interface RtcState {
  /** What the clock was ahead of its own start when it was last set, in nanoseconds. */
  offset: bigint;
  /** High half of the time, as of the last read of TIME_LOW. */
  timeHigh: number;
  alarm: bigint;
  irqEnabled: boolean;
  irqPending: boolean;
}

const resetState = (): RtcState => ({ offset: 0n, timeHigh: 0, alarm: 0n, irqEnabled: false, irqPending: false });

export class GoldfishRtc implements MmioDevice {
  private s = resetState();
  private armed: EventHandle | undefined;
  private readonly startTime: bigint;
  private readonly frequency: bigint;

  /** @param start the time at cycle 0, in seconds since 1970 */
  constructor(
    private readonly ports: RtcPorts,
    start: number,
  ) {
    this.startTime = BigInt(Math.round(start)) * NANOSECONDS;
    this.frequency = BigInt(Math.round(ports.clock.frequency));
  }

  private now(): bigint {
    const elapsed = (BigInt(this.ports.clock.now()) * NANOSECONDS) / this.frequency;
    return BigInt.asUintN(64, this.startTime + elapsed + this.s.offset);
  }

  read(offset: number, size: number): number {
    if (size !== 4) return -1;
    const { s } = this;
    switch (offset) {
      case Reg.TIME_LOW: {
        const now = this.now();
        s.timeHigh = Number(now >> 32n);
        return Number(now & LOW);
      }
      case Reg.TIME_HIGH:
        return s.timeHigh;
      case Reg.ALARM_LOW:
        return Number(s.alarm & LOW);
      case Reg.ALARM_HIGH:
        return Number(s.alarm >> 32n);
      case Reg.IRQ_ENABLED:
        return s.irqEnabled ? 1 : 0;
      case Reg.ALARM_STATUS:
        return this.armed ? 1 : 0;
      default:
        return 0;
    }
  }

  write(offset: number, size: number, value: number): Access {
    if (size !== 4) return Access.Fault;
    const { s } = this;
    switch (offset) {
      case Reg.TIME_LOW:
        this.setTime((this.now() & HIGH) | BigInt(value));
        break;
      case Reg.TIME_HIGH:
        this.setTime((this.now() & LOW) | (BigInt(value) << 32n));
        break;
      case Reg.ALARM_LOW:
        s.alarm = (s.alarm & HIGH) | BigInt(value);
        this.arm();
        break;
      case Reg.ALARM_HIGH:
        s.alarm = (s.alarm & LOW) | (BigInt(value) << 32n);
        break;
      case Reg.IRQ_ENABLED:
        s.irqEnabled = (value & 1) !== 0;
        break;
      case Reg.CLEAR_ALARM:
        this.disarm();
        break;
      case Reg.CLEAR_INTERRUPT:
        s.irqPending = false;
        break;
    }
    this.drive();
    return Access.Ok;
  }

  private setTime(time: bigint): void {
    this.s.offset = BigInt.asIntN(64, this.s.offset + time - this.now());
  }

  /** ALARM_LOW starts the alarm; one that is not in the future goes off at once. */
  private arm(): void {
    this.disarm();
    const left = this.s.alarm - this.now();
    if (left <= 0n) {
      this.s.irqPending = true;
      return;
    }
    const cycles = (left * this.frequency + NANOSECONDS - 1n) / NANOSECONDS;
    const counted = BigInt(this.ports.clock.now()) + cycles <= BigInt(Number.MAX_SAFE_INTEGER);
    this.armed = counted ? this.ports.clock.after(Number(cycles), () => this.ring()) : NEVER;
  }

  private disarm(): void {
    this.armed?.cancel();
    this.armed = undefined;
  }

  private ring(): void {
    this.armed = undefined;
    this.s.irqPending = true;
    this.drive();
  }

  private drive(): void {
    this.ports.irq.set(this.s.irqEnabled && this.s.irqPending);
  }

  reset(): void {
    this.disarm();
    this.s = resetState();
    this.drive();
  }
}

/** An alarm beyond what the clock can count. */
const NEVER: EventHandle = { cancel() {} };
