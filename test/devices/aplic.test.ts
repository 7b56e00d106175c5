// RISC-V Advanced Interrupt Architecture 1.0, "Advanced Platform-Level Interrupt Controller (APLIC)"
import { expect, test } from "vitest";
import { Aplic, type AplicMessage } from "../../src/devices/aplic.js";

const SOURCECFG = 0;
const SETIP = 0x1c00;
const SETIPNUM = 0x1cdc;
const IN_CLRIP = 0x1d00;
const CLRIPNUM = 0x1ddc;
const SETIE = 0x1e00;
const SETIENUM = 0x1edc;
const CLRIE = 0x1f00;
const CLRIENUM = 0x1fdc;
const SETIPNUM_LE = 0x2000;
const GENMSI = 0x3000;
const TARGET = 0x3000;
const IDC = 0x4000;
const [IDELIVERY, IFORCE, ITHRESHOLD, TOPI, CLAIMI] = [0x00, 0x04, 0x08, 0x18, 0x1c];
const IE = 0x100;
const DELEGATE = 0x400;
const [DETACHED, EDGE1, EDGE0, LEVEL1, LEVEL0] = [1, 4, 5, 6, 7];

/** Registers of a domain by offset. */
function registers(domain: Aplic["machine"]) {
  return {
    read: (offset: number) => domain.read(offset, 4),
    write: (offset: number, value: number) => domain.write(offset, 4, value),
    configure: (source: number, mode: number, target: number) => {
      domain.write(SOURCECFG + 4 * source, 4, mode);
      domain.write(TARGET + 4 * source, 4, target);
      domain.write(SETIENUM, 4, source);
    },
    pending: (source: number) => (domain.read(SETIP + 4 * (source >>> 5), 4) >>> (source & 31)) & 1,
    input: (source: number) => (domain.read(IN_CLRIP + 4 * (source >>> 5), 4) >>> (source & 31)) & 1,
  };
}

function direct(harts = 2) {
  const raised = new Set<string>();
  const aplic = new Aplic({
    sources: 96,
    harts,
    output: (level, hart, on) => void (on ? raised.add(`${level} ${hart}`) : raised.delete(`${level} ${hart}`)),
  });
  return { aplic, raised, m: registers(aplic.machine), s: registers(aplic.supervisor) };
}

function forwarding() {
  const sent: AplicMessage[] = [];
  const aplic = new Aplic({ sources: 96, harts: 2, message: (message) => void sent.push(message) });
  aplic.delegateAll();
  const s = registers(aplic.supervisor);
  s.write(0, IE);
  return { aplic, sent, m: registers(aplic.machine), s };
}

test("domaincfg: IE alone is writable; DM says how the machine is built", () => {
  const [{ m }, { s }] = [direct(), forwarding()];
  m.write(0, 0xffff_ffff);
  s.write(0, 0xffff_ffff);
  expect([m.read(0), s.read(0)]).toEqual([0x8000_0100, 0x8000_0104]);
});

test("sourcecfg: the source modes, delegation to the child, and nothing else", () => {
  const { m, s } = direct();
  const kept = (domain: typeof m, value: number) => {
    domain.write(SOURCECFG + 4 * 5, value);
    return domain.read(SOURCECFG + 4 * 5);
  };
  expect([0, 1, 2, 3, 4, 5, 6, 7].map((mode) => kept(m, mode))).toEqual([0, 1, 0, 0, 4, 5, 6, 7]);
  expect(kept(s, LEVEL1)).toBe(0);
  expect([kept(m, DELEGATE | 3), kept(s, LEVEL1), kept(s, DELEGATE | LEVEL1)]).toEqual([DELEGATE, LEVEL1, 0]);
  kept(s, LEVEL1);
  kept(m, DETACHED);
  expect([s.read(SOURCECFG + 4 * 5), kept(m, DELEGATE), s.read(SOURCECFG + 4 * 5)]).toEqual([0, DELEGATE, 0]);
  m.write(SOURCECFG + 4 * 97, LEVEL1);
  expect(m.read(SOURCECFG + 4 * 97)).toBe(0);
});

