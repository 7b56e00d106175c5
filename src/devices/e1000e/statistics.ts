// Intel 82574 GbE Controller Family Datasheet 3.4, "Statistic Register Descriptions": counters that stop at their maximum and are
// cleared by being read; those of octets are 64 bits wide, and reading the high half clears both.
import { Reg } from "./registers.js";

export const enum Count {
  MPC = 0x4010,
  PRC64 = 0x405c,
  GPRC = 0x4074,
  BPRC = 0x4078,
  MPRC = 0x407c,
  GPTC = 0x4080,
  GORC = 0x4088,
  GOTC = 0x4090,
  RNBC = 0x40a0,
  RUC = 0x40a4,
  ROC = 0x40ac,
  TOR = 0x40c0,
  TOT = 0x40c8,
  TPR = 0x40d0,
  TPT = 0x40d4,
  PTC64 = 0x40d8,
  MPTC = 0x40f0,
  BPTC = 0x40f4,
  TSCTC = 0x40f8,
  TSCTFC = 0x40fc,
  IAC = 0x4100,
  ICRXPTC = 0x4104,
  ICRXATC = 0x4108,
  ICTXPTC = 0x410c,
  ICTXATC = 0x4110,
  ICTXQEC = 0x4118,
  ICRXDMTC = 0x4120,
  ICRXOC = 0x4124,
}
/** High halves of the 64-bit counters. */
const HIGH = new Set([Count.GORC + 4, Count.GOTC + 4, Count.TOR + 4, Count.TOT + 4]);
/** Longest frames (with their check sequence) of the counters by size, but for the last. */
const SIZES = [64, 127, 255, 511, 1023];
const CHECK_SEQUENCE = 4;
const FULL = 0xffff_ffff;
const TWO32 = 0x1_0000_0000;

export class Statistics {
  private readonly words = new Uint32Array((Reg.STATISTICS_END - Reg.STATISTICS) / 4);

  private index(offset: number): number {
    return (offset - Reg.STATISTICS) >>> 2;
  }

  count(counter: Count): void {
    const at = this.index(counter);
    if (this.words[at] !== FULL) this.words[at]++;
  }

  private octets(counter: Count, bytes: number): void {
    const at = this.index(counter);
    const low = this.words[at] + bytes;
    this.words[at] = low;
    if (low >= TWO32) this.words[at + 1]++;
  }

  /** A frame without its check sequence that came from the wire, or left on it. */
  frame(frame: Uint8Array, received: boolean): void {
    const bytes = frame.length + CHECK_SEQUENCE;
    let size = 0;
    while (size < SIZES.length && bytes > SIZES[size]) size++;
    this.count((received ? Count.PRC64 : Count.PTC64) + 4 * size);
    this.count(received ? Count.GPRC : Count.GPTC);
    this.octets(received ? Count.GORC : Count.GOTC, bytes);
    if ((frame[0] & 1) === 0) return;
    const broadcast = frame.subarray(0, 6).every((byte) => byte === 0xff);
    if (broadcast) this.count(received ? Count.BPRC : Count.BPTC);
    else this.count(received ? Count.MPRC : Count.MPTC);
  }

  /** Every frame, whether it is for this station or not. */
  total(bytes: number, received: boolean): void {
    this.count(received ? Count.TPR : Count.TPT);
    this.octets(received ? Count.TOR : Count.TOT, bytes + CHECK_SEQUENCE);
  }

  read(offset: number): number {
    const at = this.index(offset);
    const value = this.words[at];
    if (HIGH.has(offset)) this.words[at - 1] = 0;
    if (!HIGH.has(offset + 4)) this.words[at] = 0;
    return value;
  }

  reset(): void {
    this.words.fill(0);
  }
}
