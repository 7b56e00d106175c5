// Frames for tests of network interfaces. RFC 791, RFC 8200, RFC 768, RFC 9293.
import { completeChecksum, type Packet, packetOf, pseudoHeaderSum } from "../../src/devices/offload.js";

export const MAC = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
export const OTHER = [0x52, 0x54, 0x00, 0x12, 0x35, 0x02];
export const BROADCAST = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
export const GROUP = [0x01, 0x00, 0x5e, 0, 0, 1];

/** An Ethernet frame of `length` bytes that is no IP packet. */
export function plain(to: readonly number[], length = 100, seed = 1): Uint8Array {
  const frame = new Uint8Array(length).map((_, i) => (i * 13 + seed) & 0xff);
  frame.set([...to, ...OTHER, 0x88, 0xb5]);
  return frame;
}

export interface TcpOptions {
  version?: 4 | 6;
  payload?: number;
  to?: readonly number[];
  /** Ports. */
  from?: number;
  at?: number;
  /** Swaps addresses and ports: the other direction of the flow. */
  back?: boolean;
}

/** A frame with TCP in it, whose checksum field holds the pseudo header's sum only; where TCP begins. */
export function partialTcp(options: TcpOptions = {}): { frame: Uint8Array; transport: number } {
  const { version = 4, payload = 100, to = MAC, from = 1000, at = 80, back = false } = options;
  const transport = 14 + (version === 4 ? 20 : 40);
  const header = transport + 20;
  const frame = new Uint8Array(header + payload).map((_, i) => (i < header ? 0 : (i * 7) & 0xff));
  const view = new DataView(frame.buffer);
  frame.set([...to, ...OTHER]);
  view.setUint16(12, version === 4 ? 0x0800 : 0x86dd);
  frame[14] = version === 4 ? 0x45 : 0x60;
  view.setUint16(version === 4 ? 16 : 18, frame.length - (version === 4 ? 14 : 54));
  frame[version === 4 ? 23 : 20] = 6;
  const size = version === 4 ? 4 : 16;
  const [a, b] = version === 4 ? [26, 30] : [22, 38];
  frame.fill(10, back ? b : a, (back ? b : a) + size);
  frame.fill(20, back ? a : b, (back ? a : b) + size);
  if (version === 4) completeChecksum(frame, 14, 24, 34);
  view.setUint16(transport, back ? at : from);
  view.setUint16(transport + 2, back ? from : at);
  frame[transport + 12] = 0x50;
  frame[transport + 13] = 0x18;
  const packet = packetOf(frame) as Packet;
  view.setUint16(transport + 16, pseudoHeaderSum(frame, packet, frame.length - transport));
  return { frame, transport };
}

/** The same with its checksum complete. */
export function tcp(options: TcpOptions = {}): Uint8Array {
  const { frame, transport } = partialTcp(options);
  completeChecksum(frame, transport, transport + 16);
  return frame;
}
