// RISC-V Privileged Architecture 1.13, "Machine Trap Delegation Registers", "Hypervisor Trap Delegation Registers", "Trap Entry",
// "Trap Return", "Privilege and Global Interrupt-Enable Stack in mstatus register".
import { expect, test } from "vitest";
import { Cause } from "../../../assembly/isa/cause.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit, Host } from "../../../assembly/isa/exit.js";
import { a0, a1, a2, csrrs, ebreak, ecall, hlvD, hsvD, ld, mret, nop, sd, sret } from "../../support/assembler.js";
import { BUILDS, bare, CODE, type Hart, M_VECTOR, type ModeName, PAGE, PageTable } from "../../support/hart.js";
import { ran, S_VECTOR, type Setup, stop, VS_VECTOR } from "../../support/hart.js";

const SIE = 1n << 1n;
const MIE = 1n << 3n;
const SPIE = 1n << 5n;
const MPIE = 1n << 7n;
const SPP = 1n << 8n;
const MPP = 3n << 11n;
const MPP_S = 1n << 11n;
const MPRV = 1n << 17n;
const TSR = 1n << 22n;
const MGVA = 1n << 38n;
const MPV = 1n << 39n;
/** hstatus. */
const GVA = 1n << 6n;
const SPV = 1n << 7n;
const SPVP = 1n << 8n;
const VTSR = 1n << 22n;
const ALL = 0xffff_ffffn;

const CAUSE: Record<number, Csr> = { [M_VECTOR]: Csr.mcause, [S_VECTOR]: Csr.scause, [VS_VECTOR]: Csr.vscause };
/** Runs `program` with every trap vectoring; where it went and what the cause register there holds. */
function trapped(program: number[], setup: Setup): [number, bigint, Hart] {
  const hart = ran(program, { host: Host.None, ...setup });
  return [hart.pc, hart.csr(CAUSE[hart.pc]), hart];
}

const ECALL: [ModeName, Cause][] = [
  ["U", Cause.EnvironmentCallFromU],
  ["S", Cause.EnvironmentCallFromS],
  ["M", Cause.EnvironmentCallFromM],
  ["VU", Cause.EnvironmentCallFromU],
  ["VS", Cause.EnvironmentCallFromVS],
];
const CASES = BUILDS.flatMap((build) => ECALL.map(([mode, code]) => ({ build, mode, code })));

test.each(CASES)("ECALL from $mode-mode, undelegated, goes to M with cause $code ($build)", ({ build, mode, code }) => {
  const [where, mcause, hart] = trapped([nop, ecall], { build, mode });
  expect([where, mcause]).toEqual([M_VECTOR, BigInt(code)]);
  expect([hart.csr(Csr.mepc), hart.csr(Csr.mtval), hart.csr(Csr.mtval2), hart.csr(Csr.mtinst)]).toEqual([
    BigInt(CODE + 4),
    0n,
    0n,
    0n,
  ]);
  expect(hart.mode).toBe("M");
});

test.each(BUILDS)("medeleg takes traps past M, hedeleg past HS, never to a less privileged mode (%s)", (build) => {
  const where = (mode: ModeName, medeleg: bigint, hedeleg: bigint) =>
    trapped([ebreak], { build, mode, csrs: { [Csr.medeleg]: medeleg, [Csr.hedeleg]: hedeleg } })[0];
  const modes: ModeName[] = ["M", "S", "U", "VS", "VU"];
  expect(modes.map((mode) => where(mode, 0n, ALL))).toEqual([M_VECTOR, M_VECTOR, M_VECTOR, M_VECTOR, M_VECTOR]);
  expect(modes.map((mode) => where(mode, ALL, 0n))).toEqual([M_VECTOR, S_VECTOR, S_VECTOR, S_VECTOR, S_VECTOR]);
  expect(modes.map((mode) => where(mode, ALL, ALL))).toEqual([M_VECTOR, S_VECTOR, S_VECTOR, VS_VECTOR, VS_VECTOR]);
});