test("an inactive source has no pending bit, no enable bit and no target", () => {
  const { m } = direct();
  for (const register of [SETIPNUM, SETIENUM]) m.write(register, 9);
  m.write(SETIP, -1);
  m.write(SETIE, -1);
  m.write(TARGET + 4 * 9, 5);
  expect([m.read(SETIP), m.read(SETIE), m.read(TARGET + 4 * 9)]).toEqual([0, 0, 0]);
  m.configure(9, DETACHED, 5);
  m.write(SETIPNUM, 9);
  expect([m.read(SETIP), m.read(SETIE), m.read(TARGET + 4 * 9)]).toEqual([1 << 9, 1 << 9, 5]);
  m.write(SOURCECFG + 4 * 9, 0);
  expect([m.read(SETIP), m.read(SETIE), m.read(TARGET + 4 * 9)]).toEqual([0, 0, 0]);
});

test("pending and enable bits by number and by word; clrie reads as zero", () => {
  const { m } = direct();
  for (const source of [31, 32, 96]) m.configure(source, DETACHED, 1);
  for (const source of [31, 32, 96]) m.write(SETIPNUM, source);
  m.write(SETIPNUM_LE, 0);
  expect([0, 4, 8, 12].map((at) => m.read(SETIP + at))).toEqual([2 ** 31, 1, 0, 1]);
  m.write(CLRIPNUM, 31);
  m.write(IN_CLRIP + 4, 1);
  expect([0, 4, 8, 12].map((at) => m.read(SETIP + at))).toEqual([0, 0, 0, 1]);
  m.write(CLRIENUM, 96);
  m.write(CLRIE + 4, 1);
  expect([0, 4, 8, 12].map((at) => m.read(SETIE + at))).toEqual([2 ** 31, 0, 0, 0]);
  expect([CLRIE, CLRIENUM, SETIPNUM, SETIENUM, CLRIPNUM].map((at) => m.read(at))).toEqual([0, 0, 0, 0, 0]);
});

test.each([
  ["Detached", DETACHED, [0, 0, 0], [0, 0, 0]],
  ["Edge1", EDGE1, [0, 1, 1], [0, 1, 0]],
  ["Edge0", EDGE0, [0, 0, 1], [1, 0, 1]],
  ["Level1", LEVEL1, [0, 1, 0], [0, 1, 0]],
  ["Level0", LEVEL0, [1, 0, 1], [1, 0, 1]],
])("%s: pending bit and rectified input while the wire goes low, high, low", (_name, mode, pending, input) => {
  const { aplic, m } = direct();
  m.configure(7, mode, 1);
  const seen = [false, true, false].map((level) => {
    aplic.line(7).set(level);
    return [m.pending(7), m.input(7)];
  });
  expect(seen).toEqual(pending.map((bit, i) => [bit, input[i]]));
});

test("directly delivered, a level-sensitive source's pending bit is its input, whatever is written or claimed", () => {
  const { aplic, m } = direct();
  m.configure(7, LEVEL1, 1);
  m.write(SETIPNUM, 7);
  expect(m.pending(7)).toBe(0);
  aplic.line(7).set(true);
  m.write(CLRIPNUM, 7);
  expect([m.read(IDC + CLAIMI), m.pending(7)]).toEqual([(7 << 16) | 1, 1]);
  aplic.line(7).set(false);
  expect(m.pending(7)).toBe(0);
});

test("IDC: lowest priority number, then lowest source; ithreshold, idelivery, iforce", () => {
  const { m, raised } = direct();
  m.write(0, IE);
  for (const [source, priority] of [
    [10, 3],
    [11, 2],
    [12, 2],
    [13, 0],
  ]) {
    m.configure(source, DETACHED, priority);
    m.write(SETIPNUM, source);
  }
  expect(m.read(TARGET + 4 * 13)).toBe(1);
  expect(raised.size).toBe(0);
  m.write(IDC + IDELIVERY, 1);
  expect([...raised]).toEqual(["machine 0"]);
  m.write(IDC + ITHRESHOLD, 3);
  const claims = [0, 1, 2, 3].map(() => m.read(IDC + CLAIMI));
  expect(claims).toEqual([(13 << 16) | 1, (11 << 16) | 2, (12 << 16) | 2, 0]);
  expect(raised.size).toBe(0);
  m.write(IDC + ITHRESHOLD, 0);
  expect([m.read(IDC + TOPI), raised.size]).toEqual([(10 << 16) | 3, 1]);
  m.read(IDC + CLAIMI);
  m.write(IDC + IFORCE, 1);
  expect(raised.size).toBe(1);
  expect([m.read(IDC + CLAIMI), m.read(IDC + IFORCE), raised.size]).toEqual([0, 0, 0]);
});

