// CSRs, traps, returns from traps, transitions between modes; interrupts that software makes pending.
import { Csr } from "../../../assembly/isa/csr.js";
import * as asm from "../../support/assembler.js";
import { csrName } from "../csrs.js";
import { LOOP, MODES, RESUME } from "../layout.js";
import { goTo, type Statement } from "../program.js";
import type { Random } from "../random.js";
import { FREE, hex, insn, load, together, value } from "./state.js";

const XL = 0x2_0000_0000n;
/** CSRs whose values may be anything. */
const ANY = [Csr.mscratch, Csr.sscratch, Csr.vsscratch, Csr.mcause, Csr.vscause, Csr.scause];
/** CSRs of which programs touch some bits: those, and the bits that must stay 1. Interrupt enables come more often than not. */
const SOME: [Csr, bigint, bigint][] = [
  [Csr.mstatus, 0x7c_79aan, 5n * XL],
  [Csr.sstatus, 0xc_6122n, XL],
  [Csr.vsstatus, 0xc_6122n, XL],
  [Csr.hstatus, 0x70_0380n, XL],
  [Csr.mepc, -2n, 0n],
  [Csr.sepc, -2n, 0n],
  [Csr.vsepc, -2n, 0n],
  [Csr.medeleg, 0x40_b5ffn, 0n],
  [Csr.mideleg, 0x222n, 0n],
  [Csr.hedeleg, 0xb1bbn, 0n],
  [Csr.hideleg, 0x444n, 0n],
  [Csr.mie, 0x666n, 0n],
  [Csr.sie, 0x222n, 0n],
  [Csr.hie, 0x444n, 0n],
  [Csr.vsie, 0x222n, 0n],
  [Csr.mip, 0x226n, 0n],
  [Csr.sip, 0x222n, 0n],
  [Csr.hip, 0x444n, 0n],
  [Csr.hvip, 0x444n, 0n],
  [Csr.vsip, 0x222n, 0n],
  [Csr.mcounteren, 7n, 0n],
  [Csr.scounteren, 7n, 0n],
  [Csr.hcounteren, 7n, 0n],
];
/** Counters: whether they may be read is compared, not what they say. Read-only CSRs, and numbers that belong to nothing. */
const COUNTERS = [Csr.cycle, Csr.time, Csr.instret];
const NOTHING = [0x012, 0x1c0, 0x2c0, 0x3f0, 0x4ff, 0x6c0, 0x8ff, 0x9c0, 0xdd0, 0xec0, 0xfc0];

type Kind = "rw" | "rs" | "rc";
const FUNCT3: Record<Kind, number> = { rw: 1, rs: 2, rc: 3 };
const csrInsn = (kind: Kind, rd: number, csr: number, rs1: number, immediate = false): Statement =>
  insn(
    `csr${kind}${immediate ? "i" : ""} x${rd}, ${csrName(csr)}, ${immediate ? rs1 : `x${rs1}`}`,
    ((csr << 20) | (rs1 << 15) | ((FUNCT3[kind] | (immediate ? 4 : 0)) << 12) | (rd << 7) | 0x73) >>> 0,
  );
/** What a trap leaves in these may differ; so they are read only just after they have been written. */
const TRAP_VALUES = [Csr.mtval, Csr.stval, Csr.vstval, Csr.mtval2, Csr.mtinst, Csr.htval];
/** Bits that may differ in what is read. */
const UNSURE = new Map<Csr, bigint>([
  [Csr.mstatus, 1n << 38n],
  [Csr.hstatus, 1n << 6n],
  [Csr.vsstatus, 1n << 63n],
  [Csr.sie, 0x222n],
  [Csr.sip, 0x222n],
  [Csr.vsip, 0x220n],
]);
/** An access whose result is freed of what may differ; x30 is spoilt. */
function access(kind: Kind, rd: number, csr: number, rs1: number): Statement {
  const unsure = UNSURE.get(csr);
  const done = csrInsn(kind, rd, csr, rs1);
  return unsure
    ? together(done, load(LOOP, ~unsure), insn(`and x${rd}, x${rd}, x${LOOP}`, asm.and(rd, rd, LOOP)))
    : done;
}

/** Writes, sets or clears `bits` of `csr`; those of `kept` stay 1. */
export function change(random: Random, csr: number, bits: bigint, kept = 0n): Statement {
  const kind = random.pick<Kind>(["rw", "rs", "rc"]);
  return together(load(LOOP, kind === "rw" ? bits | kept : bits), access(kind, random.pick(FREE), csr, LOOP));
}

