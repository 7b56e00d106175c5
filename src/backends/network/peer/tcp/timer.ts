// A timer that is set anew far more often than it expires: its event stays where it is, and looks at the deadline when it comes.
import type { Clock, EventHandle } from "../../../../platform/ports.js";

export class Timer {
  private deadline = Infinity;
  private event: EventHandle | undefined;
  private eventCycle = 0;

  constructor(
    private readonly clock: Clock,
    private readonly action: () => void,
  ) {}

  get armed(): boolean {
    return this.deadline !== Infinity;
  }

  /** Has the action called `cycles` from now, and at no earlier time set before. */
  arm(cycles: number): void {
    this.deadline = this.clock.now() + Math.ceil(cycles);
    if (this.event && this.eventCycle <= this.deadline) return;
    this.event?.cancel();
    this.schedule();
  }

  disarm(): void {
    this.deadline = Infinity;
  }

  /** Disarms it and takes its event off the clock. */
  cancel(): void {
    this.disarm();
    this.event?.cancel();
    this.event = undefined;
  }

  private schedule(): void {
    this.eventCycle = this.deadline;
    this.event = this.clock.after(this.deadline - this.clock.now(), this.expire);
  }

  private readonly expire = (): void => {
    this.event = undefined;
    if (this.deadline === Infinity) return;
    if (this.clock.now() < this.deadline) {
      this.schedule();
      return;
    }
    this.deadline = Infinity;
    this.action();
  };
}
