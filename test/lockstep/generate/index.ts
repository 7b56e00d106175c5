// Families of programs. A program is a function of its seed and family alone.
import { Csr } from "../../../assembly/isa/csr.js";
import type { Program } from "../program.js";
import { Random } from "../random.js";
import { compressed } from "./compressed.js";
import { float, floatWrites } from "./float.js";
import { guest } from "./guests.js";
import { bits, integer, multiply } from "./integer.js";
import { atomic, dataAccess } from "./memory.js";
import { paging } from "./paging.js";
import { protection } from "./protection.js";
import { type Family, plain } from "./plain.js";
import { csr, transition, trap } from "./system.js";

/** hvip.VSTIP and mip.STIP are software's. */
const NO_TIMERS: [number, bigint][] = [
  [Csr.mstatus, 0n],
  [Csr.menvcfg, 0n],
  [Csr.henvcfg, 0n],
];

export const FAMILIES: Record<string, Family> = {
  i: plain("i", [integer, integer, dataAccess], 150),
  m: plain("m", [multiply, multiply, integer], 150),
  a: plain("a", [atomic, atomic, integer, dataAccess], 100),
  c: plain("c", [compressed, compressed, compressed, integer], 200),
  csr: plain("csr", [csr, csr, csr, csr, transition, integer, trap, floatWrites], 60, NO_TIMERS),
  trap: plain("trap", [trap, trap, csr, transition, dataAccess], 40, NO_TIMERS),
  f: plain("f", [float, float, float, integer], 120, [
    [Csr.mstatus, 0x6000n],
    [Csr.vsstatus, 0x6000n],
  ]),
  page: paging(false),
  "page-attributes": paging(true),
  guest: guest(false),
  "guest-attributes": guest(true),
  pmp: protection,
  b: plain("b", [bits, bits, bits, integer], 150),
};

export const generate = (family: string, seed: number): Program =>
  FAMILIES[family](seed, new Random(seed * 64 + Object.keys(FAMILIES).indexOf(family)));
