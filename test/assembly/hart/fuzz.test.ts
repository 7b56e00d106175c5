// Hostile programs: random bytes as code in every mode, under random CSRs and page tables. The engine must not trap, time must pass,
// and nothing outside RAM may change. Seeded: a failure names its round.
import { expect, test } from "vitest";
import { Cost } from "../../../assembly/isa/cost.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit } from "../../../assembly/isa/exit.js";
import { COUNTERS, EXIT_PENDING, EXIT_VALUE, RAM_SIZE, X_REGS } from "../../../assembly/layout.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import * as asm from "../../support/assembler.js";
import {
  BUILDS,
  bare,
  CODE,
  DATA,
  type Hart,
  type ModeName,
  PAGE,
  PageTable,
  Random,
  SCHEMES,
  stop,
} from "../../support/hart.js";
import { Model } from "../../support/model.js";

const MODES: ModeName[] = ["M", "S", "U", "VS", "VU"];
const WRITABLE = [
  [Csr.mstatus, 0xca_007e_19aan],
  [Csr.vsstatus, 0x2_000c_0122n],
  [Csr.hstatus, 0x2_0070_03c0n],
  [Csr.medeleg, 0xf0_b7ffn],
  [Csr.mideleg, 0x222n],
  [Csr.hedeleg, 0xb1ffn],
  [Csr.hideleg, 0x444n],
  [Csr.mie, 0x1eeen],
  [Csr.hvip, 0x444n],
  [Csr.mip, 0x222n],
  [Csr.mcounteren, 7n],
  [Csr.menvcfg, (5n << 61n) | 1n],
  [Csr.henvcfg, (5n << 61n) | 1n],
  [Csr.stimecmp, 0xffffn],
  [Csr.vstimecmp, 0xffffn],
] as const;

/** Encodings that exist, with random operands; else any bits. */
const OPCODES = [0x03, 0x13, 0x17, 0x1b, 0x23, 0x2f, 0x33, 0x37, 0x3b, 0x63, 0x67, 0x6f, 0x73, 0x0f];
const SPECIAL = [
  asm.sret,
  asm.mret,
  asm.wfi,
  asm.fenceI,
  asm.ecall,
  asm.ebreak,
  asm.sfenceVma(0, 0),
  asm.hfenceGvma(0, 0),
  asm.hfenceVvma(10, 0),
];
const CSRS = WRITABLE.map(([n]) => n as number).concat(
  Csr.satp,
  Csr.vsatp,
  Csr.hgatp,
  Csr.sepc,
  Csr.stvec,
  Csr.time,
  Csr.sip,
  Csr.mepc,
);
function anyInstruction(random: Random): number {
  const bits = random.below(2 ** 32);
  switch (random.below(6)) {
    case 0:
      return bits; // perhaps two compressed ones
    case 1:
      return random.pick(SPECIAL);
    case 2:
      return ((random.pick(CSRS) << 20) | (bits & 0xf_ff80) | 0x73) >>> 0;
    case 3:
      return (0x6000_4073 | (bits & 0x0e0f_8f80)) >>> 0; // HLV, HSV
    default:
      return ((bits & ~0x7f) | random.pick(OPCODES)) >>> 0;
  }
}

function randomTable(hart: Hart, random: Random, stage: "first" | "second"): PageTable {
  const table = new PageTable(hart, random.pick(SCHEMES), stage);
  const letters = ["rwxad", "rwxuad", "rwu", "rxuad", "xa", "rwxugad", "r", "wx", "rwxuad", "rwxuad"];
  for (let page = 0; page < 12; page++) {
    table.map(CODE + page * PAGE, CODE + random.below(16) * PAGE, random.pick(letters));
    table.map(page * PAGE, CODE + page * PAGE, random.pick(letters));
  }
  table.map(3 * 2 ** 30, random.pick([0x8000_0000, 0x4000_0000]), random.pick(letters), 30);
  for (const page of table.pages) table.map(page, page, "rwuad");
  return table;
}

