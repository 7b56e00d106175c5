// "F" and "D" extensions: every operation and rounding mode, on values with NaNs, infinities, subnormals, ties and bad boxes.
import { Csr } from "../../../assembly/isa/csr.js";
import * as asm from "../../support/assembler.js";
import type { Statement } from "../program.js";
import type { Random } from "../random.js";
import { FREE, FREE_C, insn, S0, S1, SP } from "./state.js";

const REGISTERS = Array.from({ length: 32 }, (_, i) => i);
const any = (random: Random) => random.pick(REGISTERS);
/** A few registers, so that results meet again. */
const some = (random: Random) => (random.once(4) ? any(random) : random.below(8));

const word = (funct7: number, rs2: number, rs1: number, funct3: number, rd: number, opcode = 0x53) =>
  ((funct7 << 25) | (rs2 << 20) | (rs1 << 15) | (funct3 << 12) | (rd << 7) | opcode) >>> 0;
const rounding = (random: Random) => (random.once(30) ? 5 + random.below(2) : random.pick([0, 0, 1, 2, 3, 4, 7, 7]));
/** Format in the low bits of funct7: 0 single, 1 double. */
const letter = (format: number) => "sd"[format];

const BINARY: [string, number][] = [
  ["fadd", 0x00],
  ["fsub", 0x04],
  ["fmul", 0x08],
  ["fdiv", 0x0c],
];
/** name, funct7, funct3 */
const FIXED: [string, number, number][] = [
  ["fsgnj", 0x10, 0],
  ["fsgnjn", 0x10, 1],
  ["fsgnjx", 0x10, 2],
  ["fmin", 0x14, 0],
  ["fmax", 0x14, 1],
];
const COMPARES: [string, number][] = [
  ["fle", 0],
  ["flt", 1],
  ["feq", 2],
];
const INTEGERS = ["w", "wu", "l", "lu"];
const FUSED: [string, number][] = [
  ["fmadd", 0x43],
  ["fmsub", 0x47],
  ["fnmsub", 0x4b],
  ["fnmadd", 0x4f],
];

function arithmetic(random: Random): Statement {
  const format = random.below(2);
  const [rd, rs1, rs2, rs3, rm] = [some(random), some(random), some(random), some(random), rounding(random)];
  switch (random.below(4)) {
    case 0: {
      const [name, opcode] = random.pick(FUSED);
      return insn(
        `${name}.${letter(format)} f${rd}, f${rs1}, f${rs2}, f${rs3}, rm ${rm}`,
        word((rs3 << 2) | format, rs2, rs1, rm, rd, opcode),
      );
    }
    case 1:
      return insn(`fsqrt.${letter(format)} f${rd}, f${rs1}, rm ${rm}`, word(0x2c | format, 0, rs1, rm, rd));
    default: {
      const [name, funct7] = random.pick(BINARY);
      return insn(
        `${name}.${letter(format)} f${rd}, f${rs1}, f${rs2}, rm ${rm}`,
        word(funct7 | format, rs2, rs1, rm, rd),
      );
    }
  }
}

function conversion(random: Random): Statement {
  const format = random.below(2);
  const [f, g, x, rm, kind] = [some(random), some(random), random.pick(FREE), rounding(random), random.below(4)];
  switch (random.below(4)) {
    case 0:
      // widening is exact: its rounding mode is 0
      return format
        ? insn(`fcvt.d.s f${f}, f${g}`, word(0x21, 0, g, 0, f))
        : insn(`fcvt.s.d f${f}, f${g}, rm ${rm}`, word(0x20, 1, g, rm, f));
    case 1: {
      const exact = format === 1 && kind < 2;
      return insn(
        `fcvt.${letter(format)}.${INTEGERS[kind]} f${f}, x${x}, rm ${exact ? 0 : rm}`,
        word(0x68 | format, kind, x, exact ? 0 : rm, f),
      );
    }
    default:
      return insn(
        `fcvt.${INTEGERS[kind]}.${letter(format)} x${x}, f${f}, rm ${rm}`,
        word(0x60 | format, kind, f, rm, x),
      );
  }
}

function plain(random: Random): Statement {
  const format = random.below(2);
  const [rd, rs1, rs2, x] = [some(random), some(random), some(random), random.pick(FREE)];
  switch (random.below(6)) {
    case 0: {
      const [name, funct3] = random.pick(COMPARES);
      return insn(`${name}.${letter(format)} x${x}, f${rs1}, f${rs2}`, word(0x50 | format, rs2, rs1, funct3, x));
    }
    case 1:
      return insn(`fclass.${letter(format)} x${x}, f${rs1}`, word(0x70 | format, 0, rs1, 1, x));
    case 2:
      return insn(`fmv.x.${"wd"[format]} x${x}, f${rs1}`, word(0x70 | format, 0, rs1, 0, x));
    case 3:
      return insn(`fmv.${"wd"[format]}.x f${rd}, x${x}`, word(0x78 | format, 0, x, 0, rd));
    default: {
      const [name, funct7, funct3] = random.pick(FIXED);
      return insn(`${name}.${letter(format)} f${rd}, f${rs1}, f${rs2}`, word(funct7 | format, rs2, rs1, funct3, rd));
    }
  }
}

export const floatLoad = (double: boolean, rd: number, offset: number, rs1: number) =>
  insn(
    `fl${double ? "d" : "w"} f${rd}, ${offset}(x${rs1})`,
    (asm.ld(rd, offset, rs1) & ~0x707f) | (double ? 0x3007 : 0x2007),
  );
