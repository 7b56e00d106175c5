// Numbers that are random in the same way everywhere: sfc32 of a 53-bit seed.

export class Random {
  private a: number;
  private b: number;
  private c = 0x9e37_79b9;
  private counter = 1;

  constructor(seed: number) {
    this.a = (seed % 2 ** 32) | 0;
    this.b = Math.floor(seed / 2 ** 32) | 0;
    for (let i = 0; i < 12; i++) this.bits();
  }
  /** 32 random bits, unsigned. */
  bits(): number {
    const sum = (this.a + this.b + this.counter++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    return sum >>> 0;
  }
  u64(): bigint {
    return (BigInt(this.bits()) << 32n) | BigInt(this.bits());
  }
  /** 0 ≤ number < limit ≤ 2^32. */
  below(limit: number): number {
    return Math.floor((this.bits() / 2 ** 32) * limit);
  }
  /** True once in `n` times. */
  once(n: number): boolean {
    return this.below(n) === 0;
  }
  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)];
  }
}
