// RISC-V IOMMU Architecture 1.0, "Process to translate addresses of MSIs", "MSI configuration table"; RISC-V Advanced Interrupt
// Architecture 1.0, "IOMMU Support for MSIs to Virtual Machines".
import { beforeEach, expect, test } from "vitest";
import { IMSIC_M } from "../../../assembly/isa/imsic.js";
import { CAPABILITY_MSI_FLAT, FCTL_WSI, IoFault, IommuReg, Tc, Ttyp } from "../../../assembly/isa/iommu.js";
import { openGuestFiles, supervisorPage } from "../../support/aia.js";
import { HubMachine, iodirInvalDdt, PAGE, PageTable, ProcessDirectory } from "../../support/iommu.js";

const DEVICE = 0x28;
/** Where the guest believes its interrupt files to be: of every 8 pages the first, 4 of them. */
const VIRTUAL = 0x2800_0000;
const PATTERN = VIRTUAL / PAGE;
const MASK = 0x18;
const OFF = [0n, 0n, 0n, 0n] as const;
const V = 1n;
const BASIC = 7n;
const CUSTOM = 1n << 63n;

let m: HubMachine;
let second: PageTable;
let table: number;
const ppn = (pa: number) => BigInt(pa / PAGE) << 10n;
/** Writes an MSI PTE. */
const entry = (index: number, first: bigint) => m.write64(table + 16 * index, first);
/** Guests of hart 0 that have an interrupt, as in hgeip. */
const hgeip = () => m.core.hart(0).hgeip;
const msi = () => ({ table, mask: MASK, pattern: PATTERN });

beforeEach(() => {
  m = new HubMachine().withImsics(2, 7).start(2);
  openGuestFiles(m.core, m.allocate());
  second = new PageTable(m, "second");
  table = m.allocate();
  m.device(DEVICE, { second, gscid: 5, msi: msi() });
});

test("capabilities: MSI_FLAT and both ways to interrupt, only with IMSICs; no MRIFs", () => {
  const [MRIF_BIT, IGS] = [1 << 23, 3 << 28];
  expect(m.reg(IommuReg.capabilities) & (CAPABILITY_MSI_FLAT | MRIF_BIT | IGS)).toBe(CAPABILITY_MSI_FLAT | (2 << 28));
  const without = new HubMachine();
  expect(without.reg(IommuReg.capabilities) & (CAPABILITY_MSI_FLAT | MRIF_BIT | IGS)).toBe(1 << 28);
});

test("a message to a virtual interrupt file goes to the file that the MSI PTE names", () => {
  entry(0, ppn(supervisorPage(0, 2)) | BASIC);
  entry(3, ppn(supervisorPage(0, 6)) | BASIC);
  expect(m.message(DEVICE, VIRTUAL, 40)).toEqual({ taken: true, cause: 0 });
  expect(hgeip()).toBe(1 << 2);
  m.message(DEVICE, VIRTUAL + 3 * 8 * PAGE, 7);
  expect(hgeip()).toBe((1 << 2) | (1 << 6));
});

test("the file number: the bits of the page number that the mask has, packed", () => {
  const scattered = { table, mask: 0b1010_0110, pattern: PATTERN };
  m.device(DEVICE, { second, gscid: 5, msi: scattered });
  m.command(iodirInvalDdt());
  entry(0b1011, ppn(supervisorPage(0, 1)) | BASIC);
  expect(m.message(DEVICE, VIRTUAL + 0b1000_0110 * PAGE, 1)).toEqual({ taken: true, cause: 0 });
  expect(hgeip()).toBe(1 << 1);
});

test("only the pages that match the pattern are interrupt files: others take the second stage", () => {
  const page = m.allocate();
  second.map(VIRTUAL + PAGE, page);
  entry(0, ppn(supervisorPage(0, 1)) | BASIC);
  expect(m.message(DEVICE, VIRTUAL + PAGE + 8, 0x1234)).toEqual({ taken: true, cause: 0 });
  expect(m.read64(page + 8)).toBe(0x1234n);
  expect(hgeip()).toBe(0);
});

