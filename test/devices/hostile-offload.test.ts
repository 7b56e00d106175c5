// Frames of any bytes and drivers' offsets of any size: nothing beyond the frame is looked at, and what is cut is bounded by what there was.
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  checkHeader,
  checkTransport,
  completeChecksum,
  internetSum,
  packetOf,
  type Segmentation,
  segmentCount,
  segments,
} from "../../src/devices/offload.js";

const RUNS = { numRuns: 500, seed: 12 };

/** Bytes in the middle of others that must not matter. */
const inMiddle = (bytes: Uint8Array): Uint8Array => {
  const around = new Uint8Array(bytes.length + 64).fill(0xa5);
  around.set(bytes, 32);
  return around.subarray(32, 32 + bytes.length);
};

/** Half of them look like IP, with lengths that may be right. */
const frame = fc
  .record({
    bytes: fc.uint8Array({ maxLength: 300, size: "max" }),
    tags: fc.nat(3),
    type: fc.constantFrom(0x0800, 0x86dd, 0x8100, 0x88a8, undefined),
    first: fc.constantFrom(0x45, 0x46, 0x4f, 0x60, 0x41, undefined),
    protocol: fc.constantFrom(6, 17, 1, undefined),
    length: fc.oneof(fc.constant(undefined), fc.nat(300), fc.nat(0xffff)),
  })
  .map(({ bytes, tags, type, first, protocol, length }) => {
    const view = new DataView(bytes.buffer);
    const put16 = (at: number, value: number) => at + 2 <= bytes.length && view.setUint16(at, value);
    const network = 14 + 4 * tags;
    for (let tag = 0; tag < tags; tag++) put16(12 + 4 * tag, 0x8100);
    if (type !== undefined) put16(network - 2, type);
    if (first !== undefined && network < bytes.length) bytes[network] = first;
    put16(network + (first === 0x60 ? 4 : 2), length ?? bytes.length - network - (first === 0x60 ? 40 : 0));
    const at = network + (first === 0x60 ? 6 : 9);
    if (protocol !== undefined && at < bytes.length) bytes[at] = protocol;
    return inMiddle(bytes);
  });

/** RFC 1071, word by word. */
function plainSum(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at += 2) {
    sum += bytes[at] * 256 + (at + 1 < to ? bytes[at + 1] : 0);
    sum = (sum & 0xffff) + (sum >>> 16);
  }
  return sum;
}

test("sums are those of the words, whatever their alignment", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600, size: "max" }), fc.nat(600), fc.nat(600), (bytes, a, b) => {
      const [from, to] = [Math.min(a, b, bytes.length), Math.min(Math.max(a, b), bytes.length)];
      // 0 has two forms
      expect(internetSum(inMiddle(bytes), from, to) % 0xffff).toBe(plainSum(bytes, from, to) % 0xffff);
    }),
    RUNS,
  );
});

test("a packet lies in its frame, and its checksums are looked for there", () => {
  let packets = 0;
  fc.assert(
    fc.property(frame, (bytes) => {
      const packet = packetOf(bytes);
      if (!packet) return;
      packets++;
      const { network, transport, end } = packet;
      expect(14 <= network && network < transport && transport <= end && end <= bytes.length).toBe(true);
      expect(["none", "good", "bad"]).toContain(checkHeader(bytes, packet));
      expect(["none", "good", "bad"]).toContain(checkTransport(bytes, packet));
    }),
    RUNS,
  );
  expect(packets).toBeGreaterThan(20);
});

test("a checksum is completed within the frame, or not at all", () => {
  const offset = fc.oneof(fc.nat(320), fc.integer({ min: -5, max: 0x1_0100 }));
  fc.assert(
    fc.property(frame, offset, offset, fc.option(offset), (bytes, from, at, to) => {
      const before = bytes.slice();
      const done = completeChecksum(bytes, from, at, to ?? bytes.length);
      const changed = [...bytes.keys()].filter((i) => bytes[i] !== before[i]);
      expect(changed.every((i) => done && (i === at || i === at + 1))).toBe(true);
      const around = new Uint8Array(bytes.buffer);
      expect(around.subarray(0, 32).every((byte) => byte === 0xa5)).toBe(true);
      expect(around.subarray(32 + bytes.length).every((byte) => byte === 0xa5)).toBe(true);
    }),
    RUNS,
  );
});

test("segments hold the payload once, each no more than the driver asked for", () => {
  const size = fc.oneof(fc.nat(80), fc.integer({ min: -1, max: 0x1_0000 }));
  const how: fc.Arbitrary<Segmentation> = fc.record({
    version: fc.constantFrom(4, 6) as fc.Arbitrary<4 | 6>,
    network: fc.oneof(fc.constant(14), size),
    transport: fc.oneof(fc.constantFrom(34, 54), size),
    headerLength: fc.oneof(fc.constantFrom(54, 74), size),
    mss: fc.oneof(fc.constantFrom(0, 1, 100, 1460), fc.nat(0xffff)),
    summedLength: fc.nat(0xffff),
  });
  let cut = 0;
  fc.assert(
    fc.property(frame, how, (bytes, asked) => {
      const count = segmentCount(bytes, asked);
      const all = segments(bytes, asked);
      expect(all.length).toBe(count);
      if (count === 0) return;
      cut++;
      expect(count).toBeLessThanOrEqual(Math.max(1, bytes.length));
      const payloads = all.map((one) => one.subarray(asked.headerLength));
      expect(payloads.every(({ length }) => length <= asked.mss)).toBe(true);
      expect(payloads.flatMap((one) => [...one])).toEqual([...bytes.subarray(asked.headerLength)]);
    }),
    RUNS,
  );
  expect(cut).toBeGreaterThan(30);
});
