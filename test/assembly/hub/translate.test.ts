// RISC-V IOMMU 1.0, "Process to translate an IOVA"; privileged architecture, "Two-Stage Address Translation".
import { describe, expect, test } from "vitest";
import { Counter } from "../../../assembly/isa/counter.js";
import { IoFault, IommuMode, IommuReg, Tc } from "../../../assembly/isa/iommu.js";
import { HART_RESERVATION, RAM_START } from "../../../assembly/layout.js";
import { HubMachine, iotinvalGvma, MEGAPAGE, PAGE, PageTable, pte } from "../../support/iommu.js";

const DEVICE = 8;
const IOVA = 0x12_3456_7000;
const OK = { cause: 0 };

function filled(m: HubMachine, pa: number, length: number, seed: number): Uint8Array {
  const bytes = m.bytes(pa, length);
  bytes.forEach((_, i) => {
    bytes[i] = i * 7 + seed;
  });
  return bytes;
}

describe("ddtp.iommu_mode (IOMMU, 'Process to translate an IOVA', steps 1 and 2)", () => {
  test("Off shuts out everything, and is what a reset leaves", () => {
    const m = new HubMachine();
    expect(m.reg(IommuReg.ddtp) & 15).toBe(IommuMode.Off);
    expect(m.dmaRead(DEVICE, RAM_START, 64)).toMatchObject({
      cause: IoFault.AllInboundTransactionsDisallowed,
      bytes: 0,
      faultIova: BigInt(RAM_START),
    });
  });

  test("Bare passes physical addresses through, with no lookup", () => {
    const m = new HubMachine();
    m.setReg(IommuReg.ddtp, IommuMode.Bare);
    const bytes = filled(m, RAM_START + 0x1003, 9000, 1);
    expect(m.dmaRead(DEVICE, RAM_START + 0x1003, 9000)).toMatchObject({
      cause: 0,
      bytes: 9000,
      cycles: 0,
      hits: 0,
      misses: 0,
    });
    expect(m.staging.slice(0, 9000)).toEqual(bytes);
    m.staging.fill(0xa5, 0, 100);
    expect(m.dmaWrite(DEVICE, RAM_START + 5, 100)).toMatchObject(OK);
    expect(m.bytes(RAM_START + 5, 100).every((byte) => byte === 0xa5)).toBe(true);
    expect(m.bytes(RAM_START, 5).every((byte) => byte === 0)).toBe(true);
  });

  test("outside RAM the IO bridge aborts, after what lay before the end", () => {
    const m = new HubMachine();
    m.setReg(IommuReg.ddtp, IommuMode.Bare);
    const end = RAM_START + m.ramSize;
    expect(m.dmaRead(DEVICE, end - 100, 300)).toMatchObject({
      cause: IoFault.ReadAccessFault,
      bytes: 100,
      faultIova: BigInt(end),
    });
    expect(m.dmaWrite(DEVICE, 0, 8)).toMatchObject({ cause: IoFault.WriteAccessFault, bytes: 0 });
    expect(m.dmaRead(DEVICE, -8n, 16)).toMatchObject({ cause: IoFault.ReadAccessFault, bytes: 0 });
    expect(m.dmaRead(DEVICE, RAM_START - 4, 8)).toMatchObject({ cause: IoFault.ReadAccessFault, bytes: 0 });
  });
});

test("a device's write takes away the reservation of LR/SC that it touches, and no other ('Load-Reserved/Store-Conditional')", () => {
  const m = new HubMachine();
  m.setReg(IommuReg.ddtp, IommuMode.Bare);
  const kept = (reservation: number, iova: number, length: number) => {
    m.core.setNumber(HART_RESERVATION, reservation);
    m.dmaWrite(DEVICE, iova, length);
    return m.core.number(HART_RESERVATION) === reservation;
  };
  const at = RAM_START + 0x100;
  expect([kept(at, at + 8, 8), kept(at, at - 8, 8), kept(at, at, 0)]).toEqual([true, true, true]);
  expect([kept(at, at + 7, 1), kept(at, at - 8, 9), kept(at, at - 64, 4096)]).toEqual([false, false, false]);
});

