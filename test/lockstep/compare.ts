// Where two outcomes differ, in a reader's words, and where a difference is allowed.
import { comparedBits, csrName, dumpedCsrs } from "./csrs.js";
import * as at from "./layout.js";
import { Desk } from "./layout.js";

export interface Difference {
  where: string;
  qemu: string;
  yado: string;
}

const words = (window: Uint8Array) => new BigUint64Array(window.slice().buffer);
const index = (address: number) => (address - at.WINDOW) / 8;
const hex = (value: bigint) => `0x${value.toString(16)}`;

/** What lies at a word of the window. */
function place(i: number): string {
  const address = at.WINDOW + 8 * i;
  if (address >= at.TABLES) return `page table entry at ${hex(BigInt(address))}`;
  if (address >= at.PADS) return `pad at ${hex(BigInt(address))}`;
  if (address >= at.DATA) return `data at ${hex(BigInt(address))}`;
  if (address >= at.LOG && address < at.PROLOGUE) {
    const entry = Math.floor((address - at.LOG) / at.LOG_ENTRY);
    return `trap ${entry}: ${at.LOG_FIELDS[((address - at.LOG) % at.LOG_ENTRY) / 8]}`;
  }
  const offset = address - at.DESK;
  if (offset >= Desk.X && offset < Desk.X + 256) return `x${(offset - Desk.X) / 8}`;
  if (offset >= Desk.F && offset < Desk.F + 256) return `f${(offset - Desk.F) / 8}`;
  if (offset === Desk.Fcsr) return "fcsr";
  if (offset === Desk.LogPointer) return "end of the log";
  if (offset >= Desk.Csrs && offset < Desk.Csrs + 8 * dumpedCsrs().length) {
    return csrName(dumpedCsrs()[(offset - Desk.Csrs) / 8]);
  }
  return `window at ${hex(BigInt(address))}`;
}

/** Clears what may differ, in place. */
function mask(window: BigUint64Array): BigUint64Array {
  for (const [i] of dumpedCsrs().entries()) window[index(at.DESK + Desk.Csrs) + i] &= comparedBits(i);
  return window;
}

/** The first difference: traps in order, then registers, then the rest; undefined if there is none. */
export function firstDifference(qemu: Uint8Array, yado: Uint8Array): Difference | undefined {
  if (Buffer.compare(qemu, yado) === 0) return undefined;
  const [a, b] = [mask(words(qemu)), mask(words(yado))];
  const log = [index(at.LOG), index(at.PROLOGUE)];
  const order = [log, [0, log[0]], [log[1], a.length]];
  for (const [from, to] of order) {
    for (let i = from; i < to; i++) {
      if (a[i] !== b[i]) return { where: place(i), qemu: hex(a[i]), yado: hex(b[i]) };
    }
  }
  return undefined;
}

/** The log of traps as lines. */
export function trapLines(window: Uint8Array): string[] {
  const all = words(window);
  const lines: string[] = [];
  for (let i = index(at.LOG); i < index(at.PROLOGUE) && all[i] !== 0n; i += 8) {
    const [taker, cause, ...rest] = all.slice(i, i + 8);
    const fields = rest.map((value, k) => `${at.LOG_FIELDS[k + 2]} ${hex(value)}`);
    lines.push(`${at.TAKERS[Number(taker)]} cause ${hex(cause)}, ${fields.join(", ")}`);
  }
  return lines;
}