test("each hart and level has its own interrupt; IE holds back a domain's", () => {
  const { aplic, m, s, raised } = direct();
  m.write(SOURCECFG + 4 * 20, DELEGATE);
  s.configure(20, LEVEL1, (1 << 18) | 1);
  s.write(IDC + 32 + IDELIVERY, 1);
  aplic.line(20).set(true);
  expect([s.read(IDC + TOPI), s.read(IDC + 32 + TOPI)]).toEqual([0, (20 << 16) | 1]);
  expect(raised.size).toBe(0);
  s.write(0, IE);
  expect([...raised]).toEqual(["supervisor 1"]);
  expect(s.read(IDC + 64 + TOPI)).toBe(0);
  m.write(SOURCECFG + 4 * 20, 0);
  expect(raised.size).toBe(0);
});

test("MSI delivery: what is pending and enabled leaves as a message, and isn't pending any more", () => {
  const { aplic, sent, s } = forwarding();
  s.configure(10, LEVEL1, (1 << 18) | (5 << 12) | 77);
  aplic.line(10).set(true);
  expect(sent).toEqual([{ level: "supervisor", hart: 1, guest: 5, identity: 77 }]);
  expect([s.pending(10), s.input(10)]).toEqual([0, 1]);
  s.write(SETIPNUM, 10);
  expect(sent.length).toBe(2);
  aplic.line(10).set(false);
  s.write(SETIPNUM_LE, 10);
  expect([sent.length, s.pending(10)]).toEqual([2, 0]);
});

test("IE and the enable bit hold messages back", () => {
  const { aplic, sent, s } = forwarding();
  s.write(0, 0);
  s.configure(10, EDGE1, 77);
  s.write(CLRIENUM, 10);
  aplic.line(10).set(true);
  aplic.line(10).set(false);
  s.write(0, IE);
  expect([sent.length, s.pending(10)]).toEqual([0, 1]);
  s.write(SETIENUM, 10);
  expect([sent.length, s.pending(10)]).toEqual([1, 0]);
});

test("genmsi sends at once, even without IE; the root's go to machine level", () => {
  const { sent, m, s } = forwarding();
  s.write(0, 0);
  s.write(GENMSI, (1 << 18) | (3 << 12) | 9);
  m.write(GENMSI, 8);
  expect(sent).toEqual([
    { level: "supervisor", hart: 1, guest: 0, identity: 9 },
    { level: "machine", hart: 0, guest: 0, identity: 8 },
  ]);
  expect([s.read(GENMSI), direct().m.read(GENMSI)]).toEqual([(1 << 18) | 9, 0]);
});

test("target: no guests at machine level, bit 11 reads as zero", () => {
  const { m, s } = forwarding();
  s.configure(10, DETACHED, 0xffff_ffff);
  m.configure(11, DETACHED, 0xffff_ffff);
  expect([s.read(TARGET + 40), m.read(TARGET + 44)]).toEqual([0xffff_f7ff, 0xfffc_07ff]);
});

test("where messages go is locked, in the root domain that forwards", () => {
  const { m, s } = forwarding();
  m.write(0x1bc0, 0x1234);
  m.write(0x1bc4, 0x1234);
  expect([0x1bc0, 0x1bc4, 0x1bc8, 0x1bcc].map((at) => m.read(at))).toEqual([0, 0x8000_0000, 0, 0]);
  expect([s.read(0x1bc4), direct().m.read(0x1bc4)]).toEqual([0, 0]);
});

test("only words are registers", () => {
  const { aplic } = direct();
  expect([aplic.machine.read(0, 1), aplic.machine.write(0, 2, 0)]).toEqual([-1, 1]);
  expect(() => aplic.line(97)).toThrow(RangeError);
});

test("state can be taken and put back", () => {
  const { aplic, m, raised } = direct();
  m.write(0, IE);
  m.configure(7, LEVEL1, 1);
  m.write(IDC + IDELIVERY, 1);
  aplic.line(7).set(true);
  const state = aplic.state();
  aplic.machine.reset();
  expect(raised.size).toBe(0);
  aplic.restore(state);
  expect([...raised]).toEqual(["machine 0"]);
  expect(() => direct(1).aplic.restore(state)).toThrow("shape");
});
