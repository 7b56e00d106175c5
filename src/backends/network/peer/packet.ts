// Bytes of frames: big-endian fields, addresses, the Internet checksum.

/** An IPv4 address as an unsigned 32-bit number. */
export type Ipv4 = number;
/** A MAC address as a 48-bit number, its first byte the highest. */
export type Mac = number;

export const BROADCAST_MAC: Mac = 0xffff_ffff_ffff;
export const BROADCAST_IPV4: Ipv4 = 0xffff_ffff;

export const ETHERNET_HEADER = 14;
/** Of packets that we send: no options. */
export const IPV4_HEADER = 20;
/** Where the payload of our IPv4 packets begins in the frame. */
export const PAYLOAD = ETHERNET_HEADER + IPV4_HEADER;

export const enum EtherType {
  Ipv4 = 0x0800,
  Arp = 0x0806,
}

/** Internet protocol numbers. */
export const enum Protocol {
  Icmp = 1,
  Tcp = 6,
  Udp = 17,
}

export function get16(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

export function get32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function getMac(bytes: Uint8Array, at: number): Mac {
  return get16(bytes, at) * 0x1_0000_0000 + get32(bytes, at + 2);
}

export function putMac(bytes: Uint8Array, at: number, mac: Mac): void {
  put16(bytes, at, Math.floor(mac / 0x1_0000_0000));
  put32(bytes, at + 2, mac >>> 0);
}

/** Ethernet's header. */
export function putEthernet(bytes: Uint8Array, destination: Mac, source: Mac, type: EtherType): void {
  putMac(bytes, 0, destination);
  putMac(bytes, 6, source);
  put16(bytes, 12, type);
}

/** Sums of fewer bytes aren't worth a view of them. */
const FEW = 64;

/** Sum of bytes[from, to) as 16-bit words, added to `sum`, not folded; an odd last byte is followed by zero. */
export function sum16(bytes: Uint8Array, from: number, to: number, sum = 0): number {
  let total = sum;
  let i = from;
  if (to - from >= FEW) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (; i + 4 <= to; i += 4) {
      const words = view.getInt32(i);
      total += (words >>> 16) + (words & 0xffff);
    }
  }
  for (; i + 2 <= to; i += 2) total += (bytes[i] << 8) | bytes[i + 1];
  return i < to ? total + (bytes[i] << 8) : total;
}

/** RFC 1071, "Introduction": the one's complement of the one's complement sum. 0 over data that contain a right checksum. */
export function checksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x1_0000);
  return folded ^ 0xffff;
}

/** Sum of the pseudo header (RFC 9293, "Checksum"; RFC 768) of a payload of `length` bytes. */
export function pseudoSum(source: Ipv4, destination: Ipv4, protocol: Protocol, length: number): number {
  return (source >>> 16) + (source & 0xffff) + (destination >>> 16) + (destination & 0xffff) + protocol + length;
}

/** The address in dotted-decimal text, or undefined when it is none. */
export function parseIpv4(text: string): Ipv4 | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!parts) return undefined;
  const bytes = parts.slice(1).map(Number);
  return bytes.some((byte) => byte > 255) ? undefined : get32(Uint8Array.from(bytes), 0);
}

export function formatIpv4(address: Ipv4): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}

/** The address in six hexadecimal pairs with colons, or undefined when it is none. */
export function parseMac(text: string): Mac | undefined {
  return /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i.test(text) ? Number.parseInt(text.replaceAll(":", ""), 16) : undefined;
}

export function formatMac(mac: Mac): string {
  return mac
    .toString(16)
    .padStart(12, "0")
    .replace(/..(?=.)/g, "$&:");
}
