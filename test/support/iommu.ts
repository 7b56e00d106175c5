// Builders for the IOMMU's tables, queues and commands in simulated RAM, so that a test reads like the specification's figures.
import { Cost } from "../../assembly/isa/cost.js";
import type { Counter } from "../../assembly/isa/counter.js";
import { Cqcsr, Fqcsr, IommuMode, IommuReg, Tc } from "../../assembly/isa/iommu.js";
import {
  DMA_BYTES,
  DMA_CAUSE,
  DMA_CYCLES,
  DMA_FAULT_IOVA,
  DMA_HITS,
  DMA_INTERRUPT,
  DMA_MISSES,
  RAM,
  RAM_START,
  STAGING,
} from "../../assembly/layout.js";
import { Core } from "../../src/core/core.js";
import type { CoreExports } from "../../src/core/instance.js";

/** The hub's part of the core's exports. */
export interface HubExports extends CoreExports {
  iommuWires(): number;
}

export const PAGE = 4096;
export const MEGAPAGE = 0x20_0000;
/** Guest physical addresses of a guest's own tables: their physical address plus this. */
const GUEST_TABLES = 0x40_0000_0000;

/** Permissions of a page as letters: "rwx" and "u", "g", "a", "d"; V is implied. */
export function pte(letters: string): bigint {
  const bits: Record<string, bigint> = { r: 2n, w: 4n, x: 8n, u: 16n, g: 32n, a: 64n, d: 128n };
  return [...letters].reduce((sum, letter) => sum | bits[letter], 1n);
}

/** What a fault record says. */
export interface FaultRecord {
  cause: number;
  device: number;
  type: number;
  pv: number;
  pid: number;
  priv: number;
  iotval: bigint;
  iotval2: bigint;
}

export interface DmaOutcome {
  cause: number;
  bytes: number;
  cycles: number;
  hits: number;
  misses: number;
  faultIova: bigint;
  interrupt: number;
}

/** Fields of a device context; everything left out is zero. */
export interface DeviceFields {
  tc?: number | bigint;
  first?: PageTable;
  second?: PageTable;
  gscid?: number;
  pscid?: number;
  /** Process directory; sets PDTV. */
  processes?: ProcessDirectory;
  /** MSI page table; extended format only. */
  msi?: { table: number; mask: number; pattern: number };
  /** Raw doublewords that take precedence. */
  raw?: {
    msi?: readonly [msiptp: bigint, mask: bigint, pattern: bigint, reserved: bigint];
    tc?: bigint;
    iohgatp?: bigint;
    ta?: bigint;
    fsc?: bigint;
  };
}

/** A hub with RAM: registers set up by `start`, tables by the builders. */
export class HubMachine {
  readonly core: Core;
  readonly exports: HubExports;
  readonly view: DataView;
  readonly u8: Uint8Array;
  readonly staging: Uint8Array;
  private free: number;
  private levels = 1;
  private root = 0;
  commandQueue = 0;
  faultQueue = 0;
  private commandTail = 0;
  private commandMask = 0;
  /** log2 of the device contexts in a page: base format, or extended. */
  private leafBits = 7;

  constructor(readonly ramSize = 0x80_0000) {
    this.core = new Core(ramSize);
    this.exports = this.core.exports as HubExports;
    this.u8 = this.core.u8;
    this.view = new DataView(this.u8.buffer);
    this.staging = this.core.staging;
    this.core.setCost(Cost.IotlbHit, 3);
    this.core.setCost(Cost.IoWalkReference, 150);
    this.core.setCost(Cost.DdtReference, 150);
    this.core.setCost(Cost.IoCommand, 500);
    this.free = RAM_START;
  }

  /** IMSICs, and with them MSI page tables. */
  withImsics(harts: number, guests: number): this {
    this.core.exports.aiaConfigure(harts, guests);
    this.leafBits = 6;
    return this;
  }

  counter(counter: Counter): number {
    return this.core.counter(counter);
  }
  /** How much `counter` grows by `action`. */
  counted(counter: Counter, action: () => void): number {
    const before = this.counter(counter);
    action();
    return this.counter(counter) - before;
  }

