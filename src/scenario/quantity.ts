// Sizes as people write them.

const UNITS: Readonly<Record<string, number>> = { "": 1, B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const SIZE = /^([0-9]+(?:\.[0-9]+)?)\s*(B|[KMGT](?:i?B)?)?$/i;

/** What `parseSize` takes, for messages. */
export const SIZE_FORM = "a number of bytes, or a size such as 512, 64K, 8M or 1GiB (powers of 1024)";

/** "64K" → 65536. Undefined when it isn't a whole number of bytes below 2^53. */
export function parseSize(text: string | number): number | undefined {
  const match = SIZE.exec(String(text).trim());
  if (!match) return undefined;
  const value = Number(match[1]) * UNITS[(match[2] ?? "").slice(0, 1).toUpperCase()];
  return Number.isSafeInteger(value) ? value : undefined;
}
