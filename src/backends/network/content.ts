// What a server has to give.

/** Bytes that can be read again from any place. */
export interface ByteSource {
  /** Bytes; Infinity for a source without end. */
  readonly length: number;
  /** Fills `target` from `offset` on; the range lies inside. */
  read(offset: number, target: Uint8Array): void;
}

/** A file's bytes, a source of them, or how many to generate from which seed (default 1). */
export type FileContent = Uint8Array | ByteSource | { readonly bytes: number; readonly seed?: number };

export function bytesSource(bytes: Uint8Array): ByteSource {
  return { length: bytes.length, read: (offset, target) => target.set(bytes.subarray(offset, offset + target.length)) };
}

/**
 * `length` bytes that depend on nothing but `seed`: each 32-bit word, little-endian, is a mixture of its index and the seed
 * (the finalizer of MurmurHash3, public domain; as a generated disk's).
 */
export function generatedSource(length: number, seed: number): ByteSource {
  const start = Math.imul(seed, 0x9e37_79b9);
  return {
    length,
    read: (offset, target) => {
      let index = (Math.floor(offset / 4) + start) | 0;
      let byte = offset % 4;
      let word = mixture(index);
      for (let i = 0; i < target.length; i++) {
        target[i] = word >>> (8 * byte);
        if (++byte === 4) {
          byte = 0;
          word = mixture(++index);
        }
      }
    },
  };
}

function mixture(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}

/** A piece of memory again and again. */
export function repeated(piece: Uint8Array, length = Infinity): ByteSource {
  return {
    length,
    read: (offset, target) => {
      for (let at = 0; at < target.length; ) {
        const from = (offset + at) % piece.length;
        const part = piece.subarray(from, from + target.length - at);
        target.set(part, at);
        at += part.length;
      }
    },
  };
}
