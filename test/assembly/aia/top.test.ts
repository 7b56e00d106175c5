// RISC-V Advanced Interrupt Architecture 1.0, "Interrupts for Machine and Supervisor Levels", "Interrupts for Virtual Machines (VS Level)":
// mtopi, stopi, vstopi, mvien and mvip, hvictl, and the traps that follow from them.
import { expect, test } from "vitest";
import { Interrupt } from "../../../assembly/isa/cause.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit, Host } from "../../../assembly/isa/exit.js";
import { AiaHart, HVICTL_VTI, machinePage, OPEN, supervisorPage, vgein } from "../../support/aia.js";
import { jal, zero } from "../../support/assembler.js";
import { BUILDS, bare, type ModeName, Random, S_VECTOR, VS_VECTOR, M_VECTOR } from "../../support/hart.js";

const SIE = 1n << 1n;
const MIE = 1n << 3n;
const STCE = 1n << 63n;
const S_LEVEL = 0x222n;
const VS_LEVEL = 0x444n;
const ALL = 0x1eeen;
const FLAG = 1n << 63n;
const bit = (i: Interrupt) => 1n << BigInt(i);
const SSI = bit(Interrupt.SupervisorSoftware);
const SEI = bit(Interrupt.SupervisorExternal);
const VSEI = bit(Interrupt.VirtualSupervisorExternal);
/** *topi with IPRIO 1. */
const top = (i: number) => BigInt((i << 16) | 1);

test.each(BUILDS)(
  "mtopi: what isn't delegated, in default order, IPRIO 1; mstatus.MIE doesn't matter (%s)",
  (build) => {
    const aia = new AiaHart({ build, csrs: { [Csr.mie]: ALL, [Csr.mip]: S_LEVEL } });
    aia.open("m");
    const reads = () => aia.read(Csr.mtopi);
    expect(reads()).toBe(top(Interrupt.SupervisorExternal));
    aia.message(machinePage(), 3);
    expect(reads()).toBe(top(Interrupt.MachineExternal));
    aia.write(Csr.mtopei, 0);
    aia.write(Csr.mip, SSI);
    expect(reads()).toBe(top(Interrupt.SupervisorSoftware));
    aia.write(Csr.mideleg, S_LEVEL);
    expect([reads(), aia.read(Csr.stopi)]).toEqual([0n, top(Interrupt.SupervisorSoftware)]);
    aia.write(Csr.mie, 0);
    expect(aia.read(Csr.stopi)).toBe(0n);
  },
);

test.each(BUILDS)("stopi: SEI SSI STI SGEI VSEI VSSI VSTI, less what hideleg gives on (%s)", (build) => {
  const aia = new AiaHart({
    build,
    csrs: { [Csr.mideleg]: S_LEVEL, [Csr.mip]: S_LEVEL, [Csr.hvip]: VS_LEVEL, [Csr.hgeie]: 8, [Csr.hstatus]: vgein(3) },
  });
  aia.open("vs");
  aia.message(supervisorPage(0, 3), 1);
  const order: number[] = [];
  for (let enabled = ALL; ; enabled &= ~(1n << BigInt(order.at(-1)!))) {
    aia.write(Csr.mie, enabled);
    const value = aia.read(Csr.stopi);
    if (value === 0n) break;
    order.push(Number(value >> 16n));
  }
  expect(order).toEqual([9, 1, 5, 12, 10, 2, 6]);
  aia.write(Csr.mie, VS_LEVEL);
  aia.write(Csr.hideleg, VSEI);
  expect([aia.read(Csr.stopi), aia.read(Csr.vstopi)]).toEqual([top(2), top(9)]);
});

