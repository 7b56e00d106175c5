// Who makes no progress: watched at pauses of the machine that depend on its clock alone, so that the verdict does too.

interface Guest {
  seen: number;
  since: number;
}

/** Notes when each guest last got on. */
export class Silence {
  private readonly guests: Guest[];

  /**
   * @param progress of each guest as the run begins
   * @param now the clock in cycles
   * @param limit cycles after which a guest is hung
   */
  constructor(
    progress: readonly number[],
    now: number,
    private readonly limit: number,
  ) {
    this.guests = progress.map((seen) => ({ seen, since: now }));
  }

  /**
   * Whether a guest has been quiet for too long.
   * @param progress a count that grows whenever the guest gets on
   * @param now the clock in cycles
   */
  tooLong(guest: number, progress: number, now: number): boolean {
    const state = this.guests[guest];
    if (progress !== state.seen) {
      state.seen = progress;
      state.since = now;
    }
    return now - state.since >= this.limit;
  }
}