export const floatStore = (double: boolean, rs2: number, offset: number, rs1: number) =>
  insn(
    `fs${double ? "d" : "w"} f${rs2}, ${offset}(x${rs1})`,
    (asm.sd(rs2, offset, rs1) & ~0x707f) | (double ? 0x3027 : 0x2027),
  );

function memory(random: Random): Statement {
  const [f, base] = [some(random), random.pick([S0, S1])];
  const offset = random.once(3) ? random.below(4090) - 2048 : 8 * (random.below(500) - 250);
  switch (random.below(6)) {
    case 0: {
      const [rd, at] = [random.pick(FREE_C), 8 * random.below(32)];
      return random.pick([
        insn(`c.fld f${rd}, ${at}(x${S0})`, (asm.c.ld(rd, at, S0) & ~0xe000) | 0x2000),
        insn(`c.fsd f${rd}, ${at}(x${S0})`, (asm.c.sd(rd, at, S0) & ~0xe000) | 0xa000),
        insn(`c.fldsp f${f}, ${at}(x${SP})`, (asm.c.ldsp(f, at) & ~0xe000) | 0x2000),
        insn(`c.fsdsp f${f}, ${at}(x${SP})`, (asm.c.sdsp(f, at) & ~0xe000) | 0xa000),
      ]);
    }
    case 1:
    case 2:
      return floatLoad(random.once(2), f, offset, base);
    default:
      return floatStore(random.once(2), f, offset, base);
  }
}

const control = (random: Random): Statement => {
  const [rd, n] = [random.pick(FREE), random.pick([Csr.fflags, Csr.frm, Csr.fcsr])];
  switch (random.below(4)) {
    case 0:
      return insn(`csrr x${rd}, fcsr ${n}`, asm.csrr(rd, n));
    case 1:
      return insn(`csrrw x${rd}, fcsr ${n}, x${rd}`, asm.csrrw(rd, n, rd));
    default: {
      const mode = random.once(12) ? 5 + random.below(3) : random.below(5);
      return insn(`fsrmi ${mode}`, asm.csrrwi(0, Csr.frm, mode));
    }
  }
};

export function float(random: Random): Statement {
  switch (random.below(12)) {
    case 0:
      return control(random);
    case 1:
      return memory(random);
    case 2:
    case 3:
      return plain(random);
    case 4:
    case 5:
    case 6:
      return conversion(random);
    default:
      return arithmetic(random);
  }
}

const S_CORNERS = [
  0x0000_0000, 0x8000_0000, 0x0000_0001, 0x8000_0001, 0x007f_ffff, 0x0080_0000, 0x3f80_0000, 0xbf80_0000, 0x3f7f_ffff,
  0x7f7f_ffff, 0xff7f_ffff, 0x7f80_0000, 0xff80_0000, 0x7fc0_0000, 0xffc0_0000, 0x7f80_0001, 0x7fa0_0000, 0x4f00_0000,
  0xcf00_0000, 0x5f00_0000, 0x5f80_0000, 0x4f80_0000, 0x3f00_0000, 0x3fc0_0000, 0x4b00_0001, 0x3380_0000,
];
const D_CORNERS = [
  0n,
  1n << 63n,
  1n,
  0x000f_ffff_ffff_ffffn,
  0x0010_0000_0000_0000n,
  0x3ff0_0000_0000_0000n,
  0xbff0_0000_0000_0000n,
  0x3fef_ffff_ffff_ffffn,
  0x7fef_ffff_ffff_ffffn,
  0xffef_ffff_ffff_ffffn,
  0x7ff0_0000_0000_0000n,
  0xfff0_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0x7ff0_0000_0000_0001n,
  0xfff4_0000_0000_0000n,
  0x41df_ffff_ffc0_0000n,
  0xc1e0_0000_0000_0000n,
  0x43e0_0000_0000_0000n,
  0x43f0_0000_0000_0000n,
  0x4330_0000_0000_0001n,
  0x3fe0_0000_0000_0000n,
  0x3ca0_0000_0000_0000n,
  0x3810_0000_0000_0000n,
  0x380f_ffff_e000_0000n,
  0x36a0_0000_0000_0000n,
  0x47ef_ffff_f000_0000n,
];
/** A number whose exponent is near `bias`, so that sums, products and conversions meet. */
const near = (random: Random, bias: bigint, fraction: bigint, spread: number) =>
  (random.u64() & ((1n << fraction) - 1n)) | ((bias + BigInt(random.below(spread) - spread / 2)) << fraction);

/** What an f register may hold: a double, a boxed single, or a single in a bad box. */
export function floatValue(random: Random): bigint {
  const sign = BigInt(random.below(2));
  switch (random.below(7)) {
    case 0:
      return random.pick(D_CORNERS);
    case 1:
      return (sign << 63n) | near(random, 1023n, 52n, random.pick([8, 140, 2000]));
    case 2:
      return random.u64() >> BigInt(random.below(64));
    case 3:
    case 4:
      return 0xffff_ffff_0000_0000n | BigInt(random.pick(S_CORNERS));
    case 5:
      return 0xffff_ffff_0000_0000n | (sign << 31n) | near(random, 127n, 23n, random.pick([8, 60, 250]));
    default:
      return random.once(3)
        ? BigInt(random.bits()) | 0xfffe_ffff_0000_0000n
        : 0xffff_ffff_0000_0000n | BigInt(random.bits());
  }
}

/** Only what surely leaves mstatus.FS dirty: QEMU forgets that where nothing but a flag is written. */
export const floatWrites = (random: Random): Statement =>
  random.once(3) ? floatLoad(random.once(2), some(random), 0, S0) : arithmetic(random);