test("the second stage has no say about an interrupt file, even where it maps one", () => {
  second.map(VIRTUAL, m.allocate(), "rwuad", 21);
  entry(0, ppn(supervisorPage(0, 3)) | BASIC);
  m.message(DEVICE, VIRTUAL + 2 * PAGE, 1); // fills the IOTLB with the large page
  m.message(DEVICE, VIRTUAL, 9);
  expect(hgeip()).toBe(1 << 3);
});

test("a transfer that begins in a large page before an interrupt file ends in the file", () => {
  second.map(VIRTUAL, m.allocate(512, 512 * PAGE), "rwuad", 21);
  const file = m.allocate();
  entry(1, ppn(file) | BASIC);
  m.staging.fill(0x5a, 0, 24);
  m.dmaWrite(DEVICE, VIRTUAL + 8 * PAGE - 8, 24);
  expect([m.read64(file), m.read64(file + 8), m.read64(file + 16)]).toEqual([
    0x5a5a5a5a5a5a5a5an,
    0x5a5a5a5a5a5a5a5an,
    0n,
  ]);
});

test("behind a first stage it is the guest physical address that counts", () => {
  const first = new PageTable(m, "first", 8, second);
  first.map(0x7000, VIRTUAL);
  first.map(0x8000, VIRTUAL + PAGE);
  second.map(VIRTUAL + PAGE, m.allocate());
  m.device(DEVICE, { first, second, gscid: 5, msi: msi() });
  m.command(iodirInvalDdt());
  entry(0, ppn(supervisorPage(0, 4)) | BASIC);
  expect([0x7000, 0x8000].map((iova) => m.message(DEVICE, iova, 5).cause)).toEqual([0, 0]);
  expect(hgeip()).toBe(1 << 4);
  expect(m.message(DEVICE, 0x9000, 5).cause).toBe(IoFault.WritePageFault);
});

test("so it is for transactions with a process_id", () => {
  const first = new PageTable(m, "first", 8, second);
  const processes = new ProcessDirectory(m, 1, second);
  first.map(0x7000, VIRTUAL);
  processes.process(0, first, 0);
  m.device(DEVICE, { tc: Tc.DPE, processes, second, gscid: 5, msi: msi() });
  m.command(iodirInvalDdt());
  entry(0, ppn(supervisorPage(0, 1)) | BASIC);
  expect(m.message(DEVICE, 0x7000, 5)).toEqual({ taken: true, cause: 0 });
});

test.each([
  ["V = 0", 0n, IoFault.MsiPteNotValid],
  ["M = 0", V, IoFault.MsiPteMisconfigured],
  ["M = 2", V | 4n, IoFault.MsiPteMisconfigured],
  ["MRIF mode", V | 2n, IoFault.MsiPteMisconfigured],
  ["a custom PTE", BASIC | CUSTOM, IoFault.MsiPteMisconfigured],
  ["a reserved bit", BASIC | (1n << 8n), IoFault.MsiPteMisconfigured],
  ["another", BASIC | (1n << 54n), IoFault.MsiPteMisconfigured],
])("MSI PTE with %s", (_what, pte, cause) => {
  entry(0, pte);
  expect(m.message(DEVICE, VIRTUAL, 1)).toEqual({ taken: false, cause });
  expect(m.faults()).toMatchObject([{ cause, device: DEVICE, type: Ttyp.UntranslatedWrite, iotval: BigInt(VIRTUAL) }]);
});

test("a table outside memory", () => {
  m.device(DEVICE, { second, gscid: 5, msi: { ...msi(), table: 0x1000 } });
  m.command(iodirInvalDdt());
  expect(m.message(DEVICE, VIRTUAL, 1).cause).toBe(IoFault.MsiPteLoadAccessFault);
});

test("reads and larger writes are translated alike, and find no memory; execution is refused", () => {
  entry(0, ppn(supervisorPage(0, 1)) | BASIC);
  expect(m.dmaRead(DEVICE, VIRTUAL, 4).cause).toBe(IoFault.ReadAccessFault);
  expect(m.dmaWrite(DEVICE, VIRTUAL, 64).cause).toBe(IoFault.WriteAccessFault);
  expect(m.request(DEVICE, VIRTUAL)).toBe(ppn(supervisorPage(0, 1)));
  expect(m.request(DEVICE, VIRTUAL, { exe: true })).toBe(1n);
  expect(m.faults().at(-1)?.cause).toBe(IoFault.InstructionAccessFault);
});

