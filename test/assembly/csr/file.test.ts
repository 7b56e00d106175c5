// RISC-V Privileged Architecture 1.13: what each CSR keeps of a value written to it ("Write Any, Read Legal"), and which CSRs are
// views of others.
import { expect, test } from "vitest";
import { Interrupt } from "../../../assembly/isa/cause.js";
import { Csr } from "../../../assembly/isa/csr.js";
import type { CoreBuild } from "../../../src/core/instance.js";
import {
  a0,
  a1,
  a2,
  a3,
  csrr,
  csrrc,
  csrrci,
  csrrs,
  csrrsi,
  csrrw,
  csrrwi,
  ebreak,
  nop,
  zero,
} from "../../support/assembler.js";
import { BUILDS, bare, type ModeName, ran } from "../../support/hart.js";

const ONES = 0xffff_ffff_ffff_ffffn;
const STCE = 1n << 63n;
const ADUE = 1n << 61n;
const PBMTE = 1n << 62n;

/** What CSR `n` reads after `value` was written to it. */
function kept(build: CoreBuild, n: number, value: bigint, csrs: Record<number, bigint> = {}): bigint {
  return ran([csrrw(a0, n, a1), csrr(a2, n), ebreak], { build, csrs, x: { [a1]: value } }).x(a2);
}
test.each(BUILDS)("the six CSR instructions, rd as source, and rd = x0 (%s)", (build) => {
  const n = Csr.mscratch;
  const program = [
    csrrw(a0, n, a1),
    csrrs(a2, n, a1),
    csrrc(a3, n, a2),
    csrrwi(4, n, 31),
    csrrsi(5, n, 0),
    csrrci(6, n, 1),
    csrr(7, n),
  ];
  const hart = ran([...program, ebreak], { build, csrs: { [n]: 0xf0n }, x: { [a1]: 0x1ff } });
  expect([a0, a2, a3, 4, 5, 6, 7].map((i) => hart.x(i))).toEqual([0xf0n, 0x1ffn, 0x1ffn, 0n, 31n, 31n, 30n]);
  const swap = ran([csrrw(a1, n, a1), ebreak], { build, csrs: { [n]: 7n }, x: { [a1]: 9 } });
  expect([swap.x(a1), swap.csr(n)]).toEqual([7n, 9n]);
});

test.each(BUILDS)("WARL: the bits that exist (%s)", (build) => {
  const fields: [number, bigint][] = [
    [Csr.mtvec, ONES - 2n],
    [Csr.stvec, ONES - 2n],
    [Csr.vstvec, ONES - 2n],
    [Csr.mepc, ONES - 1n],
    [Csr.sepc, ONES - 1n],
    [Csr.vsepc, ONES - 1n],
    [Csr.mscratch, ONES],
    [Csr.medeleg, 0xf0_b7ffn],
    [Csr.mideleg, 0x1666n],
    [Csr.hedeleg, 0xb1ffn],
    [Csr.hideleg, 0x444n],
    [Csr.mie, 0x1eeen],
    [Csr.hvip, 0x444n],
    [Csr.mcounteren, 0xffff_ffffn],
    [Csr.hcounteren, 0xffff_ffffn],
    [Csr.scounteren, 0xffff_ffffn],
    [Csr.menvcfg, STCE | PBMTE | ADUE | 0xf1n],
    [Csr.senvcfg, 0xf1n],
    [Csr.hstatus, 0x2_0070_03c0n],
    [Csr.sstatus, 0x8000_0002_000c_6122n],
    [Csr.vsstatus, 0x8000_0002_000c_6122n],
    [Csr.mstatus, 0x8000_00ca_007e_79aan],
    [Csr.htimedelta, ONES],
    [Csr.hgeie, 0n],
    [Csr.pmpaddr0, (1n << 54n) - 1n],
    [Csr.pmpaddr0 + 15, (1n << 54n) - 1n],
    [Csr.pmpaddr0 + 16, 0n],
    [Csr.pmpcfg0, 0x9f9f_9f9f_9f9f_9f9fn],
    [Csr.pmpcfg2, 0x9f9f_9f9f_9f9f_9f9fn],
    [Csr.pmpcfg2 + 2, 0n],
    [Csr.mcountinhibit, 5n],
    [0xb03, 0n],
    [0x323, 0n],
    [Csr.misa, 0x8000_0000_0014_11afn],
  ];
  expect(fields.map(([n]) => [n, kept(build, n, ONES)])).toEqual(fields);
});

