// Every cycle of the clock belongs to one place.

/** Where cycles go: the guest's own work, leaving and entering it, the VMM's work, nothing to do. */
export type Place = "guest" | "exit" | "vmm" | "idle";

/** Cycles by place. */
export type Cycles = Record<Place, number>;

/**
 * Books cycles by place. What the hart ran by itself is the guest's, so the places add up to the clock at every moment.
 */
export class Account {
  private exit = 0;
  private vmm = 0;
  private idle = 0;

  /** @param clock the hart's cycles */
  constructor(private readonly clock: () => number) {}

  /** Books cycles by which the caller advances the clock. */
  add(place: Place, cycles: number): void {
    if (place !== "guest") this[place] += cycles;
  }

  /** The books as they stand. */
  cycles(): Cycles {
    const { exit, vmm, idle } = this;
    return { guest: this.clock() - exit - vmm - idle, exit, vmm, idle };
  }
}

/** `after - before`, place by place. */
export function elapsed(before: Cycles, after: Cycles): Cycles {
  return {
    guest: after.guest - before.guest,
    exit: after.exit - before.exit,
    vmm: after.vmm - before.vmm,
    idle: after.idle - before.idle,
  };
}