  /** Physical address of `pages` zeroed pages, aligned to `align`. */
  allocate(pages = 1, align = PAGE): number {
    const at = Math.ceil(this.free / align) * align;
    this.free = at + pages * PAGE;
    if (this.free > RAM_START + this.ramSize) throw new Error("test RAM exhausted");
    return at;
  }
  read64(pa: number): bigint {
    return this.view.getBigUint64(pa - RAM_START + RAM, true);
  }
  write64(pa: number, value: bigint): void {
    this.view.setBigUint64(pa - RAM_START + RAM, BigInt.asUintN(64, value), true);
  }
  bytes(pa: number, length: number): Uint8Array {
    return this.u8.subarray(pa - RAM_START + RAM, pa - RAM_START + RAM + length);
  }

  reg(offset: number): number {
    return this.exports.iommuRead(offset) >>> 0;
  }
  setReg(offset: number, value: number): void {
    this.exports.iommuWrite(offset, value);
  }
  reg64(offset: number): bigint {
    return BigInt(this.reg(offset)) | (BigInt(this.reg(offset + 4)) << 32n);
  }
  setReg64(offset: number, value: bigint): void {
    this.setReg(offset + 4, Number(BigInt.asUintN(32, value >> 32n)));
    this.setReg(offset, Number(BigInt.asUintN(32, value)));
  }

  /** An empty directory of `levels` levels, both queues (2^`log2` entries) enabled with their interrupts. */
  start(levels: 1 | 2 | 3 = 1, log2 = 6): this {
    this.levels = levels;
    this.root = this.allocate();
    this.setReg64(IommuReg.ddtp, BigInt(this.root / PAGE) * 1024n + BigInt(IommuMode.Bare + levels));
    this.startCommands(this.allocate(), log2);
    this.startFaults(this.allocate(), log2);
    return this;
  }
  startCommands(at: number, log2: number, control = Cqcsr.cqen | Cqcsr.cie): void {
    this.commandQueue = at;
    this.commandTail = 0;
    this.commandMask = (1 << log2) - 1;
    this.setReg64(IommuReg.cqb, BigInt(at / PAGE) * 1024n + BigInt(log2 - 1));
    this.setReg(IommuReg.cqt, 0);
    this.setReg(IommuReg.cqcsr, control);
  }
  startFaults(at: number, log2: number, control = Fqcsr.fqen | Fqcsr.fie): void {
    this.faultQueue = at;
    this.setReg64(IommuReg.fqb, BigInt(at / PAGE) * 1024n + BigInt(log2 - 1));
    this.setReg(IommuReg.fqh, 0);
    this.setReg(IommuReg.fqcsr, control);
  }

  /** Where the context of `device` lies; makes the tables above it. */
  contextOf(device: number): number {
    let table = this.root;
    for (let level = this.levels - 1; level > 0; level--) {
      const at = table + 8 * ((device >> (this.leafBits + 9 * (level - 1))) & 511);
      if ((this.read64(at) & 1n) === 0n) this.write64(at, BigInt(this.allocate() / PAGE) * 1024n + 1n);
      table = Number(this.read64(at) >> 10n) * PAGE;
    }
    return table + (device & (2 ** this.leafBits - 1)) * (PAGE >> this.leafBits);
  }

  /** Writes a device context. */
  device(device: number, fields: DeviceFields = {}): void {
    const { first, second, gscid = 0, pscid = 0, processes, raw = {} } = fields;
    const at = this.contextOf(device);
    const tc = BigInt(fields.tc ?? 0) | BigInt(Tc.V | (processes ? Tc.PDTV : 0));
    this.write64(at, raw.tc ?? tc);
    this.write64(at + 8, raw.iohgatp ?? (second ? second.atp | (BigInt(gscid) << 44n) : 0n));
    this.write64(at + 16, raw.ta ?? BigInt(pscid) << 12n);
    this.write64(at + 24, raw.fsc ?? processes?.pdtp ?? first?.atp ?? 0n);
    if (this.leafBits === 7) return;
    const { msi } = fields;
    const flat = msi && ([(1n << 60n) | BigInt(msi.table / PAGE), BigInt(msi.mask), BigInt(msi.pattern), 0n] as const);
    for (const [i, word] of (raw.msi ?? flat ?? [0n, 0n, 0n, 0n]).entries()) this.write64(at + 32 + 8 * i, word);
  }