test.each(BUILDS)("a trap into M stacks MIE, MPP and MPV; MRET unstacks them (%s)", (build) => {
  const entry = (mode: ModeName, mstatus: bigint) =>
    trapped([ebreak], { build, mode, csrs: { [Csr.mstatus]: mstatus } })[2];
  const status = (hart: Hart) => hart.csr(Csr.mstatus) & (MIE | MPIE | MPP | MPV | MGVA);
  expect(status(entry("M", MIE | MPV))).toBe(MPIE | MPP);
  expect(status(entry("S", MPIE))).toBe(MPP_S);
  expect(status(entry("U", MIE | MPP))).toBe(MPIE);
  expect(status(entry("VS", MIE))).toBe(MPIE | MPP_S | MPV | MGVA); // EBREAK writes a guest virtual address to mtval
  expect(status(entry("VU", 0n))).toBe(MPV | MGVA);

  const back = (mstatus: bigint) => {
    const hart = bare([mret], { build, csrs: { [Csr.mstatus]: mstatus, [Csr.mepc]: CODE + 64 } }).program(
      [ebreak],
      CODE + 64,
    );
    hart.run();
    return [hart.mode, hart.pc, hart.csr(Csr.mstatus) & (MIE | MPIE | MPP | MPV | MPRV)];
  };
  expect(back(MPP | MPIE | MPRV | MPV)).toEqual(["M", CODE + 64, MIE | MPIE | MPRV]);
  expect(back(MPP_S | MIE | MPRV)).toEqual(["S", CODE + 64, MPIE]);
  expect(back(MPP_S | MPV)).toEqual(["VS", CODE + 64, MPIE]);
  expect(back(MPV | MPIE)).toEqual(["VU", CODE + 64, MIE | MPIE]);
});

test.each(BUILDS)("a trap into HS stacks SIE and SPP, and in hstatus SPV, SPVP and GVA (%s)", (build) => {
  const entry = (mode: ModeName, insn: number, mstatus: bigint, hstatus: bigint) => {
    const csrs = { [Csr.medeleg]: ALL, [Csr.mstatus]: mstatus, [Csr.hstatus]: hstatus };
    const hart = trapped([insn], { build, mode, csrs })[2];
    return [hart.csr(Csr.mstatus) & (SIE | SPIE | SPP), hart.csr(Csr.hstatus) & (GVA | SPV | SPVP)];
  };
  expect(entry("S", ebreak, SIE, 0n)).toEqual([SPIE | SPP, 0n]);
  expect(entry("U", ebreak, SPIE | SPP, GVA | SPV)).toEqual([0n, 0n]);
  expect(entry("U", ebreak, 0n, SPVP)).toEqual([0n, SPVP]); // SPVP is left alone when V was 0
  expect(entry("VS", ebreak, 0n, 0n)).toEqual([SPP, GVA | SPV | SPVP]);
  expect(entry("VU", ebreak, SIE, SPVP)).toEqual([SPIE, GVA | SPV]);
  expect(entry("VS", ecall, 0n, GVA)).toEqual([SPP, SPV | SPVP]);
});

test.each(BUILDS)("a trap into VS stacks vsstatus alone (%s)", (build) => {
  const csrs = {
    [Csr.medeleg]: ALL,
    [Csr.hedeleg]: ALL,
    [Csr.vsstatus]: SIE,
    [Csr.mstatus]: SIE | SPIE,
    [Csr.hstatus]: SPVP,
  };
  const [where, vscause, hart] = trapped([nop, ebreak], { build, mode: "VU", csrs });
  expect([where, vscause, hart.mode]).toEqual([VS_VECTOR, 3n, "VS"]);
  expect(hart.csr(Csr.vsstatus) & (SIE | SPIE | SPP)).toBe(SPIE);
  expect([hart.csr(Csr.mstatus), hart.csr(Csr.hstatus)]).toEqual([SIE | SPIE, SPVP]);
  expect([hart.csr(Csr.vsepc), hart.csr(Csr.vstval)]).toEqual([BigInt(CODE + 4), BigInt(CODE + 4)]);
});

