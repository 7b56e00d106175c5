// What network interfaces do to frames in their drivers' place: RFC 1071, "Computing the Internet Checksum"; RFC 9293,
// "Transmission Control Protocol (TCP)", header and checksum; RFC 791 and RFC 8200, headers. Pure functions; offsets
// count from the frame's first byte. Whatever a frame or a driver says, nothing outside the frame is touched.

const ETHERNET_BYTES = 14;
const VLAN_BYTES = 4;
const VLAN_TYPES = [0x8100, 0x88a8];
const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const TCP_BYTES = 20;
const UDP_BYTES = 8;
/** Sums of fewer bytes aren't worth a view of them. */
const FEW = 64;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;

const word = (bytes: Uint8Array, at: number): number => bytes[at] * 256 + bytes[at + 1];
function setWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = (value >>> 8) & 0xff;
  bytes[at + 1] = value & 0xff;
}

/** Folds a sum of 16-bit words into 16 bits, carries added at the low end. */
export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x1_0000) + Math.floor(folded / 0x1_0000);
  return folded;
}

/** Ones' complement sum of [from, to) as big-endian 16-bit words, an odd last byte filled up with 0; at most 16 bits. */
export function internetSum(bytes: Uint8Array, from = 0, to = bytes.length, start = 0): number {
  let sum = start;
  let at = from;
  if (to - from >= FEW) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (; at + 4 <= to; at += 4) {
      const words = view.getInt32(at);
      sum += (words >>> 16) + (words & 0xffff);
    }
  }
  for (; at + 2 <= to; at += 2) sum += bytes[at] * 256 + bytes[at + 1];
  if (at < to) sum += bytes[at] * 256;
  return fold(sum);
}

/** The internet checksum of [from, to), `start` summed with it. */
export function internetChecksum(bytes: Uint8Array, from = 0, to = bytes.length, start = 0): number {
  return ~internetSum(bytes, from, to, start) & 0xffff;
}

/**
 * Puts the checksum of [from, to) at `at`. What stands there beforehand is summed too: 0, or the pseudo header's sum.
 * False, and nothing done, unless `from` and `at` lie in the frame.
 */
export function completeChecksum(frame: Uint8Array, from: number, at: number, to = frame.length): boolean {
  if (!(from >= 0 && from < to && to <= frame.length && at >= 0 && at + 2 <= frame.length)) return false;
  setWord(frame, at, internetChecksum(frame, from, to));
  return true;
}

/** Sum of the pseudo header of an IPv4 or IPv6 packet, for `length` bytes of the protocol. */
export function pseudoHeaderSum(frame: Uint8Array, packet: Packet, length: number): number {
  const { network, version, protocol } = packet;
  const addresses =
    version === 4 ? internetSum(frame, network + 12, network + 20) : internetSum(frame, network + 8, network + 40);
  return fold(addresses + protocol + length);
}

/** An IP packet in a frame. */
export interface Packet {
  version: 4 | 6;
  /** Where its header is, where what it carries is, and where the packet ends: the frame may be longer. */
  network: number;
  transport: number;
  end: number;
  /** What it carries (of IPv6, the first next header). */
  protocol: number;
  /** Whether it is a piece of a datagram, so that `transport` needn't be a header. */
  fragment: boolean;
}

/** The IP packet that a frame holds, behind any VLAN tags; undefined for other frames and for lengths that can't be. */
export function packetOf(frame: Uint8Array): Packet | undefined {
  let network = ETHERNET_BYTES;
  while (network <= frame.length && VLAN_TYPES.includes(word(frame, network - 2))) network += VLAN_BYTES;
  if (network > frame.length) return undefined;
  const type = word(frame, network - 2);
  if (type === IPV4) return ipv4(frame, network);
  return type === IPV6 ? ipv6(frame, network) : undefined;
}

function ipv4(frame: Uint8Array, network: number): Packet | undefined {
  if (network + IPV4_BYTES > frame.length || frame[network] >>> 4 !== 4) return undefined;
  const transport = network + (frame[network] & 15) * 4;
  const end = network + word(frame, network + 2);
  if (transport < network + IPV4_BYTES || transport > end || end > frame.length) return undefined;
  const fragment = (word(frame, network + 6) & 0x3fff) !== 0; // more fragments, or an offset
  return { version: 4, network, transport, end, protocol: frame[network + 9], fragment };
}

