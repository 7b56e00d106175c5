// Whose turn it is. A hart that runs by itself has its cycles for the clock; several take turns in rounds, in the order of their
// numbers, and `time` stands still within a round, so that no hart sees it go back.
import { TIME_LIMIT } from "../../assembly/layout.js";
import type { Core } from "../core/core.js";
import type { HartState } from "../core/hart.js";
import { earliestTimer, interrupted } from "./timers.js";

/** A hart as the machine schedules it. */
export interface Hart {
  readonly id: number;
  readonly state: HartState;
  /** Waiting: in WFI. */
  status: "stopped" | "running" | "waiting";
}

/** Cycles that each of several running harts gets in a round: 10 µs by default. */
const ROUND = 15_000;

export interface TurnsPorts {
  core: Core;
  harts: readonly Hart[];
  /** Runs the selected hart to an exit or to cycle `until`, and deals with the exit. */
  advance(until: number): void;
  /** Lets the selected hart's clock advance with nothing done. */
  sleep(cycles: number): void;
  /** Whether a round is to be broken off. */
  breakOff(): boolean;
}

export class Turns {
  /** Where the round under way began, with several harts. */
  private round = 0;
  /** The harts that can run: the first so many of `able`. */
  private ready = 0;
  private readonly able: Hart[];
  /** The cycle at which `time` stands still. */
  timeLimit = Infinity;

  constructor(private readonly ports: TurnsPorts) {
    this.able = [...ports.harts];
  }

  /** The clock, in cycles, that everything but a hart in the middle of its round goes by. */
  get now(): number {
    const { core, harts } = this.ports;
    return harts.length === 1 ? core.cycles : this.round;
  }

  /** Finds the harts that can run at `now`; returns the cycle at which a timer wakes another. */
  gather(now: number): number {
    let wake = Infinity;
    this.ready = 0;
    for (const hart of this.ports.harts) {
      if (hart.status === "waiting") {
        const timer = earliestTimer(hart.state);
        if (timer <= now || interrupted(hart.state)) hart.status = "running";
        else wake = Math.min(wake, timer);
      }
      if (hart.status === "running") this.able[this.ready++] = hart;
    }
    return wake;
  }

  /** Whether no hart can run. */
  get idle(): boolean {
    return this.ready === 0;
  }

  /** Nobody runs: time passes. */
  pass(until: number): void {
    this.ports.sleep(Math.max(0, until - this.ports.core.cycles));
    this.round = until;
  }

  /** Lets the harts that can run do so from `now` to `until`; one that is by itself to `pause` at most, several for a round. */
  take(now: number, until: number, pause: number): void {
    if (this.ready === 1) this.alone(this.able[0], now, Math.min(until, pause));
    else this.together(now, Math.min(until, now + ROUND));
  }

  private alone(hart: Hart, now: number, until: number): void {
    this.select(hart, now, Infinity);
    this.ports.advance(Math.min(until, Number.MAX_SAFE_INTEGER));
    this.round = Math.max(now, this.ports.core.cycles);
  }

  private together(now: number, until: number): void {
    const { core, advance, breakOff } = this.ports;
    for (let i = 0; i < this.ready; i++) {
      const hart = this.able[i];
      this.select(hart, now, now);
      while (hart.status === "running" && core.cycles < until) {
        advance(until);
        if (breakOff()) return;
      }
    }
    this.round = until;
  }

  /** Makes `hart` the selected one; what it slept through is idle time. */
  private select(hart: Hart, now: number, timeLimit: number): void {
    const { core, sleep } = this.ports;
    core.select(hart.id);
    if (core.cycles < now) sleep(now - core.cycles);
    if (timeLimit !== this.timeLimit) {
      this.timeLimit = timeLimit;
      core.setNumber(TIME_LIMIT, Math.min(timeLimit, Number.MAX_SAFE_INTEGER));
    }
  }
}
