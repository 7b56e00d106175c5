// Who gets which physical memory, and who owns an address. Handed out in chunks from the bottom: first chunk of the
// first guest, the VMM's own memory, then the chunks of all guests in turn. So a guest's memory is scattered.
import { RAM_START } from "../../../assembly/layout.js";
import type { Owner, Piece } from "../types.js";

export interface PlacementRequest {
  readonly guests: readonly { readonly name: string; readonly ram: number }[];
  /** Bytes of a chunk, a power of two of at least 2 MiB. */
  readonly chunk: number;
  /** Bytes of the VMM's own memory, a multiple of `chunk`. */
  readonly vmmRam: number;
  /** What lies on top of all that, from the bottom; bytes are multiples of `chunk`. */
  readonly top?: readonly (Owner & { readonly bytes: number })[];
}

/** A run of memory with one owner, for reports. */
export interface PlacedRun extends Owner {
  readonly start: number;
  readonly bytes: number;
}

const UNUSED: Owner = { owner: "vmm", what: "unused" };
const NOTHING: Owner = { owner: "nothing", what: "no memory" };

/** The owner map of physical memory. */
export class Placement {
  /** Bytes of RAM that the machine must have. */
  readonly ramSize: number;
  readonly vmmStart: number;
  readonly vmmSize: number;
  readonly chunk: number;
  /** Owner of chunk i: index of the guest, -1 the VMM, -2 - i the i-th of `top`. */
  private readonly owners: Int16Array;
  private readonly top: readonly Owner[];
  private readonly names: readonly string[];
  private readonly chunksOfGuest: number[][];
  private readonly allocations: { start: number; bytes: number; what: string }[] = [];
  private next: number;

  constructor(request: PlacementRequest) {
    const { chunk, vmmRam, guests } = request;
    this.chunk = chunk;
    this.names = guests.map((guest) => guest.name);
    this.chunksOfGuest = guests.map(() => []);
    const left = guests.map((guest) => guest.ram / chunk);
    const order: number[] = [];
    const take = (guest: number) => {
      if (left[guest] === 0) return;
      left[guest]--;
      this.chunksOfGuest[guest].push(RAM_START + order.length * chunk);
      order.push(guest);
    };
    if (guests.length > 0) take(0);
    this.vmmStart = RAM_START + order.length * chunk;
    this.vmmSize = vmmRam;
    for (let i = 0; i < vmmRam / chunk; i++) order.push(-1);
    while (left.some((n) => n > 0)) for (let guest = 0; guest < guests.length; guest++) take(guest);
    this.top = request.top ?? [];
    request.top?.forEach(({ bytes }, n) => {
      for (let i = 0; i < bytes / chunk; i++) order.push(-2 - n);
    });
    this.owners = Int16Array.from(order);
    this.ramSize = order.length * chunk;
    this.next = this.vmmStart;
  }

  /** Physical addresses of a guest's chunks, in guest-physical order. */
  chunksOf(guest: number): readonly number[] {
    return this.chunksOfGuest[guest];
  }

  /** Takes memory of the VMM; RangeError when it is used up. `alignment` is a power of two. */
  allocate(bytes: number, alignment: number, what: string): number {
    const start = Math.ceil(this.next / alignment) * alignment;
    if (start + bytes > this.vmmStart + this.vmmSize) {
      throw new RangeError(
        `the VMM's ${this.vmmSize} bytes are used up: ${bytes} more for ${what}; give it more (vmmRam)`,
      );
    }
    this.next = start + bytes;
    const last = this.allocations.at(-1);
    if (last && last.what === what && last.start + last.bytes === start) last.bytes += bytes;
    else this.allocations.push({ start, bytes, what });
    return start;
  }

  /** Whose memory an address is. */
  ownerOf(hpa: number): Owner {
    const offset = hpa - RAM_START;
    if (!(offset >= 0 && offset < this.ramSize)) return NOTHING;
    const owner = this.owners[Math.floor(offset / this.chunk)];
    if (owner >= 0) return { owner: this.names[owner], what: "RAM" };
    if (owner < -1) return { owner: this.top[-2 - owner].owner, what: this.top[-2 - owner].what };
    return this.allocationAt(hpa) ?? UNUSED;
  }

  private allocationAt(hpa: number): Owner | undefined {
    let low = 0;
    let high = this.allocations.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.allocations[middle].start <= hpa) low = middle + 1;
      else high = middle;
    }
    const found = this.allocations[low - 1];
    return found && hpa < found.start + found.bytes ? { owner: "vmm", what: found.what } : undefined;
  }

  /** End of the run of equal owner and purpose that holds `hpa`; addresses without memory run to infinity or to RAM. */
  private runEnd(hpa: number): number {
    const end = RAM_START + this.ramSize;
    if (hpa < RAM_START) return RAM_START;
    if (hpa >= end) return Number.POSITIVE_INFINITY;
    const chunkEnd = hpa - ((hpa - RAM_START) % this.chunk) + this.chunk;
    if (this.owners[Math.floor((hpa - RAM_START) / this.chunk)] !== -1) return chunkEnd;
    const at = this.allocations.find((one) => one.start + one.bytes > hpa);
    if (!at) return chunkEnd;
    return Math.min(chunkEnd, at.start > hpa ? at.start : at.start + at.bytes);
  }

  /** Splits [start, start + bytes) by owner; neighbours that agree are merged. */
  split(start: number, bytes: number): PlacedRun[] {
    const runs: { start: number; bytes: number; owner: string; what: string }[] = [];
    for (let at = start; at < start + bytes; ) {
      const until = Math.min(this.runEnd(at), start + bytes);
      const owner = this.ownerOf(at);
      const last = runs.at(-1);
      if (last && last.owner === owner.owner && last.what === owner.what) last.bytes += until - at;
      else runs.push({ start: at, bytes: until - at, ...owner });
      at = until;
    }
    return runs;
  }

  /** All of physical memory, from the bottom. */
  map(): PlacedRun[] {
    return this.split(RAM_START, this.ramSize);
  }

  /** The physical address of a guest's [offset, offset + length) of RAM if one chunk holds it, else -1. The range must be inside. */
  inOneChunk(guest: number, offset: number, length: number): number {
    const within = offset % this.chunk;
    return within + length <= this.chunk ? this.chunksOfGuest[guest][Math.floor(offset / this.chunk)] + within : -1;
  }

  /** The physical runs of a guest's [offset, offset + length) of RAM, merged. The range must be inside. */
  runsOf(guest: number, offset: number, length: number): Piece[] {
    const chunks = this.chunksOfGuest[guest];
    const pieces: { hpa: number; length: number }[] = [];
    for (let at = offset; at < offset + length; ) {
      const within = at % this.chunk;
      const hpa = chunks[Math.floor(at / this.chunk)] + within;
      const bytes = Math.min(this.chunk - within, offset + length - at);
      const last = pieces.at(-1);
      if (last && last.hpa + last.length === hpa) last.length += bytes;
      else pieces.push({ hpa, length: bytes });
      at += bytes;
    }
    return pieces;
  }
}
