// Where QEMU 7.2 departs from the specification in a way that no mask can hide, for it takes another trap: docs/lockstep.md. A program is
// compared up to the first of them.

/** One taken trap. */
export interface Trap {
  cause: number;
  tval: bigint;
  tinst: bigint;
  /** Whether it came from V = 1. */
  virtual: boolean;
  /** SUM of the status that its taker sees: not vsstatus if that is M or HS. */
  sum: boolean;
}

const ILLEGAL = 2;
const VIRTUAL = 22;
const isCsr = (tval: bigint) => (tval & 0x7fn) === 0x73n && (tval & 0x3000n) !== 0n;
const csrLevel = (tval: bigint) => Number((tval >> 28n) & 3n);
const isHfence = (tval: bigint) => (tval & 0xbe00_707fn) === 0x2200_0073n;
const isSfence = (tval: bigint) => (tval & 0xfe00_707fn) === 0x1200_0073n;
const isSret = (tval: bigint) => tval === 0x1020_0073n;
/** Whether `second` is the page after the one at whose end `first` lies. */
const crosses = (first: bigint, second: bigint) => second % 4096n === 0n && second - first <= 8n && second > first;
const SATP = 0x180n;

/** QEMU says illegal where the instruction is virtual. */
const notVirtual = (is: (tval: bigint) => boolean) => (qemu: Trap, yado: Trap) =>
  qemu.cause === ILLEGAL && yado.cause === VIRTUAL && is(yado.tval);

const QUIRKS: [name: string, holds: (qemu: Trap, yado: Trap) => boolean][] = [
  ["a supervisor CSR in VU-mode is illegal", notVirtual((tval) => isCsr(tval) && csrLevel(tval) === 1)],
  ["SRET or SFENCE.VMA in VU-mode is illegal", notVirtual((tval) => isSret(tval) || isSfence(tval))],
  ["HFENCE in VU-mode is illegal", notVirtual(isHfence)],
  [
    "an AMO where there is no memory is a load access fault",
    (qemu, yado) => qemu.cause === 5 && yado.cause === 7 && qemu.tval === yado.tval,
  ],
  [
    "a store across pages is translated as a whole before either half reaches memory",
    (qemu, yado) =>
      [yado.cause + 8, yado.cause + 16].includes(qemu.cause) &&
      (yado.cause === 5 || yado.cause === 7) &&
      crosses(yado.tval, qemu.tval),
  ],
  [
    "S-mode executes a page of U-mode that it has loaded from with SUM",
    (qemu, yado) => yado.cause === 12 && (qemu.cause !== 12 || qemu.tval !== yado.tval) && (yado.sum || yado.virtual),
  ],
  [
    "mstatus.TSR and TVM hold for VS-mode",
    (qemu) =>
      qemu.virtual &&
      qemu.cause === ILLEGAL &&
      (isSret(qemu.tval) || isSfence(qemu.tval) || (isCsr(qemu.tval) && qemu.tval >> 20n === SATP)),
  ],
];

/** For a difference in memory: what a trap that both have taken may have left. */
export const leftBehind = (trap: Trap) =>
  trap.cause === 7 && trap.tval % 4096n === 0n
    ? "a store across pages has written the first half though the second meets an access fault"
    : undefined;

export const quirkOf = (qemu: Trap, yado: Trap) => QUIRKS.find(([, holds]) => holds(qemu, yado))?.[0];
