// RISC-V Advanced Interrupt Architecture 1.0, "Hypervisor and VS CSRs", "Virtual instruction exceptions", "Access control by the
// state-enable CSRs"; "State Enable Extensions" of Smstateen and Ssstateen.
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import { ALL_STATE, AiaHart, HVICTL_VTI, OPEN, STATEEN, vgein } from "../../support/aia.js";
import { a0, a1, csrrw } from "../../support/assembler.js";
import { BUILDS, type ModeName } from "../../support/hart.js";

const MODES: ModeName[] = ["M", "S", "U", "VS", "VU"];
const SHORT: Record<string, string> = { ok: "ok", illegal: "i", virtual: "v" };
const SEIP = 1n << 9n;

/** What reading `csr` comes to from M, S, U, VS and VU. */
function everywhere(csr: number, csrs: Record<number, bigint | number> = {}, shape = {}): string {
  const aia = new AiaHart({ csrs: { ...OPEN, ...csrs } }, shape);
  return MODES.map((mode) => SHORT[aia.outcome(csr, mode)]).join(" ");
}

test("siselect, sireg, stopei and stopi become vsiselect … with V = 1; those themselves are the hypervisor's", () => {
  const guest = { [Csr.hstatus]: vgein(3), [Csr.siselect]: 0x70, [Csr.vsiselect]: 0x70, [Csr.miselect]: 0x70 };
  for (const csr of [Csr.miselect, Csr.mireg, Csr.mtopei, Csr.mtopi, Csr.mvien, Csr.mvip]) {
    expect([csr, everywhere(csr, guest)]).toEqual([csr, "ok i i i i"]);
  }
  for (const csr of [Csr.siselect, Csr.sireg, Csr.stopei, Csr.stopi]) {
    expect([csr, everywhere(csr, guest)]).toEqual([csr, "ok ok i ok v"]);
  }
  for (const csr of [Csr.vsiselect, Csr.vsireg, Csr.vstopei, Csr.vstopi, Csr.hvien, Csr.hvictl, Csr.hviprio1]) {
    expect([csr, everywhere(csr, guest)]).toEqual([csr, "ok ok i v v"]);
  }
  const aia = new AiaHart({ csrs: OPEN });
  aia.write(Csr.siselect, 0x55, "VS");
  expect([aia.read(Csr.vsiselect), aia.read(Csr.siselect)]).toEqual([0x55n, 0n]);
  aia.write(Csr.vsiselect, -1);
  expect(aia.read(Csr.vsiselect)).toBe(0x1ffn);
});

test("without a guest interrupt file its registers are inaccessible", () => {
  const none = { [Csr.hstatus]: vgein(0), [Csr.vsiselect]: 0x70, [Csr.siselect]: 0x70 };
  expect(everywhere(Csr.vstopei, none)).toBe("i i i v v");
  expect(everywhere(Csr.stopei, none)).toBe("ok ok i v v");
  expect(everywhere(Csr.vsireg, none)).toBe("i i i v v");
  expect(everywhere(Csr.sireg, none)).toBe("ok ok i v v");
});

test("VS level has no iprio array, and no odd registers", () => {
  for (const select of [0x30, 0x3e, 0x81, 0xc1, 0x6f, 0x100]) {
    const selected = { [Csr.hstatus]: vgein(1), [Csr.vsiselect]: select };
    expect([select, everywhere(Csr.sireg, { ...selected, [Csr.siselect]: 0x70 })]).toEqual([select, "ok ok i v v"]);
    expect([select, everywhere(Csr.vsireg, selected)]).toEqual([select, "i i i v v"]);
  }
  const S = (select: number) => everywhere(Csr.sireg, { [Csr.siselect]: select }).slice(0, 5);
  expect([0x30, 0x31, 0x3e, 0x3f, 0x40, 0x71, 0x81].map(S)).toEqual([
    "ok ok",
    "i i i",
    "ok ok",
    "i i i",
    "i i i",
    "ok ok",
    "i i i",
  ]);
});

test("without an IMSIC stopei and the external-interrupt registers of a guest are virtual, whatever mstateen0.IMSIC", () => {
  const closed = { [Csr.mstateen0]: ALL_STATE & ~STATEEN.IMSIC, [Csr.vsiselect]: 0x70, [Csr.siselect]: 0x70 };
  expect(everywhere(Csr.stopei, closed, { harts: 0 })).toBe("i i i v v");
  expect(everywhere(Csr.sireg, closed, { harts: 0 })).toBe("i i i v v");
});

