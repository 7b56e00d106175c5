// Numbers that depend on nothing but a seed (mulberry32, public domain).

export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed | 0;
  }

  /** The next number, 0…2^32 - 1. */
  next(): number {
    this.state = (this.state + 0x6d2b_79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** True with the given probability, 0…1. */
  chance(probability: number): boolean {
    return this.next() < probability * 0x1_0000_0000;
  }
}
