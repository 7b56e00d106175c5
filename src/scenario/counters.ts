// What a run counts between two moments: the machine's counters, and one guest's account.
import { Counter } from "../../assembly/isa/counter.js";
import { type Cycles, elapsed } from "../platform/accounting.js";
import type { Machine } from "../platform/machine.js";
import { copyOf, difference, emptyAccount, type GuestAccount } from "../vmm/account.js";
import { type TrafficCounts, trafficBetween } from "./traffic.js";
import type { RunCounters } from "./types.js";

/** The state of all counters at one moment. */
export interface Snapshot {
  readonly clock: number;
  readonly cycles: Cycles;
  readonly instructions: number;
  readonly tlbMisses: number;
  readonly l1dMisses: number;
  readonly account: GuestAccount;
  /** Of the guest's disk. */
  readonly traffic: TrafficCounts;
  /** Characters given to its serial device. */
  readonly handed: number;
}

export function snapshot(machine: Machine, account: GuestAccount, traffic: TrafficCounts, handed: number): Snapshot {
  const { core } = machine;
  return {
    clock: core.cycles,
    cycles: machine.account.cycles(),
    instructions: core.instret,
    tlbMisses: core.counter(Counter.TlbMisses),
    l1dMisses: core.counter(Counter.L1dMisses),
    account: copyOf(account),
    traffic,
    handed,
  };
}

/** Without a VMM everything on the machine is the one guest's. */
export function nativeAccount(machine: Machine, interruptsRaised: number): GuestAccount {
  return {
    ...emptyAccount(),
    guest: machine.account.cycles().guest,
    instructions: machine.core.instret,
    directMmio: machine.mmioAccesses,
    interruptsRaised,
  };
}

export function countersBetween(begin: Snapshot, end: Snapshot): RunCounters {
  const account = difference(end.account, begin.account);
  const cycles = end.clock - begin.clock;
  const { idle } = elapsed(begin.cycles, end.cycles);
  const { guest, exit, vmm } = account;
  const { requests, bytesRead, bytesWritten, ...translation } = trafficBetween(begin.traffic, end.traffic);
  const { hits, misses, evictions, evictionsByOthers, walkReferences, ddtReferences, faults } = translation;
  return {
    cycles,
    cyclesBy: { guest, exit, vmm, idle },
    elsewhere: cycles - guest - exit - vmm - idle,
    instructions: account.instructions,
    exits: Object.fromEntries([...account.exits].sort(([a], [b]) => (a < b ? -1 : 1))),
    directMmio: account.directMmio,
    iotlb: { hits, misses, evictions, evictionsByOthers, walkReferences, ddtReferences, faults },
    interrupts: { raised: account.interruptsRaised, injected: account.interruptsInjected },
    bytesCopied: account.bytesCopied,
    dma: { requests, bytesRead, bytesWritten },
    tlbMisses: end.tlbMisses - begin.tlbMisses,
    l1dMisses: end.l1dMisses - begin.l1dMisses,
  };
}
