// RISC-V IOMMU 1.0, "Device-Directory-Table (DDT)", "Process-Directory-Table (PDT)", and the configuration checks of both.
import { describe, expect, test } from "vitest";
import { Counter } from "../../../assembly/isa/counter.js";
import { IoFault, PcTa, Tc } from "../../../assembly/isa/iommu.js";
import { RAM_START } from "../../../assembly/layout.js";
import { HubMachine, iodirInvalDdt, iodirInvalPdt, PAGE, PageTable, ProcessDirectory } from "../../support/iommu.js";

const DEVICE = 8;
const IOVA = 0x7000;

describe("device directory", () => {
  test.each([
    [1, 0x7f],
    [2, 0xffff],
    [3, 0xff_ffff],
  ] as const)("%i levels: the last device_id is found by as many reads", (levels, device) => {
    const m = new HubMachine().start(levels);
    const second = new PageTable(m, "second");
    second.map(IOVA, m.allocate());
    m.device(device, { second });
    expect(m.dmaRead(device, IOVA, 8).cause).toBe(0);
    expect(m.counter(Counter.DdtWalkReferences)).toBe(levels);
    expect(m.counter(Counter.DdtCacheMisses)).toBe(1);
    expect(m.dmaRead(device, IOVA, 8)).toMatchObject({ cause: 0, cycles: 3 });
    expect(m.counter(Counter.DdtWalkReferences)).toBe(levels);
    expect(m.counter(Counter.DdtCacheHits)).toBe(1);
  });

  test.each([
    [1, 0x80],
    [2, 0x1_0000],
  ] as const)("%i levels: a wider device_id is a transaction that is not allowed", (levels, device) => {
    const m = new HubMachine().start(levels);
    expect(m.dmaRead(device, IOVA, 8).cause).toBe(IoFault.TransactionTypeDisallowed);
    expect(m.faults()).toMatchObject([
      { cause: IoFault.TransactionTypeDisallowed, device, iotval: BigInt(IOVA), type: 2 },
    ]);
  });

  test("entries that are not valid, at each level", () => {
    const m = new HubMachine().start(3);
    expect(m.dmaRead(0x1_0000, 0, 8).cause).toBe(IoFault.DdtEntryNotValid);
    expect(m.counter(Counter.DdtWalkReferences)).toBe(1);
    m.contextOf(0x1_0000);
    expect(m.dmaRead(0x1_0080, 0, 8).cause).toBe(IoFault.DdtEntryNotValid);
    expect(m.counter(Counter.DdtWalkReferences)).toBe(3);
    expect(m.dmaRead(0x1_0000, 0, 8).cause).toBe(IoFault.DdtEntryNotValid);
    expect(m.counter(Counter.DdtWalkReferences)).toBe(6);
  });

  test.each([1n << 1n, 1n << 9n, 1n << 54n, 1n << 63n])("reserved bit 0x%s of a non-leaf entry", (bit) => {
    const m = new HubMachine().start(2);
    m.device(0x100);
    const root = (m.reg64(16) >> 10n) << 12n;
    const at = Number(root) + 8 * 2;
    m.write64(at, m.read64(at) | bit);
    expect(m.dmaRead(0x100, 0, 8).cause).toBe(IoFault.DdtEntryMisconfigured);
  });

  test("a directory outside RAM", () => {
    const m = new HubMachine().start(2);
    m.contextOf(0x100);
    const root = Number((m.reg64(16) >> 10n) << 12n);
    m.write64(root + 16, (0x1000n << 10n) | 1n);
    expect(m.dmaRead(0x100, 0, 8).cause).toBe(IoFault.DdtEntryLoadAccessFault);
    m.setReg64(16, (0x1000n << 10n) | 3n);
    expect(m.dmaRead(0x100, 0, 8).cause).toBe(IoFault.DdtEntryLoadAccessFault);
  });

  test.each([
    ["EN_ATS without ATS", { tc: 1n | BigInt(Tc.EN_ATS) }],
    ["EN_PRI", { tc: 1n | BigInt(Tc.EN_PRI) }],
    ["PRPR", { tc: 1n | BigInt(Tc.PRPR) }],
    ["T2GPA", { tc: 1n | BigInt(Tc.T2GPA) }],
    ["SBE differs from fctl.BE", { tc: 1n | BigInt(Tc.SBE) }],
    ["SXL", { tc: 1n | BigInt(Tc.SXL) }],
    ["DPE without PDTV", { tc: 1n | BigInt(Tc.DPE) }],
    ["reserved bit of tc", { tc: 1n | (1n << 12n) }],
    ["reserved high bit of tc", { tc: 1n | (1n << 63n) }],
    ["reserved iosatp.MODE", { fsc: 1n << 60n }],
    ["reserved iosatp.MODE 11", { fsc: 11n << 60n }],
    ["reserved bit of iosatp", { fsc: (8n << 60n) | (1n << 44n) }],
    ["reserved iohgatp.MODE", { iohgatp: 7n << 60n }],
    ["iohgatp root not aligned to 16 KiB", { iohgatp: (8n << 60n) | 1n }],
    ["reserved bit of ta", { ta: 1n }],
    ["RCID without QOSID", { ta: 1n << 40n }],
    ["pdtp.MODE 4", { tc: 1n | BigInt(Tc.PDTV), fsc: 4n << 60n }],
  ])("misconfigured context: %s", (_name, raw) => {
    const m = new HubMachine().start();
    m.device(DEVICE, { raw });
    expect(m.dmaRead(DEVICE, 0, 8).cause).toBe(IoFault.DdtEntryMisconfigured);
    expect(m.faults()).toMatchObject([{ cause: IoFault.DdtEntryMisconfigured, device: DEVICE }]);
  });

  test("a context with both stages Bare passes through without lookups", () => {
    const m = new HubMachine().start();
    m.device(DEVICE);
    expect(m.dmaRead(DEVICE, RAM_START, 64)).toMatchObject({ cause: 0, hits: 0, misses: 0 });
  });

  test("a stale context is used until IODIR.INVAL_DDT ('IOMMU directory cache invalidation commands')", () => {
    const m = new HubMachine().start();
    m.device(DEVICE);
    m.device(DEVICE + 1);
    m.dmaRead(DEVICE, RAM_START, 8);
    m.dmaRead(DEVICE + 1, RAM_START, 8);
    m.write64(m.contextOf(DEVICE), 0n);
    m.write64(m.contextOf(DEVICE + 1), 0n);
    expect(m.dmaRead(DEVICE, RAM_START, 8).cause).toBe(0);
    m.command(iodirInvalDdt(DEVICE));
    expect(m.dmaRead(DEVICE, RAM_START, 8).cause).toBe(IoFault.DdtEntryNotValid);
    expect(m.dmaRead(DEVICE + 1, RAM_START, 8).cause).toBe(0);
    m.command(iodirInvalDdt());
    expect(m.dmaRead(DEVICE + 1, RAM_START, 8).cause).toBe(IoFault.DdtEntryNotValid);
  });
});

