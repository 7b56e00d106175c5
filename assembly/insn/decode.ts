// One instruction to one record. Each extension decodes its own; none overlaps another.
import { Cost, MOST_INSTRUCTION_CYCLES } from "../isa/cost";
import { cost } from "../timing/caches";
import { decodeA } from "./a";
import { decodeB } from "./b";
import { decodeF } from "./f";
import { decodeI } from "./i";
import { decodeM } from "./m";
import { DOUBLE, Op } from "./op";
import { record } from "./record";
import { decodeSystem } from "./system";
import { decodeZacas } from "./zacas";
import { decodeCbo } from "./zicbo";
import { decodeZicond } from "./zicond";

/** Decodes a 32-bit encoding; what no extension knows becomes Op.Illegal. */
export function decode(dp: u32, insn: u32): void {
  if ((insn & 3) == 3) {
    if (decodeI(dp, insn) || decodeM(dp, insn) || decodeF(dp, insn) || decodeA(dp, insn) || decodeSystem(dp, insn)) return;
    if (decodeB(dp, insn) || decodeZicond(dp, insn) || decodeZacas(dp, insn) || decodeCbo(dp, insn)) return;
  }
  record(dp, Op.Illegal, 0, 0, 0, 0);
}

/**
 * Cycles of an instruction by its class, beyond what caches, walks and taken branches add: at least 1, so that time passes, and no
 * more than a tally holds.
 */
export function classCycles(op: i32): u32 {
  return min(max(1, classCost(op)), <u32>MOST_INSTRUCTION_CYCLES);
}

function classCost(op: i32): u32 {
  if (op >= Op.Mul && op <= Op.Mulhu) return cost(Cost.Mul);
  if (op == Op.Mulw || (op >= Op.Clmul && op <= Op.Clmulr)) return cost(Cost.Mul);
  if (op >= Op.Div && op <= Op.Remuw) return cost(Cost.Div);
  if (op >= Op.Lb && op <= Op.Lwu) return cost(Cost.Load);
  if (op >= Op.Sb && op <= Op.Sd) return cost(Cost.Store);
  if (op == Op.Cbo) return cost(Cost.Store);
  if (op == Op.Flw || op == Op.Fld) return cost(Cost.Load);
  if (op == Op.Fsw || op == Op.Fsd) return cost(Cost.Store);
  if (op >= Op.FaddS && op <= Op.FcvtDS) return floatCost(op < Op.FaddD ? op : op - DOUBLE);
  if (op >= Op.Csrrw && op <= Op.Csrrci) return cost(Cost.Csr);
  if (op >= Op.Lr && op <= Op.Amocas) return cost(Cost.Amo);
  if (op >= Op.Hlv && op <= Op.Hsv) return cost(Cost.Load);
  if (op >= Op.FenceI && op <= Op.HfenceGvma) return cost(Cost.Fence);
  return cost(Cost.Alu);
}

function floatCost(op: i32): u32 {
  if (op == Op.FdivS || op == Op.FsqrtS) return cost(Cost.FpDiv);
  if (op >= Op.FmaddS && op <= Op.FnmaddS) return cost(Cost.FpFused);
  const moves = (op >= Op.FsgnjS && op <= Op.FsgnjxS) || op == Op.FmvXW || op == Op.FmvWX || op == Op.FclassS;
  return cost(moves ? Cost.Alu : Cost.FpAdd);
}

/** Ends a block: control always or usually goes elsewhere, or what follows may be another context. */
export function endsBlock(op: i32): bool {
  return op == Op.Jal || op == Op.Jalr || (op >= Op.Illegal && op <= Op.HfenceGvma);
}