describe("page-table stages", () => {
  test.each([
    ["Sv39", 8, 3],
    ["Sv48", 9, 4],
    ["Sv57", 10, 5],
  ] as const)("first stage %s: a cold walk reads %i levels", (_name, mode, reads) => {
    const m = new HubMachine().start();
    const table = new PageTable(m, "first", mode);
    const page = m.allocate();
    table.map(IOVA, page);
    m.device(DEVICE, { first: table, pscid: 5 });
    const bytes = filled(m, page, 256, 3);
    expect(m.dmaRead(DEVICE, IOVA + 16, 100)).toMatchObject({
      cause: 0,
      misses: 1,
      hits: 0,
      cycles: 3 + 150 * (reads + 1),
    });
    expect(m.staging.slice(0, 100)).toEqual(bytes.slice(16, 116));
    expect(m.counter(Counter.IoWalkReferences)).toBe(reads);
    expect(m.counter(Counter.DdtWalkReferences)).toBe(1);
    expect(m.dmaRead(DEVICE, IOVA, 8)).toMatchObject({ cause: 0, misses: 0, hits: 1, cycles: 3 });
  });

  test.each([
    ["Sv39x4", 8, 3],
    ["Sv48x4", 9, 4],
    ["Sv57x4", 10, 5],
  ] as const)("second stage %s alone", (_name, mode, reads) => {
    const m = new HubMachine().start();
    const table = new PageTable(m, "second", mode);
    const page = m.allocate();
    table.map(IOVA, page);
    m.device(DEVICE, { second: table, gscid: 3 });
    expect(m.dmaWrite(DEVICE, IOVA, PAGE)).toMatchObject({ cause: 0, bytes: PAGE, misses: 1 });
    expect(m.counter(Counter.IoWalkReferences)).toBe(reads);
  });

  test.each([
    ["Sv39 on Sv39x4", 8, 15],
    ["Sv48 on Sv48x4", 9, 24],
    ["Sv57 on Sv57x4", 10, 35],
  ] as const)(
    "both stages, %s: a cold walk reads each level's address through the second stage",
    (_name, mode, reads) => {
      const m = new HubMachine().start();
      const second = new PageTable(m, "second", mode);
      const first = new PageTable(m, "first", mode, second);
      const gpa = 0x4321_0000;
      const page = m.allocate();
      first.map(IOVA, gpa);
      second.map(gpa, page);
      m.device(DEVICE, { first, second, gscid: 1, pscid: 2 });
      filled(m, page, PAGE, 9);
      expect(m.dmaRead(DEVICE, IOVA, PAGE)).toMatchObject({ cause: 0, misses: 1 });
      expect(m.staging.slice(0, PAGE)).toEqual(m.bytes(page, PAGE).slice());
      expect(m.counter(Counter.IoWalkReferences)).toBe(reads);
    },
  );

  test("the IOTLB holds the smaller page of both stages; 1 GiB and 2 MiB pages are one entry", () => {
    const m = new HubMachine(0x100_0000).start();
    const second = new PageTable(m, "second");
    const first = new PageTable(m, "first", 8, second);
    first.map(0x4000_0000, 0x8000_0000, "rwuad", 30);
    const big = m.allocate(512, MEGAPAGE);
    second.map(0x8020_0000, big, "rwuad", 21);
    m.device(DEVICE, { first, second });
    filled(m, big, MEGAPAGE, 1);
    expect(m.dmaRead(DEVICE, 0x4020_0000, MEGAPAGE)).toMatchObject({ cause: 0, bytes: MEGAPAGE, misses: 1, hits: 0 });
    expect(Buffer.from(m.staging.slice(0, MEGAPAGE)).equals(m.bytes(big, MEGAPAGE))).toBe(true);
    expect(m.dmaRead(DEVICE, 0x403f_f000, PAGE)).toMatchObject({ cause: 0, misses: 0, hits: 1 });
    expect(m.dmaRead(DEVICE, 0x4040_0000, PAGE)).toMatchObject({ cause: IoFault.ReadGuestPageFault });
  });

  test("a request across pages is cut at each, and stops in the middle at the first fault", () => {
    const m = new HubMachine().start();
    const table = new PageTable(m, "second");
    const pages = [m.allocate(), m.allocate(), m.allocate()];
    pages.reverse().forEach((page, i) => {
      table.map(IOVA + i * PAGE, page);
      filled(m, page, PAGE, i);
    });
    m.device(DEVICE, { second: table });
    expect(m.dmaRead(DEVICE, IOVA + 0x800, 3 * PAGE)).toMatchObject({
      cause: IoFault.ReadGuestPageFault,
      bytes: 2.5 * PAGE,
      faultIova: BigInt(IOVA + 3 * PAGE),
      misses: 4,
    });
    const whole = Buffer.concat(pages.map((page) => m.bytes(page, PAGE)));
    expect(Buffer.from(m.staging.slice(0, 2.5 * PAGE)).equals(whole.subarray(0x800))).toBe(true);
    expect(m.faults()).toMatchObject([{ cause: IoFault.ReadGuestPageFault, iotval: BigInt(IOVA + 3 * PAGE) }]);
  });
});

