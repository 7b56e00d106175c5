// NVM Express Base Specification 1.4, "Interrupts", "Pin Based, Single MSI, and Multiple MSI Behavior": vectors that are
// pending, and how they reach the host.
import type { IrqLine } from "../../platform/ports.js";

/** Where completions announce themselves. MSI-X would be another implementation, with a mask in its own table. */
export interface Interrupts {
  /** Interrupt vectors that a completion queue may name: 0…vectors - 1. */
  readonly vectors: number;
  /** INTMS and INTMC read as this. */
  readonly mask: number;
  setMask(bits: number): void;
  clearMask(bits: number): void;
  /** Whether a vector has completions that the host hasn't taken. */
  pending(vector: number, on: boolean): void;
  /** Nothing pending, nothing masked. */
  reset(): void;
  /** Times that the host was interrupted. */
  readonly raised: number;
}

/** One level-triggered pin: its vector is 0. */
export class PinInterrupt implements Interrupts {
  readonly vectors = 1;
  mask = 0;
  raised = 0;
  private waiting = false;
  private level = false;

  constructor(private readonly line: IrqLine) {}

  setMask(bits: number): void {
    this.mask = (this.mask | bits) >>> 0;
    this.drive();
  }

  clearMask(bits: number): void {
    this.mask = (this.mask & ~bits) >>> 0;
    this.drive();
  }

  pending(_vector: number, on: boolean): void {
    this.waiting = on;
    this.drive();
  }

  reset(): void {
    this.mask = 0;
    this.waiting = false;
    this.drive();
  }

  private drive(): void {
    const level = this.waiting && (this.mask & 1) === 0;
    if (level === this.level) return;
    this.level = level;
    if (level) this.raised++;
    this.line.set(level);
  }
}
