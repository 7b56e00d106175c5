// A disk's contents: what an image holds, with everything written kept beside it in memory until it is committed.

/** Bytes of a page of the overlay. */
const PAGE = 4096;
/** Bytes of a chunk of `chunks`. */
const CHUNK = 1 << 20;

export const SECTOR_BYTES = 512;

/** What lies under the overlay. */
export interface ImageSource {
  /** In messages and reports. */
  readonly name: string;
  /** Bytes, a multiple of 512. */
  readonly size: number;
  /** Fills `target` from `offset` on; false when that can't be read. */
  read(offset: number, target: Uint8Array): boolean;
  /** Replaces the contents as a whole by those with the given pages, or throws and changes nothing. */
  commit?(pages: Iterable<readonly [offset: number, bytes: Uint8Array]>): void;
  close?(): void;
}

/** Bytes in memory. */
export class MemorySource implements ImageSource {
  readonly size: number;

  constructor(
    private readonly bytes: Uint8Array,
    readonly name = "memory",
  ) {
    this.size = bytes.length;
  }

  read(offset: number, target: Uint8Array): boolean {
    target.set(this.bytes.subarray(offset, offset + target.length));
    return true;
  }
}

/**
 * `size` bytes that depend on nothing but `seed`: each 32-bit word is a mixture of its index and the seed
 * (the finalizer of MurmurHash3, public domain).
 */
export function generatedBytes(size: number, seed: number): Uint8Array {
  const words = new Uint32Array(size >>> 2);
  const start = Math.imul(seed, 0x9e37_79b9);
  for (let i = 0; i < words.length; i++) {
    let h = (i + start) | 0;
    h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
    words[i] = h ^ (h >>> 16);
  }
  return new Uint8Array(words.buffer);
}

/** A disk image with an overlay of 4 KiB pages. The source stays as it is until `commit`. */
export class DiskImage {
  readonly size: number;
  private readonly overlay = new Map<number, Uint8Array>();

  /** @param readOnly whether `write` is refused */
  constructor(
    private readonly source: ImageSource,
    readonly readOnly = false,
  ) {
    this.size = source.size;
  }

  get name(): string {
    return this.source.name;
  }

  /** Bytes of pages written since the last commit. */
  get dirtyBytes(): number {
    return this.overlay.size * PAGE;
  }

  /** Fills `target` from `offset` on; false when the medium can't be read there. The range lies on the disk. */
  read(offset: number, target: Uint8Array): boolean {
    if (this.overlay.size === 0) return this.source.read(offset, target);
    for (let at = 0; at < target.length; ) {
      const position = offset + at;
      const page = Math.floor(position / PAGE);
      const own = this.overlay.get(page);
      const within = position % PAGE;
      if (own) {
        const length = Math.min(PAGE - within, target.length - at);
        target.set(own.subarray(within, within + length), at);
        at += length;
      } else {
        const length = this.untouched(page, target.length - at + within) - within;
        if (!this.source.read(position, target.subarray(at, at + length))) return false;
        at += length;
      }
    }
    return true;
  }

  /** Bytes from the start of `page` on that the overlay doesn't have, at most `most`. */
  private untouched(page: number, most: number): number {
    let next = page + 1;
    while ((next - page) * PAGE < most && !this.overlay.has(next)) next++;
    return Math.min(most, (next - page) * PAGE);
  }

  /** Keeps `bytes` as the contents from `offset` on; false when the medium can't be read there, or not be written. */
  write(offset: number, bytes: Uint8Array): boolean {
    if (this.readOnly) return false;
    for (let at = 0; at < bytes.length; ) {
      const page = Math.floor((offset + at) / PAGE);
      const within = (offset + at) % PAGE;
      const length = Math.min(PAGE - within, bytes.length - at);
      const own = this.overlay.get(page) ?? this.copy(page, length === PAGE);
      if (!own) return false;
      own.set(bytes.subarray(at, at + length), within);
      at += length;
    }
    return true;
  }

  private copy(page: number, overwritten: boolean): Uint8Array | undefined {
    const own = new Uint8Array(PAGE);
    const length = Math.min(PAGE, this.size - page * PAGE);
    if (!overwritten && !this.source.read(page * PAGE, own.subarray(0, length))) return undefined;
    this.overlay.set(page, own);
    return own;
  }

  /** Pages of the overlay by ascending offset; the last page of the disk may be short. */
  *pages(): Generator<readonly [offset: number, bytes: Uint8Array]> {
    for (const page of [...this.overlay.keys()].sort((a, b) => a - b)) {
      const length = Math.min(PAGE, this.size - page * PAGE);
      yield [page * PAGE, this.overlay.get(page)!.subarray(0, length)];
    }
  }

  /** Makes everything written so far the source's contents, all of it or (throwing) nothing. */
  commit(): void {
    if (this.overlay.size === 0) return;
    if (!this.source.commit) throw new Error(`${this.name} can't be written`);
    this.source.commit(this.pages());
    this.overlay.clear();
  }

  /** Drops what was written since the last commit. */
  discard(): void {
    this.overlay.clear();
  }

  close(): void {
    this.source.close?.();
  }

  /** The contents from first to last byte, overlay included, for checksums. Throws when they can't be read. */
  *chunks(): Generator<Uint8Array> {
    for (let offset = 0; offset < this.size; offset += CHUNK) {
      const chunk = new Uint8Array(Math.min(CHUNK, this.size - offset));
      if (!this.read(offset, chunk)) throw new Error(`${this.name} can't be read at byte ${offset}`);
      yield chunk;
    }
  }
}
