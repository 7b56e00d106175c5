// RISC-V IOMMU 1.0, "Memory-mapped register interface", "Debug support", the performance monitor.
import { describe, expect, test } from "vitest";
import { Cqcsr, HpmEvent, IoFault, IommuReg, Ipsr } from "../../../assembly/isa/iommu.js";
import { HART_CYCLES, HUB, HUB_END } from "../../../assembly/layout.js";
import { HubMachine, PAGE, PageTable } from "../../support/iommu.js";

const evt = (i: number) => IommuReg.iohpmevt + 8 * (i - 1);
const ctr = (i: number) => IommuReg.iohpmctr + 8 * (i - 1);
const OF = 1n << 63n;

describe("register file", () => {
  test("capabilities say what there is, and nothing else", () => {
    const m = new HubMachine();
    const field = (bit: number, width = 1) => Number((m.reg64(0) >> BigInt(bit)) & ((1n << BigInt(width)) - 1n));
    expect(field(0, 8)).toBe(0x10);
    expect([field(8), field(9), field(10), field(11)]).toEqual([0, 1, 1, 1]);
    expect(field(12, 4)).toBe(8); // Svpbmt
    expect([field(16), field(17), field(18), field(19)]).toEqual([0, 1, 1, 1]);
    expect({ msi: field(21, 3), hwad: field(24), ats: field(25, 2), end: field(27) }).toEqual({
      msi: 0,
      hwad: 1,
      ats: 0,
      end: 0,
    });
    expect({ igs: field(28, 2), hpm: field(30), dbg: field(31), pas: field(32, 6) }).toEqual({
      igs: 1,
      hpm: 1,
      dbg: 1,
      pas: 56,
    });
    expect([field(38), field(39), field(40), field(41, 23)]).toEqual([1, 1, 1, 0]);
  });

  test("reset values ('Reset behavior')", () => {
    const m = new HubMachine().start();
    m.exports.reset();
    const nonzero = Array.from({ length: 1024 }, (_, i) => 4 * i).filter((offset) => m.reg(offset) !== 0);
    expect(nonzero).toEqual([IommuReg.capabilities, IommuReg.capabilities + 4, IommuReg.fctl]);
  });

  test("WARL, WPRI and read-only fields", () => {
    const m = new HubMachine();
    for (let offset = 0; offset < 4096; offset += 4) {
      const busy = offset === IommuReg.cqcsr || offset === IommuReg.cqt || offset === IommuReg.tr_req_ctl;
      m.setReg(offset, busy ? 0 : 0xffff_ffff);
    }
    expect(m.reg(IommuReg.fctl)).toBe(2);
    expect(m.reg64(IommuReg.ddtp)).toBe(0x003f_ffff_ffff_fc00n);
    expect(m.reg64(IommuReg.cqb)).toBe(0x003f_ffff_ffff_fc0fn);
    expect(m.reg(IommuReg.fqh)).toBe(0xffff);
    expect(m.reg64(56)).toBe(0n);
    expect(m.reg(IommuReg.iocountinh)).toBe(0xff);
    expect(m.reg64(evt(7))).toBe(0xffff_ffff_ffff_8000n);
    expect(m.reg64(evt(8))).toBe(0n);
    expect(m.reg(IommuReg.iocountovf)).toBe(0xff);
    expect(m.reg64(IommuReg.icvec)).toBe(0x3333n);
    expect(m.reg64(IommuReg.tr_response)).toBe(0n);
    expect(m.reg(768)).toBe(0);
    expect(m.reg(4096)).toBe(0);
    m.setReg(IommuReg.ddtp, 4);
    m.setReg(IommuReg.ddtp, 15);
    expect(m.reg(IommuReg.ddtp)).toBe(4);
  });

  test("a smaller queue masks the index that software owns", () => {
    const m = new HubMachine();
    m.setReg(IommuReg.cqb, 7);
    m.setReg(IommuReg.cqt, 0x1ff);
    expect(m.reg(IommuReg.cqt)).toBe(0xff);
    m.setReg(IommuReg.cqb, 3);
    expect(m.reg(IommuReg.cqt)).toBe(0xf);
  });

  test("cqcsr: error bits are cleared by writing 1, and only so", () => {
    const m = new HubMachine().start();
    m.command([0n, 0n]);
    m.setReg(IommuReg.cqcsr, Cqcsr.cqen);
    expect(m.reg(IommuReg.cqcsr)).toBe(Cqcsr.cqen | Cqcsr.cqon | Cqcsr.cmd_ill);
  });

  test("the hub's state fits its room", () => {
    const m = new HubMachine();
    m.exports.hubConfigure(4096, 1, 0, 1);
    const before = m.u8.slice(HUB_END, HUB_END + 64);
    m.u8.fill(0, HUB, HUB_END);
    m.exports.reset();
    expect(m.exports.hubConfigure(4096, 1, 0, 1)).toBe(1);
    expect(m.u8.slice(HUB_END, HUB_END + 64)).toEqual(before);
  });
});

