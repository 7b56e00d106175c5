// How tests of a suite end: HTIF (tohost, fromhost), the board's finisher, limits, signatures.
import { expect, test } from "vitest";
import { RAM_START } from "../../assembly/layout.js";
import { runTest, type TestConfig } from "../../src/conformance/test.js";
import {
  a0,
  a1,
  a2,
  addi,
  amoswapD,
  auipc,
  beq,
  csrw,
  ecall,
  jal,
  ld,
  lui,
  lw,
  mret,
  sd,
  slli,
  sw,
  wfi,
  zero,
} from "../support/assembler.js";
import { DATA_OFFSET, program } from "./elf.js";

const DATA = RAM_START + DATA_OFFSET;
const HTIF = { tohost: DATA, fromhost: DATA + 8 };
/** a0 = DATA, by an instruction at the start of RAM. */
const toData = auipc(a0, DATA_OFFSET >> 12);
const forever = jal(zero, 0);

function ran(elf: Uint8Array, more: Partial<TestConfig> = {}) {
  return runTest({ name: "it", elf, timing: "flat", memory: 0x10_0000, maxInstructions: 100_000, ...more });
}
/** A program that stores `value` in tohost, and goes on. */
const telling = (value: number) => program([toData, addi(a1, zero, value), sd(a1, 0, a0), forever], HTIF);

test("1 in tohost is success, another odd number the test that failed, and the run stops at the store", () => {
  expect(ran(telling(1))).toEqual({ name: "it", outcome: "passed", instructions: 2, output: "" });
  expect(ran(telling(11))).toMatchObject({
    outcome: "failed",
    reason: "test 5",
    failedCase: 5,
    instructions: 2,
    pc: "0x80000008",
  });
  expect(ran(telling(1), { timing: "caches" })).toMatchObject({ outcome: "passed", instructions: 2 });
});

test("the low half alone counts when the high half is zero; so does what an AMO stores, if later", () => {
  const halves = program([toData, addi(a1, zero, 1), sw(a1, 0, a0), forever], HTIF);
  expect(ran(halves)).toMatchObject({ outcome: "passed", instructions: 2 });
  const atomic = program([toData, addi(a1, zero, 1), amoswapD(zero, a1, a0), forever], HTIF);
  expect(ran(atomic)).toMatchObject({ outcome: "passed" });
});

test("stores beside tohost stay memory's, before and after one to it", () => {
  const code = [
    ...[toData, addi(a1, zero, 77), sd(a1, 16, a0), addi(a1, zero, 64), slli(a1, a1, 50), sd(a1, 0, a0)],
    ...[sd(a1, 24, a0), ld(a2, 16, a0), addi(a2, a2, -76), sd(a2, 0, a0), forever],
  ];
  expect(ran(program(code, HTIF))).toMatchObject({ outcome: "passed", instructions: 9 });
});

test("device 1 is a console; a byte written there takes no answer", () => {
  const character = (byte: string) => [addi(a1, zero, 0x101), slli(a1, a1, 48), addi(a1, a1, byte.charCodeAt(0))];
  const code = [toData, ...character("H"), sd(a1, 0, a0), ...character("i"), sd(a1, 0, a0), ld(a1, 8, a0)];
  const pass = [addi(a1, a1, 1), sd(a1, 0, a0), forever];
  expect(ran(program([...code, ...pass], HTIF))).toMatchObject({ outcome: "passed", output: "Hi" });
});

/** Data with HTIF's doublewords, and system calls from 64 bytes on. */
function calls(...frames: (number | bigint)[][]): Uint8Array {
  const words = new BigUint64Array(8 + 8 * frames.length + 8);
  for (const [i, frame] of frames.entries()) words.set(frame.map(BigInt), 8 + 8 * i);
  const data = new Uint8Array(words.buffer);
  data.set(new TextEncoder().encode("hello\n"), data.length - 64);
  return data;
}
const called = (i: number) => [
  addi(a1, a0, 64 + 64 * i),
  sd(a1, 0, a0),
  ld(a1, 8, a0),
  beq(a1, zero, -4),
  sd(zero, 8, a0),
];

test("system calls by way of memory: write is answered with its length, exit ends the program", () => {
  const data = calls([64, 1, DATA + 192, 6], [93, 3]);
  const code = [toData, ...called(0), ld(a2, 64, a0), addi(a2, a2, -6), beq(a2, zero, 8), forever, ...called(1)];
  expect(ran(program(code, HTIF, data))).toMatchObject({ outcome: "failed", failedCase: 3, output: "hello\n" });
});

