// What stands behind a serial line: output collected, input to be typed.

import type { ConsolePort } from "./ports.js";

export type { ConsolePort, ConsoleSink } from "./ports.js";

/** Most output kept, in bytes: a guest that never stops printing must not eat the host's memory. */
const KEPT = 16 * 1024 * 1024;

/** Collects what a guest prints, and holds what is typed at it. */
export class Console implements ConsolePort {
  private bytes = new Uint8Array(256);
  private length = 0;
  private dropped = 0;
  /** Input to be taken, from `taken` on in the first piece. */
  private readonly typed: Uint8Array[] = [];
  private taken = 0;

  /** @param onByte sees every byte of output as it comes */
  constructor(private readonly onByte: (byte: number) => void = () => {}) {}

  write(byte: number): void {
    if (this.length < KEPT) {
      if (this.length === this.bytes.length) {
        const bytes = new Uint8Array(this.bytes.length * 2);
        bytes.set(this.bytes);
        this.bytes = bytes;
      }
      this.bytes[this.length++] = byte;
    } else {
      this.dropped++;
    }
    this.onByte(byte);
  }

  /** Bytes of output so far, kept or not. */
  get written(): number {
    return this.length + this.dropped;
  }

  /** Bytes of output that were no longer kept. */
  get droppedBytes(): number {
    return this.dropped;
  }

  /** Output so far, decoded as UTF-8. */
  text(): string {
    return new TextDecoder().decode(this.bytes.subarray(0, this.length));
  }

  /** Output so far by lines, without line ends. */
  lines(): string[] {
    return this.text().split(/\r?\n/);
  }

  /** Adds input for the guest to take. */
  type(text: string | Uint8Array): void {
    const bytes = typeof text === "string" ? new TextEncoder().encode(text) : text;
    if (bytes.length > 0) this.typed.push(bytes);
  }

  take(): number {
    const [first] = this.typed;
    if (!first) return -1;
    const byte = first[this.taken++];
    if (this.taken === first.length) {
      this.typed.shift();
      this.taken = 0;
    }
    return byte;
  }
}