export function csr(random: Random): Statement {
  switch (random.below(12)) {
    case 0:
      return access("rs", random.pick(FREE), random.pick([...ANY, ...SOME.map(([n]) => n)]), 0);
    case 1: {
      const kind = random.pick<Kind>(["rw", "rs", "rc"]);
      return csrInsn(kind, random.pick(FREE), random.pick(ANY), random.pick([0, 1, 5, 31]), true);
    }
    case 2:
      return csrInsn(
        random.pick<Kind>(["rw", "rs", "rc"]),
        random.pick(FREE),
        random.pick(ANY),
        random.pick([0, ...FREE]),
      );
    case 3:
      return csrInsn(random.pick<Kind>(["rs", "rc"]), 0, random.pick(COUNTERS), 0);
    case 4:
      return csrInsn(
        random.pick<Kind>(["rw", "rs", "rc"]),
        random.pick(FREE),
        random.pick(NOTHING),
        random.pick([0, 5]),
      );
    case 5: {
      const n = random.pick(TRAP_VALUES);
      return together(csrInsn("rw", 0, n, random.pick(FREE)), csrInsn("rs", random.pick(FREE), n, 0));
    }
    case 6:
      return csrInsn("rw", 5, random.pick([Csr.mhartid, Csr.hgeip, ...COUNTERS]), random.pick(FREE));
    default: {
      const [n, mask, kept] = random.pick(SOME);
      // writing all of mip also writes VSEIP on QEMU
      if (n === Csr.mip)
        return together(
          load(LOOP, mask & random.u64()),
          access(random.pick<Kind>(["rs", "rc"]), random.pick(FREE), n, LOOP),
        );
      return change(random, n, value(random) & (random.once(2) ? mask : mask & random.u64()), kept);
    }
  }
}

/** What MRET may find in MPP and MPV: with MPP = M, QEMU heeds MPV. */
const PREVIOUS = [3n << 11n, 1n << 11n, 0n, (1n << 39n) | (1n << 11n), 1n << 39n];

/** MRET or SRET to the next instruction, in whatever mode that leads to. */
function trapReturn(random: Random): Statement {
  const next = (epc: number) => [asm.auipc(LOOP, 0), asm.addi(LOOP, LOOP, 16), asm.csrw(epc, LOOP)];
  if (random.once(2)) return insn("sret to the next", ...next(Csr.sepc), asm.sret);
  const previous = random.pick(PREVIOUS);
  return together(
    load(LOOP, (1n << 39n) | (3n << 11n)),
    insn("mstatus MPP and MPV off", asm.csrrc(0, Csr.mstatus, LOOP)),
    load(LOOP, previous),
    insn("mstatus MPP and MPV on", asm.csrrs(0, Csr.mstatus, LOOP)),
    insn("mret to the next", ...next(Csr.mepc), asm.mret),
  );
}

/** Encodings of nothing: an opcode, and the bits that may be anything beside it. */
const RESERVED = [
  [0x0000_000b, 0xffff_ff80],
  [0x0000_002b, 0xffff_ff80],
  [0x0000_006b, 0xffff_ff80],
  [0x0000_2063, 0xffff_8f80],
  [0x0000_7003, 0xffff_8f80],
  [0x0000_4023, 0xffff_8f80],
  [0x0000_2067, 0xffff_8f80],
  [0, 0],
];
function illegal(random: Random): Statement {
  const [opcode, free] = random.pick(RESERVED);
  const code = (opcode | (random.bits() & free)) >>> 0;
  return insn(`.insn ${hex(code)}`, code);
}

/** Physical addresses where neither machine has anything. */
export const NOWHERE = [0x0700_0000n, 0x9000_0000n, 0x1_0000_0000n, 0x2_0000_0ff8n];

/** A jump to `target`; who lands on a pad, or nowhere, goes on behind it. */
export function jumpTo(random: Random, target: bigint): Statement {
  const rd = random.pick(FREE);
  return together(
    load(LOOP, target),
    insn(`jalr x${rd}, 0(x${LOOP})`, asm.auipc(RESUME, 0), asm.addi(RESUME, RESUME, 12), asm.jalr(rd, 0, LOOP)),
  );
}

/** What traps, or is refused, and then goes on in the same mode. */
export function trapInPlace(random: Random): Statement {
  switch (random.below(7)) {
    case 0:
      return insn("ecall", asm.addi(asm.a7, 0, random.below(100)), asm.ecall);
    case 1:
      return insn("ebreak", random.once(2) ? asm.ebreak : asm.c.ebreak);
    case 2:
      return illegal(random);
    case 3:
      return jumpTo(random, random.pick(NOWHERE));
    case 4: {
      const rd = random.pick(FREE);
      const at = load(LOOP, random.pick(NOWHERE));
      const access = random.pick([
        insn(`ld x${rd}, 0(x${LOOP})`, asm.ld(rd, 0, LOOP)),
        insn(`sw x${rd}, 4(x${LOOP})`, asm.sw(rd, 4, LOOP)),
        insn(`lbu x${rd}, 1(x${LOOP})`, asm.lbu(rd, 1, LOOP)),
      ]);
      return together(at, access);
    }
    default:
      return random.pick([
        insn("sfence.vma", asm.sfenceVma(random.pick([0, 5]), random.pick([0, 6]))),
        insn("hfence.vvma", asm.hfenceVvma(random.pick([0, 5]), random.pick([0, 6]))),
        insn("hfence.gvma", asm.hfenceGvma(random.pick([0, 5]), random.pick([0, 6]))),
        insn("fence.i", asm.fenceI),
        insn("fence", asm.fence),
      ]);
  }
}

/** In VU-mode, most accesses to CSRs only show a quirk. */
export const OFTEN = MODES.flatMap((mode) => (mode === "VU" ? [mode] : [mode, mode, mode, mode]));
export const transition = (random: Random): Statement => goTo(random.pick(OFTEN));

export const trap = (random: Random): Statement => (random.once(8) ? trapReturn : trapInPlace)(random);
