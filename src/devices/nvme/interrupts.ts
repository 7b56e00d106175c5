// NVM Express Base Specification 1.4, "Interrupts", "Pin Based, Single MSI, and Multiple MSI Behavior", "MSI-X Based
// Behavior": vectors that are pending, and how they reach the host.
import type { IrqLine, MessageVectors } from "../../platform/ports.js";

/** Where completions announce themselves. */
export interface Interrupts {
  /** Interrupt vectors that a completion queue may name: 0…vectors - 1. */
  readonly vectors: number;
  /** INTMS and INTMC read as this. */
  readonly mask: number;
  setMask(bits: number): void;
  clearMask(bits: number): void;
  /** Whether a vector has completions that the host hasn't taken. */
  pending(vector: number, on: boolean): void;
  /** A vector has completions of which the host hasn't been told. */
  announce(vector: number): void;
  /** Nothing pending, nothing masked. */
  reset(): void;
  /** Times that the host was interrupted. */
  readonly raised: number;
}

/** One level-triggered pin: its vector is 0. */
export class PinInterrupt implements Interrupts {
  mask = 0;
  raised = 0;
  private waiting = false;
  private level = false;

  constructor(private readonly line: IrqLine) {}

  get vectors(): number {
    return 1;
  }

  setMask(bits: number): void {
    this.mask = (this.mask | bits) >>> 0;
    this.drive();
  }

  clearMask(bits: number): void {
    this.mask = (this.mask & ~bits) >>> 0;
    this.drive();
  }

  pending(vector: number, on: boolean): void {
    if (vector !== 0) return;
    this.waiting = on;
    this.drive();
  }

  announce(_vector: number): void {}

  reset(): void {
    this.mask = 0;
    this.waiting = false;
    this.drive();
  }

  private drive(): void {
    const level = this.waiting && (this.mask & 1) === 0;
    if (level === this.level) return;
    this.level = level;
    if (level) this.rose();
    this.line.set(level);
  }

  protected rose(): void {
    this.raised++;
  }
}

/**
 * MSI-X once the host has enabled it, with the masks of its table alone; the pin until then. The function keeps the pin
 * from the host while MSI-X is enabled.
 */
export class MsixInterrupts extends PinInterrupt {
  constructor(
    line: IrqLine,
    private readonly messages: MessageVectors,
  ) {
    super(line);
  }

  override get vectors(): number {
    return this.messages.enabled ? this.messages.count : 1;
  }

  override announce(vector: number): void {
    if (!this.messages.enabled) return;
    this.raised++;
    this.messages.raise(vector);
  }

  protected override rose(): void {
    if (!this.messages.enabled) this.raised++;
  }
}