/** "Virtual supervisor top interrupt CSR", written down as its list of candidates. */
function vstopi(s: { vsip: number; hvictl: number; file: number; guest: boolean; ssi: number; sti: number }): bigint {
  const field = (low: number, width: number) => (s.hvictl >>> low) & (2 ** width - 1);
  const [iid, iprio, vti, dpr, iprioMode] = [field(16, 12), field(0, 8), field(30, 1), field(9, 1), field(8, 1)];
  const candidates: { iid: number; priority: number; order: number }[] = [];
  if (s.vsip & 0x200) {
    const given = !s.guest && iid === 9 && iprio !== 0;
    candidates.push({ iid: 9, priority: s.guest && s.file ? s.file : given ? iprio : 256, order: 0 });
  }
  if (vti === 0 && s.vsip & 2) candidates.push({ iid: 1, priority: s.ssi, order: 1 });
  if (vti === 0 && s.vsip & 0x20) candidates.push({ iid: 5, priority: s.sti, order: 2 });
  if (vti === 1 && iid !== 9) candidates.push({ iid, priority: iprio, order: dpr ? 1 : -1 });
  const nominal = (c: { priority: number; order: number }) =>
    c.priority !== 0 || c.order === 0 ? c.priority : c.order < 0 ? -1 : 1000;
  candidates.sort((a, b) => nominal(a) - nominal(b) || a.order - b.order);
  const [best] = candidates;
  if (!best) return 0n;
  const shown = best.priority > 255 ? 255 : best.priority || (best.order < 0 ? 0 : 255);
  return BigInt(best.iid * 0x1_0000 + (iprioMode ? shown : 1));
}

test("vstopi agrees with the list of candidates, over many states", () => {
  const random = new Random(20);
  const aia = new AiaHart({ csrs: { [Csr.mie]: VS_LEVEL, [Csr.hideleg]: VS_LEVEL, [Csr.hgeie]: 0 } });
  const near = () => random.pick([0, 0, 5, 6, 7, 255]);
  for (let i = 0; i < 400; i++) {
    const guest = random.below(2) === 1;
    const iid = random.pick([0, 1, 5, 9, 9, 13, 0xfff]);
    const control = iid * 0x1_0000 + random.pick([0, 0x100, 0x300]) + near();
    const hvictl = control + (random.below(2) ? 0x4000_0000 : 0);
    const [ssi, sti] = [near(), near()];
    const vsip = random.pick([0, 2, 0x20, 0x22, 0x200, 0x202, 0x220, 0x222]);
    aia.write(Csr.hstatus, vgein(guest ? 2 : 0));
    if (guest) {
      for (const array of [0x80, 0x82, 0x84, 0x86, 0xc2, 0xc4]) aia.file("vs", array, 0);
      for (const array of [0xc0, 0xc6]) aia.file("vs", array, -1);
    }
    const file = guest ? near() : 0;
    aia.message(supervisorPage(0, 2), file);
    aia.write(Csr.hvip, vsip << 1);
    aia.write(Csr.hviprio1, (ssi << 8) + sti * 2 ** 24);
    aia.write(Csr.hvictl, hvictl);
    expect(aia.read(Csr.vstopi)).toBe(vstopi({ vsip, hvictl, file, guest, ssi, sti }));
  }
}, 30_000);

test("hvictl and hviprio1 hold their fields; hvien and hviprio2 are read-only zero", () => {
  const aia = new AiaHart({});
  const kept = (csr: number) => {
    aia.write(csr, -1);
    return aia.read(csr);
  };
  expect([Csr.hvictl, Csr.hviprio1, Csr.hviprio2, Csr.hvien].map(kept)).toEqual([0x4fff_03ffn, 0xff00_ff00n, 0n, 0n]);
});

const spin = [jal(zero, 0)];
/** Where a spinning hart ends: a trap's vector and cause, or "none". */
function taken(build: "timed" | "flat", mode: ModeName, csrs: Record<number, bigint | number>) {
  const hart = bare(spin, { build, mode, host: Host.None, csrs });
  if (hart.core.run(hart.core.cycles + 200) === Exit.Deadline) return "none";
  const cause = { [M_VECTOR]: Csr.mcause, [S_VECTOR]: Csr.scause, [VS_VECTOR]: Csr.vscause }[hart.pc]!;
  return [hart.pc, hart.csr(cause) & ~FLAG];
}