test.each(BUILDS)("SRET goes where SPP and SPV say; in VS-mode where vsstatus.SPP says (%s)", (build) => {
  const back = (mode: ModeName, csrs: Record<number, bigint>) => {
    const hart = bare([sret], { build, mode, csrs: { [Csr.sepc]: CODE + 64, [Csr.vsepc]: CODE + 128, ...csrs } });
    hart
      .program([ebreak], CODE + 64)
      .program([ebreak], CODE + 128)
      .run();
    return [hart.mode, hart.pc - CODE];
  };
  expect(back("S", { [Csr.mstatus]: SPP })).toEqual(["S", 64]);
  expect(back("S", { [Csr.mstatus]: 0n })).toEqual(["U", 64]);
  expect(back("S", { [Csr.mstatus]: SPP, [Csr.hstatus]: SPV })).toEqual(["VS", 64]);
  expect(back("M", { [Csr.mstatus]: MPP, [Csr.hstatus]: SPV })).toEqual(["VU", 64]);
  expect(back("VS", { [Csr.vsstatus]: SPP })).toEqual(["VS", 128]);
  expect(back("VS", { [Csr.vsstatus]: 0n, [Csr.hstatus]: SPV })).toEqual(["VU", 128]);

  const hart = bare([sret, ebreak], {
    build,
    mode: "S",
    csrs: { [Csr.mstatus]: SPIE | SPP | MPRV, [Csr.hstatus]: SPV, [Csr.sepc]: CODE + 4 },
  });
  hart.run();
  expect([hart.csr(Csr.mstatus) & (SIE | SPIE | SPP | MPRV), hart.csr(Csr.hstatus)]).toEqual([SIE | SPIE, 0n]);
});

test.each(BUILDS)("who may not return: illegal or virtual instruction (%s)", (build) => {
  const outcome = (insn: number, mode: ModeName, csrs: Record<number, bigint> = {}) =>
    ran([insn], { build, mode, csrs }).exit.cause;
  expect((["S", "U", "VS", "VU"] as const).map((mode) => outcome(mret, mode))).toEqual([2n, 2n, 2n, 2n]);
  expect([outcome(sret, "U"), outcome(sret, "VU")]).toEqual([2n, 22n]);
  expect(outcome(sret, "S", { [Csr.mstatus]: TSR })).toBe(2n);
  expect(outcome(sret, "VS", { [Csr.hstatus]: VTSR })).toBe(22n);
  expect(outcome(sret, "VS", { [Csr.mstatus]: TSR, [Csr.vsepc]: BigInt(CODE + 0x1000) })).toBe(2n); // TSR does not hold: goes on to zeroes
});

test.each(BUILDS)("mtval: EBREAK has its address, an illegal instruction its bits (%s)", (build) => {
  expect(ran([nop, ebreak], { build }).exit).toMatchObject({ cause: 3n, tval: BigInt(CODE + 4) });
  expect(ran([0xffff_ffff], { build }).exit).toMatchObject({ cause: 2n, tval: 0xffff_ffffn, length: 4 });
  const crossing = csrrs(a0, 0x7ff, a1);
  const at = CODE + PAGE - 2;
  expect(ran([crossing], { build, at }).exit).toMatchObject({ cause: 2n, tval: BigInt(crossing), length: 4 });
});

test.each(BUILDS)("exceptions go to the base of a vectored tvec (%s)", (build) => {
  const [where] = trapped([ecall], { build, csrs: { [Csr.mtvec]: M_VECTOR + 1 } });
  expect(where).toBe(M_VECTOR);
});

