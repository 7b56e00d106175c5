// The Internet checksum (RFC 1071) and the frame check sequence (IEEE 802.3), which are computed several bytes at a time, against
// what their definitions say byte by byte; and the buffers that frames wait in.
import fc from "fast-check";
import { expect, test } from "vitest";
import { sum16 } from "../../src/backends/network/peer/packet.js";
import { frameCheck } from "../../src/devices/e1000e/offloads.js";
import { FrameBuffers } from "../../src/devices/frame-buffers.js";
import { fold, internetSum } from "../../src/devices/offload.js";

/** The sum of big-endian words, an odd last byte being the high half of one. */
const bytewise = (bytes: Uint8Array) => bytes.reduce((sum, byte, i) => sum + byte * (i % 2 === 0 ? 256 : 1), 0);

/** The polynomial 0xedb88320, bit by bit. */
function bitwise(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (0xedb8_8320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

/** Bytes, and where in them a part begins and how long it is. */
const parts = fc
  .uint8Array({ maxLength: 300, size: "max" })
  .chain((bytes) => fc.tuple(fc.constant(bytes), fc.nat(bytes.length)))
  .chain(([bytes, from]) => fc.tuple(fc.constant(bytes), fc.constant(from), fc.nat(bytes.length - from)));

test("sums of words are those of the definition, wherever the words lie", () => {
  fc.assert(
    fc.property(parts, fc.nat(100_000), ([bytes, from, length], start) => {
      const expected = start + bytewise(bytes.subarray(from, from + length));
      expect(sum16(bytes, from, from + length, start)).toBe(expected);
      expect(internetSum(bytes, from, from + length, start)).toBe(fold(expected));
      expect(sum16(bytes.subarray(from), 0, length, start)).toBe(expected);
    }),
  );
});

test("the frame check sequence is that of the definition", () => {
  expect(frameCheck(new TextEncoder().encode("123456789"))).toBe(0xcbf4_3926);
  fc.assert(
    fc.property(parts, ([bytes, from, length]) => {
      const part = bytes.subarray(from, from + length);
      expect(frameCheck(part)).toBe(bitwise(part));
    }),
  );
});

test("a buffer that was given back is used again, unless it is of no usual length", () => {
  const buffers = new FrameBuffers();
  const [usual, long] = [buffers.take(60), buffers.take(9018)];
  expect(long.length).toBe(9018);
  buffers.release(long);
  buffers.release(usual);
  expect(buffers.take(1518)).toBe(usual);
  expect(buffers.take(1518)).not.toBe(usual);
});