test.each(BUILDS)("henvcfg has what menvcfg has: a bit that is 0 there is read-only 0 here (%s)", (build) => {
  expect(kept(build, Csr.henvcfg, ONES)).toBe(0xf1n);
  expect(kept(build, Csr.henvcfg, ONES, { [Csr.menvcfg]: STCE })).toBe(STCE | 0xf1n);
  expect(kept(build, Csr.henvcfg, ONES, { [Csr.menvcfg]: ADUE })).toBe(ADUE | 0xf1n);
  expect(kept(build, Csr.henvcfg, ONES, { [Csr.menvcfg]: PBMTE })).toBe(PBMTE | 0xf1n);
});

// "CSR controls for CMO instructions"
test.each(BUILDS)("CBIE holds 0, 1 and 3; a write of 2 keeps it (%s)", (build) => {
  const cbie = (n: number, old: bigint, value: bigint) => (kept(build, n, value << 4n, { [n]: old << 4n }) >> 4n) & 3n;
  for (const n of [Csr.menvcfg, Csr.senvcfg, Csr.henvcfg]) {
    expect([cbie(n, 0n, 1n), cbie(n, 1n, 3n), cbie(n, 3n, 0n), cbie(n, 3n, 2n)]).toEqual([1n, 3n, 0n, 3n]);
  }
});

test.each(BUILDS)("mstatus.MPP holds U, S and M; a write of 2 keeps it (%s)", (build) => {
  const mpp = (old: bigint, value: bigint) =>
    (kept(build, Csr.mstatus, value << 11n, { [Csr.mstatus]: old << 11n }) >> 11n) & 3n;
  expect([mpp(0n, 1n), mpp(1n, 3n), mpp(3n, 0n), mpp(3n, 2n), mpp(1n, 2n)]).toEqual([1n, 3n, 0n, 3n, 1n]);
});

test.each(BUILDS)(
  "satp, vsatp: an unsupported MODE leaves the whole register; hgatp keeps MODE alone (%s)",
  (build) => {
    const old = (8n << 60n) | 0x1234n;
    for (const n of [Csr.satp, Csr.vsatp]) {
      for (const mode of [8n, 9n, 10n, 0n])
        expect(kept(build, n, (mode << 60n) | 0x5678n, { [n]: old })).toBe((mode << 60n) | 0x5678n);
      for (const mode of [1n, 7n, 11n, 15n]) expect(kept(build, n, (mode << 60n) | 0x5678n, { [n]: old })).toBe(old);
      expect(kept(build, n, ONES & ~(7n << 60n), { [n]: old })).toBe(ONES & ~(7n << 60n));
    }
    expect(kept(build, Csr.hgatp, (9n << 60n) | 0x5678n, { [Csr.hgatp]: old })).toBe((9n << 60n) | 0x5678n);
    // PPN[1:0] are zero, VMIDLEN is 14
    expect(kept(build, Csr.hgatp, ONES & ~(7n << 60n))).toBe(0x83ff_ffff_ffff_fffcn);
    expect(kept(build, Csr.hgatp, (5n << 60n) | 0x5678n, { [Csr.hgatp]: old })).toBe((8n << 60n) | 0x5678n);
  },
);

