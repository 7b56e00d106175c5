// The chains of a queue that a device has taken and not yet used. It takes what is available all at once, and only when
// nothing is left: so a driver that follows the event index notifies once for each lot.
import { BrokenRing, type Chain, type Virtqueue } from "./queue.js";

export class Supply {
  private epoch = -1;
  private heads: number[] = [];

  constructor(readonly queue: Virtqueue) {}

  /** The n-th oldest chain, which stays; undefined if there aren't as many. */
  peek(n = 0): Chain | BrokenRing | undefined {
    const { queue } = this;
    if (this.epoch !== queue.epoch) {
      this.epoch = queue.epoch;
      this.heads = [];
    }
    if (n >= this.heads.length) {
      const taken = queue.take();
      if (taken instanceof BrokenRing) return taken;
      this.heads.push(...taken);
    }
    return n < this.heads.length ? queue.chain(this.heads[n]) : undefined;
  }

  /** Uses the oldest. */
  drop(count: number): void {
    this.heads.splice(0, count);
  }
}
