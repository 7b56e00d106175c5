// Intel 82574 GbE Controller Family Datasheet 3.4, "Transmit Checksum Offloading", "TCP Segmentation", "Receive Checksum
// Offloading": sums, header updates, and what a received frame is made of. Every offset may be a hostile driver's.
import type { Context } from "./descriptors.js";

const ETHER_IPV4 = 0x0800;
const ETHER_IPV6 = 0x86dd;
const PROTOCOL_TCP = 6;
const PROTOCOL_UDP = 17;
const HEADER = 14;

const word = (bytes: Uint8Array, at: number): number => ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);

function putWord(bytes: Uint8Array, at: number, value: number): void {
  if (at + 2 > bytes.length) return;
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** Sum of [from, to) in ones' complement, folded to 16 bits; an odd last byte is a high one. */
export function onesSum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  const end = Math.min(to, bytes.length);
  let sum = start;
  let at = from;
  for (; at + 1 < end; at += 2) sum += (bytes[at] << 8) | bytes[at + 1];
  if (at < end) sum += bytes[at] << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000);
  return sum;
}

/** Sums [start, end] (0: to the end of the packet) and stores the complement at `offset`. */
export function insertChecksum(frame: Uint8Array, start: number, offset: number, end: number): void {
  const to = end === 0 ? frame.length : end + 1;
  if (start >= frame.length || offset + 2 > frame.length || to <= start) return;
  putWord(frame, offset, ~onesSum(frame, start, to) & 0xffff);
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
  let sum = word(frame, tucso) + length;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  if (tucso < headerLength) putWord(frame, tucso, sum);
}

/** What the receiver finds in a frame; offsets from its begin. */
export interface Parsed {
  ip: 0 | 4 | 6;
  /** Where the IP header begins, and what lies behind it. */
  ipAt: number;
  transportAt: number;
  /** Behind the IP packet, without padding. */
  end: number;
  protocol: "tcp" | "udp" | "none";
  fragment: boolean;
  /** Behind the last header that was recognized. */
  headerEnd: number;
}

export function parse(frame: Uint8Array, tagged: boolean): Parsed {
  const at = HEADER + (tagged ? 4 : 0);
  const type = word(frame, at - 2);
  const plain: Parsed = {
    ip: 0,
    ipAt: at,
    transportAt: at,
    end: frame.length,
    protocol: "none",
    fragment: false,
    headerEnd: at,
  };
  const version = (frame[at] ?? 0) >>> 4;
  if (type === ETHER_IPV4 && version === 4 && at + 20 <= frame.length) {
    const header = (frame[at] & 15) * 4;
    const end = at + word(frame, at + 2);
    const transportAt = at + header;
    if (header < 20 || end > frame.length || transportAt > end) return plain;
    const fragment = (word(frame, at + 6) & 0x3fff) !== 0;
    return transport({ ...plain, ip: 4, transportAt, end, fragment, headerEnd: transportAt }, frame, frame[at + 9]);
  }
  if (type === ETHER_IPV6 && version === 6 && at + 40 <= frame.length) {
    const transportAt = at + 40;
    const end = transportAt + word(frame, at + 4);
    if (end > frame.length) return plain;
    return transport({ ...plain, ip: 6, transportAt, end, headerEnd: transportAt }, frame, frame[at + 6]);
  }
  return plain;
}

function transport(ip: Parsed, frame: Uint8Array, protocol: number): Parsed {
  const { transportAt: at, end } = ip;
  if (ip.fragment) return ip;
  if (protocol === PROTOCOL_TCP && at + 20 <= end) {
    const headerEnd = at + (frame[at + 12] >>> 4) * 4;
    return headerEnd > end ? ip : { ...ip, protocol: "tcp", headerEnd };
  }
  if (protocol === PROTOCOL_UDP && at + 8 <= end) return { ...ip, protocol: "udp", headerEnd: at + 8 };
  return ip;
}

/** Whether the header checksum of an IPv4 packet is right. */
export function ipChecksumRight(frame: Uint8Array, { ipAt, transportAt }: Parsed): boolean {
  return onesSum(frame, ipAt, transportAt) === 0xffff;
}

/** Whether the checksum of TCP or UDP is right; undefined for UDP without one. */
export function transportChecksumRight(frame: Uint8Array, parsed: Parsed): boolean | undefined {
  const { ip, ipAt, transportAt: at, end, protocol } = parsed;
  if (protocol === "udp" && word(frame, at + 6) === 0) return undefined;
  const [addresses, bytes] = ip === 4 ? [ipAt + 12, 8] : [ipAt + 8, 32];
  const pseudo = (protocol === "tcp" ? PROTOCOL_TCP : PROTOCOL_UDP) + (end - at);
  return onesSum(frame, at, end, onesSum(frame, addresses, addresses + bytes, pseudo)) === 0xffff;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  return crc;
});

/** IEEE 802.3, "Frame Check Sequence (FCS) field": the value, sent low byte first. */
export function frameCheck(frame: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of frame) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff];
  return ~crc >>> 0;
}
