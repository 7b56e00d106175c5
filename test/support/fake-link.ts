// A link's end for tests of network interfaces: what was sent, and frames that arrive when the test says so.
import type { Link, LinkReceiver } from "../../src/platform/ports.js";

export class FakeLink implements Link {
  up = true;
  readonly speed = 1e9;
  readonly sent: Uint8Array[] = [];
  receiver: LinkReceiver | undefined;
  /** While true, frames stay on the wire until `release`. */
  hold = false;
  private readonly held: (() => void)[] = [];

  attach(receiver: LinkReceiver): void {
    this.receiver = receiver;
  }

  send(frame: Uint8Array, sent: () => void): void {
    if (this.held.length > 0) throw new Error("a frame before the last one has left");
    this.sent.push(frame.slice());
    if (this.hold) this.held.push(sent);
    else sent();
  }

  release(): void {
    for (const sent of this.held.splice(0)) sent();
  }

  /** A frame arrives, in a buffer that is overwritten afterwards. */
  arrive(frame: Uint8Array): void {
    const buffer = frame.slice();
    this.receiver?.receive(buffer);
    buffer.fill(0xee);
  }

  setUp(up: boolean): void {
    this.up = up;
    this.receiver?.linkChanged(up);
  }
}