describe("debug translation ('Debug support')", () => {
  test("answers with the page, with the size of a superpage, or with a fault", () => {
    const m = new HubMachine(0x100_0000).start();
    const second = new PageTable(m, "second");
    second.map(0x20_0000, 0x8040_0000, "rwuad", 21);
    second.map(0x5000, 0x8000_7000);
    second.map(0x6000, 0x8000_7000, "rad");
    m.device(1, { second });
    expect(m.request(1, 0x5000)).toBe(0x8_0007n << 10n);
    expect(m.request(1, 0x20_3000, { nw: false })).toBe((0x8_04ffn << 10n) | (1n << 9n));
    expect(m.request(1, 0x5000, { exe: true })).toBe(1n);
    expect(m.request(1, 0x6000)).toBe(1n);
    expect(m.reg(IommuReg.tr_req_ctl) & 1).toBe(0);
    expect(m.faults().map(({ cause, type }) => [cause, type])).toEqual([
      [IoFault.InstructionGuestPageFault, 1],
      [IoFault.ReadGuestPageFault, 2],
    ]);
  });

  test("takes the halves of tr_req_ctl in either order", () => {
    const m = new HubMachine().start();
    m.device(3);
    m.setReg(IommuReg.tr_req_iova, 0x5000);
    m.setReg(IommuReg.tr_req_ctl, 9);
    m.setReg(IommuReg.tr_req_ctl + 4, 3 << 8);
    expect(m.reg64(IommuReg.tr_response)).toBe(5n << 10n);
  });
});

describe("performance monitor", () => {
  /** Devices 1 and 2, first stage, PSCID 11 and 12; device 3, second stage, GSCID 13. */
  function counted(...selectors: bigint[]): HubMachine {
    const m = new HubMachine().start();
    selectors.forEach((selector, i) => {
      m.setReg64(evt(i + 1), selector);
    });
    const page = m.allocate();
    const first = new PageTable(m, "first");
    const second = new PageTable(m, "second");
    for (const table of [first, second]) for (let i = 0; i < 4; i++) table.map(i * PAGE, page);
    m.device(1, { first, pscid: 11 });
    m.device(2, { first, pscid: 12 });
    m.device(3, { second, gscid: 13 });
    for (const device of [1, 2, 3]) for (let i = 0; i < 2 + device; i++) m.dmaRead(device, (i % 4) * PAGE, 8);
    return m;
  }
  const counts = (m: HubMachine, n: number) => Array.from({ length: n }, (_, i) => Number(m.reg64(ctr(i + 1))));

  test("counts the standard events", () => {
    const events = [
      HpmEvent.UntranslatedRequests,
      HpmEvent.TlbMiss,
      HpmEvent.DeviceDirectoryWalks,
      HpmEvent.FirstStageWalks,
    ];
    const m = counted(...[...events, HpmEvent.SecondStageWalks, 2, 3].map(BigInt));
    expect(counts(m, 7)).toEqual([12, 11, 3, 7, 4, 0, 0]);
  });

  test("filters by IDs ('filtering options')", () => {
    const requests = BigInt(HpmEvent.UntranslatedRequests);
    const misses = BigInt(HpmEvent.TlbMiss);
    const [pv, dv, idt, dmask] = [1n << 60n, 1n << 61n, 1n << 62n, 1n << 15n];
    const m = counted(
      requests | dv | (2n << 36n),
      requests | dv | dmask | (1n << 36n),
      requests | idt,
      misses | idt | pv | (11n << 16n),
      misses | idt | dv | (13n << 36n),
      requests | pv,
      misses | idt | dv | pv | (13n << 36n) | (13n << 16n),
    );
    expect(counts(m, 7)).toEqual([4, 12, 0, 3, 4, 0, 0]);
  });

  test("an overflow sets OF and pmip once; an inhibited counter stands still", () => {
    const m = new HubMachine().start();
    m.device(1);
    m.setReg64(ctr(1), -1n);
    m.setReg64(ctr(2), -1n);
    m.setReg64(evt(1), 1n);
    m.setReg64(evt(2), 1n);
    m.setReg(IommuReg.iocountinh, 4);
    expect(m.dmaRead(1, 0x8000_0000, 8).interrupt).toBe(1);
    expect([m.reg64(ctr(1)), m.reg64(evt(1)), m.reg64(ctr(2))]).toEqual([0n, OF | 1n, 0xffff_ffff_ffff_ffffn]);
    expect([m.reg(IommuReg.iocountovf), m.reg(IommuReg.ipsr)]).toEqual([2, Ipsr.pmip]);
  });

  test("iohpmcycles follows the clock, wraps at 63 bits, and can be inhibited", () => {
    const m = new HubMachine();
    const pass = (cycles: bigint) => {
      m.view.setBigUint64(HART_CYCLES, m.view.getBigUint64(HART_CYCLES, true) + cycles, true);
    };
    pass(1000n);
    expect(m.reg64(IommuReg.iohpmcycles)).toBe(1000n);
    m.setReg(IommuReg.iocountinh, 1);
    pass(50n);
    m.setReg64(IommuReg.iohpmcycles, OF - 5n);
    m.setReg(IommuReg.iocountinh, 0);
    expect(m.reg64(IommuReg.iohpmcycles)).toBe(OF - 5n);
    pass(7n);
    expect(m.reg64(IommuReg.iohpmcycles)).toBe(OF | 2n);
    expect([m.reg(IommuReg.iocountovf), m.reg(IommuReg.ipsr)]).toEqual([1, Ipsr.pmip]);
  });
});
