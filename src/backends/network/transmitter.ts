// Frames that wait for a link: it takes one at a time.
import type { Link } from "../../platform/ports.js";

/** A frame in a buffer that is used again. */
export interface Packet {
  readonly bytes: Uint8Array;
  length: number;
}

export class Transmitter {
  private readonly waiting: Packet[] = [];
  private readonly spare: Packet[] = [];
  private sending: Packet | undefined;
  /** Frames dropped at the tail. */
  dropped = 0;

  /**
   * @param limit frames that may wait
   * @param size bytes of the longest frame
   * @param drained called whenever a frame has left
   */
  constructor(
    private readonly link: Link,
    private readonly limit: number,
    private readonly size: number,
    private readonly drained: () => void = () => {},
  ) {}

  /** Frames that wait. */
  get length(): number {
    return this.waiting.length;
  }

  /** A packet to fill and hand to `send` (or `release`). */
  packet(): Packet {
    return this.spare.pop() ?? { bytes: new Uint8Array(this.size), length: 0 };
  }

  release(packet: Packet): void {
    this.spare.push(packet);
  }

  /** Sends when it is its turn; false when too many wait already. */
  send(packet: Packet): boolean {
    if (this.waiting.length >= this.limit) {
      this.dropped++;
      this.release(packet);
      return false;
    }
    this.waiting.push(packet);
    if (!this.sending) this.next();
    return true;
  }

  private next(): void {
    const packet = this.waiting.shift();
    this.sending = packet;
    if (packet) this.link.send(packet.bytes.subarray(0, packet.length), this.sent);
  }

  private readonly sent = (): void => {
    this.release(this.sending!);
    this.sending = undefined;
    this.next();
    this.drained();
  };
}