test("calls that name no memory, or nothing that is known, are answered with an error", () => {
  const data = calls([64, 1, 0x1000, 6], [1234]);
  const results = [ld(a1, 64, a0), ld(a2, 128, a0), addi(a1, a1, 14), addi(a2, a2, 38)];
  const check = [beq(a1, a2, 8), forever, addi(a1, a1, 1), sd(a1, 0, a0), forever];
  const code = [toData, ...called(0), ...called(1), ...results, ...check];
  expect(ran(program(code, HTIF, data))).toMatchObject({ outcome: "passed" });
});

test("the finisher ends a test too", () => {
  const finish = (status: number) => [
    lui(a0, 0x100),
    lui(a1, status >> 12),
    addi(a1, a1, status & 0xfff),
    sw(a1, 0, a0),
  ];
  expect(ran(program([...finish(0x5555), forever]))).toMatchObject({ outcome: "passed" });
  expect(ran(program([...finish(0x7_3333), forever]))).toMatchObject({ outcome: "failed", reason: "test 7" });
});

test("what never ends fails: too many instructions, traps upon traps, a wait for nothing", () => {
  expect(ran(program([forever]), { maxInstructions: 5000 })).toMatchObject({
    outcome: "failed",
    reason: "no end within 5000 instructions",
    instructions: 5000,
  });
  expect(ran(program([csrw(0x305, zero), ecall]), { maxInstructions: 200_000_000 })).toMatchObject({
    outcome: "failed",
    reason: "takes trap after trap, and its handler traps too",
    trap: { mcause: "0x1", mepc: "0x0", mtval: "0x0" },
  });
  expect(ran(program([wfi, forever]))).toMatchObject({ reason: "waits for an interrupt that never comes" });
});

test("a failed test's last trap is told: cause, place and value", () => {
  const code = [
    auipc(a2, 0),
    addi(a2, a2, 20),
    csrw(0x305, a2),
    lw(a1, 0, zero),
    mret,
    ...[toData, addi(a1, zero, 7), sd(a1, -20, a0)],
  ];
  const { reason, trap } = ran(program([...code, forever], { tohost: DATA }));
  expect([reason, trap]).toEqual(["test 3", { mcause: "0x5", mepc: "0x8000000c", mtval: "0x0" }]);
});

test("a program that isn't linked in RAM fails, and says where it is linked", () => {
  const { outcome, reason } = ran(program([forever], {}, undefined, 0x4000_0000));
  expect([outcome, reason]).toEqual(["failed", "is linked at 0x40000000…0x40001040, outside RAM"]);
});

const SIGNATURE = { ...HTIF, begin_signature: DATA + 64, end_signature: DATA + 80 };
const signed = (symbols: Readonly<Record<string, number>> = SIGNATURE) => {
  const data = new Uint8Array(80);
  data.set([1, 2, 3, 4, 5, 6, 7, 8, 0xff], 64);
  return program([toData, addi(a1, zero, 1), sd(a1, 0, a0), forever], symbols, data);
};
const reference = (text: string) => ({ reference: { file: "it.sig", text } });

test("signatures are compared in words as long as the reference's lines", () => {
  for (const text of [
    "04030201\n08070605\n000000ff\n00000000\n",
    "0807060504030201\n00000000000000FF\r\n",
    "00000000000000ff0807060504030201",
  ]) {
    expect([text, ran(signed(), reference(text)).reason]).toEqual([text, undefined]);
  }
  const wrong = ran(signed(), reference("04030201\n08070605\n000000fe\n00000000\n"));
  expect([wrong.outcome, wrong.reason]).toEqual(["failed", "signature line 3 (0x80001048) is 000000ff, not 000000fe"]);
  expect(ran(signed(), reference("04030201\n")).reason).toBe("a signature of 4 lines, not 1");
  expect(ran(signed(), reference("not a signature")).reason).toMatch(/^it.sig: not lines of 8, 16 or 32/);
  expect(ran(signed(HTIF), reference("04030201\n")).reason).toMatch(/has no begin_signature and end_signature/);
});

test("a signature is kept where it is wanted, in words of 4 bytes", () => {
  expect(ran(signed(), { keepSignature: true }).signature).toEqual(["04030201", "08070605", "000000ff", "00000000"]);
  expect(ran(signed(HTIF), { keepSignature: true }).signature).toBeUndefined();
});
