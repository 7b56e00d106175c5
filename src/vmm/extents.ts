// Files on a physical disk, as runs of its bytes: where the VMM puts them, and where a byte of one lies. An extent map in
// the sense of McVoy and Kleiman, "Extent-like Performance from a UNIX File System" (USENIX'91), and of ext4.

/** A run of bytes of a disk. */
export interface Extent {
  /** First byte on the disk. */
  readonly start: number;
  /** Bytes. */
  readonly length: number;
}

/** Bytes of an extent that the VMM allocates at a time, unless the disk says otherwise. Assumed. */
export const EXTENT_BYTES = 0x10_0000;

/** Where a file's bytes lie. */
export class ExtentMap {
  /** Bytes of the file. */
  readonly size: number;
  /** Byte of the file with which each extent begins. */
  private readonly begins: readonly number[];

  constructor(readonly extents: readonly Extent[]) {
    let size = 0;
    this.begins = extents.map(({ length }) => {
      size += length;
      return size - length;
    });
    this.size = size;
  }

  /** Where byte `offset` (0 ≤ offset < size) lies, and how many bytes follow it there without a break. */
  find(offset: number): Extent {
    let [low, high] = [0, this.extents.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.begins[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    const { start, length } = this.extents[low];
    const within = offset - this.begins[low];
    return { start: start + within, length: length - within };
  }
}

/**
 * Lays files out on a disk from its first byte on: each in turn is given one more extent until all have their size, as
 * with files that grow side by side; what happens to follow on is one extent.
 * @param sizes bytes of each file
 * @param unit bytes of an extent
 * @returns each file's extents, in the order of its bytes
 */
export function layOut(sizes: readonly number[], unit = EXTENT_BYTES): Extent[][] {
  const files = sizes.map((): Extent[] => []);
  const left = [...sizes];
  let at = 0;
  while (left.some((bytes) => bytes > 0)) {
    for (const [i, extents] of files.entries()) {
      const length = Math.min(unit, left[i]);
      if (length === 0) continue;
      const last = extents.at(-1);
      if (last && last.start + last.length === at) {
        extents[extents.length - 1] = { start: last.start, length: last.length + length };
      } else extents.push({ start: at, length });
      left[i] -= length;
      at += length;
    }
  }
  return files;
}
