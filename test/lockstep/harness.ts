// Machine code around the programs: the driver that runs them one after another, handlers that log each trap and go on behind it,
// and the prologue that sets a program's state. Both machines run it, so nothing here may depend on what they may do differently.
import { Csr } from "../../assembly/isa/csr.js";
import * as asm from "../support/assembler.js";
import { Code, li } from "./code.js";
import { dumpedCsrs } from "./csrs.js";
import * as at from "./layout.js";
import { Desk } from "./layout.js";

const { t0, t1, t2, a7, zero } = asm;
const [scratch, resume] = [at.SCRATCH, at.RESUME];
/** Writing 0x5555 here ends the machine: the test finisher of QEMU's virt board. */
export const FINISHER = 0x10_0000;
/** mtimecmp of hart 0, which on QEMU is due at once. */
export const MTIMECMP = 0x200_4000;
const FINISH_PASS = 0x5555;
const MPP = 3n << 11n;
const MPV = 1n << 39n;

interface Level {
  taker: number;
  save: Desk;
  /** Fields of a log entry from `cause` on. */
  log: number[];
  cause: number;
  epc: number;
  enables: number[];
  leave: number;
}
const LEVELS: Level[] = [
  {
    taker: 1,
    save: Desk.SaveM,
    log: [Csr.mcause, Csr.mepc, Csr.mtval, Csr.mtval2, Csr.mtinst, Csr.mstatus, Csr.hstatus],
    cause: Csr.mcause,
    epc: Csr.mepc,
    enables: [Csr.mie],
    leave: asm.mret,
  },
  {
    taker: 2,
    save: Desk.SaveHS,
    log: [Csr.scause, Csr.sepc, Csr.stval, Csr.htval, Csr.htinst, Csr.sstatus, Csr.hstatus],
    cause: Csr.scause,
    epc: Csr.sepc,
    enables: [Csr.sie, Csr.hie],
    leave: asm.sret,
  },
  {
    taker: 3,
    save: Desk.SaveVS,
    log: [Csr.scause, Csr.sepc, Csr.stval, 0, 0, Csr.sstatus],
    cause: Csr.scause,
    epc: Csr.sepc,
    enables: [Csr.sie],
    leave: asm.sret,
  },
];
/** Handlers of M, HS and VS: offsets from HANDLERS. */
const HANDLER_BYTES = 0x300;
export const VECTORS = LEVELS.map((_, i) => at.HANDLERS + i * HANDLER_BYTES);

/** rd = the place in the code, from a program counter. */
const place = (rd: number, pc: number) => [asm.slli(rd, pc, 51), asm.srli(rd, rd, 51)];

function handler(level: Level, offset: number): number[] {
  const c = new Code();
  c.emit(asm.auipc(scratch, 1), asm.addi(scratch, scratch, -offset));
  for (const [i, t] of [t0, t1, t2].entries()) c.emit(asm.sd(t, level.save + 8 * i, scratch));
  const restore = [t0, t1, t2].map((t, i) => asm.ld(t, level.save + 8 * i, scratch));

  c.emit(asm.ld(t0, Desk.LogPointer, scratch), asm.addi(t1, zero, level.taker), asm.sd(t1, 0, t0));
  for (const [i, csr] of level.log.entries()) {
    if (csr !== 0) c.emit(asm.csrr(t1, csr), asm.sd(t1, 8 + 8 * i, t0));
  }
  c.emit(asm.addi(t0, t0, at.LOG_ENTRY), asm.sd(t0, Desk.LogPointer, scratch));
  c.emit(asm.ld(t1, Desk.LogLeft, scratch), asm.addi(t1, t1, -1), asm.sd(t1, Desk.LogLeft, scratch));
  c.branch(asm.beq, t1, zero, "end");

  c.emit(asm.csrr(t1, level.cause)).branch(asm.blt, t1, zero, "interrupt");
  c.emit(asm.andi(t2, t1, -4), asm.addi(t0, zero, 8)).branch(asm.bne, t2, t0, "no call");
  c.emit(asm.srli(t0, a7, 8), asm.addi(t2, zero, at.REQUEST)).branch(asm.beq, t0, t2, "request");
  c.jump("skip").label("no call");
  // a guest-page fault of the walk itself (pseudoinstruction 0x3000 or 0x3020): QEMU calls it a load, whatever it was
  if (level.log[4]) {
    c.emit(asm.csrr(t2, level.log[4]), asm.andi(t2, t2, ~0x20), asm.lui(t0, 3)).branch(asm.beq, t2, t0, "fetch");
  }
  for (const cause of [0, 1, 12, 20]) c.emit(asm.addi(t2, zero, cause)).branch(asm.beq, t1, t2, "fetch");

  c.label("skip").emit(asm.csrr(t1, level.epc), ...place(t2, t1));
  c.emit(asm.add(t2, t2, scratch), asm.lui(t0, (at.CODE - at.DESK) >>> 12), asm.add(t2, t2, t0));
  c.emit(asm.lhu(t2, 0, t2), asm.andi(t2, t2, 3), asm.addi(t1, t1, 2), asm.addi(t0, zero, 3));
  c.branch(asm.bne, t2, t0, "short")
    .emit(asm.addi(t1, t1, 2))
    .label("short")
    .emit(asm.csrw(level.epc, t1));
  c.label("leave")
    .emit(...restore)
    .label("left")
    .emit(level.leave)
    .jump("left");
  c.label("fetch").emit(asm.csrw(level.epc, resume)).jump("leave");
  c.label("interrupt").emit(asm.addi(t2, zero, 1), asm.sll(t2, t2, t1));
  c.emit(...level.enables.map((enable) => asm.csrrc(zero, enable, t2))).jump("leave");

  if (level.taker !== 1) {
    // ask the next level
    c.label("end").emit(...li(a7, (at.REQUEST << 8) | at.END));
    return c
      .label("request")
      .emit(...restore, asm.ecall)
      .jump("request")
      .words();
  }
  // hstatus.SPVP may have changed: QEMU keeps what it translated for HLV by the old one
  c.label("request")
    .emit(asm.hfenceGvma(0, 0), asm.andi(t1, a7, 0xff), asm.addi(t2, zero, at.END))
    .branch(asm.beq, t1, t2, "end");
  c.emit(asm.slli(t1, t1, 3), asm.add(t1, t1, scratch), asm.ld(t2, Desk.Alias, t1), asm.ld(t1, Desk.Status, t1));
  c.emit(...place(t0, resume), asm.add(t0, t0, t2), asm.csrw(Csr.mepc, t0));
  c.emit(...li(t0, MPP | MPV), asm.csrrc(zero, Csr.mstatus, t0), asm.csrrs(zero, Csr.mstatus, t1)).jump("leave");
  c.label("end").emit(...restore);
  for (let x = 1; x < 32; x++) c.emit(asm.sd(x, Desk.X + 8 * x, scratch));
  return c.emit(...li(t0, EPILOGUE), asm.jalr(zero, 0, t0)).words();
}