test.each(BUILDS)("sstatus is a view of mstatus; with V = 1 the number means vsstatus (%s)", (build) => {
  const hart = ran([csrrsi(a0, Csr.sstatus, 2), ebreak], { build, mode: "S", csrs: { [Csr.mstatus]: 0xa_0000_1800n } });
  expect([hart.x(a0), hart.csr(Csr.mstatus)]).toEqual([0x2_0000_0000n, 0xa_0000_1802n]);
  const guest = ran([csrrsi(a0, Csr.sstatus, 2), ebreak], {
    build,
    mode: "VS",
    csrs: { [Csr.mstatus]: 0xa_0000_1800n },
  });
  expect([guest.x(a0), guest.csr(Csr.vsstatus), guest.csr(Csr.mstatus)]).toEqual([
    0x2_0000_0000n,
    0x2_0000_0002n,
    0xa_0000_1800n,
  ]);
  for (const [n, twin] of [
    [Csr.stvec, Csr.vstvec],
    [Csr.sscratch, Csr.vsscratch],
    [Csr.sepc, Csr.vsepc],
    [Csr.scause, Csr.vscause],
    [Csr.stval, Csr.vstval],
  ]) {
    const swapped = ran([csrrw(a0, n, a1), csrr(a2, n), ebreak], {
      build,
      mode: "VS",
      csrs: { [n]: 1n, [twin]: 2n },
      x: { [a1]: 8 },
    });
    expect([swapped.x(a0), swapped.x(a2), swapped.csr(n), swapped.csr(twin)]).toEqual([2n, 8n, 1n, 8n]);
  }
});

/** What `n` reads in `mode`, with CSRs and lines as given. */
function view(
  build: CoreBuild,
  mode: ModeName,
  n: number,
  csrs: Record<number, bigint>,
  lines: Interrupt[] = [],
): bigint {
  const hart = bare([csrr(a0, n), ebreak], { build, mode, csrs });
  for (const line of lines) hart.core.setLine(line, true);
  hart.run();
  for (const line of lines) hart.core.setLine(line, false);
  return hart.x(a0);
}

const ENABLED = { [Csr.mie]: 0x1eeen };

test.each(BUILDS)("sie and sip show what mideleg delegates, hie and hip what is VS-level (%s)", (build) => {
  const pending = { [Csr.mip]: 0x22n, [Csr.hvip]: 0x44n };
  expect(view(build, "S", Csr.sie, ENABLED)).toBe(0n);
  expect(view(build, "S", Csr.sie, { ...ENABLED, [Csr.mideleg]: 0x222n })).toBe(0x222n);
  expect(view(build, "S", Csr.sip, { ...pending, [Csr.mideleg]: 0x20n })).toBe(0x20n);
  expect(view(build, "S", Csr.sip, { ...pending, [Csr.mideleg]: 0x222n }, [Interrupt.SupervisorExternal])).toBe(0x222n);
  expect([view(build, "S", Csr.hie, ENABLED), view(build, "S", Csr.hip, pending)]).toEqual([0x1444n, 0x44n]);
  expect(view(build, "M", Csr.mip, pending, [Interrupt.MachineExternal, Interrupt.MachineSoftware])).toBe(0x86en);
});

test.each(BUILDS)("vsie and vsip show what hideleg delegates, one bit lower (%s)", (build) => {
  const pending = { [Csr.hvip]: 0x444n };
  const both = (mode: ModeName, ie: number, ip: number, hideleg: bigint) => [
    view(build, mode, ie, { ...ENABLED, [Csr.hideleg]: hideleg }),
    view(build, mode, ip, { ...pending, [Csr.hideleg]: hideleg }),
  ];
  expect(both("S", Csr.vsie, Csr.vsip, 0n)).toEqual([0n, 0n]);
  expect(both("S", Csr.vsie, Csr.vsip, 0x444n)).toEqual([0x222n, 0x222n]);
  expect(both("VS", Csr.sie, Csr.sip, 0x440n)).toEqual([0x220n, 0x220n]);
});

