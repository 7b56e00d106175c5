// Buffers for frames that a device keeps for a while: used again, since making one costs more than copying a frame.

/** Buffers for frames of the usual length, with tag and check sequence; longer ones get one of their own. */
const USUAL_BUFFER = 1536;
/** Buffers that are kept when many are given back. */
const MOST_SPARE = 256;

export class FrameBuffers {
  private readonly spare: Uint8Array[] = [];

  /** A buffer of at least `length` bytes, whatever is in it. */
  take(length: number): Uint8Array {
    if (length > USUAL_BUFFER) return new Uint8Array(length);
    return this.spare.pop() ?? new Uint8Array(USUAL_BUFFER);
  }

  /** Gives a buffer back: whoever took it uses it no more. */
  release(buffer: Uint8Array): void {
    if (buffer.length === USUAL_BUFFER && this.spare.length < MOST_SPARE) this.spare.push(buffer);
  }
}
