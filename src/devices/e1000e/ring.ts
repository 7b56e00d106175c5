// Intel 82574 GbE Controller Family Datasheet 3.4, "Transmit Descriptor Ring Structure", "Receive Descriptor Queue
// Structure": base, length, head and tail of a ring, counted in units of 16 bytes. Head = tail is empty.
import { highAfter, lowAfter } from "../../platform/ports.js";
import { DESCRIPTOR_UNIT } from "./engine.js";
import { QUEUE_STRIDE, type Reg, type RegisterFile } from "./registers.js";

/** Offsets of a ring's registers from its base address register. */
const HIGH = 0x4;
const LENGTH = 0x8;
const HEAD = 0x10;
const TAIL = 0x18;

export class Ring {
  private readonly at: number;

  constructor(
    private readonly registers: RegisterFile,
    base: Reg.RDBAL | Reg.TDBAL,
    queue: number,
  ) {
    this.at = base + queue * QUEUE_STRIDE;
  }

  get entries(): number {
    return this.registers.get(this.at + LENGTH) / DESCRIPTOR_UNIT;
  }
  get head(): number {
    return this.registers.get(this.at + HEAD);
  }
  set head(value: number) {
    this.registers.set(this.at + HEAD, value);
  }
  get tail(): number {
    return this.registers.get(this.at + TAIL);
  }

  /** Units from `from` to the tail; none when either lies outside the ring. */
  waiting(from: number): number {
    const { entries, tail } = this;
    return from < entries && tail < entries ? (tail - from + entries) % entries : 0;
  }
  after(from: number, units: number): number {
    const { entries } = this;
    return entries === 0 ? 0 : (from + units) % entries;
  }
  address(index: number, offset = 0): { lo: number; hi: number } {
    const bytes = index * DESCRIPTOR_UNIT + offset;
    const lo = this.registers.get(this.at);
    return { lo: lowAfter(lo, bytes), hi: highAfter(lo, this.registers.get(this.at + HIGH), bytes) };
  }
}