function chaos(build: CoreBuild, random: Random): Hart {
  const hart = bare([], { build, mode: random.pick(MODES), host: random.below(4) });
  const words = Array.from({ length: 12 * 1024 }, () => anyInstruction(random));
  hart.core.store(CODE, new Uint8Array(Uint32Array.from(words).buffer));
  for (const [n, mask] of WRITABLE) hart.csrs({ [n]: random.next() & mask });
  const [s, vs, g] = [
    randomTable(hart, random, "first"),
    randomTable(hart, random, "first"),
    randomTable(hart, random, "second"),
  ];
  hart.csrs({
    [Csr.satp]: random.pick([0n, s.atp(random.below(3))]),
    [Csr.vsatp]: random.pick([0n, vs.atp(random.below(3))]),
    [Csr.hgatp]: random.pick([0n, g.atp(random.below(3))]),
    [Csr.mtvec]: CODE + random.below(1000) * 4 + random.below(2),
    [Csr.stvec]: CODE + random.below(1000) * 4 + random.below(2),
    [Csr.vstvec]: CODE + random.below(1000) * 4 + random.below(2),
  });
  hart.registers(
    Object.fromEntries(
      Array.from({ length: 31 }, (_, i) => [
        i + 1,
        BigInt(CODE + random.below(12 * PAGE)) & (random.below(4) ? -8n : -1n),
      ]),
    ),
  );
  hart.core.pc = BigInt(CODE + 2 * random.below(2 * PAGE));
  return hart;
}

/** Runs for at least `cycles`, answering every exit at random as a host may; true if the clock never stood still. */
function drive(hart: Hart, cycles: number, random: Random): boolean {
  const { core } = hart;
  const end = core.cycles + cycles;
  for (let exits = 0; core.cycles < end; exits++) {
    if (exits > 20 * cycles) return false;
    const exit = core.run(end);
    if (exit === Exit.Deadline) continue;
    if (exit === Exit.WaitForInterrupt) core.cycles += 50;
    else if (exit === Exit.Mmio) {
      hart.double(EXIT_VALUE, random.next());
      if (random.below(8) === 0) hart.word(EXIT_PENDING, 2);
    } else {
      core.pc = BigInt(CODE + 4 * random.below(4096));
      core.cycles += 1;
    }
  }
  return true;
}

/** RAM as far as the hart is told: the rest of the memory behind it must stay as it is. */
const SMALL = 0x20_0000;

const digest = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");

test.each(BUILDS)("random code in every mode: it goes on, and stays in its RAM (%s)", (build) => {
  const ends: [number, boolean, bigint][] = [];
  for (let round = 0; round < 60; round++) {
    const random = new Random(1000 + round);
    const hart = chaos(build, random);
    if (round % 3 === 0) hart.costs({ [Cost.Alu]: 1, [Cost.L2Hit]: 10, [Cost.Memory]: 100, [Cost.TrapEntry]: 20 });
    ends.push([round, drive(hart, 20_000, random), hart.x(0)]);
  }
  expect(ends).toEqual(ends.map(([round]) => [round, true, 0n]));
});

test.each(BUILDS)("nothing outside RAM is touched (%s)", (build) => {
  for (let round = 0; round < 10; round++) {
    const random = new Random(5000 + round);
    const hart = chaos(build, random);
    const beyond = hart.core.ram.subarray(SMALL).fill(0xa5);
    hart.core.setNumber(RAM_SIZE, SMALL);
    drive(hart, 20_000, random);
    expect(beyond.every((byte) => byte === 0xa5)).toBe(true);
    expect(hart.core.u8.subarray(0, X_REGS).every((byte) => byte === 0)).toBe(true);
    expect(hart.core.staging.every((byte) => byte === 0)).toBe(true);
  }
});

const COSTS = {
  [Cost.Alu]: 1,
  [Cost.Load]: 2,
  [Cost.L2Hit]: 10,
  [Cost.Memory]: 100,
  [Cost.TrapEntry]: 20,
  [Cost.Csr]: 3,
};

/** Runs to `end`, in stretches of at most `longest` cycles; exits are answered in one way. */
function cut(hart: Hart, end: number, longest: number, random: Random): void {
  const { core } = hart;
  while (core.cycles < end) {
    const exit = core.run(Math.min(end, core.cycles + 1 + random.below(longest)));
    if (exit === Exit.Deadline) continue;
    core.cycles += 40;
    if (exit === Exit.Mmio) hart.double(EXIT_VALUE, BigInt(core.cycles));
    else if (exit !== Exit.WaitForInterrupt) core.pc = BigInt(CODE + 4 * (core.cycles % 4096));
  }
}

test.each(BUILDS)("random code is the same to the last digit however it is cut by deadlines (%s)", (build) => {
  for (let round = 0; round < 60; round++) {
    const [whole, parts] = [1_000_000, 50].map((longest) => {
      const hart = chaos(build, new Random(3000 + round)).costs(COSTS);
      cut(hart, 20_000, longest, new Random(round));
      const counters = Array.from({ length: 16 }, (_, i) => hart.double(COUNTERS + 8 * i));
      const x = Array.from({ length: 32 }, (_, i) => hart.x(i));
      return [hart.pc, hart.mode, hart.core.cycles, hart.core.instret, ...x, ...counters, digest(hart.core.ram)];
    });
    expect([round, parts.slice(0, -1)]).toEqual([round, whole.slice(0, -1)]);
    expect(parts.at(-1) === whole.at(-1)).toBe(true);
  }
});

