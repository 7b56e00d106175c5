// RISC-V Unprivileged Architecture, "RV64I Base Integer Instruction Set", "M Extension for Integer Multiplication and Division":
// every computation against a model in unlimited integers.
import { expect, test } from "vitest";
import type { CoreBuild } from "../../../src/core/instance.js";
import * as asm from "../../support/assembler.js";
import { a0, a1, a2, ebreak, zero } from "../../support/assembler.js";
import { bare, BUILDS, CODE, type Hart, Random, u64 } from "../../support/hart.js";
import { type Binary, REGISTER } from "../../support/model.js";

const IMMEDIATE: Record<string, Binary> = {
  addi: REGISTER.add,
  slti: REGISTER.slt,
  sltiu: REGISTER.sltu,
  xori: REGISTER.xor,
  ori: REGISTER.or,
  andi: REGISTER.and,
  addiw: REGISTER.addw,
};
const SHIFT: Record<string, [Binary, number]> = {
  slli: [REGISTER.sll, 64],
  srli: [REGISTER.srl, 64],
  srai: [REGISTER.sra, 64],
  slliw: [REGISTER.sllw, 32],
  srliw: [REGISTER.srlw, 32],
  sraiw: [REGISTER.sraw, 32],
};
const encode = asm as unknown as Record<string, (rd: number, rs1: number, last: number) => number>;

const CORNERS = [0n, 1n, 2n, 31n, 32n, 63n, 64n, 0x7fn, 0x80n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 0x1_0000_0000n]
  .concat([0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, -1n, -2n, -0x8000_0000n, -0x8000_0001n])
  .map(u64);

function operands(seed: number): [bigint, bigint][] {
  const random = new Random(seed);
  const corners = CORNERS.flatMap((a) => CORNERS.map((b): [bigint, bigint] => [a, b]));
  const any = Array.from({ length: 100 }, (): [bigint, bigint] => [random.next(), random.next()]);
  return [...corners, ...any, ...any.map(([a, b], i): [bigint, bigint] => [a, b >> BigInt(i % 64)])];
}

/** A hart with each instruction at its own place, before an EBREAK. */
const shelf = (build: CoreBuild, instructions: number[]) =>
  bare(
    instructions.flatMap((insn) => [insn, ebreak]),
    { build },
  );
/** a0 after instruction `place` of a shelf, whose sources a1 and a2 are. */
function result(hart: Hart, place: number, a: bigint, b: bigint): bigint {
  hart.registers({ [a1]: a, [a2]: b }).runAt(CODE + 8 * place);
  return hart.x(a0);
}

test.each(BUILDS)("register-register operations, their W forms, multiplications and divisions (%s)", (build) => {
  const pairs = operands(1);
  const names = Object.keys(REGISTER) as (keyof typeof REGISTER)[];
  const hart = shelf(
    build,
    names.map((name) => encode[name](a0, a1, a2)),
  );
  for (const [place, name] of names.entries()) {
    const wrong = pairs.filter(([a, b]) => result(hart, place, a, b) !== u64(REGISTER[name](a, b)));
    expect({ [name]: wrong }).toEqual({ [name]: [] });
  }
});

test.each(BUILDS)("the semantics for division by zero and division overflow (%s)", (build) => {
  const least = u64(-0x8000_0000_0000_0000n);
  const leastW = u64(-0x8000_0000n);
  const names = ["div", "divu", "rem", "remu", "divw", "divuw", "remw", "remuw"];
  const hart = shelf(
    build,
    names.map((name) => encode[name](a0, a1, a2)),
  );
  const all = (a: bigint, b: bigint, of: string[]) =>
    of.map((name) => result(hart, names.indexOf(name), u64(a), u64(b)));
  expect(all(7n, 0n, ["div", "divu", "rem", "remu"])).toEqual([u64(-1), u64(-1), 7n, 7n]);
  expect(all(least, -1n, ["div", "rem"])).toEqual([least, 0n]);
  expect(all(leastW, -1n, ["divw", "remw"])).toEqual([leastW, 0n]);
  expect(all(0x8000_0005n, 0n, ["divuw", "remuw"])).toEqual([u64(-1), 0xffff_ffff_8000_0005n]);
});

test.each(BUILDS)("register-immediate operations (%s)", (build) => {
  const immediates = [0, 1, -1, 2047, -2048, 5, -77];
  const random = new Random(2);
  const sources = [...CORNERS, ...Array.from({ length: 40 }, () => random.next())];
  const forms = Object.keys(IMMEDIATE).flatMap((name) => immediates.map((imm) => ({ name, imm })));
  const hart = shelf(
    build,
    forms.map(({ name, imm }) => encode[name](a0, a1, imm)),
  );
  for (const [place, { name, imm }] of forms.entries()) {
    const wrong = sources.filter((a) => result(hart, place, a, 0n) !== u64(IMMEDIATE[name](a, BigInt(imm))));
    expect({ [`${name} ${imm}`]: wrong }).toEqual({ [`${name} ${imm}`]: [] });
  }
});

test.each(BUILDS)("shifts by every constant amount (%s)", (build) => {
  const sources = [0x8000_0000_0000_0001n, 0x1234_5678_9abc_def0n, 0x7fff_ffffn, u64(-1)];
  const forms = Object.entries(SHIFT).flatMap(([name, [model, width]]) =>
    Array.from({ length: width }, (_, shamt) => ({ name, model, shamt })),
  );
  const hart = shelf(
    build,
    forms.map(({ name, shamt }) => encode[name](a0, a1, shamt)),
  );
  for (const [place, { model, shamt }] of forms.entries()) {
    const results = sources.map((a) => result(hart, place, a, 0n));
    expect(results).toEqual(sources.map((a) => u64(model(a, BigInt(shamt)))));
  }
});

test.each(BUILDS)("LUI and AUIPC sign-extend their 20 bits above the low 12 (%s)", (build) => {
  const { lui, auipc, nop } = asm;
  const hart = bare([nop, lui(a0, 0x8_0000), auipc(a1, 0xf_ffff), auipc(a2, 0x7_ffff), ebreak], { build });
  hart.run();
  expect(hart.x(a0)).toBe(0xffff_ffff_8000_0000n);
  expect(hart.x(a1)).toBe(BigInt(CODE) + 8n - 0x1000n);
  expect(hart.x(a2)).toBe(BigInt(CODE) + 12n + 0x7fff_f000n);
});

test.each(BUILDS)("x0 stays zero whatever is written to it (%s)", (build) => {
  const { amoaddD, auipc, csrr, jal, jalr, ld, lui } = asm;
  const registerForms = Object.keys(REGISTER).map((name) => encode[name](zero, a1, a2));
  const immediateForms = [...Object.keys(IMMEDIATE), ...Object.keys(SHIFT)].map((name) => encode[name](zero, a1, 3));
  const others = [
    lui(zero, 1),
    auipc(zero, 1),
    ld(zero, 0, a2),
    amoaddD(zero, a1, a2),
    csrr(zero, 0x300),
    jal(zero, 4),
  ];
  const program = [...registerForms, ...immediateForms, ...others];
  const end = CODE + 4 * program.length + 4;
  const hart = bare([...program, jalr(zero, 0, a0), ebreak], { build });
  hart.registers({ [a0]: end, [a1]: 0x1234_5678_9abcn, [a2]: CODE + 0x1000 }).run();
  expect(hart.pc).toBe(end);
  expect(hart.x(zero)).toBe(0n);
});