  dmaRead(device: number, iova: number | bigint, length: number): DmaOutcome {
    return this.dma("dmaRead", device, iova, length);
  }
  /** Writes what the staging area holds. */
  dmaWrite(device: number, iova: number | bigint, length: number): DmaOutcome {
    return this.dma("dmaWrite", device, iova, length);
  }
  private dma(way: "dmaRead" | "dmaWrite", device: number, iova: number | bigint, length: number): DmaOutcome {
    const address = BigInt.asUintN(64, BigInt(iova));
    const [lo, hi] = [Number(address & 0xffff_ffffn), Number(address >> 32n)];
    const returned = this.exports[way](device, lo, hi, STAGING, length);
    const word = (at: number) => this.view.getUint32(at, true);
    if (returned !== word(DMA_CAUSE)) throw new Error("result and DMA record differ");
    return {
      cause: returned,
      bytes: word(DMA_BYTES),
      cycles: word(DMA_CYCLES),
      hits: word(DMA_HITS),
      misses: word(DMA_MISSES),
      faultIova: this.view.getBigUint64(DMA_FAULT_IOVA, true),
      interrupt: word(DMA_INTERRUPT),
    };
  }

  /** A 4-byte write of a device: where it goes, or 0 with the cause in the DMA record. */
  message(device: number, iova: number, data: number): { taken: boolean; cause: number } {
    const destination = this.exports.msiRoute(device, iova >>> 0, Math.floor(iova / 2 ** 32)) >>> 0;
    if (destination !== 0) this.exports.msiDeliver(destination, data);
    return { taken: destination !== 0, cause: this.view.getUint32(DMA_CAUSE, true) };
  }

  /** Queues commands and rings the tail. */
  command(...commands: readonly [bigint, bigint][]): void {
    for (const [first, second] of commands) {
      this.write64(this.commandQueue + 16 * this.commandTail, first);
      this.write64(this.commandQueue + 16 * this.commandTail + 8, second);
      this.commandTail = (this.commandTail + 1) & this.commandMask;
    }
    this.setReg(IommuReg.cqt, this.commandTail);
  }

  /** Takes all records out of the fault queue. */
  faults(): FaultRecord[] {
    const records: FaultRecord[] = [];
    const mask = 2 ** ((this.reg(IommuReg.fqb) & 31) + 1) - 1;
    const tail = this.reg(IommuReg.fqt);
    let head = this.reg(IommuReg.fqh);
    for (; head !== tail; head = (head + 1) & mask) records.push(this.faultRecord(head));
    this.setReg(IommuReg.fqh, head);
    return records;
  }
  private faultRecord(index: number): FaultRecord {
    const at = this.faultQueue + 32 * index;
    const word = this.read64(at);
    const field = (shift: bigint, bits: bigint) => Number((word >> shift) & ((1n << bits) - 1n));
    return {
      cause: field(0n, 12n),
      pid: field(12n, 20n),
      pv: field(32n, 1n),
      priv: field(33n, 1n),
      type: field(34n, 6n),
      device: field(40n, 24n),
      iotval: this.read64(at + 16),
      iotval2: this.read64(at + 24),
    };
  }

  /** A translation by the debug interface: `tr_response`. */
  request(
    device: number,
    iova: number,
    what: { pid?: number; priv?: boolean; exe?: boolean; nw?: boolean } = {},
  ): bigint {
    const pid = what.pid === undefined ? 0n : (BigInt(what.pid) << 12n) | (1n << 32n);
    const bits = 1n | (what.priv ? 2n : 0n) | (what.exe ? 4n : 0n) | ((what.nw ?? true) ? 8n : 0n);
    this.setReg64(IommuReg.tr_req_iova, BigInt(iova));
    this.setReg64(IommuReg.tr_req_ctl, (BigInt(device) << 40n) | pid | bits);
    return this.reg64(IommuReg.tr_response);
  }
}

/** A page table of either stage. Tables of a first stage under a second one lie in guest physical memory. */
export class PageTable {
  /** Physical address of the root, and the address that iosatp or iohgatp names. */
  readonly root: number;
  readonly rootAddress: number;

  constructor(
    readonly m: HubMachine,
    readonly stage: "first" | "second",
    readonly mode: 8 | 9 | 10 = 8,
    readonly within?: PageTable,
  ) {
    this.root = stage === "second" ? m.allocate(4, 4 * PAGE) : m.allocate();
    this.rootAddress = this.published(this.root);
  }

  /** MODE and PPN of iosatp or iohgatp. */
  get atp(): bigint {
    return (BigInt(this.mode) << 60n) | BigInt(this.rootAddress / PAGE);
  }

  /** The address under which whoever walks this table finds a page of it. */
  private published(pa: number): number {
    if (!this.within) return pa;
    this.within.map(pa + GUEST_TABLES, pa, "rwuad");
    return pa + GUEST_TABLES;
  }
  private physical(address: number): number {
    return this.within ? address - GUEST_TABLES : address;
  }

