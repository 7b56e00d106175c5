// A machine of one's own: limits to the last instruction, resets, what it ends with, and runs that repeat.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { FINISHER, RAM_START } from "../../src/platform/memory-map.js";
import { deviceTreeOf, Session, type SessionConfig } from "../../src/session/session.js";
import * as asm from "../support/assembler.js";

const { a0, t0, t1, t2, zero } = asm;
const RAM_SIZE = 16 * 1024 * 1024;

/** A raw program for M-mode at the start of RAM. */
function bare(words: readonly number[], more: Partial<SessionConfig> = {}): Session {
  const kernel = { bytes: asm.bytes([...words]), name: "program", raw: true };
  return session({ software: { firmware: "none", kernel }, ...more });
}

function session(more: Partial<SessionConfig>): Session {
  const kernel = {
    bytes: readFileSync(new URL("../../guests/hello/hello.elf", import.meta.url)),
    name: "hello",
  };
  return new Session({
    ramSize: RAM_SIZE,
    harts: 1,
    core: "flat",
    software: { firmware: "built-in", kernel },
    disks: [],
    aia: "none",
    ...more,
  });
}

function ended(what: Session): Session {
  while (!what.end) what.run(10_000);
  return what;
}

/** Writes `value` to the finisher. */
const finish = (value: number) => [
  asm.lui(t0, FINISHER.start >>> 12),
  asm.lui(t1, (value + 0x800) >>> 12),
  asm.addi(t1, t1, (value << 20) >> 20),
  asm.sw(t1, 0, t0),
];
const forever = asm.jal(zero, 0);

test("hello ends by itself, with the same counts in every run and however it is sliced", () => {
  const whole = session({});
  whole.run();
  const sliced = session({});
  while (!sliced.end) sliced.run(1_000);
  expect(whole.end).toEqual({ kind: "finished", code: 0 });
  expect(whole.console.lines()).toEqual(["hello by SBI DBCN", "hello by UART", ""]);
  expect(sliced.counts()).toEqual(whole.counts());
});

test.each([1, 2, 4095, 4096, 4097, 10_000, 123_456])("a limit of %i instructions is exact", (maxInstructions) => {
  const run = ended(bare([asm.addi(a0, a0, 1), asm.jal(zero, -4)], { maxInstructions }));
  expect(run.end).toEqual({ kind: "limit", limit: "max-instructions" });
  expect(run.counts().instructions).toBe(maxInstructions);
  expect(run.core.x(a0)).toBe(BigInt(Math.ceil(maxInstructions / 2)));
});

test("a limit of instructions counts those of all harts", () => {
  const run = ended(bare([asm.addi(a0, a0, 1), asm.jal(zero, -4)], { harts: 3, maxInstructions: 100_001 }));
  const { instructions, harts } = run.counts();
  expect(instructions).toBe(100_001);
  expect(harts.map((hart) => hart.instructions).reduce((a, b) => a + b)).toBe(100_001);
  expect(harts.every((hart) => hart.instructions > 0)).toBe(true);
});

test("a limit of cycles ends a run that goes on for ever", () => {
  const run = ended(bare([forever], { maxCycles: 1_000_000 }));
  expect(run.end).toEqual({ kind: "limit", limit: "max-cycles" });
  expect(run.counts().cycles).toBeGreaterThanOrEqual(1_000_000);
  expect(run.counts().cycles).toBeLessThan(1_001_000);
});

test("the finisher's code is the machine's", () => {
  expect(ended(bare([...finish(0x7_3333), forever])).end).toEqual({ kind: "finished", code: 7 });
  expect(ended(bare([...finish(0x5555), forever])).end).toEqual({ kind: "finished", code: 0 });
});

test("a reset starts the machine anew with empty memory, and its counts go on; or it ends the run", () => {
  const program = [
    asm.auipc(t2, 1),
    asm.ld(a0, 0, t2),
    asm.addi(a0, a0, 1),
    asm.sd(a0, 0, t2),
    ...finish(0x7777),
    forever,
  ];
  const run = bare(program, { maxInstructions: 80 });
  ended(run);
  // 7 of its 8 instructions: the store that resets never retires
  expect(run.counts()).toMatchObject({ instructions: 80, reboots: 11 });
  expect(new DataView(run.core.slice(RAM_START + 0x1000, 8).slice().buffer).getUint8(0)).toBeLessThanOrEqual(1);
  expect(ended(bare(program, { noReboot: true })).end).toEqual({ kind: "reset" });
});

test("a machine that resets for ever can be ended from outside after each reset", () => {
  const run = bare([...finish(0x7777), forever]);
  expect(run.run()).toEqual({ kind: "paused" });
  expect(run.counts().reboots).toBe(1);
  run.stop({ kind: "interrupted", signal: "SIGINT" });
  expect(run.run()).toEqual({ kind: "paused" });
  expect(run.counts().reboots).toBe(1);
});

test("who waits for input that can't come is told so, and goes on when it comes", () => {
  const run = bare([asm.wfi, forever]);
  expect(run.run()).toEqual({ kind: "deadlock" });
  expect(run.end).toBeUndefined();
});

test("a trace has a line for each instruction, with what it wrote, and for each trap", () => {
  const lines: string[] = [];
  const program = [asm.addi(a0, zero, 5), asm.add(t0, a0, a0), 0xffff_ffff, forever];
  const run = bare(program, { maxInstructions: 2, onTrace: (line) => lines.push(line) });
  ended(run);
  expect(lines).toEqual([
    "0 M 0000000080000000 00500513 x10=0000000000000005",
    "0 M 0000000080000004 00a502b3 x5=000000000000000a",
  ]);
  lines.length = 0;
  const further = bare(program, { onTrace: (line) => lines.push(line), maxCycles: 20 });
  ended(further);
  expect(lines[2]).toBe("0 M 0000000080000008 trap: illegal instruction, tval 00000000ffffffff");
});

test("a traced run and a plain one of the same guest end alike", () => {
  const lines: string[] = [];
  const traced = ended(session({ onTrace: (line) => lines.push(line) }));
  const plain = ended(session({}));
  expect(traced.counts()).toEqual(plain.counts());
  expect(lines.filter((line) => !line.includes(" trap: "))).toHaveLength(plain.counts().instructions);
  expect(lines.some((line) => line.includes("trap: environment call from S-mode"))).toBe(true);
});

test("the device tree is that of the machine, with or without software", () => {
  const tree = deviceTreeOf({
    ramSize: RAM_SIZE,
    harts: 2,
    core: "flat",
    software: { firmware: "built-in" },
    disks: [],
    aia: "none",
  });
  expect(new DataView(tree.buffer, tree.byteOffset).getUint32(0)).toBe(0xd00dfeed);
});

test("a reset gives the machine a new network, and its capture goes on", () => {
  const pieces: Uint8Array[] = [];
  const nics = [{ interface: "e1000e" }, { interface: "virtio" }] as const;
  const network = { nics, onCapture: (piece: Uint8Array) => pieces.push(piece) };
  const twice = bare(finish(0x7777), { network, maxInstructions: 10 });
  expect(ended(twice).counts().reboots).toBeGreaterThan(0);
  expect(pieces.map(({ length }) => length)).toEqual([24]);
});
