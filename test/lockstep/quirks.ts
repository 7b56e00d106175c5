// Where QEMU 7.2 departs from the specification in a way that no mask can hide, for it takes another trap: docs/lockstep.md. A program is
// compared up to the first of them.

/** One taken trap. */
export interface Trap {
  cause: number;
  tval: bigint;
  tinst: bigint;
}

const ILLEGAL = 2;
const VIRTUAL = 22;
const isCsr = (tval: bigint) => (tval & 0x7fn) === 0x73n && (tval & 0x3000n) !== 0n;
const csrLevel = (tval: bigint) => Number((tval >> 28n) & 3n);

const QUIRKS: [name: string, holds: (qemu: Trap, yado: Trap) => boolean][] = [
  [
    "a supervisor CSR in VU-mode is illegal instead of virtual",
    (qemu, yado) => qemu.cause === ILLEGAL && yado.cause === VIRTUAL && isCsr(yado.tval) && csrLevel(yado.tval) === 1,
  ],
];

export const quirkOf = (qemu: Trap, yado: Trap) => QUIRKS.find(([, holds]) => holds(qemu, yado))?.[0];