test.each(BUILDS)("MPRV: loads and stores as in MPP and MPV, fetches not (%s)", (build) => {
  const hart = bare([ld(a0, 0, a1), ebreak], { build, x: { [a1]: 0x5000 } });
  const table = new PageTable(hart).map(0x5000, CODE, "rad");
  const guest = new PageTable(hart).map(0x5000, CODE + PAGE, "ruad");
  hart.write64(CODE + PAGE, 0x77n);
  const load = (mstatus: bigint) => {
    hart.csrs({ [Csr.mstatus]: mstatus, [Csr.satp]: table.atp(), [Csr.vsatp]: guest.atp() });
    hart.runAt(CODE, "M");
    return [hart.exit.cause, hart.x(a0) & 0xffn];
  };
  const low = BigInt(ld(a0, 0, a1) & 0xff);
  expect(load(MPRV | MPP_S)).toEqual([3n, low]);
  expect(load(MPRV)).toEqual([13n, low]); // U-mode: not a user page
  expect(load(MPRV | MPV)).toEqual([3n, 0x77n]);
  expect(load(MPRV | MPV | MPP_S)).toEqual([13n, 0x77n]); // VS-mode, a user page, SUM = 0
  hart.csrs({ [Csr.mstatus]: MPP | MPRV | MPV });
  expect(hart.runAt(CODE, "M")).toBe(Exit.Mmio); // MPP = M: physical
});

test.each(BUILDS)("GVA tells that tval is a guest virtual address: HLV, HSV, MPRV with MPV (%s)", (build) => {
  const program = [hlvD(a0, a1), stop, hsvD(a0, a1), stop, ld(a0, 0, a1), stop, ebreak];
  const hart = bare(program, {
    build,
    host: Host.None,
    mode: "S",
    x: { [a1]: 0x5000, [a2]: 0 },
    csrs: { [Csr.medeleg]: ALL },
  });
  const empty = new PageTable(hart);
  const flags = (at: number) => {
    hart.runAt(at, "S");
    return [hart.csr(Csr.scause), hart.csr(Csr.stval), hart.csr(Csr.hstatus) & (GVA | SPV)];
  };
  hart.csrs({ [Csr.vsatp]: empty.atp() });
  expect(flags(CODE)).toEqual([13n, 0x5000n, GVA]);
  expect(flags(CODE + 8)).toEqual([15n, 0x5000n, GVA]);
  hart.csrs({ [Csr.vsatp]: 0, [Csr.hgatp]: new PageTable(hart, "Sv39", "second").atp() });
  expect(flags(CODE)).toEqual([21n, 0x5000n, GVA]);

  const machine = (at: number, mstatus: bigint) => {
    hart.csrs({ [Csr.mstatus]: mstatus, [Csr.medeleg]: 0, [Csr.vsatp]: empty.atp(), [Csr.hgatp]: 0 });
    hart.runAt(at, "M");
    return [hart.csr(Csr.mcause), hart.csr(Csr.mstatus) & (MGVA | MPV)];
  };
  expect(machine(CODE + 16, MPRV | MPV | MPP_S)).toEqual([13n, MGVA]);
  expect(machine(CODE + 24, MPRV | MPV | MPP_S)).toEqual([3n, 0n]);
  hart.registers({ [a1]: 0x5001 }); // misaligned ones are carried out like ordinary loads
  expect(machine(CODE, MPP)).toEqual([13n, MGVA]);
});

test.each(BUILDS)("what a store left behind by a trap did not do (%s)", (build) => {
  const hart = bare([sd(a0, 0, a1)], { build, mode: "S", x: { [a0]: -1, [a1]: CODE } });
  hart.csrs({ [Csr.satp]: new PageTable(hart).same("rxad", CODE).atp() });
  const before = hart.read64(CODE);
  expect(hart.run()).toBe(Exit.Exception);
  expect([hart.exit.cause, hart.exit.tval, hart.read64(CODE)]).toEqual([15n, BigInt(CODE), before]);
});
