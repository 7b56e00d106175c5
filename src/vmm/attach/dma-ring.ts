// Rings of descriptors that carry DMA addresses, when the device behind them has no translation: the guest's ring is
// read, never shown to the device; the device has a ring of its own in the VMM's memory. For any device with such rings.
import type { GuestMemory, Piece } from "../types.js";

const TWO32 = 0x1_0000_0000;
const PAGE = 0x1000;

/** What a guest's DMA addresses came to. */
export interface GateCounters {
  /** Addresses that were checked and replaced; those that weren't the guest's. */
  addressesRewritten: number;
  addressesRejected: number;
}

/** Decides which addresses a guest may give to a device. */
export class AddressGate {
  constructor(
    private readonly memory: GuestMemory,
    readonly counters: GateCounters,
  ) {}

  /**
   * Physical address of [gpa, gpa + length), which must lie in the guest's RAM and be physically contiguous (always so
   * within a page); -1 otherwise.
   */
  translate(lo: number, hi: number, length: number): number {
    const pieces = this.memory.pieces(hi * TWO32 + lo, length);
    if (pieces?.length !== 1) {
      this.counters.addressesRejected++;
      return -1;
    }
    this.counters.addressesRewritten++;
    return pieces[0].hpa;
  }

  /** The physical runs of [gpa, gpa + length), which must lie in the guest's RAM; undefined otherwise. */
  pieces(gpa: number, length: number): Piece[] | undefined {
    const pieces = this.memory.pieces(gpa >>> 0, length);
    if (pieces) this.counters.addressesRewritten++;
    else this.counters.addressesRejected++;
    return pieces;
  }

  /** Whether a guest's ring lies wholly in its RAM. */
  holds(lo: number, hi: number, bytes: number): boolean {
    const inside = this.memory.contains(hi * TWO32 + lo, bytes);
    if (!inside) this.counters.addressesRejected++;
    return inside;
  }
}

/** A ring in guest memory: page aligned, its entry size a power of two up to a page. */
export class GuestRing {
  constructor(
    private readonly memory: GuestMemory,
    private readonly base: number,
    readonly entries: number,
    private readonly entryBytes: number,
  ) {}

  /** Copies entry `index` out of the guest's memory; false when it isn't there. */
  read(index: number, into: Uint8Array): boolean {
    return this.memory.read(this.base + index * this.entryBytes, into);
  }

  /** Copies `from` over entry `index`. */
  write(index: number, from: Uint8Array): boolean {
    return this.memory.write(this.base + index * this.entryBytes, from);
  }

  next(index: number): number {
    return index + 1 === this.entries ? 0 : index + 1;
  }

  /** Entries from `head` up to `tail`. */
  filled(head: number, tail: number): number {
    return tail >= head ? tail - head : tail - head + this.entries;
  }
}

/** The device's ring, in the VMM's memory. */
export interface ShadowRing {
  /** Physical address. */
  readonly base: number;
  readonly entries: number;
}

/** The page that an address lies in, and the bytes from the address to its end. */
export function leftInPage(lo: number): number {
  return PAGE - (lo & (PAGE - 1));
}
