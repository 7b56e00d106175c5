import { describe, expect, test } from "vitest";
import {
  checkHeader,
  checkTransport,
  completeChecksum,
  internetChecksum,
  type Packet,
  packetOf,
  pseudoHeaderSum,
  type Segmentation,
  segments,
} from "../../src/devices/offload.js";

const PAYLOAD = 3000;
/** A frame of Ethernet, IPv4 or IPv6 and TCP whose checksum field holds the pseudo header's sum for `summed` bytes. */
function tcp(version: 4 | 6, summedLength: number): { frame: Uint8Array; how: Segmentation } {
  const network = 14;
  const transport = network + (version === 4 ? 20 : 40);
  const headerLength = transport + 20;
  const frame = new Uint8Array(headerLength + PAYLOAD).map((_, i) => (i >= headerLength ? (i * 7) & 0xff : 0));
  const view = new DataView(frame.buffer);
  view.setUint16(12, version === 4 ? 0x0800 : 0x86dd);
  frame[network] = version === 4 ? 0x45 : 0x60;
  const total = frame.length - network;
  view.setUint16(network + (version === 4 ? 2 : 4), version === 4 ? total : total - 40);
  frame[network + (version === 4 ? 9 : 6)] = 6;
  for (let i = network + (version === 4 ? 12 : 8); i < transport; i++) frame[i] = i;
  if (version === 4) view.setUint16(network + 4, 0xffff);
  view.setUint32(transport + 4, 0xffff_ff00);
  frame[transport + 12] = 0x50;
  frame[transport + 13] = 0x99; // CWR, ACK, PSH, FIN
  view.setUint16(transport + 16, pseudoHeaderSum(frame, packetOf(frame) as Packet, summedLength));
  return { frame, how: { version, network, transport, headerLength, mss: 1400, summedLength } };
}
const whole = (frame: Uint8Array) => packetOf(frame) as Packet;

test("the checksum of the example (RFC 1071, 'Numerical Examples')", () => {
  const example = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  expect(internetChecksum(example)).toBe(~0xddf2 & 0xffff);
  expect(internetChecksum(example.subarray(0, 7))).toBe(internetChecksum(Uint8Array.of(...example.subarray(0, 7), 0)));
});

test("a checksum outside the frame is left alone", () => {
  const frame = new Uint8Array(20).fill(7);
  expect([completeChecksum(frame, 20, 4), completeChecksum(frame, 4, 19), completeChecksum(frame, 30, 40)]).toEqual([
    false,
    false,
    false,
  ]);
  expect(frame).toEqual(new Uint8Array(20).fill(7));
});

describe.each([4, 6] as const)("TCP over IPv%i", (version) => {
  test.each(["none", "all"])("segments are whole packets, with %s of the length summed beforehand", (summed) => {
    const { frame, how } = tcp(version, summed === "all" ? PAYLOAD + 20 : 0);
    const cut = segments(frame, how);
    expect(cut.map((bytes) => bytes.length - how.headerLength)).toEqual([1400, 1400, 200]);
    expect(cut.map((bytes) => whole(bytes).end - bytes.length)).toEqual([0, 0, 0]);
    expect(cut.map((bytes) => checkTransport(bytes, whole(bytes)))).toEqual(["good", "good", "good"]);
    expect(cut.map((bytes) => checkHeader(bytes, whole(bytes)))).toEqual(
      cut.map(() => (version === 4 ? "good" : "none")),
    );
    const joined = cut.flatMap((bytes) => [...bytes.subarray(how.headerLength)]);
    expect(joined).toEqual([...frame.subarray(how.headerLength)]);
  });

  test("sequence numbers wrap, and flags of the end are the last one's (RFC 9293, 'Header Format')", () => {
    const { frame, how } = tcp(version, 0);
    const cut = segments(frame, how).map((bytes) => new DataView(bytes.buffer));
    expect(cut.map((view) => view.getUint32(how.transport + 4))).toEqual([0xffff_ff00, 0x478, 0x9f0]);
    expect(cut.map((view) => view.getUint8(how.transport + 13))).toEqual([0x90, 0x10, 0x19]);
  });

  test("a wrong byte is noticed", () => {
    const { frame, how } = tcp(version, 0);
    const [bytes] = segments(frame, how);
    bytes[how.headerLength + 5] ^= 1;
    expect(checkTransport(bytes, whole(bytes))).toBe("bad");
  });
});

test("identification counts on (RFC 6864, 'Updates to RFC 791')", () => {
  const { frame, how } = tcp(4, 0);
  const cut = segments(frame, how).map((bytes) => new DataView(bytes.buffer));
  expect(cut.map((view) => view.getUint16(how.network + 4))).toEqual([0xffff, 0, 1]);
});

test("headers that aren't in the frame make no segments", () => {
  const { frame, how } = tcp(4, 0);
  expect(segments(frame, { ...how, mss: 0 })).toEqual([]);
  expect(segments(frame, { ...how, headerLength: frame.length + 1 })).toEqual([]);
  expect(segments(frame, { ...how, transport: how.network })).toEqual([]);
});

test("frames that are no packets, or whose lengths can't be, are none", () => {
  const { frame } = tcp(4, 0);
  expect(packetOf(frame.subarray(0, 100))).toBeUndefined();
  expect(packetOf(new Uint8Array(10))).toBeUndefined();
  const tagged = Uint8Array.of(...frame.subarray(0, 12), 0x81, 0, 0, 5, ...frame.subarray(12));
  expect(packetOf(tagged)).toMatchObject({ network: 18, transport: 38, protocol: 6 });
});
