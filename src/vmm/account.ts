// Who used the hart, and why it left the guest: cycles by place and exits by reason, in total and per guest.
import type { Place } from "./types.js";

/** Cycles that belong to one guest. Idle time belongs to nobody. */
export interface GuestAccount {
  /** The guest's own instructions, with their cache misses and direct register accesses. */
  guest: number;
  exit: number;
  vmm: number;
  instructions: number;
  /** Accesses to registers that don't trap. */
  directMmio: number;
  /** By reason; `mmio:<device>` splits mmio-read and mmio-write once more. */
  exits: Map<string, number>;
  interruptsRaised: number;
  interruptsInjected: number;
  bytesCopied: number;
}

/** Shows counters in a guest's report, by their names behind `prefix`. */
export function showCounters<T extends Readonly<Record<keyof T & string, number>>>(
  details: Map<string, () => number>,
  counters: T,
  prefix = "",
): void {
  for (const name of Object.keys(counters) as (keyof T & string)[]) details.set(prefix + name, () => counters[name]);
}

export function emptyAccount(): GuestAccount {
  return {
    guest: 0,
    exit: 0,
    vmm: 0,
    instructions: 0,
    directMmio: 0,
    exits: new Map(),
    interruptsRaised: 0,
    interruptsInjected: 0,
    bytesCopied: 0,
  };
}

export function count(account: GuestAccount, reason: string, times = 1): void {
  account.exits.set(reason, (account.exits.get(reason) ?? 0) + times);
}

export function charge(account: GuestAccount, place: Place, cycles: number): void {
  account[place] += cycles;
}

export function copyOf(account: GuestAccount): GuestAccount {
  return { ...account, exits: new Map(account.exits) };
}

/** What was counted between two copies of one account. */
export function difference(end: GuestAccount, begin: GuestAccount): GuestAccount {
  const exits = new Map<string, number>();
  for (const [reason, n] of end.exits) {
    const more = n - (begin.exits.get(reason) ?? 0);
    if (more > 0) exits.set(reason, more);
  }
  return {
    guest: end.guest - begin.guest,
    exit: end.exit - begin.exit,
    vmm: end.vmm - begin.vmm,
    instructions: end.instructions - begin.instructions,
    directMmio: end.directMmio - begin.directMmio,
    exits,
    interruptsRaised: end.interruptsRaised - begin.interruptsRaised,
    interruptsInjected: end.interruptsInjected - begin.interruptsInjected,
    bytesCopied: end.bytesCopied - begin.bytesCopied,
  };
}