describe("process directory", () => {
  test.each([
    [1, 0xff, 0x100],
    [2, 0x1_ffff, 0x2_0000],
    [3, 0xf_ffff, undefined],
  ] as const)("%i levels: the widest process_id, and one that is wider", (levels, pid, wider) => {
    const m = new HubMachine().start();
    const processes = new ProcessDirectory(m, levels);
    const first = new PageTable(m, "first");
    const page = m.allocate();
    first.map(IOVA, page);
    processes.process(pid, first, 7);
    m.device(DEVICE, { processes });
    expect(m.request(DEVICE, IOVA, { pid })).toBe(BigInt(page / PAGE) << 10n);
    expect(m.counter(Counter.DdtWalkReferences)).toBe(1 + levels);
    expect(wider === undefined ? 1n : m.request(DEVICE, IOVA, { pid: wider })).toBe(1n);
    expect(m.faults().map((fault) => fault.cause)).toEqual(
      wider === undefined ? [] : [IoFault.TransactionTypeDisallowed],
    );
  });

  test("a request without process_id is untranslated by the first stage, or process 0 with DPE", () => {
    const m = new HubMachine().start();
    const processes = new ProcessDirectory(m, 1);
    const first = new PageTable(m, "first");
    const page = m.allocate();
    first.map(IOVA, page);
    processes.process(0, first, 7);
    m.device(DEVICE, { processes });
    m.device(DEVICE + 1, { processes, tc: Tc.DPE });
    expect(m.dmaRead(DEVICE, RAM_START, 8)).toMatchObject({ cause: 0, misses: 0 });
    m.bytes(page, 1)[0] = 0x5a;
    expect(m.dmaRead(DEVICE + 1, IOVA, 1)).toMatchObject({ cause: 0, misses: 1 });
    expect(m.staging[0]).toBe(0x5a);
  });

  test("under a second stage its tables are guest physical, and a hole is an implicit guest-page fault", () => {
    const m = new HubMachine().start();
    const second = new PageTable(m, "second");
    const processes = new ProcessDirectory(m, 2, second);
    const first = new PageTable(m, "first", 8, second);
    first.map(IOVA, 0x9000);
    const page = m.allocate();
    second.map(0x9000, page);
    processes.process(0x123, first, 1);
    m.device(DEVICE, { processes, second, gscid: 4 });
    expect(m.request(DEVICE, IOVA, { pid: 0x123 })).toBe(BigInt(page / PAGE) << 10n);
    expect(m.counter(Counter.IoWalkReferences)).toBe(15 + 2 * 3);
    const root = Number(processes.pdtp & 0xfff_ffff_ffffn) * PAGE;
    second.unmap(root);
    expect(m.request(DEVICE, IOVA, { pid: 0x456, nw: false })).toBe(1n);
    expect(m.faults()).toMatchObject([
      { cause: IoFault.WriteGuestPageFault, type: 3, pv: 1, pid: 0x456, iotval2: BigInt(root + 8 * 4) | 1n },
    ]);
  });

  test("faults of process contexts, and of requests that the context does not allow", () => {
    const m = new HubMachine().start();
    const processes = new ProcessDirectory(m, 2);
    m.device(DEVICE, { processes });
    m.device(DEVICE + 1);
    const causeOf = (device: number, pid: number, priv = false) => {
      m.request(device, IOVA, { pid, priv });
      return m.faults().map(({ cause }) => cause)[0];
    };
    expect(causeOf(DEVICE, 0x100)).toBe(IoFault.PdtEntryNotValid);
    const at = processes.entry(0x100);
    expect(causeOf(DEVICE, 0x100)).toBe(IoFault.PdtEntryNotValid);
    m.write64(at, 1n | (1n << 3n));
    expect(causeOf(DEVICE, 0x100)).toBe(IoFault.PdtEntryMisconfigured);
    m.write64(at, 1n);
    m.write64(at + 8, 5n << 60n);
    expect(causeOf(DEVICE, 0x100)).toBe(IoFault.PdtEntryMisconfigured);
    m.write64(at + 8, 0n);
    expect(causeOf(DEVICE, 0x100, true)).toBe(IoFault.TransactionTypeDisallowed);
    expect(causeOf(DEVICE, 0x100)).toBeUndefined();
    expect(causeOf(DEVICE + 1, 0)).toBe(IoFault.TransactionTypeDisallowed);
    m.write64(Number(processes.pdtp & 0xfff_ffff_ffffn) * PAGE + 16, (0x10n << 10n) | 1n);
    expect(causeOf(DEVICE, 0x200)).toBe(IoFault.PdtEntryLoadAccessFault);
  });

  test("supervisor requests: ENS, SUM and the U bit", () => {
    const m = new HubMachine().start();
    const processes = new ProcessDirectory(m, 1);
    const first = new PageTable(m, "first");
    const page = m.allocate();
    first.map(IOVA, page);
    first.map(IOVA + PAGE, page, "rwxad");
    processes.process(1, first, 1, PcTa.ENS);
    processes.process(2, first, 2, PcTa.ENS | PcTa.SUM);
    m.device(DEVICE, { processes });
    const found = BigInt(page / PAGE) << 10n;
    expect(m.request(DEVICE, IOVA, { pid: 1, priv: true })).toBe(1n);
    expect(m.request(DEVICE, IOVA, { pid: 1 })).toBe(found);
    expect(m.request(DEVICE, IOVA, { pid: 1, priv: true })).toBe(1n);
    expect(m.request(DEVICE, IOVA, { pid: 2, priv: true })).toBe(found);
    expect(m.request(DEVICE, IOVA + PAGE, { pid: 1, priv: true, exe: true })).toBe(found);
    expect(m.request(DEVICE, IOVA + PAGE, { pid: 1 })).toBe(1n);
    expect(m.faults().map(({ cause, priv, type }) => [cause, priv, type])).toEqual([
      [IoFault.ReadPageFault, 1, 2],
      [IoFault.ReadPageFault, 1, 2],
      [IoFault.ReadPageFault, 0, 2],
    ]);
  });

  test("IODIR.INVAL_PDT drops one process; IODIR.INVAL_DDT those of its device", () => {
    const m = new HubMachine().start();
    const processes = new ProcessDirectory(m, 1);
    m.device(DEVICE, { processes });
    processes.process(1, undefined, 0);
    processes.process(2, undefined, 0);
    const found = (pid: number) => m.request(DEVICE, RAM_START, { pid }) !== 1n;
    expect([found(1), found(2)]).toEqual([true, true]);
    m.write64(processes.entry(1), 0n);
    m.write64(processes.entry(2), 0n);
    expect([found(1), found(2)]).toEqual([true, true]);
    m.command(iodirInvalPdt(DEVICE, 1));
    expect([found(1), found(2)]).toEqual([false, true]);
    m.command(iodirInvalDdt(DEVICE));
    expect(found(2)).toBe(false);
  });
});
