// Sizes and moments as people write them.

const UNITS: Readonly<Record<string, number>> = { "": 1, B: 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };
const SIZE = /^([0-9]+(?:\.[0-9]+)?)\s*(B|[KMGT](?:i?B)?)?$/i;

/** What `parseSize` takes, for messages. */
export const SIZE_FORM = "a number of bytes, or a size such as 512, 64K, 8M or 1GiB (powers of 1024)";

const DECIMAL: Readonly<Record<string, number>> = { "": 1, K: 1e3, M: 1e6, G: 1e9, T: 1e12 };
const RATE = /^([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)$/i;

/** What `parseRate` takes, for messages. */
export const RATE_FORM = "a number a second, such as 5000, 64K, 20M or 1G (powers of 1000, as in MB/s)";

/** "20M" → 20,000,000. Undefined when it is no number above 0. */
export function parseRate(text: string | number): number | undefined {
  const match = RATE.exec(String(text).trim());
  const value = match ? Number(match[1]) * DECIMAL[match[2].toUpperCase()] : 0;
  return value > 0 ? value : undefined;
}

/** "64K" → 65536. Undefined when it isn't a whole number of bytes below 2^53. */
export function parseSize(text: string | number): number | undefined {
  const match = SIZE.exec(String(text).trim());
  if (!match) return undefined;
  const value = Number(match[1]) * UNITS[(match[2] ?? "").slice(0, 1).toUpperCase()];
  return Number.isSafeInteger(value) ? value : undefined;
}

/** A moment of a run: cycles of the machine's clock, or seconds of its time. */
export type Moment = { readonly cycles: number } | { readonly seconds: number };

const SECONDS: Readonly<Record<string, number>> = { ns: 1e-9, us: 1e-6, ms: 1e-3, s: 1 };
const MOMENT = /^([0-9]+(?:\.[0-9]+)?)\s*(ns|us|ms|s)?$/;

/** What `parseMoment` takes, for messages. */
export const MOMENT_FORM = "a number of cycles, or a time such as 250us or 1.5ms (ns, us, ms, s)";

/** "3ms" → 0.003 seconds; 3000000 → cycles. Undefined when it is neither, or no whole number of cycles. */
export function parseMoment(text: string | number): Moment | undefined {
  const match = MOMENT.exec(String(text).trim());
  if (!match) return undefined;
  const value = Number(match[1]);
  if (match[2]) return { seconds: value * SECONDS[match[2]] };
  return Number.isSafeInteger(value) ? { cycles: value } : undefined;
}

/** The cycle at a moment. */
export function cycleOf(moment: Moment, frequency: number): number {
  return "cycles" in moment ? moment.cycles : Math.round(moment.seconds * frequency);
}
