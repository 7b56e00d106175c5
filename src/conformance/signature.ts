// Signatures, as the RISC-V architectural tests have them: memory between two symbols as lines of hexadecimal digits, each line a
// little-endian word.

/** Bytes of a line unless a reference says otherwise. */
export const DEFAULT_GRANULE = 4;

/** The lines of `memory` in words of `granule` bytes; zeros fill the last one up. */
export function signatureLines(memory: Uint8Array, granule = DEFAULT_GRANULE): string[] {
  return Array.from({ length: Math.ceil(memory.length / granule) }, (_, i) =>
    Array.from({ length: granule }, (_, k) =>
      (memory[(i + 1) * granule - 1 - k] ?? 0).toString(16).padStart(2, "0"),
    ).join(""),
  );
}

/** The words of a reference; undefined if it holds anything but lines of 8, 16 or 32 digits, all alike. */
export function parseReference(text: string): string[] | undefined {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim().toLowerCase())
    .filter(Boolean);
  const width = lines[0]?.length ?? 0;
  const fits = [8, 16, 32].includes(width) && lines.every((line) => line.length === width && /^[0-9a-f]+$/.test(line));
  return fits ? lines : undefined;
}

/**
 * What is wrong with a signature, or undefined.
 * @param begin physical address of its first byte, for the message
 */
export function compareSignature(memory: Uint8Array, reference: readonly string[], begin: number): string | undefined {
  const granule = reference[0].length / 2;
  const lines = signatureLines(memory, granule);
  const at = reference.findIndex((line, i) => line !== lines[i]);
  if (at >= 0 && at < lines.length) {
    const address = (begin + at * granule).toString(16);
    return `signature line ${at + 1} (0x${address}) is ${lines[at]}, not ${reference[at]}`;
  }
  if (lines.length === reference.length) return undefined;
  return `a signature of ${lines.length} lines, not ${reference.length}`;
}