  /** Physical address of the entry that maps `va` at `shift`; makes the tables above it. */
  entry(va: number, shift = 12): number {
    let table = this.root;
    for (let at = 12 + 9 * (this.mode - 6); ; at -= 9) {
      const wide = this.stage === "second" && at === 12 + 9 * (this.mode - 6);
      const address = table + 8 * (Math.floor(va / 2 ** at) % (wide ? 2048 : 512));
      if (at === shift) return address;
      if ((this.m.read64(address) & 1n) === 0n) {
        const next = this.published(this.m.allocate());
        this.m.write64(address, BigInt(next / PAGE) * 1024n + 1n);
      }
      table = this.physical(Number((this.m.read64(address) >> 10n) & 0xfff_ffff_ffffn) * PAGE);
    }
  }

  map(va: number, pa: number, letters = "rwuad", shift = 12): void {
    this.m.write64(this.entry(va, shift), BigInt(pa / PAGE) * 1024n + pte(letters));
  }
  unmap(va: number, shift = 12): void {
    this.m.write64(this.entry(va, shift), 0n);
  }
}

/** A process directory; under a second stage it lies in guest physical memory. */
export class ProcessDirectory {
  private readonly root: number;

  constructor(
    readonly m: HubMachine,
    readonly levels: 1 | 2 | 3,
    readonly within?: PageTable,
  ) {
    this.root = this.page();
  }
  get pdtp(): bigint {
    return (BigInt(this.levels) << 60n) | BigInt(this.root / PAGE);
  }
  private page(): number {
    const pa = this.m.allocate();
    this.within?.map(pa + GUEST_TABLES, pa, "ruad");
    return this.within ? pa + GUEST_TABLES : pa;
  }
  private physical(address: number): number {
    return this.within ? address - GUEST_TABLES : address;
  }
  /** Physical address of the process context. */
  entry(pid: number): number {
    let table = this.root;
    for (let level = this.levels - 1; level > 0; level--) {
      const at = this.physical(table) + 8 * (level === 2 ? pid >> 17 : (pid >> 8) & 511);
      if ((this.m.read64(at) & 1n) === 0n) this.m.write64(at, BigInt(this.page() / PAGE) * 1024n + 1n);
      table = Number(this.m.read64(at) >> 10n) * PAGE;
    }
    return this.physical(table) + 16 * (pid & 255);
  }
  process(pid: number, first: PageTable | undefined, pscid: number, ta = 1): void {
    const at = this.entry(pid);
    this.m.write64(at, BigInt(ta | 1) | (BigInt(pscid) << 12n));
    this.m.write64(at + 8, first?.atp ?? 0n);
  }
}

interface VmaOperands {
  gscid?: number;
  pscid?: number;
  address?: number;
}
function operands(func3: bigint, { gscid, pscid, address }: VmaOperands): [bigint, bigint] {
  const first =
    1n |
    (func3 << 7n) |
    (address === undefined ? 0n : 1n << 10n) |
    (pscid === undefined ? 0n : (BigInt(pscid) << 12n) | (1n << 32n)) |
    (gscid === undefined ? 0n : (BigInt(gscid) << 44n) | (1n << 33n));
  return [first, BigInt(Math.floor((address ?? 0) / PAGE)) << 10n];
}
/** IOTINVAL.VMA; an operand that is left out is not valid (GV, PSCV, AV = 0). */
export const iotinvalVma = (fields: VmaOperands = {}) => operands(0n, fields);
export const iotinvalGvma = (fields: VmaOperands = {}) => operands(1n, fields);
export const iofenceC = (fields: { address?: number; data?: number; wsi?: boolean } = {}): [bigint, bigint] => [
  2n |
    (fields.address === undefined ? 0n : 1n << 10n) |
    (fields.wsi ? 1n << 11n : 0n) |
    (BigInt(fields.data ?? 0) << 32n),
  BigInt(fields.address ?? 0) >> 2n,
];
export const iodirInvalDdt = (device?: number): [bigint, bigint] => [
  3n | (device === undefined ? 0n : (1n << 33n) | (BigInt(device) << 40n)),
  0n,
];
export const iodirInvalPdt = (device: number, pid: number): [bigint, bigint] => [
  3n | (1n << 7n) | (BigInt(pid) << 12n) | (1n << 33n) | (BigInt(device) << 40n),
  0n,
];