const REGISTERS = [0, 1, 5, 6, 7, 8, 9, 10, 11, 12];
const BASE = 31;
const encode = asm as unknown as Record<string, (...operands: number[]) => number>;
const [OPS, IMMEDIATES, SHIFTS] = [
  "add sub sll slt sltu xor srl sra or and addw subw sllw srlw sraw mul mulh mulhsu mulhu mulw div divu rem remu divw divuw remw remuw",
  "addi slti sltiu xori ori andi addiw",
  "slli srli srai slliw srliw sraiw",
].map((names) => names.split(" "));
const LOADS = ["lb", "lh", "lw", "ld", "lbu", "lhu", "lwu"];
const STORES = ["sb", "sh", "sw", "sd"];
const BRANCHES = ["beq", "bne", "blt", "bge", "bltu", "bgeu"];

/** An instruction of RV64IM that stays in the data and goes forward. */
function sane(random: Random, forward: number): number {
  const [rd, rs1, rs2] = [random.pick(REGISTERS), random.pick(REGISTERS), random.pick(REGISTERS)];
  const offset = random.below(4088) - 2048;
  switch (random.below(8)) {
    case 0:
      return encode[random.pick(IMMEDIATES)](rd, rs1, offset);
    case 1:
      return encode[random.pick(SHIFTS)](rd, rs1, random.below(32));
    case 2:
      return encode[random.pick(LOADS)](rd, offset, BASE);
    case 3:
      return encode[random.pick(STORES)](rs2, offset, BASE);
    case 4:
      return encode[random.pick(BRANCHES)](rs1, rs2, forward);
    case 5:
      return random.pick([
        asm.lui(rd, random.below(2 ** 20)),
        asm.auipc(rd, random.below(2 ** 20)),
        asm.jal(rd, forward),
      ]);
    default:
      return encode[random.pick(OPS)](rd, rs1, rs2);
  }
}

test.each(BUILDS)("random programs of RV64IM compute what the model computes (%s)", (build) => {
  const [length, programs] = [150, 60];
  const random = new Random(77);
  const hart = bare([], { build });
  const size = DATA + 2 * PAGE - CODE;
  for (let k = 0; k < programs; k++) {
    const at = CODE + k * 4 * (length + 1);
    const body = Array.from({ length }, (_, i) => sane(random, 4 * (1 + random.below(Math.min(length - i, 12)))));
    hart.program([...body, asm.ebreak], at);
    hart.registers(Object.fromEntries(REGISTERS.slice(1).map((i) => [i, random.next() >> BigInt(random.below(64))])));
    hart.registers({ [BASE]: DATA + 2048 });
    const model = new Model(
      Array.from({ length: 32 }, (_, i) => hart.x(i)),
      at,
      hart.core.slice(CODE, size).slice(),
      CODE,
    );
    const memory = model.memory;
    model.run(asm.ebreak, 10_000);
    const retired = hart.core.instret;
    hart.runAt(at);
    const outcome = [k, hart.pc, hart.core.instret - retired, ...Array.from({ length: 32 }, (_, i) => hart.x(i))];
    expect(outcome).toEqual([k, model.pc, model.retired, ...model.x]);
    expect(Buffer.compare(memory, hart.core.slice(CODE, size))).toBe(0);
  }
});

test("random code leaves the same state in both builds, as long as it cannot see the clock", () => {
  for (let round = 0; round < 40; round++) {
    const [timed, flat] = BUILDS.map((build) => {
      const random = new Random(9000 + round);
      const hart = chaos(build, random);
      for (const n of [Csr.mie, Csr.mcounteren, Csr.menvcfg]) hart.csrs({ [n]: 0 });
      hart.program([stop], Number(hart.csr(Csr.mtvec) & -4n)).csrs({ [Csr.medeleg]: 0 });
      hart.mode = random.pick(["S", "U", "VS", "VU"] as const);
      hart.core.run(200_000);
      return {
        x: Array.from({ length: 32 }, (_, i) => hart.x(i)),
        pc: hart.pc,
        cause: hart.exit.cause,
        ram: digest(hart.core.ram),
      };
    });
    expect([round, flat.x, flat.pc, flat.cause, flat.ram === timed.ram]).toEqual([
      round,
      timed.x,
      timed.pc,
      timed.cause,
      true,
    ]);
  }
});
