// Captures in the pcap format with nanoseconds ("PCAP Capture File Format", draft-ietf-opsawg-pcap, "File Header" and "Packet
// Record"), in virtual time.

const MAGIC_NANOSECONDS = 0xa1b2_3c4d;
const LINKTYPE_ETHERNET = 1;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;

export interface PcapOptions {
  /** Cycles per second. */
  readonly frequency: number;
  /** Seconds since 1970 at cycle 0. */
  readonly start?: number;
  /** Bytes kept of a frame. */
  readonly snapLength?: number;
}

/** Encodes frames; `sink` gets the file piece by piece, each piece its own. */
export class PcapWriter {
  private readonly start: number;
  private readonly snapLength: number;
  private readonly frequency: number;

  constructor(
    private readonly sink: (chunk: Uint8Array) => void,
    options: PcapOptions,
  ) {
    this.frequency = options.frequency;
    this.start = options.start ?? 0;
    this.snapLength = options.snapLength ?? 0x4_0000;
    const header = new DataView(new ArrayBuffer(FILE_HEADER));
    header.setUint32(0, MAGIC_NANOSECONDS, true);
    header.setUint16(4, 2, true);
    header.setUint16(6, 4, true);
    header.setUint32(16, this.snapLength, true);
    header.setUint32(20, LINKTYPE_ETHERNET, true);
    sink(new Uint8Array(header.buffer));
  }

  /** A frame without check sequence, seen at `cycle`. */
  write(frame: Uint8Array, cycle: number): void {
    const kept = Math.min(frame.length, this.snapLength);
    const record = new Uint8Array(RECORD_HEADER + kept);
    const header = new DataView(record.buffer);
    // the fraction apart: cycles · 10^9 would pass 2^53
    const seconds = Math.floor(cycle / this.frequency);
    const nanoseconds = Math.floor(((cycle - seconds * this.frequency) * 1e9) / this.frequency);
    header.setUint32(0, this.start + seconds, true);
    header.setUint32(4, nanoseconds, true);
    header.setUint32(8, kept, true);
    header.setUint32(12, frame.length, true);
    record.set(frame.subarray(0, kept), RECORD_HEADER);
    this.sink(record);
  }
}
