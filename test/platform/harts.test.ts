// "Load-Reserved/Store-Conditional Instructions", "Atomic Memory Operations", "time"; SBI 2.0, "Hart State Management Extension",
// "IPI Extension": several harts of one board, taking turns.
import { expect, test } from "vitest";
import { Csr } from "../../assembly/isa/csr.js";
import { HART_CYCLES, HART_INSTRET, RAM_START } from "../../assembly/layout.js";
import { Core } from "../../src/core/core.js";
import type { CoreBuild } from "../../src/core/instance.js";
import { enterSupervisor, Firmware } from "../../src/platform/firmware.js";
import { Machine } from "../../src/platform/machine.js";
import { Eid } from "../../src/platform/sbi.js";
import * as asm from "../support/assembler.js";

const { a0, a1, a2, a6, a7, s0, s1, t0, t1, t2, zero } = asm;

const MAIN = RAM_START + 0x20_0000;
const WORKER = MAIN + 0x1000;
const DATA = MAIN + 0x2000;
const HARTS = 4;
const ROUNDS = 1500;
/** u64 cells from DATA on. */
const Cell = { added: 0, conditional: 8, latest: 16, backwards: 24, done: 32, woken: 40 };

const li = (rd: number, value: number) => [
  asm.lui(rd, ((value + 0x800) >>> 12) & 0xf_ffff),
  asm.addiw(rd, rd, (value << 20) >> 20),
];
const sbi = (eid: number, fid: number) => [...li(a7, eid), asm.addi(a6, zero, fid), asm.ecall];
/** Adds 1 to a cell of DATA, which s0 points to. */
const count = (cell: number) => [asm.addi(t0, s0, cell), asm.addi(t2, zero, 1), asm.amoaddD(zero, t2, t0)];

/** Counts by AMO and by LR/SC, and compares `time` with the latest that any hart has seen. */
const work = [
  asm.addi(s0, a1, 0),
  asm.addi(s1, zero, ROUNDS),
  ...loop(s1, [
    ...count(Cell.added),
    asm.addi(t0, s0, Cell.conditional),
    asm.lrD(t1, t0),
    asm.addi(t1, t1, 1),
    asm.scD(a2, t1, t0),
    asm.bne(a2, zero, -12),
    asm.csrr(t1, Csr.time),
    asm.addi(t0, s0, Cell.latest),
    asm.amomaxuD(a2, t1, t0),
    asm.bgeu(t1, a2, 16),
    ...count(Cell.backwards),
  ]),
  ...count(Cell.done),
];
function loop(counter: number, body: number[]): number[] {
  return [...body, asm.addi(counter, counter, -1), asm.bne(counter, zero, -4 * (body.length + 1))];
}
const until = (cell: number, value: number) => [asm.addi(t1, zero, value), asm.ld(t0, cell, s0), asm.bne(t0, t1, -4)];

const main = [
  asm.addi(s0, a1, 0),
  ...[1, 2, 3].flatMap((hart) => [
    ...[asm.addi(a0, zero, hart), ...li(a1, WORKER), asm.slli(a1, a1, 32), asm.srli(a1, a1, 32), asm.addi(a2, s0, 0)],
    ...sbi(Eid.HSM, 0),
  ]),
  asm.addi(a1, s0, 0),
  ...work,
  ...until(Cell.done, HARTS),
  ...[asm.addi(a0, zero, 0b1110), asm.addi(a1, zero, 0), ...sbi(Eid.IPI, 0)],
  ...until(Cell.woken, HARTS - 1),
  ...[1, 2, 3].flatMap((hart) => {
    const ask = [asm.addi(a0, zero, hart), ...sbi(Eid.HSM, 2)];
    return [...ask, asm.addi(t0, zero, 1), asm.bne(a1, t0, -4 * (ask.length + 1))];
  }),
  ...[asm.addi(a0, zero, 0), asm.addi(a1, zero, 0), ...sbi(Eid.SRST, 0)],
];
const worker = [...work, asm.csrrsi(zero, Csr.sie, 2), asm.wfi, ...count(Cell.woken), ...sbi(Eid.HSM, 1), asm.ebreak];

function run(build: CoreBuild) {
  const core = new Core(16 * 1024 * 1024, build);
  const machine = new Machine({ core, harts: HARTS });
  core.store(MAIN, asm.bytes(main));
  core.store(WORKER, asm.bytes(worker));
  enterSupervisor(core, { entry: MAIN, deviceTree: DATA });
  machine.supervisor = new Firmware(machine);
  const reason = machine.run(3e9);
  const cells = new BigUint64Array(core.slice(DATA, 48).slice().buffer);
  const harts = machine.harts.map(({ state, status }) => ({
    status,
    instret: state.number(HART_INSTRET),
    cycles: state.number(HART_CYCLES),
    id: state.csr(Csr.mhartid),
  }));
  const account = Object.values(machine.account.cycles()).reduce((a, b) => a + b);
  return { reason, cell: (offset: number) => Number(cells[offset / 8]), harts, account };
}

for (const build of ["timed", "flat"] as const) {
  test(`four harts: no count is lost, time never goes back, all are started, woken and stopped (${build})`, () => {
    const { reason, cell, harts, account } = run(build);
    expect(reason).toEqual({ kind: "finished", code: 0 });
    expect(cell(Cell.added)).toBe(HARTS * ROUNDS);
    expect(cell(Cell.conditional)).toBe(HARTS * ROUNDS);
    expect(cell(Cell.backwards)).toBe(0);
    expect(cell(Cell.woken)).toBe(HARTS - 1);
    expect(harts.map((hart) => hart.status)).toEqual(["running", "stopped", "stopped", "stopped"]);
    expect(harts.map((hart) => hart.id)).toEqual([0n, 1n, 2n, 3n]);
    expect(account).toBe(harts.reduce((sum, hart) => sum + hart.cycles, 0));
  });

  test(`four harts: a run repeats to the last instruction of each (${build})`, () => {
    expect(run(build).harts).toEqual(run(build).harts);
  });
}
