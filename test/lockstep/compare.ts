// Where two outcomes differ, in a reader's words, and where a difference is allowed.
import { comparedBits, csrName, dumpedCsrs } from "./csrs.js";
import * as at from "./layout.js";
import { Desk } from "./layout.js";
import { leftBehind, quirkOf, type Trap } from "./quirks.js";

export interface Difference {
  where: string;
  qemu: string;
  yado: string;
  /** Where QEMU is known to be wrong, and in what: what follows is not compared. */
  quirk?: string;
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

const GUEST_PAGE_FAULTS = [20n, 21n, 23n];
/** hstatus.GVA and mstatus.GVA. */
const [HGVA, MGVA] = [1n << 6n, 1n << 38n];
/** SXL, UXL, MPV, TSR … SIE: the fields of the log's status that both define alike. */
const STATUS = 0x8000_008a_007e_79aan;

/** Fields of a trap in which the specification leaves a choice, or QEMU differs: docs/lockstep.md. */
function maskTrap(log: BigUint64Array, i: number): void {
  const [taker, cause, tval, tval2, tinst, status, hstatus] = [i, i + 1, i + 3, i + 4, i + 5, i + 6, i + 7];
  if (log[cause] === 3n) {
    log[tval] = 0n;
    log[hstatus] &= ~HGVA;
  }
  if (log[cause] === 5n || log[cause] === 7n) log[tval] &= ~7n;
  if (!GUEST_PAGE_FAULTS.includes(log[cause])) log[tval2] = 0n;
  if (!GUEST_PAGE_FAULTS.includes(log[cause])) log[tinst] = 0n;
  if ((log[tinst] & ~0x20n) === 0x3000n) [log[cause], log[tinst]] = [21n, 0x3000n];
  log[status] &= STATUS & ~MGVA;
  if (log[taker] === 1n) log[hstatus] &= ~HGVA;
}

/** Clears what may differ, in place. */
function mask(window: BigUint64Array): BigUint64Array {
  for (const [i] of dumpedCsrs().entries()) window[index(at.DESK + Desk.Csrs) + i] &= comparedBits(i);
  for (let i = index(at.LOG); i < index(at.PROLOGUE); i += 8) maskTrap(window, i);
  return window;
}

/** QEMU leaves out most transformed instructions, as it may; of HLV, HLVX and HSV it tells another's encoding. */
function maskEncodings(qemu: BigUint64Array, yado: BigUint64Array): void {
  for (let i = index(at.LOG); i < index(at.PROLOGUE); i += 8) {
    if ((yado[i + 1] === 22n || yado[i + 1] === 2n) && reachesGuest(yado[i + 3])) qemu[i + 3] = yado[i + 3];
    if (qemu[i + 5] === 0n || reachesGuest(yado[i + 5])) qemu[i + 5] = yado[i + 5];
  }
}
const reachesGuest = (encoding: bigint) => (encoding & 0x707fn) === 0x4073n;

/** Trap `i` of both, as far as quirks ask. */
const trapOf = (log: BigUint64Array, i: number): Trap => ({
  virtual: [false, (log[i + 6] >> 39n) % 2n === 1n, (log[i + 7] >> 7n) % 2n === 1n, true][Number(log[i])],
  sum: (log[i + 6] >> 18n) % 2n === 1n,
  cause: Number(log[i + 1] & 0xffn),
  tval: log[i + 3],
  tinst: log[i + 5],
});

const trapsOf = (window: BigUint64Array) =>
  Array.from({ length: at.LOG_MAX }, (_, k) => trapOf(window, index(at.LOG) + 8 * k));

/** The first difference: traps in order, then registers, then the rest; undefined if there is none. */
export function firstDifference(qemu: Uint8Array, yado: Uint8Array): Difference | undefined {
  if (Buffer.compare(qemu, yado) === 0) return undefined;
  const [a, b] = [mask(words(qemu)), mask(words(yado))];
  maskEncodings(a, b);
  const log = [index(at.LOG), index(at.PROLOGUE)];
  const order = [log, [0, log[0]], [log[1], a.length]];
  for (const [from, to] of order) {
    for (let i = from; i < to; i++) {
      if (a[i] === b[i]) continue;
      const quirk = from === log[0] ? quirkOf(trapOf(a, i & ~7), trapOf(b, i & ~7)) : undefined;
      const left = place(i).startsWith("data") ? trapsOf(a).map(leftBehind).find(Boolean) : undefined;
      return { where: place(i), qemu: hex(a[i]), yado: hex(b[i]), quirk: quirk ?? left };
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