test("where no file is, nobody takes the message; neither in the middle of a page nor misaligned", () => {
  entry(0, ppn(supervisorPage(2, 0)) | BASIC);
  expect(m.message(DEVICE, VIRTUAL, 1)).toEqual({ taken: false, cause: IoFault.WriteAccessFault });
  entry(0, ppn(supervisorPage(0, 1)) | BASIC);
  expect([4, 8, 2].map((offset) => m.message(DEVICE, VIRTUAL + offset, 1).taken)).toEqual([false, false, false]);
  expect(hgeip()).toBe(0);
});

test.each([
  ["an unknown mode", [2n << 60n, 0n, 0n, 0n]],
  ["reserved bits of msiptp", [(1n << 60n) | (1n << 44n), 0n, 0n, 0n]],
  ["a mask wider than a guest's pages", [1n << 60n, 1n << 47n, 0n, 0n]],
  ["a pattern wider than a guest's pages", [1n << 60n, 0n, 1n << 63n, 0n]],
  ["the reserved doubleword", [...OFF.slice(0, 3), 1n]],
] as const)("device context with %s", (_what, words) => {
  m.device(DEVICE, { second, gscid: 5, raw: { msi: words as unknown as typeof OFF } });
  m.command(iodirInvalDdt());
  expect(m.message(DEVICE, VIRTUAL, 1).cause).toBe(IoFault.DdtEntryMisconfigured);
});

test("an MSI page table without a second stage is a misconfiguration", () => {
  m.device(DEVICE, { msi: msi() });
  m.command(iodirInvalDdt());
  expect(m.message(DEVICE, VIRTUAL, 1).cause).toBe(IoFault.DdtEntryMisconfigured);
});

test("extended format: 64 contexts a page, 6 + 9 bits of device_id at two levels", () => {
  entry(0, ppn(supervisorPage(0, 1)) | BASIC);
  m.device(0x7fff, { second, gscid: 5, msi: msi() });
  expect(m.message(0x7fff, VIRTUAL, 1).taken).toBe(true);
  expect(m.message(0x8000, VIRTUAL, 1).cause).toBe(IoFault.TransactionTypeDisallowed);
});

const vector = (n: number) => IommuReg.msi_cfg_tbl + 16 * n;
function messageTable(n: number, address: number, data: number, masked = 0): void {
  m.setReg64(vector(n), BigInt(address));
  m.setReg(vector(n) + 8, data);
  m.setReg(vector(n) + 12, masked);
}

test("fctl.WSI = 0: a cause that becomes pending sends its vector's message, once", () => {
  m.setReg(IommuReg.fctl, 0);
  m.setReg(IommuReg.icvec, 0x0010);
  messageTable(1, supervisorPage(0, 5), 33);
  m.message(0x30, 0, 0); // a fault
  expect([hgeip(), m.exports.iommuWires()]).toEqual([1 << 5, 0]);
  expect(m.reg(vector(1) + 8)).toBe(33);
});

test("a masked vector's message waits until it is unmasked", () => {
  m.setReg(IommuReg.fctl, 0);
  messageTable(0, supervisorPage(0, 5), 33, 1);
  m.message(0x30, 0, 0);
  expect(hgeip()).toBe(0);
  m.setReg(vector(0) + 12, 0);
  expect(hgeip()).toBe(1 << 5);
});

test("a message of the IOMMU's that finds nothing is a fault of its own", () => {
  m.setReg(IommuReg.fctl, 0);
  messageTable(0, IMSIC_M + 0x10_0000, 33);
  m.message(0x30, 0, 0);
  expect(m.faults().map(({ cause, type, iotval }) => [cause, type, iotval])).toEqual([
    [IoFault.DdtEntryNotValid, Ttyp.UntranslatedWrite, 0n],
    [IoFault.IommuMsiWriteAccessFault, Ttyp.None, BigInt(IMSIC_M + 0x10_0000)],
  ]);
});

test("without IMSICs there are wires alone, and no table", () => {
  const wired = new HubMachine();
  wired.setReg(IommuReg.fctl, 0);
  wired.setReg(vector(0) + 8, 33);
  expect([wired.reg(IommuReg.fctl), wired.reg(vector(0) + 8)]).toEqual([FCTL_WSI, 0]);
});
