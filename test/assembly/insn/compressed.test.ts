// RISC-V Unprivileged Architecture, "C Extension for Compressed Instructions", "RVC Instruction Set Listings".
import { expect, test } from "vitest";
import { Cause } from "../../../assembly/isa/cause.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { compiled } from "../../asc.js";
import * as asm from "../../support/assembler.js";
import {
  a0,
  a1,
  addi,
  addiw,
  add,
  addw,
  and,
  andi,
  beq,
  bne,
  c,
  ebreak,
  fld,
  fsd,
  jal,
  jalr,
  ld,
  lui,
  lw,
  or,
} from "../../support/assembler.js";
import { ra, sd, slli, sp, srai, srli, sub, subw, sw, xor, zero } from "../../support/assembler.js";
import { BUILDS, bare, CODE, DATA } from "../../support/hart.js";

const FS_DIRTY = 3n << 13n;
const range = (from: number, to: number, step = 1) =>
  Array.from({ length: (to - from) / step }, (_, i) => from + i * step);
const ALL = range(0, 32);
const NONZERO = range(1, 32);
const EIGHT = range(8, 16);
const SIGNED = range(-32, 32);
const SHAMT = range(0, 64);

type Pair = [compressed: number, expansion: number];
const cross = (firsts: number[], seconds: number[], pair: (a: number, b: number) => Pair): Pair[] =>
  firsts.flatMap((a) => seconds.map((b) => pair(a, b)));

/** Every legal encoding with what it stands for. Hints (rd = x0, or no amount) do nothing, as their expansions. */
const LEGAL: Pair[] = [
  ...cross(EIGHT, range(4, 1024, 4), (rd, n) => [c.addi4spn(rd, n), addi(rd, sp, n)]),
  ...EIGHT.flatMap((r) => cross(EIGHT, range(0, 128, 4), (s, n) => [c.lw(r, n, s), lw(r, n, s)])),
  ...EIGHT.flatMap((r) => cross(EIGHT, range(0, 256, 8), (s, n) => [c.ld(r, n, s), ld(r, n, s)])),
  ...EIGHT.flatMap((r) => cross(EIGHT, range(0, 256, 8), (s, n) => [c.fld(r, n, s), fld(r, n, s)])),
  ...EIGHT.flatMap((r) => cross(EIGHT, range(0, 256, 8), (s, n) => [c.fsd(r, n, s), fsd(r, n, s)])),
  ...EIGHT.flatMap((r) => cross(EIGHT, range(0, 128, 4), (s, n) => [c.sw(r, n, s), sw(r, n, s)])),
  ...EIGHT.flatMap((r) => cross(EIGHT, range(0, 256, 8), (s, n) => [c.sd(r, n, s), sd(r, n, s)])),
  ...cross(ALL, SIGNED, (rd, n) => [c.addi(rd, n), addi(rd, rd, n)]),
  ...cross(NONZERO, SIGNED, (rd, n) => [c.addiw(rd, n), addiw(rd, rd, n)]),
  ...cross(ALL, SIGNED, (rd, n) => [c.li(rd, n), addi(rd, zero, n)]),
  ...range(-512, 512, 16)
    .filter((n) => n !== 0)
    .map((n): Pair => [c.addi16sp(n), addi(sp, sp, n)]),
  ...cross(
    ALL.filter((rd) => rd !== sp),
    SIGNED.filter((n) => n !== 0),
    (rd, n) => [c.lui(rd, n), lui(rd, n)],
  ),
  ...cross(EIGHT, SHAMT, (rd, n) => [c.srli(rd, n), srli(rd, rd, n)]),
  ...cross(EIGHT, SHAMT, (rd, n) => [c.srai(rd, n), srai(rd, rd, n)]),
  ...cross(EIGHT, SIGNED, (rd, n) => [c.andi(rd, n), andi(rd, rd, n)]),
  ...cross(EIGHT, EIGHT, (rd, s) => [c.sub(rd, s), sub(rd, rd, s)]),
  ...cross(EIGHT, EIGHT, (rd, s) => [c.xor(rd, s), xor(rd, rd, s)]),
  ...cross(EIGHT, EIGHT, (rd, s) => [c.or(rd, s), or(rd, rd, s)]),
  ...cross(EIGHT, EIGHT, (rd, s) => [c.and(rd, s), and(rd, rd, s)]),
  ...cross(EIGHT, EIGHT, (rd, s) => [c.subw(rd, s), subw(rd, rd, s)]),
  ...cross(EIGHT, EIGHT, (rd, s) => [c.addw(rd, s), addw(rd, rd, s)]),
  ...range(-2048, 2048, 2).map((n): Pair => [c.j(n), jal(zero, n)]),
  ...cross(EIGHT, range(-256, 256, 2), (s, n) => [c.beqz(s, n), beq(s, zero, n)]),
  ...cross(EIGHT, range(-256, 256, 2), (s, n) => [c.bnez(s, n), bne(s, zero, n)]),
  ...cross(ALL, SHAMT, (rd, n) => [c.slli(rd, n), slli(rd, rd, n)]),
  ...cross(NONZERO, range(0, 256, 4), (rd, n) => [c.lwsp(rd, n), lw(rd, n, sp)]),
  ...cross(NONZERO, range(0, 512, 8), (rd, n) => [c.ldsp(rd, n), ld(rd, n, sp)]),
  ...cross(ALL, range(0, 512, 8), (rd, n) => [c.fldsp(rd, n), fld(rd, n, sp)]),
  ...cross(ALL, range(0, 512, 8), (s, n) => [c.fsdsp(s, n), fsd(s, n, sp)]),
  ...NONZERO.map((s): Pair => [c.jr(s), jalr(zero, 0, s)]),
  ...cross(ALL, NONZERO, (rd, s) => [c.mv(rd, s), add(rd, zero, s)]),
  [c.ebreak, ebreak],
  ...NONZERO.map((s): Pair => [c.jalr(s), jalr(ra, 0, s)]),
  ...cross(ALL, NONZERO, (rd, s) => [c.add(rd, s), add(rd, rd, s)]),
  ...cross(ALL, range(0, 256, 4), (s, n) => [c.swsp(s, n), sw(s, n, sp)]),
  ...cross(ALL, range(0, 512, 8), (s, n) => [c.sdsp(s, n), sd(s, n, sp)]),
];

