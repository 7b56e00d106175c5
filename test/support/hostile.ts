// What tests with hostile drivers share: a world that refuses endless work, and a record of what was touched.
import fc from "fast-check";
import type { Clock, DmaResult } from "../../src/platform/ports.js";
import { FakeMemory } from "./fake-memory.js";
import { World } from "./world.js";

export interface Range {
  address: number;
  length: number;
}

/** Whether each of the ranges lies in one of `owned`. */
export const inside = (ranges: readonly Range[], owned: readonly Range[]): boolean =>
  outside(ranges, owned).length === 0;

/** Those that don't. */
export const outside = (ranges: readonly Range[], owned: readonly Range[]): Range[] =>
  ranges.filter(
    ({ address, length }) =>
      !owned.some((own) => address >= own.address && address + length <= own.address + own.length),
  );

/** Memory that remembers every access, refused ones too, and counts them. */
export class WatchedMemory extends FakeMemory {
  readonly readFrom: Range[] = [];
  readonly wroteTo: Range[] = [];
  left = Infinity;
  /** Sees what was read. */
  seen: ((address: number, bytes: DataView) => void) | undefined;

  override read(lo: number, hi: number, length: number, at = 0): DmaResult {
    const address = lo + hi * 0x1_0000_0000;
    this.readFrom.push({ address, length });
    const result = super.read(lo, hi, length, at);
    if (result.ok) this.seen?.(address, new DataView(this.staging.buffer, at, length));
    return this.counted(result);
  }
  override write(lo: number, hi: number, length: number, at = 0): DmaResult {
    this.wroteTo.push({ address: lo + hi * 0x1_0000_0000, length });
    return this.counted(super.write(lo, hi, length, at));
  }
  private counted(result: DmaResult): DmaResult {
    if (this.left-- <= 0) throw new Error("DMA without end");
    return result;
  }
  /** Forgets what was touched. */
  forget(): void {
    this.readFrom.length = 0;
    this.wroteTo.length = 0;
  }
}

/** What one step of a driver may make a device do. */
export interface Allowance {
  /** DMA requests, and events scheduled. */
  dma: number;
  events: number;
}

export class HostileWorld extends World {
  private eventsLeft = Infinity;
  readonly watched: WatchedMemory;
  /** The clock that devices get. */
  readonly clock: Clock;

  constructor(size?: number) {
    const memory = new WatchedMemory(size);
    super(memory);
    this.watched = memory;
    const { events } = this;
    this.clock = {
      frequency: events.frequency,
      now: () => events.now(),
      after: (cycles, action) => {
        if (this.eventsLeft-- <= 0) throw new Error("events without end");
        return events.after(cycles, action);
      },
    };
  }

  /** Does something that must not take more than it is allowed; `cycles` pass afterwards, which count. */
  step(allowance: Allowance, action: () => void, cycles = 0): void {
    this.watched.left = allowance.dma;
    this.eventsLeft = allowance.events;
    action();
    if (cycles > 0) this.pass(cycles);
    this.watched.left = Infinity;
    this.eventsLeft = Infinity;
  }
}

/** 32 bits, small numbers and the edges oftener than chance has it. */
export const dword = fc.oneof(
  fc.nat(64),
  fc.integer({ min: 0, max: 0xffff_ffff }),
  fc.constantFrom(0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_f000),
);
/** Bytes of an access: what the bus passes on. */
export const width = fc.constantFrom(1, 2, 4, 4, 4);
