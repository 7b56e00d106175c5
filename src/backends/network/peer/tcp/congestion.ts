// RFC 5681, "Slow Start and Congestion Avoidance" and "Fast Retransmit/Fast Recovery"; RFC 6582 (NewReno), "The Fast Retransmit
// and Fast Recovery Algorithms in NewReno"; RFC 3042 (limited transmit); RFC 6928 (initial window). Bytes, and offsets into the stream.

const INITIAL_SEGMENTS = 10;
const DUPLICATES = 3;
/** Congestion windows end here: RFC 7323's largest window. */
const MOST = 2 ** 30;

export class Congestion {
  /** cwnd */
  window: number;
  /** ssthresh */
  threshold = Infinity;
  recovering = false;
  private duplicates = 0;
  /** Losses up to here have been answered: a fast retransmit comes only when all before is acknowledged. */
  private recover = 0;
  /** Bytes acknowledged since the window was last widened, in congestion avoidance. */
  private credit = 0;

  constructor(private readonly mss: number) {
    this.window = INITIAL_SEGMENTS * mss;
  }

  /** Bytes that may be under way now: limited transmit lets out a segment for each of the first two duplicates. */
  get allowance(): number {
    return this.recovering ? this.window : this.window + Math.min(this.duplicates, DUPLICATES - 1) * this.mss;
  }

  /** `bytes` were newly acknowledged, `flight` are still under way. Whether the first of them must be sent again. */
  acknowledged(bytes: number, una: number, flight: number): boolean {
    const { mss } = this;
    this.duplicates = 0;
    if (this.recovering) {
      if (una < this.recover) {
        this.window = Math.max(mss, this.window - bytes + (bytes >= mss ? mss : 0));
        return true;
      }
      this.recovering = false;
      this.window = Math.min(this.threshold, Math.max(flight, mss) + mss);
    } else if (this.window < this.threshold) {
      this.window = Math.min(MOST, this.window + Math.min(bytes, mss));
    } else {
      this.credit += bytes;
      if (this.credit >= this.window) {
        this.credit -= this.window;
        this.window = Math.min(MOST, this.window + mss);
      }
    }
    return false;
  }

  /** A duplicate acknowledgment came, with everything in [una, max) under way. Whether the first of it must be sent again. */
  duplicate(una: number, max: number): boolean {
    const { mss } = this;
    if (this.recovering) {
      this.window = Math.min(MOST, this.window + mss);
      return false;
    }
    this.duplicates++;
    if (this.duplicates !== DUPLICATES || una < this.recover) return false;
    this.halve(max - una);
    this.recover = max;
    this.recovering = true;
    this.window = this.threshold + DUPLICATES * mss;
    return true;
  }

  /** The retransmission timer has expired, for the first time for this data or again. */
  timeout(una: number, max: number, again: boolean): void {
    if (!again) this.halve(max - una);
    this.window = this.mss;
    this.recovering = false;
    this.duplicates = 0;
    this.credit = 0;
    // what is sent again may be there already, and its duplicates mean nothing
    this.recover = max + 1;
  }

  private halve(flight: number): void {
    this.threshold = Math.max(flight / 2, 2 * this.mss);
  }
}