test.each([
  [STATEEN.CSRIND, [Csr.siselect, Csr.sireg], [Csr.vsiselect, Csr.vsireg]],
  [STATEEN.AIA, [Csr.stopi], [Csr.vstopi, Csr.hvien, Csr.hvictl, Csr.hviprio1, Csr.hviprio2]],
  [STATEEN.IMSIC, [Csr.stopei], [Csr.vstopei]],
  [STATEEN.ENVCFG, [Csr.senvcfg], [Csr.henvcfg]],
  [STATEEN.SE, [Csr.sstateen0], [Csr.hstateen0]],
])("bit %x of mstateen0 and hstateen0", (bit, supervisor, hypervisor) => {
  const file = { [Csr.hstatus]: vgein(2), [Csr.siselect]: 0x70, [Csr.vsiselect]: 0x70 };
  const closed = { ...file, [Csr.mstateen0]: ALL_STATE & ~bit };
  const half = { ...file, [Csr.hstateen0]: ALL_STATE & ~bit };
  for (const csr of supervisor) {
    expect([csr, everywhere(csr, file)]).toEqual([csr, "ok ok i ok v"]);
    expect([csr, everywhere(csr, half)]).toEqual([csr, "ok ok i v v"]);
    expect([csr, everywhere(csr, closed)]).toEqual([csr, "ok i i i i"]);
  }
  for (const csr of hypervisor) {
    expect([csr, everywhere(csr, half)]).toEqual([csr, "ok ok i v v"]);
    expect([csr, everywhere(csr, closed)]).toEqual([csr, "ok i i i i"]);
  }
});

test("what siselect names counts as well: iprio belongs to AIA, the interrupt file to IMSIC", () => {
  const at = (select: number, csrs: Record<number, bigint>) =>
    everywhere(Csr.sireg, { [Csr.hstatus]: vgein(2), [Csr.siselect]: select, [Csr.vsiselect]: select, ...csrs });
  expect(at(0x30, { [Csr.mstateen0]: ALL_STATE & ~STATEEN.AIA })).toBe("ok i i v v");
  expect(at(0x70, { [Csr.mstateen0]: ALL_STATE & ~STATEEN.IMSIC })).toBe("ok i i i v");
  expect(at(0x70, { [Csr.hstateen0]: ALL_STATE & ~STATEEN.IMSIC })).toBe("ok ok i v v");
});

test("the other stateen CSRs: bit 63, and nothing for U-mode", () => {
  for (const n of [1, 2, 3]) {
    expect(everywhere(Csr.hstateen0 + n)).toBe("ok i i i i");
    expect(everywhere(Csr.hstateen0 + n, { [Csr.mstateen0 + n]: STATEEN.SE })).toBe("ok ok i v v");
    expect(everywhere(Csr.sstateen0 + n, { [Csr.mstateen0 + n]: STATEEN.SE })).toBe("ok ok i v v");
    const both = { [Csr.mstateen0 + n]: STATEEN.SE, [Csr.hstateen0 + n]: STATEEN.SE };
    expect(everywhere(Csr.sstateen0 + n, both)).toBe("ok ok i ok v");
  }
});

test.each(BUILDS)("WARL: a bit that mstateen lacks reads as zero in hstateen; reset clears all (%s)", (build) => {
  const aia = new AiaHart({ build });
  const kept = (csr: number) => {
    aia.write(csr, -1);
    return aia.read(csr);
  };
  expect([Csr.mstateen0, Csr.hstateen0, Csr.mstateen0 + 1].map((csr) => aia.read(csr))).toEqual([0n, 0n, 0n]);
  expect(kept(Csr.hstateen0)).toBe(0n);
  expect([kept(Csr.mstateen0), kept(Csr.hstateen0), kept(Csr.sstateen0)]).toEqual([ALL_STATE, ALL_STATE, 0n]);
  aia.write(Csr.mstateen0, ALL_STATE & ~STATEEN.AIA);
  expect(aia.read(Csr.hstateen0)).toBe(ALL_STATE & ~STATEEN.AIA);
  expect([kept(Csr.mstateen0 + 3), kept(Csr.hstateen0 + 3), kept(Csr.sstateen0 + 3)]).toEqual([
    STATEEN.SE,
    STATEEN.SE,
    0n,
  ]);
  const without = new AiaHart({ build }, { harts: 0 });
  without.write(Csr.mstateen0, -1);
  expect(without.read(Csr.mstateen0)).toBe(ALL_STATE & ~STATEEN.IMSIC);
});

test("mvien.SEIP keeps S-mode from the supervisor-level interrupt file, and nobody from a guest's", () => {
  const taken = { [Csr.mvien]: SEIP, [Csr.siselect]: 0x70, [Csr.vsiselect]: 0x70, [Csr.hstatus]: vgein(1) };
  expect(everywhere(Csr.stopei, taken)).toBe("ok i i ok v");
  expect(everywhere(Csr.sireg, taken)).toBe("ok i i ok v");
  expect(everywhere(Csr.vstopei, taken)).toBe("ok ok i v v");
});

test("hvictl.VTI: a guest's sip, sie and writes to stimecmp are the hypervisor's", () => {
  const timer = { [Csr.menvcfg]: 1n << 63n, [Csr.henvcfg]: 1n << 63n, [Csr.mcounteren]: 7, [Csr.hcounteren]: 7 };
  const under = { ...timer, [Csr.hvictl]: HVICTL_VTI | (9n << 16n) }; // IID = 9: no interrupt
  for (const csr of [Csr.sip, Csr.sie]) expect(everywhere(csr, under)).toBe("ok ok i v v");
  expect(everywhere(Csr.stimecmp, under)).toBe("ok ok i ok v");
  const aia = new AiaHart({ csrs: { ...OPEN, ...under } });
  expect(aia.execute(csrrw(a0, Csr.stimecmp, a1), "VS").outcome).toBe("virtual");
});
