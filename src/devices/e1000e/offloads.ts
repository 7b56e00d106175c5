// Intel 82574 GbE Controller Family Datasheet 3.4, "TCP Segmentation", "Packet Split Receive Descriptor": header updates,
// checksums, and where headers end. Every offset may be a hostile driver's.
import { completeChecksum, fold, PROTOCOL_TCP, PROTOCOL_UDP, type Packet } from "../offload.js";
import type { Context } from "./descriptors.js";

const TCP_BYTES = 20;
const UDP_BYTES = 8;

const word = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

function putWord(bytes: Uint8Array, at: number, value: number): void {
  if (at + 2 > bytes.length) return;
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Sums [start, end] (0: to the end of the packet) and stores the complement at `offset`. */
export function insertChecksum(frame: Uint8Array, start: number, offset: number, end: number): void {
  completeChecksum(frame, start, offset, end === 0 ? frame.length : Math.min(end + 1, frame.length));
}

/** "IP and TCP/UDP Headers" of segmentation: brings the headers of segment `index` up to date. */
export function updateSegment(frame: Uint8Array, context: Context, index: number, last: boolean): void {
  const { ipcss, tucss, tucso, headerLength, mss } = context;
  if (context.ipv4) {
    putWord(frame, ipcss + 2, frame.length - ipcss);
    putWord(frame, ipcss + 4, word(frame, ipcss + 4) + index);
  } else {
    putWord(frame, ipcss + 4, frame.length - ipcss - 40);
  }
  const length = frame.length - tucss;
  if (context.tcp) {
    const low = word(frame, tucss + 6) + ((index * mss) % 0x1_0000);
    const high = word(frame, tucss + 4) + Math.floor((index * mss) / 0x1_0000) + (low > 0xffff ? 1 : 0);
    if (tucss + 14 <= Math.min(headerLength, frame.length)) {
      putWord(frame, tucss + 6, low);
      putWord(frame, tucss + 4, high);
      const FIN_PSH = 0x09;
      if (!last) frame[tucss + 13] &= ~FIN_PSH;
    }
  } else {
    putWord(frame, tucss + 4, length);
  }
  // the driver left the sum of the pseudo header without the length there
  if (tucso < headerLength) putWord(frame, tucso, fold(word(frame, tucso) + length));
}

/** Behind the last header that packet split recognizes; 0 if it recognizes none. */
export function headersEnd(frame: Uint8Array, packet: Packet | undefined): number {
  if (!packet) return 0;
  const { transport, end, protocol, fragment } = packet;
  if (fragment) return transport;
  if (protocol === PROTOCOL_UDP && transport + UDP_BYTES <= end) return transport + UDP_BYTES;
  if (protocol !== PROTOCOL_TCP || transport + TCP_BYTES > end) return transport;
  const behind = transport + (frame[transport + 12] >>> 4) * 4;
  return behind <= end ? behind : transport;
}

/** Entry 256 · n + b: what byte b adds to the remainder when n more bytes follow it. */
const CRC_TABLE = new Int32Array(8 * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  CRC_TABLE[byte] = crc;
}
for (let at = 256; at < CRC_TABLE.length; at++) {
  const before = CRC_TABLE[at - 256];
  CRC_TABLE[at] = (before >>> 8) ^ CRC_TABLE[before & 0xff];
}

/** IEEE 802.3, "Frame Check Sequence (FCS) field": the value, sent low byte first. */
export function frameCheck(frame: Uint8Array): number {
  const table = CRC_TABLE;
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  let crc = ~0;
  let at = 0;
  for (; at + 8 <= frame.length; at += 8) {
    const first = view.getInt32(at, true) ^ crc;
    const second = view.getInt32(at + 4, true);
    crc =
      table[0x700 + (first & 0xff)] ^
      table[0x600 + ((first >>> 8) & 0xff)] ^
      table[0x500 + ((first >>> 16) & 0xff)] ^
      table[0x400 + (first >>> 24)] ^
      table[0x300 + (second & 0xff)] ^
      table[0x200 + ((second >>> 8) & 0xff)] ^
      table[0x100 + ((second >>> 16) & 0xff)] ^
      table[second >>> 24];
  }
  for (; at < frame.length; at++) crc = (crc >>> 8) ^ table[(crc ^ frame[at]) & 0xff];
  return ~crc >>> 0;
}
