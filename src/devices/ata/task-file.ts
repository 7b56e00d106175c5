// ATA/ATAPI-6, "I/O register descriptions", "48-bit Address feature set", "Signature and persistence": the registers that name a
// command's sectors.
import { HEADS, SECTORS_PER_TRACK } from "./identify.js";
import { Device, Task } from "./registers.js";

/** Sectors that a command is about. */
export interface Extent {
  lba: number;
  count: number;
}

/** Of a disk, by register: count 1, address 1. */
const SIGNATURE: readonly number[] = [0, 0, 1, 1, 0, 0];

export class TaskFile {
  device = 0;
  error = 1;
  /** What was written last, and what was before that (48-bit commands); by register. */
  private recent = [...SIGNATURE];
  private previous = SIGNATURE.map(() => 0);

  reset(): void {
    this.device = 0;
    this.error = 1;
    this.recent = [...SIGNATURE];
    this.previous = SIGNATURE.map(() => 0);
  }

  /** Reads a register other than data and status; `hob`: as it was written before the last time. */
  read(at: number, hob: boolean): number {
    if (at === Task.ERROR_FEATURES) return this.error;
    if (at === Task.DEVICE) return this.device | Device.OBSOLETE;
    return (hob ? this.previous : this.recent)[at];
  }

  write(at: number, value: number): void {
    if (at === Task.DEVICE) this.device = value & (Device.DEV | Device.LBA | Device.HEAD);
    else {
      this.previous[at] = this.recent[at];
      this.recent[at] = value & 0xff;
    }
  }

  get feature(): number {
    return this.recent[Task.ERROR_FEATURES];
  }
  get count(): number {
    return this.recent[Task.SECTOR_COUNT];
  }
  set count(value: number) {
    this.recent[Task.SECTOR_COUNT] = value & 0xff;
  }

  /** The sectors named, by 28 or (`long`) 48 bits or by cylinder, head and sector; undefined unless all are within `sectors`. */
  extent(long: boolean, sectors: number): Extent | undefined {
    const { device, previous } = this;
    const [, , count8, low, mid, high] = this.recent;
    const [, , count16, low2, mid2, high2] = previous;
    const count = long ? count16 * 256 + count8 || 0x1_0000 : count8 || 0x100;
    const below = low + mid * 0x100 + high * 0x1_0000;
    const above = long ? low2 + mid2 * 0x100 + high2 * 0x1_0000 : device & Device.HEAD;
    const chs = ((mid + high * 256) * HEADS + (device & Device.HEAD)) * SECTORS_PER_TRACK + low - 1;
    const lba = device & Device.LBA || long ? below + above * 0x100_0000 : chs;
    return lba >= 0 && lba + count <= sectors ? { lba, count } : undefined;
  }

  /** Says a sector's address, in 28 or (`long`) 48 bits. */
  setAddress(lba: number, long: boolean): void {
    const byte = (n: number) => Math.floor(lba / 256 ** n) & 0xff;
    for (let n = 0; n < 3; n++) {
      this.recent[Task.LBA_LOW + n] = byte(n);
      if (long) this.previous[Task.LBA_LOW + n] = byte(n + 3);
    }
    if (!long) this.device = (this.device & ~Device.HEAD) | (byte(3) & Device.HEAD);
  }
}