test("every 16-bit encoding expands to what it stands for, or is illegal", async () => {
  const { expand } = (await compiled('export { expand } from "./assembly/insn/c";')) as unknown as {
    expand(encoding: number): number;
  };
  const expansions = new Map(LEGAL);
  expect(expansions.size).toBe(LEGAL.length);
  const wrong = range(0, 0x1_0000)
    .filter((encoding) => (encoding & 3) !== 3)
    .filter((encoding) => expand(encoding) >>> 0 !== (expansions.get(encoding) ?? 0))
    .map((encoding) => encoding.toString(16));
  expect(wrong).toEqual([]);
});

test.each(BUILDS)("compressed instructions do what their expansions do, and take two bytes (%s)", (build) => {
  const jumps = [0x63, 0x6f, 0x67, 0x73];
  const straight = LEGAL.filter(([, full], i) => i % 61 === 0 && !jumps.includes(full & 0x7f));
  const hart = bare(
    straight.flatMap(([compressed, full]) => [compressed, ebreak, full, ebreak]),
    { build, csrs: { [Csr.mstatus]: FS_DIRTY } },
  );
  const registers = Object.fromEntries(range(1, 32).map((i) => [i, DATA + 0x1000 + 8 * i]));
  const outcome = (pc: number) => {
    hart.core.slice(DATA, 0x2000).fill(0x5a);
    hart.registers(registers).runAt(pc);
    return {
      x: ALL.map((i) => hart.x(i)),
      data: Buffer.from(hart.core.slice(DATA, 0x2000)).toString("hex"),
      length: hart.pc - pc,
    };
  };
  for (const [i, [, full]] of straight.entries()) {
    const expected = { ...outcome(CODE + 14 * i + 6), length: 2 };
    expect([full.toString(16), outcome(CODE + 14 * i)]).toEqual([full.toString(16), expected]);
  }
});

test.each(BUILDS)("an illegal 16-bit encoding leaves its 16 bits in mtval (%s)", (build) => {
  const reserved = [
    0x0000, // defined illegal
    c.addi4spn(a0, 0),
    c.addiw(zero, 1),
    c.addi16sp(0),
    c.lui(a0, 0),
    c.lwsp(zero, 8),
    c.ldsp(zero, 8),
    c.jr(zero),
    0x9c41, // reserved: funct2 2 beside C.ADDW
    0x8000, // reserved
  ];
  const hart = bare(
    reserved.flatMap((encoding) => [asm.cNop, encoding]),
    { build },
  );
  for (const [i, encoding] of reserved.entries()) {
    hart.runAt(CODE + 4 * i);
    expect(hart.exit).toMatchObject({ cause: BigInt(Cause.IllegalInstruction), tval: BigInt(encoding), length: 2 });
    expect(hart.pc).toBe(CODE + 4 * i + 2);
  }
});

test.each(BUILDS)("4-byte instructions may stand at any even address (%s)", (build) => {
  const hart = bare([c.li(a0, 1), addi(a0, a0, 2), c.addi(a0, 4), addi(a1, a0, 8), c.ebreak], { build });
  hart.run();
  expect([hart.x(a0), hart.x(a1), hart.pc]).toEqual([7n, 15n, CODE + 12]);
});
