// RISC-V Advanced Interrupt Architecture 1.0, "Incoming MSI Controller (IMSIC)"
import { expect, test } from "vitest";
import { Csr } from "../../../assembly/isa/csr.js";
import { Host } from "../../../assembly/isa/exit.js";
import { HART_HOST } from "../../../assembly/layout.js";
import { a0, csrr, csrrs, zero } from "../../support/assembler.js";
import { AiaHart, machinePage, supervisorPage, vgein } from "../../support/aia.js";
import { BUILDS } from "../../support/hart.js";

const EIDELIVERY = 0x70;
const EITHRESHOLD = 0x72;
const EIP0 = 0x80;
const EIE0 = 0xc0;
const MEIP = 1n << 11n;
const SEIP = 1n << 9n;
const both = (identity: number) => BigInt((identity << 16) | identity);

test.each(BUILDS)("255 identities in eip and eie, in the even registers; the rest reads as zero (%s)", (build) => {
  const aia = new AiaHart({ build });
  const kept = (register: number) => {
    aia.file("m", register, -1);
    return aia.file("m", register);
  };
  for (const array of [EIP0, EIE0]) {
    expect([0, 2, 4, 6, 8, 62].map((k) => kept(array + k))).toEqual([
      2n ** 64n - 2n,
      ...Array(3).fill(2n ** 64n - 1n),
      0n,
      0n,
    ]);
    aia.write(Csr.miselect, array + 1);
    expect(aia.execute(csrr(a0, Csr.mireg)).outcome).toBe("illegal");
  }
  expect([0x71, 0x73, 0x7f].map(kept)).toEqual([0n, 0n, 0n]);
  expect([kept(EITHRESHOLD), aia.file("m", EITHRESHOLD, 200), aia.file("m", EITHRESHOLD)]).toEqual([255n, 255n, 200n]);
});

test.each(BUILDS)("eidelivery is 0 or 1, and decides over the signal alone (%s)", (build) => {
  const aia = new AiaHart({ build });
  aia.open("m");
  aia.file("m", EIDELIVERY, 0x4000_0000);
  expect(aia.file("m", EIDELIVERY)).toBe(1n);
  aia.message(machinePage(), 7);
  expect([aia.read(Csr.mip), aia.read(Csr.mtopei)]).toEqual([MEIP, both(7)]);
  aia.file("m", EIDELIVERY, 0);
  expect([aia.read(Csr.mip), aia.read(Csr.mtopei)]).toEqual([0n, both(7)]);
});

test.each(BUILDS)("lower identities first; a write to mtopei claims what it reads (%s)", (build) => {
  const aia = new AiaHart({ build });
  aia.open("m");
  for (const identity of [255, 64, 63, 1, 128]) aia.message(machinePage(), identity);
  expect(aia.execute(csrrs(a0, Csr.mtopei, zero)).value).toBe(both(1));
  expect([0, 1, -1, 99, 0, 0].map((any) => aia.write(Csr.mtopei, any))).toEqual([
    ...[1, 63, 64, 128, 255].map(both),
    0n,
  ]);
  expect(aia.read(Csr.mip)).toBe(0n);
});

test.each(BUILDS)("only what is enabled, and below eithreshold if that is not 0, signals (%s)", (build) => {
  const aia = new AiaHart({ build });
  aia.open("s");
  aia.message(supervisorPage(), 20);
  const threshold = (value: number) => {
    aia.file("s", EITHRESHOLD, value);
    return [aia.read(Csr.stopei), aia.read(Csr.mip) & SEIP];
  };
  expect(threshold(20)).toEqual([0n, 0n]);
  expect(threshold(21)).toEqual([both(20), SEIP]);
  expect(threshold(0)).toEqual([both(20), SEIP]);
  aia.file("s", EIE0, 0);
  expect(aia.read(Csr.stopei)).toBe(0n);
  expect(aia.file("s", EIP0)).toBe(1n << 20n);
});

test("seteipnum_le takes identities that there are; nothing else in a page does anything", () => {
  const aia = new AiaHart({}, { harts: 2 });
  aia.open("m");
  for (const none of [0, 256, 2 ** 31]) aia.message(machinePage(), none);
  expect(aia.message(machinePage() + 4, 0x0500_0000)).toBe(1);
  aia.message(machinePage() + 8, 5);
  expect(aia.read(Csr.mtopei)).toBe(0n);
  expect(
    [machinePage(1), machinePage(2), supervisorPage(1, 7), supervisorPage(2)].map((at) => aia.message(at, 1)),
  ).toEqual([1, 0, 1, 0]);
});

test("files lie by hart and guest ('Arrangement of the memory regions of multiple interrupt files')", () => {
  const aia = new AiaHart({}, { harts: 3 });
  aia.message(machinePage(2), 9);
  aia.message(supervisorPage(2), 10);
  aia.message(supervisorPage(1, 3), 11);
  const pending = [0, 1, 2].map((hart) => {
    aia.hart.core.select(hart);
    aia.hart.word(HART_HOST, Host.M);
    aia.hart.csrs({ [Csr.hstatus]: vgein(3) });
    return [aia.file("m", EIP0), aia.file("s", EIP0), aia.file("vs", EIP0)];
  });
  aia.hart.core.select(0);
  expect(pending).toEqual([
    [0n, 0n, 0n],
    [0n, 0n, 1n << 11n],
    [1n << 9n, 1n << 10n, 0n],
  ]);
});

test.each([0, 1, 3, 7])("GEILEN of %i decides over VGEIN, hgeie and the guests' pages", (guests) => {
  const aia = new AiaHart({}, { guests });
  aia.write(Csr.hgeie, -1);
  expect(aia.read(Csr.hgeie)).toBe(2n ** BigInt(guests + 1) - 2n);
  aia.write(Csr.hstatus, vgein(guests));
  aia.write(Csr.hstatus, vgein(guests + 1));
  expect(aia.read(Csr.hstatus)).toBe(vgein(guests));
});

test("without an IMSIC there are neither *topei nor external-interrupt registers, nor guests", () => {
  const aia = new AiaHart({}, { harts: 0 });
  for (const csr of [Csr.mtopei, Csr.stopei, Csr.vstopei]) expect(aia.outcome(csr, "M")).toBe("illegal");
  aia.write(Csr.miselect, EIDELIVERY);
  expect(aia.outcome(Csr.mireg, "M")).toBe("illegal");
  aia.write(Csr.miselect, 0x30);
  expect(aia.read(Csr.mireg)).toBe(0n);
  aia.write(Csr.hgeie, -1);
  aia.write(Csr.hstatus, vgein(1));
  expect([aia.read(Csr.hgeie), aia.read(Csr.hstatus)]).toEqual([0n, vgein(0)]);
  expect(aia.message(machinePage(), 1)).toBe(0);
});

test("shapes that there are not", () => {
  const { exports } = new AiaHart({}).hart.core;
  expect([exports.aiaConfigure(9, 7), exports.aiaConfigure(1, 8), exports.aiaConfigure(8, 7)]).toEqual([0, 0, 1]);
});
