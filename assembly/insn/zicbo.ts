// "Cache Management Operations", version 1.0: Zicbom and Zicboz. Zicbop's prefetches are ORI with rd = x0, which does nothing.
import { Op } from "./op";
import { record } from "./record";

/** Bytes of a cache block. */
export const CACHE_BLOCK: u32 = 64;

/** The operation of a CBO. */
export const enum Cbo {
  Inval = 0,
  Clean = 1,
  Flush = 2,
  Zero = 4,
}

/** Decodes CBO.*; false if `insn` is none of them. imm: enum Cbo. */
export function decodeCbo(dp: u32, insn: u32): bool {
  const operation = <i32>(insn >> 20);
  if ((insn & 0x7fff) != 0x200f || (operation > Cbo.Flush && operation != Cbo.Zero)) return false;
  record(dp, Op.Cbo, 0, (insn >> 15) & 31, 0, operation);
  return true;
}