export const handlers = () =>
  LEVELS.flatMap((level, i) => {
    const words = handler(level, i * HANDLER_BYTES);
    if (4 * words.length > HANDLER_BYTES) throw new Error(`handler of ${4 * words.length} bytes`);
    return [...words, ...new Array(HANDLER_BYTES / 4 - words.length).fill(asm.nop)];
  });

/** Copies `length` (register) bytes, a multiple of 8; spoils all four. */
const copy = (to: number, from: number, length: number, through: number) => [
  asm.ld(through, 0, from),
  asm.sd(through, 0, to),
  asm.addi(from, from, 8),
  asm.addi(to, to, 8),
  asm.addi(length, length, -8),
  asm.bne(length, zero, -20),
];

/** CSRs that would let a program disturb the next one, and what they are in between. */
const BETWEEN: [number, number][] = [
  [Csr.mstatus, 0],
  [Csr.mie, 0],
  [Csr.mip, 0],
  [Csr.satp, 0],
  [Csr.vsatp, 0],
  [Csr.hgatp, 0],
  [Csr.hvip, 0],
  [Csr.pmpcfg0, 0],
  [Csr.pmpcfg2, 0],
];

/** s0 = descriptor of the program under way. */
const descriptor = () => {
  const { s0, s1 } = asm;
  return [...li(s0, at.PROGRESS), asm.ld(s1, 0, s0), asm.slli(s1, s1, 4), asm.add(s0, s0, s1), asm.addi(s0, s0, 16)];
};

/** What runs between programs; each program is entered by way of its prologue. */
function driver(): { words: number[]; epilogue: number } {
  const { s0, s1, a0, a1, a2, a3 } = asm;
  const c = new Code();
  c.emit(asm.csrr(t0, Csr.mhartid)).branch(asm.bne, t0, zero, "park");
  c.emit(...li(t0, MTIMECMP), asm.addi(t1, zero, -1), asm.sd(t1, 0, t0));
  c.label("next").emit(...descriptor(), asm.ld(a1, 0, s0), asm.ld(a2, 8, s0), ...li(a0, at.WINDOW));
  c.emit(...copy(a0, a1, a2, a3), asm.fenceI, ...li(t0, at.PROLOGUE), asm.jalr(zero, 0, t0));
  const epilogue = c.length;
  for (const [i, csr] of dumpedCsrs().entries()) c.emit(asm.csrr(t0, csr), asm.sd(t0, Desk.Csrs + 8 * i, scratch));
  c.emit(...li(t0, 0x6000), asm.csrrs(zero, Csr.mstatus, t0));
  for (let f = 0; f < 32; f++) c.emit(fsd(f, Desk.F + 8 * f, scratch));
  c.emit(asm.csrr(t0, Csr.fcsr), asm.sd(t0, Desk.Fcsr, scratch));
  for (const [csr, value] of BETWEEN) c.emit(...li(t0, value), asm.csrw(csr, t0));
  c.emit(asm.sfenceVma(0, 0), asm.hfenceGvma(0, 0), asm.hfenceVvma(0, 0));
  c.emit(...descriptor(), asm.ld(a0, 0, s0), asm.ld(a2, 8, s0), ...li(a1, at.WINDOW), ...copy(a0, a1, a2, a3));
  c.emit(...li(s0, at.PROGRESS), asm.ld(s1, 0, s0), asm.addi(s1, s1, 1), asm.sd(s1, 0, s0), asm.ld(a0, 8, s0));
  c.branch(asm.bne, s1, a0, "next");
  c.emit(...li(t0, FINISHER), ...li(t1, FINISH_PASS))
    .label("stop")
    .emit(asm.sw(t1, 0, t0))
    .jump("stop");
  c.label("park").emit(asm.wfi).jump("park");
  return { words: c.words(), epilogue };
}
const fsd = (rs2: number, offset: number, rs1: number) => (asm.sd(rs2, offset, rs1) & ~0x7f) | 0x27;
export const fld = (rd: number, offset: number, rs1: number) => (asm.ld(rd, offset, rs1) & ~0x7f) | 0x07;

const DRIVER = driver();
/** Where M's handler goes when the program has ended; x29 = DESK. */
const EPILOGUE = at.DRIVER + DRIVER.epilogue;
export const driverWords = () => DRIVER.words;
