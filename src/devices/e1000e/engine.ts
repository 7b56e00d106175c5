// What the parts of the controller share: registers, statistics, interrupts, time, and the right to reach memory.
import type { Clock, DmaPort, EventHandle, Link } from "../../platform/ports.js";
import { GatedDma } from "../gated-dma.js";
import type { Interrupts } from "./interrupts.js";
import type { E1000eConfig } from "./parameters.js";
import { Ctrl, Reg, RegisterFile } from "./registers.js";
import { Statistics } from "./statistics.js";

/** Descriptors of a batch, as far as they lie in one piece. */
export const FETCH = 32;
export const DESCRIPTOR_UNIT = 16;
/** Longest frame without check sequence: 9018 with it and a tag behind 9000 bytes. */
export const LONGEST_FRAME = 9018;

export interface E1000eCounters {
  /** Writes of tail registers. */
  doorbells: number;
  /** DMA reads of descriptors, and descriptors that they brought. */
  fetches: number;
  descriptors: number;
  sentFrames: number;
  receivedFrames: number;
  /** Frames given up for what their descriptors say, or because memory refused. */
  droppedFrames: number;
  faults: number;
  resets: number;
}

export class Engine {
  readonly registers = new RegisterFile();
  readonly statistics = new Statistics();
  readonly counters: E1000eCounters = {
    doorbells: 0,
    fetches: 0,
    descriptors: 0,
    sentFrames: 0,
    receivedFrames: 0,
    droppedFrames: 0,
    faults: 0,
    resets: 0,
  };
  dma: GatedDma;
  interrupts!: Interrupts;
  /** Whether frames can pass; the PHY's answer. */
  linkUp: () => boolean = () => false;
  /** Grows with each reset: what was scheduled before it is void. */
  private epoch = 0;

  constructor(
    readonly ports: { dma: DmaPort; clock: Clock; link: Link },
    readonly config: E1000eConfig,
  ) {
    this.dma = new GatedDma(ports.dma);
  }

  /** Whether software lets the controller issue requests. */
  get mastering(): boolean {
    return (this.registers.get(Reg.CTRL) & Ctrl.GIO_MASTER_DISABLE) === 0;
  }

  /** Nothing that is still under way happens any more. */
  forget(): void {
    this.epoch++;
    this.dma.shut();
    this.dma = new GatedDma(this.ports.dma);
  }

  /** Nanoseconds as cycles. */
  cycles(nanoseconds: number): number {
    return Math.round((nanoseconds * this.ports.clock.frequency) / 1e9);
  }
  /** Cycles that so many bytes take on the PCIe link. */
  transferCycles(bytes: number): number {
    return this.cycles((bytes * 8e9) / this.config.times.linkBandwidth);
  }
  readCycles(bytes: number): number {
    const FIRST = 64;
    return this.cycles(this.config.times.dmaRead) + this.transferCycles(Math.max(0, bytes - FIRST));
  }

  /** Calls `action` after so many cycles unless a reset comes first; at once if there are none. */
  later(cycles: number, action: () => void): EventHandle | undefined {
    if (cycles > 0) return this.schedule(cycles, action);
    action();
    return undefined;
  }
  schedule(cycles: number, action: () => void): EventHandle {
    const { epoch } = this;
    return this.ports.clock.after(cycles, () => {
      if (epoch === this.epoch) action();
    });
  }
}

/** Nothing to do before somebody pumps again. */
export const IDLE = -1;

/** Does a step at a time, each of which says how many cycles it takes, or IDLE. What one event may do is bounded. */
export class Worker {
  private busy = false;

  constructor(
    private readonly engine: Engine,
    private readonly step: () => number,
  ) {}

  pump(): void {
    if (this.busy) return;
    this.busy = true;
    for (let left = this.engine.config.perEvent; ; left--) {
      const wait = this.step();
      if (wait === IDLE) break;
      if (wait > 0 || left <= 0) {
        this.engine.schedule(wait, this.resume);
        return;
      }
    }
    this.busy = false;
  }

  private readonly resume = (): void => {
    this.busy = false;
    this.pump();
  };

  /** After Engine.forget. */
  reset(): void {
    this.busy = false;
  }
}
