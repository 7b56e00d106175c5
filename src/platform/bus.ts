// The physical address map outside RAM: which device answers where.
import { Access, type MmioDevice } from "./ports.js";

/** How far a device is from the hart; decides what an access costs. */
export type Reach = "soc" | "pcie" | "port";

/** A device's place on the bus. */
export interface Region {
  readonly size: number;
  readonly device: MmioDevice;
  readonly reach: Reach;
  /** First address, or undefined while the region isn't visible. */
  readonly start: number | undefined;
}

interface Slot extends Region {
  start: number | undefined;
  /** Placed by a guest (a BAR): may collide, then the region mapped first stays. */
  movable: boolean;
}

/** Where an address leads. */
export interface Found {
  region: Region;
  device: MmioDevice;
  offset: number;
}

/** Regions of devices; accesses of 1, 2, 4 and 8 bytes. */
export class Bus {
  /** Value of the last read: low and high 32 bits. */
  lo = 0;
  hi = 0;

  private readonly slots: Slot[] = [];
  private visible: Slot[] = [];
  private last: Slot | undefined;

  /** Maps a device for good. Overlapping another device is a fault in our wiring and throws. */
  map(start: number, size: number, device: MmioDevice, reach: Reach = "soc"): Region {
    const slot: Slot = { start, size, device, reach, movable: false };
    const other = this.visible.find((s) => overlap(s, slot));
    if (other) throw new Error(`bus regions overlap at 0x${start.toString(16)} and 0x${other.start!.toString(16)}`);
    return this.add(slot);
  }

  /** Adds a region that isn't visible until `move` places it. */
  movable(size: number, device: MmioDevice, reach: Reach): Region {
    return this.add({ start: undefined, size, device, reach, movable: true });
  }

  /** Places a movable region, or hides it. Where it would collide, the region that was added first is seen. */
  move(region: Region, start: number | undefined): void {
    (region as Slot).start = start;
    this.arrange();
  }

  unmap(region: Region): void {
    const i = this.slots.indexOf(region as Slot);
    if (i >= 0) this.slots.splice(i, 1);
    this.arrange();
  }

  find(address: number): Found | undefined {
    const slot = this.slotAt(address);
    return slot && { region: slot, device: slot.device, offset: address - slot.start! };
  }

  /** The device at `address`; undefined where there is none. */
  deviceAt(address: number): MmioDevice | undefined {
    return this.slotAt(address)?.device;
  }

  /** How far away the device at `address` is; undefined where there is none. */
  reachOf(address: number): Reach | undefined {
    return this.slotAt(address)?.reach;
  }

  /** Reads 1, 2, 4 or 8 bytes, naturally aligned, into `lo` and `hi`. */
  read(address: number, size: number): Access {
    const slot = this.slotFor(address, size);
    if (!slot) return Access.Fault;
    const offset = address - slot.start!;
    const lo = slot.device.read(offset, size === 8 ? 4 : size);
    const hi = size === 8 && lo >= 0 ? slot.device.read(offset + 4, 4) : 0;
    if (lo < 0 || hi < 0) return Access.Fault;
    this.lo = lo;
    this.hi = hi;
    return Access.Ok;
  }

  /** Writes 1, 2, 4 or 8 bytes, naturally aligned. */
  write(address: number, size: number, lo: number, hi = 0): Access {
    const slot = this.slotFor(address, size);
    if (!slot) return Access.Fault;
    const offset = address - slot.start!;
    if (size !== 8) return slot.device.write(offset, size, lo);
    if (slot.device.write(offset, 4, lo) === Access.Fault) return Access.Fault;
    return slot.device.write(offset + 4, 4, hi);
  }

  /** Resets every device that has a place, visible or not. */
  reset(): void {
    for (const device of new Set(this.slots.map((slot) => slot.device))) device.reset();
  }

  private add(slot: Slot): Region {
    this.slots.push(slot);
    this.arrange();
    return slot;
  }

  private arrange(): void {
    this.last = undefined;
    const visible: Slot[] = [];
    for (const movable of [false, true]) {
      for (const slot of this.slots) {
        if (slot.movable !== movable || slot.start === undefined) continue;
        if (!visible.some((s) => overlap(s, slot))) visible.push(slot);
      }
    }
    this.visible = visible.sort((a, b) => a.start! - b.start!);
  }

  private slotFor(address: number, size: number): Slot | undefined {
    if (address % size !== 0) return undefined;
    const slot = this.slotAt(address);
    return slot && address - slot.start! + size <= slot.size ? slot : undefined;
  }

  private slotAt(address: number): Slot | undefined {
    const { last } = this;
    if (last && contains(last, address)) return last;
    let low = 0;
    let high = this.visible.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.visible[middle].start! <= address) low = middle + 1;
      else high = middle;
    }
    const slot = this.visible[low - 1];
    if (!slot || !contains(slot, address)) return undefined;
    this.last = slot;
    return slot;
  }
}

function contains(slot: Slot, address: number): boolean {
  return address >= slot.start! && address < slot.start! + slot.size;
}

function overlap(a: Slot, b: Slot): boolean {
  return a.start! < b.start! + b.size && b.start! < a.start! + a.size;
}
