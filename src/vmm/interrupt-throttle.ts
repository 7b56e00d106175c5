// How often a network interface may interrupt: Intel 82574 GbE Controller Family Datasheet 3.4, "Interrupt Moderation"; Intel,
// "Interrupt Moderation Using Intel GbE Controllers" (AP-450). Adaptive is what Linux's e1000e does by default ("dynamic
// conservative", InterruptThrottleRate 3): few interrupts while bytes stream, more while few frames come that someone waits for.

/** Interrupts a second: as many as there are (0), a number, or as traffic asks for. */
export type ThrottleSetting = "adaptive" | number;

const STREAMING = 4_000;
const WAITED_FOR = 20_000;
/** ITR counts in 256 ns. */
const UNIT = 256e-9;
const MOST_UNITS = 0xffff;
const GIGABIT = 1e9;

/** What passed in one direction since the last interrupt. */
export interface Passed {
  frames: number;
  bytes: number;
}

/** The rate for a direction, from the one before and what passed meanwhile. Thresholds as Linux's driver has them. */
function suited(rate: number, { frames, bytes }: Passed): number {
  if (frames === 0) return rate;
  const usual = bytes / frames;
  if (rate === STREAMING) {
    const few = bytes < 6_000;
    const small = bytes > 25_000 && frames > 35;
    return few || small ? WAITED_FOR : STREAMING;
  }
  const full = bytes > 10_000 && (frames < 10 || usual > 1_200);
  return full || usual > 2_000 ? STREAMING : WAITED_FOR;
}

export class InterruptThrottle {
  private rate: number;
  private readonly directions = { sent: WAITED_FOR, received: WAITED_FOR };

  /** @param write takes the value for ITR, when it changes */
  constructor(
    private readonly setting: ThrottleSetting,
    private readonly write: (units: number) => void,
  ) {
    this.rate = setting === "adaptive" ? WAITED_FOR : setting;
  }

  /** Sets the register for the first time. */
  start(): void {
    this.write(unitsOf(this.rate));
  }

  /** After an interrupt: what passed since the one before, and the link's speed in bit/s. */
  interrupted(speed: number, sent: Passed, received: Passed): void {
    if (this.setting !== "adaptive") return;
    const { directions } = this;
    directions.sent = suited(directions.sent, sent);
    directions.received = suited(directions.received, received);
    const wanted = speed < GIGABIT ? STREAMING : Math.min(directions.sent, directions.received);
    if (wanted === this.rate) return;
    // up by steps, down at once
    this.rate = Math.min(wanted, wanted > this.rate ? this.rate + wanted / 4 : wanted);
    this.write(unitsOf(this.rate));
  }
}

/** A rate as ITR has it: the interval between two interrupts. */
function unitsOf(rate: number): number {
  return rate === 0 ? 0 : Math.min(MOST_UNITS, Math.floor(1 / (rate * UNIT)));
}
