// Loads, stores, "A" extension. A window of `reach` bytes either side of a base register is what a program may touch.
import { LOOP } from "../layout.js";
import type { Statement } from "../program.js";
import type { Random } from "../random.js";
import * as asm from "../../support/assembler.js";
import { FREE, insn, S0, S1, together } from "./state.js";

const encode = asm as unknown as Record<string, (...operands: number[]) => number>;
const LOADS = ["lb", "lh", "lw", "ld", "lbu", "lhu", "lwu"];
const STORES = ["sb", "sh", "sw", "sd"];
const AMOS = ["swap", "add", "xor", "and", "or", "min", "max", "minu", "maxu"];

/** A load or store at `offset` from `base`. */
export function loadStore(random: Random, base: number, offset: number): Statement {
  if (random.once(2)) {
    const [name, rd] = [random.pick(LOADS), random.pick(FREE)];
    return insn(`${name} x${rd}, ${offset}(x${base})`, encode[name](rd, offset, base));
  }
  const [name, rs2] = [random.pick(STORES), random.pick(FREE)];
  return insn(`${name} x${rs2}, ${offset}(x${base})`, encode[name](rs2, offset, base));
}

/** Anywhere near s0 or s1, of any alignment; often across a page. */
export function dataAccess(random: Random): Statement {
  const offset = random.once(4) ? random.below(16) - 8 : random.below(4080) - 2048;
  return loadStore(random, random.pick([S0, S1]), offset);
}

const ordering = (random: Random) => random.below(4) << 25;

/** An AMO on the address in `base`. */
export function amoAt(random: Random, base: number): Statement {
  const [kind, size] = [random.pick(AMOS), random.pick(["W", "D"])];
  const [rd, rs2] = [random.pick(FREE), random.pick(FREE)];
  const code = (encode[`amo${kind}${size}`](rd, rs2, base) | ordering(random)) >>> 0;
  return insn(`amo${kind}.${size.toLowerCase()} x${rd}, x${rs2}, (x${base})`, code);
}

/** LR and SC of one word, with nothing between that may break the reservation, perhaps another SC that has none. */
function reservedPair(random: Random, base: number): Statement {
  const size = random.pick(["W", "D"]);
  const name = size.toLowerCase();
  const [rs2, status] = [random.pick(FREE), random.pick(FREE)];
  const conditional = insn(
    `sc.${name} x${status}, x${rs2}, (x${base})`,
    (encode[`sc${size}`](status, rs2, base) | ordering(random)) >>> 0,
  );
  return together(reservedAt(random, base, size), conditional, ...(random.once(3) ? [conditional] : []));
}
export function reservedAt(random: Random, base: number, size = random.pick(["W", "D"])): Statement {
  const rd = random.pick(FREE);
  const code = (encode[`lr${size}`](rd, base) | ordering(random)) >>> 0;
  return insn(`lr.${size.toLowerCase()} x${rd}, (x${base})`, code);
}

const pointer = (offset: number) => insn(`addi x${LOOP}, x${S0}, ${offset}`, asm.addi(LOOP, S0, offset));

/** s0 is a multiple of 2: offsets from it are aligned only by `align`. */
export function atomic(random: Random): Statement {
  const align = insn(`andi x${LOOP}, x${LOOP}, -8`, asm.andi(LOOP, LOOP, -8));
  const place = pointer(random.below(2000));
  switch (random.below(8)) {
    case 0:
      return together(place, reservedAt(random, LOOP));
    case 1:
      return together(place, amoAt(random, LOOP));
    case 2:
    case 3:
      return together(place, align, reservedPair(random, LOOP));
    default:
      return together(place, align, amoAt(random, LOOP));
  }
}
