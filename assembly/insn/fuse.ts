// Sequences that compilers emit often, done by one dispatch. The first record takes another Op; those behind it stay as they are: a
// branch into the middle finds them, and what cannot go the quick way there is left to their own Op.
import { Op } from "./op";
import { RECORD } from "./record";

/** The Op that does `first` and `second`, or Op.Next when there is none. */
function pair(first: i32, second: i32): i32 {
  switch (first) {
    case Op.Slli: return second == Op.Add ? Op.SlliAdd : second == Op.Srli ? Op.SlliSrli : Op.Next;
    case Op.SlliAdd: return second == Op.Lw ? Op.SlliAddLw : second == Op.Ld ? Op.SlliAddLd : Op.Next;
    case Op.SlliSrli: return second == Op.Add ? Op.SlliSrliAdd : Op.Next;
    case Op.Andi: return second == Op.Beq ? Op.AndiBeq : second == Op.Bne ? Op.AndiBne : Op.Next;
    case Op.Add:
      switch (second) {
        case Op.Bne: return Op.AddBne;
        case Op.Lbu: return Op.AddLbu;
        case Op.Lw: return Op.AddLw;
        case Op.Ld: return Op.AddLd;
        case Op.Sb: return Op.AddSb;
      }
      return Op.Next;
    case Op.Addw: return second == Op.Bne ? Op.AddwBne : second == Op.Bltu ? Op.AddwBltu : second == Op.Bgeu ? Op.AddwBgeu : Op.Next;
    case Op.Mul: return second == Op.Add ? Op.MulAdd : Op.Next;
    case Op.Mulw: return second == Op.Addw ? Op.MulwAddw : Op.Next;
    case Op.Addiw: return second == Op.Bne ? Op.AddiwBne : Op.Next;
    case Op.Lbu: return second == Op.Addi ? Op.LbuAddi : Op.Next;
    case Op.Lw: return second == Op.Addi ? Op.LwAddi : second == Op.Lw ? Op.LwLw : Op.Next;
    case Op.Ld: return second == Op.Addi ? Op.LdAddi : second == Op.Ld ? Op.LdLd : Op.Next;
    case Op.LdLd: return second == Op.Ld ? Op.LdLdLd : Op.Next;
    case Op.LdLdLd: return second == Op.Ld ? Op.LdLdLdLd : Op.Next;
    case Op.Sw: return second == Op.Sw ? Op.SwSw : Op.Next;
    case Op.Sd: return second == Op.Sd ? Op.SdSd : Op.Next;
    case Op.SdSd: return second == Op.Sd ? Op.SdSdSd : Op.Next;
    case Op.SdSdSd: return second == Op.Sd ? Op.SdSdSdSd : Op.Next;
    case Op.Addi:
      switch (second) {
        case Op.Beq: return Op.AddiBeq;
        case Op.Bne: return Op.AddiBne;
        case Op.Blt: return Op.AddiBlt;
        case Op.Bltu: return Op.AddiBltu;
        case Op.Addi: return Op.AddiAddi;
      }
  }
  return Op.Next;
}

/** Joins what can be joined among the records of a block, from the left. */
export function fuse(from: u32, to: u32): void {
  while (from < to) {
    let behind = from + RECORD;
    while (behind < to) {
      // an ADDI that closes a loop serves better with its branch
      if (load<u16>(behind) == Op.Addi && behind + RECORD < to && closes(load<u16>(behind + RECORD))) break;
      const fused = pair(load<u16>(from), load<u16>(behind));
      if (fused == Op.Next) break;
      store<u16>(from, fused);
      behind += RECORD;
    }
    from = behind;
  }
}
function closes(op: i32): bool {
  return op >= Op.Beq && op <= Op.Bltu;
}
