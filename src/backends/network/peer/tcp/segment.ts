// RFC 9293, "Header Format" and "Specific Option Definitions"; RFC 7323, "Window Scale Option".
import type { Datagram } from "../ipv4.js";
import { checksum, get16, get32, PAYLOAD, Protocol, pseudoSum, put16, put32, sum16 } from "../packet.js";

export const enum Flag {
  Fin = 1,
  Syn = 2,
  Rst = 4,
  Psh = 8,
  Ack = 16,
}

export const TCP_HEADER = 20;
/** MSS, no operation and window scale. */
const SYN_OPTIONS = 8;

const enum Option {
  End = 0,
  None = 1,
  Mss = 2,
  WindowScale = 3,
}

/** RFC 7323: a greater shift counts as this one. */
export const MOST_SCALE = 14;
/** Without the option (RFC 9293, "Maximum Segment Size Option"). */
export const DEFAULT_MSS = 536;

/** A segment that has come; its data are frame[at, end). */
export interface Segment {
  sourcePort: number;
  destinationPort: number;
  seq: number;
  ack: number;
  flags: number;
  /** As it stands, not scaled. */
  window: number;
  /** Options: 0 and -1 when absent. */
  mss: number;
  scale: number;
  frame: Uint8Array;
  at: number;
  end: number;
}

export function emptySegment(): Segment {
  const frame = new Uint8Array(0);
  const numbers = { sourcePort: 0, destinationPort: 0, seq: 0, ack: 0, flags: 0, window: 0, mss: 0, scale: -1 };
  return { ...numbers, frame, at: 0, end: 0 };
}

export type Verdict = "good" | "malformed" | "bad checksum";

/** Reads the segment in a datagram. */
export function parseSegment({ frame, at, end, source, destination }: Datagram, segment: Segment): Verdict {
  const header = end - at >= TCP_HEADER ? (frame[at + 12] >> 4) * 4 : 0;
  if (header < TCP_HEADER || at + header > end) return "malformed";
  const pseudo = pseudoSum(source, destination, Protocol.Tcp, end - at);
  if (checksum(sum16(frame, at, end, pseudo)) !== 0) return "bad checksum";
  segment.sourcePort = get16(frame, at);
  segment.destinationPort = get16(frame, at + 2);
  segment.seq = get32(frame, at + 4);
  segment.ack = get32(frame, at + 8);
  segment.flags = frame[at + 13];
  segment.window = get16(frame, at + 14);
  segment.frame = frame;
  segment.at = at + header;
  segment.end = end;
  segment.mss = 0;
  segment.scale = -1;
  // options but those of SYN mean nothing to us
  if ((segment.flags & Flag.Syn) !== 0) parseOptions(frame, at + TCP_HEADER, at + header, segment);
  return "good";
}

function parseOptions(frame: Uint8Array, from: number, to: number, segment: Segment): void {
  for (let at = from; at < to && frame[at] !== Option.End; ) {
    if (frame[at] === Option.None) {
      at++;
      continue;
    }
    const length = at + 1 < to ? frame[at + 1] : 0;
    if (length < 2 || at + length > to) return;
    if (frame[at] === Option.Mss && length === 4) segment.mss = get16(frame, at + 2);
    if (frame[at] === Option.WindowScale && length === 3) segment.scale = Math.min(frame[at + 2], MOST_SCALE);
    at += length;
  }
}

/** Bytes of sequence space that a segment takes. */
export function segmentLength({ at, end, flags }: Segment): number {
  return end - at + ((flags & Flag.Syn) !== 0 ? 1 : 0) + ((flags & Flag.Fin) !== 0 ? 1 : 0);
}

/** A segment to send. */
export interface Header {
  source: number;
  sourcePort: number;
  destination: number;
  destinationPort: number;
  seq: number;
  ack: number;
  flags: number;
  window: number;
  /** Of a SYN: the MSS option's value, and the shift or -1 for no window scale option. */
  mss: number;
  scale: number;
}

export function headerLength(header: Header): number {
  return (header.flags & Flag.Syn) !== 0 ? TCP_HEADER + SYN_OPTIONS : TCP_HEADER;
}

/** Puts the header before `length` bytes of data that are in the packet already; bytes of both. */
export function putSegment(bytes: Uint8Array, header: Header, length: number): number {
  const at = PAYLOAD;
  const size = headerLength(header);
  put16(bytes, at, header.sourcePort);
  put16(bytes, at + 2, header.destinationPort);
  put32(bytes, at + 4, header.seq);
  put32(bytes, at + 8, header.ack);
  bytes[at + 12] = (size / 4) << 4;
  bytes[at + 13] = header.flags;
  put16(bytes, at + 14, header.window);
  put32(bytes, at + 16, 0);
  if (size > TCP_HEADER) {
    put32(bytes, at + 20, (Option.Mss << 24) | (4 << 16) | header.mss);
    const scale = (Option.None << 24) | (Option.WindowScale << 16) | (3 << 8) | header.scale;
    put32(bytes, at + 24, header.scale < 0 ? Option.None * 0x0101_0101 : scale);
  }
  const pseudo = pseudoSum(header.source, header.destination, Protocol.Tcp, size + length);
  put16(bytes, at + 16, checksum(sum16(bytes, at, at + size + length, pseudo)));
  return size + length;
}