function ipv6(frame: Uint8Array, network: number): Packet | undefined {
  if (network + IPV6_BYTES > frame.length || frame[network] >>> 4 !== 6) return undefined;
  const transport = network + IPV6_BYTES;
  const end = transport + word(frame, network + 4);
  if (end > frame.length) return undefined;
  return { version: 6, network, transport, end, protocol: frame[network + 6], fragment: false };
}

/** Whether a checksum is there, and right. */
export type Verdict = "none" | "good" | "bad";

/** The IPv4 header's checksum. */
export function checkHeader(frame: Uint8Array, packet: Packet): Verdict {
  if (packet.version !== 4) return "none";
  return internetSum(frame, packet.network, packet.transport) === 0xffff ? "good" : "bad";
}

/** TCP's or UDP's checksum of a whole datagram. */
export function checkTransport(frame: Uint8Array, packet: Packet): Verdict {
  const { protocol, transport, end, fragment, version } = packet;
  const bytes = protocol === PROTOCOL_TCP ? TCP_BYTES : protocol === PROTOCOL_UDP ? UDP_BYTES : Infinity;
  if (fragment || transport + bytes > end) return "none";
  if (protocol === PROTOCOL_UDP && version === 4 && word(frame, transport + 6) === 0) return "none";
  const sum = internetSum(frame, transport, end, pseudoHeaderSum(frame, packet, end - transport));
  return sum === 0xffff ? "good" : "bad";
}

/** How a TCP segment too large for the wire is cut. */
export interface Segmentation {
  version: 4 | 6;
  /** Where the IP header and the TCP header begin, and the payload behind them. */
  network: number;
  transport: number;
  headerLength: number;
  /** Most bytes of payload of each. */
  mss: number;
  /** Bytes of TCP header and payload that the pseudo header's sum in the checksum field stands for: 0, or all. */
  summedLength: number;
}

const TCP_FIN = 0x01;
const TCP_PUSH = 0x08;
const TCP_CWR = 0x80;

/** Number of segments that a frame is cut into; 0 if it can't be cut so. */
export function segmentCount(frame: Uint8Array, how: Segmentation): number {
  const { version, network, transport, headerLength, mss } = how;
  const ip = version === 4 ? IPV4_BYTES : IPV6_BYTES;
  const legal = network >= 0 && network + ip <= transport && transport + TCP_BYTES <= headerLength && mss > 0;
  if (!legal || headerLength > frame.length) return 0;
  return Math.max(1, Math.ceil((frame.length - headerLength) / mss));
}

/** Segment `index` of those: headers brought up to date, checksums complete. */
export function segment(frame: Uint8Array, how: Segmentation, index: number): Uint8Array {
  const { version, network, transport, headerLength, mss, summedLength } = how;
  const start = headerLength + index * mss;
  const end = Math.min(start + mss, frame.length);
  const bytes = new Uint8Array(headerLength + end - start);
  bytes.set(frame.subarray(0, headerLength));
  bytes.set(frame.subarray(start, end), headerLength);
  if (version === 4) {
    setWord(bytes, network + 2, bytes.length - network);
    setWord(bytes, network + 4, word(frame, network + 4) + index); // identification
    setWord(bytes, network + 10, 0);
    completeChecksum(bytes, network, network + 10, transport);
  } else {
    setWord(bytes, network + 4, bytes.length - network - IPV6_BYTES);
  }
  const view = new DataView(bytes.buffer);
  view.setUint32(transport + 4, view.getUint32(transport + 4) + index * mss); // sequence number
  if (end < frame.length) bytes[transport + 13] &= ~(TCP_FIN | TCP_PUSH);
  if (index > 0) bytes[transport + 13] &= ~TCP_CWR;
  const length = bytes.length - transport;
  setWord(bytes, transport + 16, fold(word(bytes, transport + 16) + length + (0xffff - fold(summedLength))));
  completeChecksum(bytes, transport, transport + 16);
  return bytes;
}

/** All of them, in order. */
export function segments(frame: Uint8Array, how: Segmentation): Uint8Array[] {
  return Array.from({ length: segmentCount(frame, how) }, (_, index) => segment(frame, how, index));
}
