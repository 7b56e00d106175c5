// RISC-V Advanced Interrupt Architecture 1.0, "VS-level external interrupts with a guest interrupt file"; "Hypervisor Guest External
// Interrupt Registers" of the Hypervisor Extension: a message for a guest reaches its handler, and nobody else hears of it.
import { expect, test } from "vitest";
import { Counter } from "../../../assembly/isa/counter.js";
import { Csr } from "../../../assembly/isa/csr.js";
import { Exit, Host } from "../../../assembly/isa/exit.js";
import { HART_HOST } from "../../../assembly/layout.js";
import { interrupted } from "../../../src/platform/timers.js";
import { AiaHart, OPEN, supervisorPage, vgein } from "../../support/aia.js";
import { a0, a1, a2, a3, a4, a5, a6, add, csrrsi, csrrw, csrw, jal, sret, wfi, zero } from "../../support/assembler.js";
import { BUILDS, CODE, S_VECTOR, VS_VECTOR } from "../../support/hart.js";

const SIE = 1n << 1n;
const VSEIP = 1n << 10n;
const SGEIP = 1n << 12n;
const EIDELIVERY = 0x70;
const EIE0 = 0xc0;

/** A guest's handler: claims what is there, adds it to a1, and goes on. */
const handler = [csrrw(a0, Csr.stopei, zero), add(a1, a1, a0), sret];

/** A guest that opens its interrupt file as a supervisor would, enables SEI, and waits in a loop. */
const guest = [
  csrw(Csr.siselect, a2),
  csrw(Csr.sireg, a3),
  csrw(Csr.siselect, a4),
  csrw(Csr.sireg, a5),
  csrw(Csr.sie, a6),
  csrrsi(zero, Csr.sstatus, 2),
  jal(zero, 0),
];

function running(build: "timed" | "flat", number: number): AiaHart {
  const aia = new AiaHart({
    build,
    mode: "VS",
    host: Host.M | Host.HS,
    csrs: { ...OPEN, [Csr.hstatus]: vgein(number), [Csr.hideleg]: 0x444, [Csr.mie]: 0 },
    x: { [a2]: EIDELIVERY, [a3]: 1, [a4]: EIE0, [a5]: -2, [a6]: 1 << 9 },
  });
  aia.hart.program(guest).program(handler, VS_VECTOR);
  aia.hart.core.exports.fenceI();
  return aia;
}
/** Lets the guest run for a while; anything but the deadline is an exit. */
const goes = (aia: AiaHart) => aia.hart.core.run(aia.hart.core.cycles + 500);

test.each(BUILDS)("a message to a guest's file is handled by the guest, without an exit (%s)", (build) => {
  const aia = running(build, 3);
  expect(goes(aia)).toBe(Exit.Deadline);
  for (const identity of [40, 7]) aia.message(supervisorPage(0, 3), identity);
  expect(goes(aia)).toBe(Exit.Deadline);
  expect(aia.hart.x(a1)).toBe(BigInt((40 + 7) * 0x1_0001));
  expect(aia.hart.counter(Counter.TrapsToVS)).toBe(2);
  expect([aia.hart.counter(Counter.TrapsToS), aia.hart.counter(Counter.TrapsToM)]).toEqual([0, 0]);
});

test.each(BUILDS)(
  "its own file: messages to others, and to it while it isn't selected, don't reach it (%s)",
  (build) => {
    const aia = running(build, 3);
    goes(aia);
    aia.message(supervisorPage(0, 2), 5);
    aia.message(supervisorPage(0, 0), 6);
    goes(aia);
    expect(aia.hart.x(a1)).toBe(0n);
    aia.hart.csrs({ [Csr.hstatus]: vgein(2) });
    aia.message(supervisorPage(0, 3), 9);
    goes(aia);
    expect(aia.hart.x(a1)).toBe(0n);
    aia.hart.csrs({ [Csr.hstatus]: vgein(3) });
    goes(aia);
    expect(aia.hart.x(a1)).toBe(BigInt(9 * 0x1_0001));
  },
);

test.each(BUILDS)("SGEI tells the hypervisor of files of guests that aren't running, as hgeie says (%s)", (build) => {
  const aia = new AiaHart({ build, host: Host.None, mode: "S", csrs: { ...OPEN, [Csr.hstatus]: vgein(4) } });
  aia.hart.word(HART_HOST, Host.M);
  aia.open("vs");
  aia.message(supervisorPage(0, 4), 17);
  expect([aia.read(Csr.hgeip), aia.read(Csr.hip)]).toEqual([1n << 4n, VSEIP]);
  aia.write(Csr.hstatus, vgein(1));
  expect([aia.read(Csr.hip), aia.read(Csr.mip)]).toEqual([0n, 0n]);
  aia.write(Csr.hgeie, 1 << 4);
  expect([aia.read(Csr.hip), aia.read(Csr.mip)]).toEqual([SGEIP, SGEIP]);
  aia.hart.csrs({ [Csr.mie]: SGEIP, [Csr.mstatus]: SIE }).program([jal(zero, 0)]);
  aia.hart.core.exports.fenceI();
  aia.hart.word(HART_HOST, Host.None);
  aia.hart.runAt(CODE, "S");
  expect([aia.hart.pc, aia.hart.csr(Csr.scause)]).toEqual([S_VECTOR, (1n << 63n) | 12n]);
});

test.each(BUILDS)("WFI of a guest ends with a message to its file (%s)", (build) => {
  const aia = running(build, 1);
  aia.hart.program([wfi, jal(zero, -4)], CODE + 24);
  aia.hart.core.exports.fenceI();
  expect(goes(aia)).toBe(Exit.WaitForInterrupt);
  expect(interrupted(aia.hart.core.hart(0))).toBe(false);
  aia.message(supervisorPage(0, 1), 33);
  expect(interrupted(aia.hart.core.hart(0))).toBe(true);
  expect(goes(aia)).toBe(Exit.WaitForInterrupt);
  expect(aia.hart.x(a1)).toBe(BigInt(33 * 0x1_0001));
});
