// Programs without translation, and what all programs start with.
import { Csr } from "../../../assembly/isa/csr.js";
import * as at from "../layout.js";
import type { Mode } from "../layout.js";
import type { Program, Statement } from "../program.js";
import type { Random } from "../random.js";
import { control } from "./control.js";
import { floatValue } from "./float.js";
import { integer } from "./integer.js";
import { dataAccess } from "./memory.js";
import { OFTEN } from "./system.js";
import { S0, S1, SP, bytesOf, value } from "./state.js";

export type Maker = (random: Random) => Statement;
export type Family = (seed: number, random: Random) => Program;

/** Everything readable, writable and executable for S and U (PMP), nothing delegated, A and D bits updated by hardware. */
export const OPEN: [number, bigint][] = [
  [Csr.pmpaddr0, -1n],
  [Csr.pmpcfg0, 0x1fn],
  [Csr.menvcfg, 0xa000_0000_0000_0000n],
  [Csr.henvcfg, 0xa000_0000_0000_0000n],
  [Csr.stimecmp, -1n],
  [Csr.vstimecmp, -1n],
  [Csr.medeleg, 0n],
  [Csr.mideleg, 0n],
  [Csr.hedeleg, 0n],
  [Csr.hideleg, 0n],
  [Csr.mcounteren, 0n],
  [Csr.hcounteren, 0n],
  [Csr.scounteren, 0n],
  [Csr.hstatus, 0n],
  [Csr.vsstatus, 0n],
  [Csr.mtval2, 0n],
  [Csr.mtinst, 0n],
  [Csr.htval, 0n],
  [Csr.htinst, 0n],
  [Csr.mscratch, 0n],
  [Csr.mcause, 0n],
  [Csr.mtval, 0n],
  [Csr.sepc, 0n],
  [Csr.scause, 0n],
  [Csr.stval, 0n],
  [Csr.sscratch, 0n],
  [Csr.vsepc, 0n],
  [Csr.vscause, 0n],
  [Csr.vstval, 0n],
  [Csr.vsscratch, 0n],
];

export function registers(random: Random): bigint[] {
  const x = Array.from({ length: 32 }, (_, i) => (i === 0 ? 0n : value(random)));
  x[SP] = BigInt(at.DATA + at.PAGE);
  x[S0] = BigInt(at.DATA + 2 * at.PAGE + 2 * random.below(4));
  x[S1] = BigInt(at.DATA + at.PAGE + 2044 - random.below(8));
  return x;
}
export const floats = (random: Random) => Array.from({ length: 32 }, () => floatValue(random));
const flat = BigInt(at.CODE);
export const FLAT: Record<Mode, bigint> = { M: flat, S: flat, U: flat, VS: flat, VU: flat };

/** A program without translation, in any mode. */
export function plain(
  family: string,
  makers: readonly Maker[],
  length: number,
  presets: [number, bigint][] = [[Csr.mstatus, 0n]],
): Family {
  return (seed, random) => {
    const make = (r: Random) => r.pick(makers)(r);
    const statements = Array.from({ length }, () =>
      random.once(8) ? control(random, random.pick([integer, dataAccess])) : make(random),
    );
    return {
      seed,
      family,
      mode: random.pick(OFTEN),
      statements,
      x: registers(random),
      f: floats(random),
      presets: [...OPEN, ...presets],
      alias: FLAT,
      memory: [{ address: at.DATA, bytes: bytesOf(random, at.DATA_BYTES) }],
      tables: 0,
      marks: [],
    };
  };
}