test.each(BUILDS)(
  "writes go through the views: only what is delegated, and of pending bits only SSIP and VSSIP (%s)",
  (build) => {
    const written = (mode: ModeName, n: number, value: bigint, csrs: Record<number, bigint>) => {
      const hart = ran([csrrw(a0, n, a1), ebreak], { build, mode, csrs, x: { [a1]: value } });
      return [hart.csr(Csr.mie), hart.csr(Csr.mip), hart.csr(Csr.hvip)];
    };
    expect(written("S", Csr.sie, ONES, { [Csr.mideleg]: 0x22n })).toEqual([0x22n, 0n, 0n]);
    expect(written("S", Csr.sie, 0n, { [Csr.mideleg]: 0x22n, [Csr.mie]: 0xeeen })).toEqual([0xeccn, 0n, 0n]);
    expect(written("S", Csr.hie, ONES, {})).toEqual([0x1444n, 0n, 0n]);
    expect(written("S", Csr.vsie, ONES, { [Csr.hideleg]: 0x404n })).toEqual([0x404n, 0n, 0n]);
    expect(written("VS", Csr.sie, ONES, { [Csr.hideleg]: 0x40n })).toEqual([0x40n, 0n, 0n]);
    expect(written("S", Csr.sip, ONES, { [Csr.mideleg]: 0x222n })).toEqual([0n, 2n, 0n]);
    expect(written("S", Csr.sip, ONES, {})).toEqual([0n, 0n, 0n]);
    expect(written("S", Csr.hip, ONES, {})).toEqual([0n, 0n, 4n]);
    expect(written("VS", Csr.sip, ONES, { [Csr.hideleg]: 0x444n })).toEqual([0n, 0n, 4n]);
    expect(written("VS", Csr.sip, ONES, {})).toEqual([0n, 0n, 0n]);
    expect(written("M", Csr.mip, ONES, {})).toEqual([0n, 0x222n, 4n]);
    expect(written("M", Csr.mip, ONES, { [Csr.menvcfg]: STCE })).toEqual([0n, 0x202n, 4n]);
  },
);

test.each(BUILDS)("a read-modify-write of mip does not make a line's SEIP its own (%s)", (build) => {
  const hart = bare([csrrsi(a0, Csr.mip, 2), ebreak], { build });
  hart.core.setLine(Interrupt.SupervisorExternal, true);
  hart.run();
  hart.core.setLine(Interrupt.SupervisorExternal, false);
  expect([hart.x(a0), hart.csr(Csr.mip)]).toEqual([0x200n, 2n]);
});

test.each(BUILDS)("mcycle and minstret count on from what is written to them (%s)", (build) => {
  const program = [
    csrrw(a0, Csr.minstret, a1),
    csrr(a2, Csr.minstret),
    nop,
    csrr(a3, Csr.instret),
    csrrw(a0, Csr.mcycle, a1),
    csrr(4, Csr.cycle),
    ebreak,
  ];
  const hart = ran(program, { build, x: { [a1]: 1000 } });
  expect([hart.x(a2), hart.x(a3)]).toEqual([1000n, 1002n]);
  expect(hart.x(4)).toBeGreaterThanOrEqual(1000n);
  expect(hart.x(4)).toBeLessThan(1010n);
  expect([hart.core.instret, hart.core.cycles < 100]).toEqual([6, true]);
});

// "Machine Counter-Inhibit Register"
test.each(BUILDS)("mcountinhibit stops mcycle and minstret, which go on from where they stood (%s)", (build) => {
  const program = [
    csrrwi(zero, Csr.mcountinhibit, 5),
    csrr(a0, Csr.minstret),
    csrr(4, Csr.mcycle),
    nop,
    csrr(a2, Csr.minstret),
    csrr(5, Csr.cycle),
    csrrw(zero, Csr.minstret, a1),
    csrr(a3, Csr.instret),
    csrrwi(zero, Csr.mcountinhibit, 0),
    csrr(6, Csr.minstret),
    csrr(7, Csr.minstret),
    ebreak,
  ];
  const hart = ran(program, { build, x: { [a1]: 1000 } });
  expect([a0, a2, a3, 6, 7].map((i) => hart.x(i))).toEqual([1n, 1n, 1000n, 1000n, 1001n]);
  expect(hart.x(5)).toBe(hart.x(4));
  expect(hart.core.instret).toBe(11);
});

// "Hypervisor Time Delta Register"
test.each(BUILDS)("time is shifted by htimedelta where V = 1 (%s)", (build) => {
  const counteren = { [Csr.mcounteren]: 7n, [Csr.hcounteren]: 7n, [Csr.scounteren]: 7n };
  const inMode = (mode: ModeName) => view(build, mode, Csr.time, { ...counteren, [Csr.htimedelta]: 1000n });
  expect((["M", "S", "U", "VS", "VU"] as const).map(inMode)).toEqual([0n, 0n, 0n, 1000n, 1000n]);
});

test.each(BUILDS)("time is cycles divided by the divider (%s)", (build) => {
  const hart = bare([csrr(a0, Csr.time), ebreak], { build });
  hart.core.cycles = 150 * 7 + 149;
  hart.run();
  expect(hart.x(a0)).toBe(7n);
});
