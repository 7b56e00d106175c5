// Virtual I/O Device (VIRTIO) Version 1.2, "Network Device", "Device Operation": struct virtio_net_hdr before every packet,
// and what it asks of the device.
import { checkTransport, completeChecksum, packetOf, type Segmentation, segment, segmentCount } from "../offload.js";

export const enum NetFeature {
  CSUM = 0,
  GUEST_CSUM = 1,
  MTU = 3,
  MAC = 5,
  HOST_TSO4 = 11,
  HOST_TSO6 = 12,
  MRG_RXBUF = 15,
  STATUS = 16,
  CTRL_VQ = 17,
  CTRL_RX = 18,
  CTRL_RX_EXTRA = 20,
  MQ = 22,
  CTRL_MAC_ADDR = 23,
}

/** Whether a feature is among the bits. */
export const has = (features: number, bit: NetFeature): boolean => (features & (1 << bit)) !== 0;

/** struct virtio_net_hdr, num_buffers always there. */
export const NET_HEADER_BYTES = 12;
const enum Field {
  flags = 0,
  gso_type = 1,
  gso_size = 4,
  csum_start = 6,
  csum_offset = 8,
  num_buffers = 10,
}
const enum Flag {
  NEEDS_CSUM = 1,
  DATA_VALID = 2,
}
const enum Gso {
  NONE = 0,
  TCPV4 = 1,
  TCPV6 = 4,
}
export const ETHERNET_BYTES = 14;
export const VLAN_BYTES = 4;
/** Most bytes of a packet that is to be cut: an IP packet of any length, behind its Ethernet header. */
export const LARGEST_PACKET = 65_535 + 40 + ETHERNET_BYTES + VLAN_BYTES;
/** Offset of TCP's checksum, and of the nibble with its header's length, in the header. */
const TCP_CHECKSUM = 16;
const TCP_DATA_OFFSET = 12;

/** A packet of the driver's as the wire will see it: `count` frames. */
export interface Outgoing {
  readonly packet: Uint8Array;
  readonly count: number;
  frame(index: number): Uint8Array;
}

/**
 * "Packet Transmission": what the header and packet in `bytes` stand for; undefined if they make no sense.
 * @param longest bytes of the longest frame
 */
export function outgoing(bytes: Uint8Array, features: number, longest: number): Outgoing | undefined {
  if (bytes.length < NET_HEADER_BYTES + ETHERNET_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const packet = bytes.subarray(NET_HEADER_BYTES);
  const gso = view.getUint8(Field.gso_type);
  const start = view.getUint16(Field.csum_start, true);
  const at = start + view.getUint16(Field.csum_offset, true);
  const partial = has(features, NetFeature.CSUM) && (view.getUint8(Field.flags) & Flag.NEEDS_CSUM) !== 0;
  if (gso === Gso.NONE) {
    if (packet.length > longest || (partial && !completeChecksum(packet, start, at))) return undefined;
    return { packet, count: 1, frame: () => packet };
  }
  const feature = gso === Gso.TCPV4 ? NetFeature.HOST_TSO4 : NetFeature.HOST_TSO6;
  const asked = (gso === Gso.TCPV4 || gso === Gso.TCPV6) && has(features, feature);
  if (!asked || !partial || at - start !== TCP_CHECKSUM) return undefined;
  const how = segmentation(packet, gso === Gso.TCPV4 ? 4 : 6, start, view.getUint16(Field.gso_size, true));
  const count = how ? segmentCount(packet, how) : 0;
  if (!how || count === 0 || Math.min(how.headerLength + how.mss, packet.length) > longest) return undefined;
  return { packet, count, frame: (index) => segment(packet, how, index) };
}

/** The header's own length is taken from TCP: hdr_len is a hint that needn't be right. */
function segmentation(packet: Uint8Array, version: 4 | 6, transport: number, mss: number): Segmentation | undefined {
  const ip = packetOf(packet);
  if (ip?.version !== version || transport + TCP_DATA_OFFSET >= packet.length) return undefined;
  const headerLength = transport + (packet[transport + TCP_DATA_OFFSET] >>> 4) * 4;
  return { version, network: ip.network, transport, headerLength, mss, summedLength: packet.length - transport };
}

/** "Processing of Incoming Packets": a frame behind its header. */
export function incoming(frame: Uint8Array, features: number, buffers: number): Uint8Array {
  const bytes = new Uint8Array(NET_HEADER_BYTES + frame.length);
  bytes.set(frame, NET_HEADER_BYTES);
  const packet = has(features, NetFeature.GUEST_CSUM) ? packetOf(frame) : undefined;
  if (packet && checkTransport(frame, packet) === "good") bytes[Field.flags] = Flag.DATA_VALID;
  bytes[Field.num_buffers] = buffers & 0xff;
  bytes[Field.num_buffers + 1] = buffers >>> 8;
  return bytes;
}
