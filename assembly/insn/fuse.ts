// Pairs of instructions that compilers emit often, done by one record. The first record of a pair takes another Op; the second
// stays as it is, so that each keeps its own place in the count, and a pair stops or faults exactly where it would have.
import { Op } from "./op";
import { RECORD } from "./record";

function pair(first: u32, second: u32): u32 {
  if (first == Op.Addi) {
    switch (second) {
      case Op.Beq: return Op.AddiBeq;
      case Op.Bne: return Op.AddiBne;
      case Op.Blt: return Op.AddiBlt;
      case Op.Bltu: return Op.AddiBltu;
    }
  }
  if (first == Op.Andi) {
    if (second == Op.Beq) return Op.AndiBeq;
    if (second == Op.Bne) return Op.AndiBne;
  }
  if (first == Op.Slli) {
    if (second == Op.Add) return Op.SlliAdd;
    if (second == Op.Srli) return Op.SlliSrli;
  }
  return Op.Next;
}

/** Joins pairs among the records of a block. */
export function fuse(from: u32, to: u32): void {
  while (from + 2 * RECORD <= to) {
    const fused = pair(load<u16>(from), load<u16>(from + RECORD));
    if (fused == Op.Next) from += RECORD;
    else {
      store<u16>(from, fused);
      from += 2 * RECORD;
    }
  }
}
