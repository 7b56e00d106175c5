// Integers of 128 bits, as far as multiplication needs them.

/** The upper half of the product of two unsigned integers. */
export function mulhu(a: u64, b: u64): u64 {
  const a0 = a & 0xffff_ffff;
  const a1 = a >> 32;
  const b0 = b & 0xffff_ffff;
  const b1 = b >> 32;
  const middle = a1 * b0 + ((a0 * b0) >> 32);
  const carry = a0 * b1 + (middle & 0xffff_ffff);
  return a1 * b1 + (middle >> 32) + (carry >> 32);
}
