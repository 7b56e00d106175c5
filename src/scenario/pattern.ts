// What the probe writes, so that the host can foretell the disk: docs/guide-probe.md, "What a write leaves on the disk".

const LOW = 0xffff;
/** 0x9e3779b97f4a7c15 and 0xbf58476d1ce4e5b9, in two halves. */
const SEED_LOW = 0x7f4a_7c15;
const SEED_HIGH = 0x9e37_79b9;
const MIX_LOW = 0x1ce4_e5b9;
const MIX_HIGH = 0xbf58_476d;

/** High half of the 64-bit product of two u32. */
function highProduct(a: number, b: number): number {
  const a0 = a & LOW;
  const a1 = a >>> 16;
  const b0 = b & LOW;
  const b1 = b >>> 16;
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = a0 * b1 + (middle % 0x1_0000);
  return (a1 * b1 + Math.floor(middle / 0x1_0000) + Math.floor(carry / 0x1_0000)) >>> 0;
}

/** The first `length` bytes of a disk that the probe wrote with `seed` (below 2^32). */
export function writtenPattern(length: number, seed: number): Uint8Array {
  const words = new Uint32Array(2 * Math.ceil(length / 8));
  const addLow = Math.imul(SEED_LOW, seed) >>> 0;
  const addHigh = (highProduct(SEED_LOW, seed) + Math.imul(SEED_HIGH, seed)) >>> 0;
  for (let i = 0; i < words.length; i += 2) {
    const sum = i / 2 + addLow;
    const low = sum >>> 0;
    const high = (addHigh + (sum > 0xffff_ffff ? 1 : 0)) >>> 0;
    const x0 = Math.imul(low, MIX_LOW) >>> 0;
    const x1 = (highProduct(low, MIX_LOW) + Math.imul(low, MIX_HIGH) + Math.imul(high, MIX_LOW)) >>> 0;
    words[i] = x0 ^ ((x1 << 1) | (x0 >>> 31));
    words[i + 1] = x1 ^ (x1 >>> 31);
  }
  return new Uint8Array(words.buffer, 0, length);
}
