// RFC 6298, "The Basic Algorithm" and "Managing the RTO Timer": the retransmission timeout, in cycles.

const ALPHA = 1 / 8;
const BETA = 1 / 4;
const K = 4;
/** Seconds before the first measurement, and at most. */
const INITIAL = 1;
const MOST = 60;
/** Seconds at least: as systems have it; the RFC's one second would hide what a loss costs on a LAN. */
const LEAST = 0.2;

export class RoundTrip {
  private smoothed = 0;
  private variation = 0;
  private measured = false;
  private timeout: number;

  constructor(private readonly frequency: number) {
    this.timeout = INITIAL * frequency;
  }

  /** Cycles until what has been sent is sent again. */
  get rto(): number {
    return this.timeout;
  }

  /** Cycles; 0 before the first measurement. */
  get srtt(): number {
    return this.smoothed;
  }

  /** A segment that was sent once came back acknowledged after so many cycles. */
  sample(cycles: number): void {
    if (this.measured) {
      this.variation = (1 - BETA) * this.variation + BETA * Math.abs(this.smoothed - cycles);
      this.smoothed = (1 - ALPHA) * this.smoothed + ALPHA * cycles;
    } else {
      this.measured = true;
      this.smoothed = cycles;
      this.variation = cycles / 2;
    }
    this.set(this.smoothed + K * this.variation);
  }

  backOff(): void {
    this.set(this.timeout * 2);
  }

  private set(cycles: number): void {
    this.timeout = Math.min(Math.max(cycles, LEAST * this.frequency), MOST * this.frequency);
  }
}
