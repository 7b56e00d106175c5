// How the VMM's disk drivers notice that a controller fell silent or lost its state, and bring it back.
import type { Clock, EventHandle } from "../platform/ports.js";

/** Resets in vain after which a controller is given up, in a row. */
export const MOST_RESETS = 8;
/** Seconds between two looks at a controller that has commands, and between two questions whether it is ready. */
const LOOK = 0.01;
const POLL = 0.0001;

/** A controller as its driver knows it. */
export interface Patient {
  readonly counters: { resets: number; timeouts: number };
  /** Cycle since which its oldest command is with it; undefined when it has none. */
  oldest(): number | undefined;
  /** Whether it still works at what it has. */
  isWell(): boolean;
  /** Whether registers are being written, which lets time pass: it isn't reset in their middle. */
  isBusy(): boolean;
  /** Resets it and brings it up; yields while it waits. The result says why that can't be. */
  bringUp(): Generator<void, string | undefined>;
  /** Gives it again what it hasn't completed. */
  repeat(): void;
  /** Keeps it from memory, and fails what is under way. */
  giveUp(): void;
}

export class Recovery {
  /** Whether it is being brought back: it takes no commands meanwhile. */
  underWay = false;
  /** Whether it was given up. */
  hopeless = false;
  private inVain = 0;
  private next: EventHandle | undefined;

  /** @param timeout cycles after which a command is too late, whatever the controller says */
  constructor(
    private readonly clock: Clock,
    private readonly timeout: number,
    private readonly patient: Patient,
  ) {}

  /** Looks after the controller from now on, until it has nothing to do. */
  watch(): void {
    if (this.next) return;
    const often = Math.min(this.timeout, LOOK * this.clock.frequency);
    this.next = this.clock.after(often, () => {
      this.next = undefined;
      this.look(often);
    });
  }

  rest(): void {
    this.next?.cancel();
    this.next = undefined;
  }

  /** It has completed a command. */
  completed(): void {
    this.inVain = 0;
  }

  private look(often: number): void {
    const { patient, timeout } = this;
    const oldest = patient.oldest();
    if (oldest === undefined || this.underWay) return;
    const age = this.clock.now() - oldest;
    const well = age < often || (age < timeout && patient.isWell());
    if (well || patient.isBusy()) this.watch();
    else this.begin();
  }

  /** A reset: nothing that was under way reaches memory afterwards, so that it can be asked for again. */
  private begin(): void {
    const { clock, patient } = this;
    this.underWay = true;
    patient.counters.resets++;
    if (this.inVain++ === MOST_RESETS) {
      this.hopeless = true;
      this.underWay = false;
      patient.counters.timeouts++;
      patient.giveUp();
      return;
    }
    const work = patient.bringUp();
    const deadline = clock.now() + this.timeout;
    const goOn = () => {
      const { done, value } = work.next();
      if (done && value === undefined) {
        this.underWay = false;
        patient.repeat();
      } else if (done || clock.now() >= deadline) this.begin();
      else clock.after(POLL * clock.frequency, goOn);
    };
    goOn();
  }
}