test.each(BUILDS)("hvictl injects any interrupt into VS level, and stands in for vsip (%s)", (build) => {
  const inject = HVICTL_VTI | (20n << 16n);
  expect(taken(build, "VU", { [Csr.hvictl]: inject })).toEqual([VS_VECTOR, 20n]);
  expect(taken(build, "VS", { [Csr.hvictl]: inject })).toBe("none");
  expect(taken(build, "VS", { [Csr.hvictl]: inject, [Csr.vsstatus]: SIE })).toEqual([VS_VECTOR, 20n]);
  expect(taken(build, "U", { [Csr.hvictl]: inject })).toBe("none");
  const timer = { [Csr.mie]: VS_LEVEL, [Csr.hideleg]: VS_LEVEL, [Csr.hvip]: bit(Interrupt.VirtualSupervisorTimer) };
  expect(taken(build, "VU", timer)).toEqual([VS_VECTOR, 5n]);
  expect(taken(build, "VU", { ...timer, [Csr.hvictl]: HVICTL_VTI | (9n << 16n) })).toBe("none");
});

test.each(BUILDS)("mvien takes SSI and SEI for S-mode from mvip, with enables of their own in sie (%s)", (build) => {
  const aia = new AiaHart({ build, csrs: { ...OPEN, [Csr.mvien]: SEI | SSI } });
  aia.write(Csr.sie, SEI | SSI);
  expect([aia.read(Csr.sie), aia.read(Csr.mie)]).toEqual([SEI | SSI, 0n]);
  aia.write(Csr.mvip, -1);
  expect([aia.read(Csr.mvip), aia.read(Csr.sip), aia.read(Csr.mip) & (SEI | SSI)]).toEqual([0x222n, SEI | SSI, 0n]);
  expect(aia.read(Csr.stopi)).toBe(top(Interrupt.SupervisorExternal));
  aia.write(Csr.sip, 0);
  expect(aia.read(Csr.sip)).toBe(SEI);
  aia.write(Csr.mip, -1);
  expect(aia.read(Csr.mip) & (SEI | SSI)).toBe(SSI);
  const pending = { [Csr.mvien]: SSI, [Csr.mvip]: SSI, [Csr.sie]: SSI };
  expect(taken(build, "U", pending)).toEqual([S_VECTOR, 1n]);
  expect(taken(build, "S", { ...pending, [Csr.mstatus]: SIE })).toEqual([S_VECTOR, 1n]);
  expect(taken(build, "M", { ...pending, [Csr.mstatus]: MIE })).toBe("none");
});

test("without mvien bits 1, 5 and 9 of mvip are those that software writes in mip", () => {
  const aia = new AiaHart({});
  aia.write(Csr.mvip, 0x222);
  expect([aia.read(Csr.mip), aia.read(Csr.mvip)]).toEqual([0x222n, 0x222n]);
  aia.write(Csr.mip, SSI);
  expect(aia.read(Csr.mvip)).toBe(SSI);
  aia.write(Csr.menvcfg, STCE);
  aia.write(Csr.mvip, -1);
  expect(aia.read(Csr.mvip)).toBe(0x202n);
});

test("the signal of the supervisor-level file is in mip.SEIP whatever software wrote", () => {
  const aia = new AiaHart({ csrs: { [Csr.mideleg]: S_LEVEL, [Csr.mie]: S_LEVEL } });
  aia.open("s");
  aia.message(supervisorPage(), 12);
  expect([aia.read(Csr.mip), aia.read(Csr.mvip), aia.read(Csr.sip)]).toEqual([SEI, 0n, SEI]);
  aia.write(Csr.mip, 0);
  expect(aia.read(Csr.mip)).toBe(SEI);
  const { signalledMip, hgeip } = aia.hart.core.hart(0);
  expect([signalledMip, hgeip]).toEqual([Number(SEI), 0]);
});
