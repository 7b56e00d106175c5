// "C" extension: everything that computes, loads or stores; the registers that programs may not spoil are only read.
import * as asm from "../../support/assembler.js";
import type { Statement } from "../program.js";
import type { Random } from "../random.js";
import { FREE, FREE_C, insn, S0, S1 } from "./state.js";

const { c } = asm;
const COMPUTE = ["sub", "xor", "or", "and", "subw", "addw"] as const;
const POINTERS_C = [S0, S1];

export function compressed(random: Random): Statement {
  const rd = random.pick(FREE.filter((x) => x !== 0));
  const [low, source, base] = [random.pick(FREE_C), random.pick([...FREE_C, S0]), random.pick(POINTERS_C)];
  const small = random.below(64) - 32;
  const shift = 1 + random.below(63);
  switch (random.below(20)) {
    case 0:
      return insn(`c.addi4spn x${low}, ${16 + 4 * small}`, c.addi4spn(low, 4 * (1 + random.below(255))));
    case 1:
      return insn(`c.lw x${low}, (x${base})`, c.lw(low, 4 * random.below(32), base));
    case 2:
      return insn(`c.ld x${low}, (x${base})`, c.ld(low, 8 * random.below(32), base));
    case 3:
      return insn(`c.sw x${source}, (x${base})`, c.sw(source, 4 * random.below(32), base));
    case 4:
      return insn(`c.sd x${source}, (x${base})`, c.sd(source, 8 * random.below(32), base));
    case 5:
      return insn(`c.addi x${rd}, ${small}`, c.addi(rd, small));
    case 6:
      return insn(`c.addiw x${rd}, ${small}`, c.addiw(rd, small));
    case 7:
      return insn(`c.li x${rd}, ${small}`, c.li(rd, small));
    case 8:
      return insn(`c.lui x${rd}, ${small || 1}`, c.lui(rd, small || 1));
    case 9:
      return insn(`c.srli x${low}, ${shift}`, c.srli(low, shift));
    case 10:
      return insn(`c.srai x${low}, ${shift}`, c.srai(low, shift));
    case 11:
      return insn(`c.andi x${low}, ${small}`, c.andi(low, small));
    case 12:
      return insn(`c.slli x${rd}, ${shift}`, c.slli(rd, shift));
    case 13:
      return insn(`c.lwsp x${rd}`, c.lwsp(rd, 4 * random.below(64)));
    case 14:
      return insn(`c.ldsp x${rd}`, c.ldsp(rd, 8 * random.below(64)));
    case 15: {
      const x = random.pick([0, ...FREE]);
      return random.once(2)
        ? insn(`c.swsp x${x}`, c.swsp(x, 4 * random.below(64)))
        : insn(`c.sdsp x${x}`, c.sdsp(x, 8 * random.below(64)));
    }
    case 16: {
      const x = random.pick(FREE.filter((i) => i !== 0));
      return random.once(2) ? insn(`c.mv x${rd}, x${x}`, c.mv(rd, x)) : insn(`c.add x${rd}, x${x}`, c.add(rd, x));
    }
    case 17: {
      // over one or two others
      const over = [c.li(low, 1), c.addi(rd, 3)];
      const bytes = 2 + 2 * over.length;
      return random.pick([
        insn(`c.beqz x${source} over 2`, c.beqz(source, bytes), ...over),
        insn(`c.bnez x${source} over 2`, c.bnez(source, bytes), ...over),
        insn("c.j over 2", c.j(bytes), ...over),
      ]);
    }
    case 18:
      // hints, which do nothing
      return insn(
        "c hint",
        random.pick([c.li(0, 5), c.mv(0, low), c.add(0, low), c.slli(0, 3), c.addi(low, 0), 0x6005 /* c.lui x0, 1 */]),
      );
    default: {
      const name = random.pick(COMPUTE);
      return insn(`c.${name} x${low}, x${source}`, c[name](low, source));
    }
  }
}