describe("permissions ('Process to translate an IOVA'; privileged architecture, 'Virtual Address Translation Process')", () => {
  function mapped(letters: string, stage: "first" | "second", tc = 0): HubMachine {
    const m = new HubMachine().start();
    const table = new PageTable(m, stage);
    table.map(IOVA, m.allocate(), letters);
    m.device(DEVICE, { [stage]: table, tc });
    return m;
  }
  test.each([
    ["first", "ruad", 0, IoFault.WritePageFault],
    ["first", "rwuad", 0, 0],
    ["first", "rwad", IoFault.ReadPageFault, IoFault.WritePageFault],
    ["first", "xuad", IoFault.ReadPageFault, IoFault.WritePageFault],
    ["first", "wuad", IoFault.ReadPageFault, IoFault.WritePageFault],
    ["first", "rwua", 0, IoFault.WritePageFault],
    ["first", "rwud", IoFault.ReadPageFault, IoFault.WritePageFault],
    ["second", "ruad", 0, IoFault.WriteGuestPageFault],
    ["second", "rwuad", 0, 0],
    ["second", "rwad", IoFault.ReadGuestPageFault, IoFault.WriteGuestPageFault],
    ["second", "rwua", 0, IoFault.WriteGuestPageFault],
    ["second", "rwud", IoFault.ReadGuestPageFault, IoFault.WriteGuestPageFault],
  ] as const)("%s stage %s", (stage, letters, read, write) => {
    const m = mapped(letters, stage);
    expect(m.dmaRead(DEVICE, IOVA, 8).cause).toBe(read);
    expect(m.dmaWrite(DEVICE, IOVA, 8).cause).toBe(write);
    expect(m.dmaRead(DEVICE, IOVA, 8).cause).toBe(read);
  });

  test.each([
    ["first", Tc.SADE],
    ["second", Tc.GADE],
  ] as const)("hardware sets A and D of the %s stage when tc says so", (stage, tc) => {
    const m = new HubMachine().start();
    const table = new PageTable(m, stage);
    table.map(IOVA, m.allocate(), "rwu");
    m.device(DEVICE, { [stage]: table, tc });
    const bits = () => m.read64(table.entry(IOVA)) & 0xffn;
    expect(m.dmaRead(DEVICE, IOVA, 8)).toMatchObject({ cause: 0, misses: 1 });
    expect(bits()).toBe(pte("rwua"));
    // The entry made by a read says nothing of D: the first write walks again.
    expect(m.dmaWrite(DEVICE, IOVA, 8)).toMatchObject({ cause: 0, misses: 1 });
    expect(bits()).toBe(pte("rwuad"));
    expect(m.dmaWrite(DEVICE, IOVA, 8)).toMatchObject({ cause: 0, hits: 1 });
  });

  test("an A/D update of the first stage needs write permission at the second, and is reported as an implicit write", () => {
    const m = new HubMachine().start();
    const second = new PageTable(m, "second");
    const first = new PageTable(m, "first", 8, second);
    first.map(IOVA, 0x5000, "rwu");
    second.map(0x5000, m.allocate());
    const leafTable = Math.floor(first.entry(IOVA) / PAGE) * PAGE;
    const leafGpa = leafTable + (first.rootAddress - first.root);
    second.map(leafGpa, leafTable, "ruad");
    m.device(DEVICE, { first, second, tc: Tc.SADE });
    expect(m.dmaRead(DEVICE, IOVA, 8).cause).toBe(IoFault.ReadGuestPageFault);
    const entry = BigInt(leafGpa + (first.entry(IOVA) - leafTable));
    expect(m.faults()).toMatchObject([
      { cause: IoFault.ReadGuestPageFault, iotval: BigInt(IOVA), iotval2: entry | 3n },
    ]);
  });

  test.each([
    ["not canonical for Sv39", 0x40_0000_0000n, "first", IoFault.ReadPageFault],
    ["beyond 41 bits for Sv39x4", 0x200_0000_0000n, "second", IoFault.ReadGuestPageFault],
  ] as const)("an IOVA that is %s faults", (_name, iova, stage, cause) => {
    const m = mapped("rwuad", stage);
    expect(m.dmaRead(DEVICE, iova, 8).cause).toBe(cause);
    expect(m.counter(Counter.IoWalkReferences)).toBe(0);
  });

  test.each([
    ["misaligned superpage", pte("rwuad") | (1n << 10n), 21],
    ["bit 60", pte("rwuad") | (1n << 60n), 12],
    ["PBMT 3", pte("rwuad") | (3n << 61n), 12],
    ["N of another size than 64 KiB", pte("rwuad") | (1n << 63n), 12],
    ["N of a superpage", pte("rwuad") | (1n << 63n) | (8n << 10n), 21],
    ["a pointer with PBMT", 1n | (1n << 61n), 21],
    ["a pointer with N", 1n | (1n << 63n), 21],
    ["a pointer at the last level", 1n, 12],
    ["a pointer with A", pte("a"), 21],
    ["a pointer with U", pte("u"), 21],
  ] as const)("reserved encoding: %s", (_name, entry, shift) => {
    const m = new HubMachine().start();
    const first = new PageTable(m, "first");
    m.write64(first.entry(IOVA, shift), entry | (BigInt(m.allocate(512, MEGAPAGE) / PAGE) << 10n));
    m.device(DEVICE, { first });
    expect(m.dmaRead(DEVICE, IOVA, 8).cause).toBe(IoFault.ReadPageFault);
  });

  test("a NAPOT page of 64 KiB is one translation; an invalidation at any of its addresses covers it (Svnapot)", () => {
    const m = new HubMachine().start();
    const second = new PageTable(m, "second");
    const range = m.allocate(16, 16 * PAGE);
    const at = (page: number) => 0x10_0000 + page * PAGE;
    for (let i = 0; i < 16; i++) {
      m.write64(second.entry(at(i)), (BigInt(range / PAGE + 8) << 10n) | pte("rwuad") | (1n << 63n));
    }
    m.device(DEVICE, { second, gscid: 1 });
    expect(m.dmaRead(DEVICE, at(3), 8)).toMatchObject({ cause: 0, hits: 0, misses: 1 });
    expect(m.dmaRead(DEVICE, at(0), 16 * PAGE)).toMatchObject({ cause: 0, hits: 1, misses: 0 });
    m.command(iotinvalGvma({ gscid: 1, address: at(9) }));
    expect(m.dmaRead(DEVICE, at(15), 8)).toMatchObject({ cause: 0, hits: 0, misses: 1 });
  });

  test("the page-based memory type of the first stage overrides that of the second ('Translation-response')", () => {
    const type = (first: bigint, second: bigint) => {
      const m = new HubMachine().start();
      const stage2 = new PageTable(m, "second");
      const stage1 = new PageTable(m, "first", 8, stage2);
      const page = m.allocate();
      m.write64(stage1.entry(IOVA), (0x4_0000n << 10n) | pte("rwuad") | (first << 61n));
      m.write64(stage2.entry(0x4000_0000), (BigInt(page / PAGE) << 10n) | pte("rwuad") | (second << 61n));
      m.device(DEVICE, { first: stage1, second: stage2 });
      return (m.request(DEVICE, IOVA) >> 7n) & 3n;
    };
    expect([type(0n, 0n), type(0n, 1n), type(2n, 0n), type(2n, 1n), type(1n, 2n)]).toEqual([0n, 1n, 2n, 2n, 1n]);
  });

  test("a page table outside RAM is an access fault of the request's own kind", () => {
    const m = new HubMachine().start();
    const first = new PageTable(m, "first");
    m.write64(first.entry(IOVA, 21), (0x1000n << 10n) | 1n);
    m.device(DEVICE, { first });
    expect(m.dmaRead(DEVICE, IOVA, 8).cause).toBe(IoFault.ReadAccessFault);
    expect(m.dmaWrite(DEVICE, IOVA, 8).cause).toBe(IoFault.WriteAccessFault);
    expect(m.faults().map((fault) => fault.cause)).toEqual([IoFault.ReadAccessFault, IoFault.WriteAccessFault]);
  });

  test("more rights in the tables hold at once, fewer only after an invalidation", () => {
    const m = new HubMachine().start();
    const second = new PageTable(m, "second");
    const page = m.allocate();
    second.map(IOVA, page, "ruad");
    m.device(DEVICE, { second });
    expect(m.dmaRead(DEVICE, IOVA, 8).cause).toBe(0);
    second.map(IOVA, page, "rwuad");
    expect(m.dmaWrite(DEVICE, IOVA, 8)).toMatchObject({ cause: 0, misses: 1 });
    second.map(IOVA, page, "ruad");
    expect(m.dmaWrite(DEVICE, IOVA, 8)).toMatchObject({ cause: 0, hits: 1 });
  });
});
