// What an application has given a connection to send, kept until it is acknowledged.
import type { ByteSource } from "../../content.js";

export class SendQueue {
  /** Bytes given from the first on. */
  length = 0;
  /** Bytes acknowledged. */
  private released = 0;
  /** Sources with the offset where each begins, in order. */
  private readonly parts: { start: number; source: ByteSource }[] = [];

  get unacknowledged(): number {
    return this.length - this.released;
  }

  push(source: ByteSource): void {
    if (source.length === 0) return;
    this.parts.push({ start: this.length, source });
    this.length += source.length;
  }

  /** Fills `target` from `offset` on; the range isn't acknowledged and has been given. */
  read(offset: number, target: Uint8Array): void {
    let at = 0;
    for (let i = 0; at < target.length; i++) {
      const { start, source } = this.parts[i];
      const within = offset + at - start;
      if (within >= source.length) continue;
      const length = Math.min(source.length - within, target.length - at);
      source.read(within, target.subarray(at, at + length));
      at += length;
    }
  }

  /** Everything before `offset` is acknowledged. */
  release(offset: number): void {
    this.released = Math.min(offset, this.length);
    while (this.parts.length > 0 && this.parts[0].start + this.parts[0].source.length <= this.released) {
      this.parts.shift();
    }
  }
}
