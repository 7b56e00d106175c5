// RISC-V IOMMU Architecture Specification 1.0: "Guidelines for initialization", "Guidelines for invalidations",
// "Device-Directory-Table", "In-memory queue interface". The hypervisor's side: registers by MMIO, tables in memory.
import { IommuReg } from "../../assembly/isa/iommu.js";
import { readU32, readU64, writeU32, writeU64 } from "./memory/words.js";
import type { VmmServices } from "./types.js";

/** Physical address of the IOMMU's registers on the board. */
export const IOMMU_BASE = 0x0301_0000;

// capabilities
const VERSION_1_0 = 0x10;
const CAP_SV39X4 = 1 << 17;
const CAP_MSI_FLAT = 1 << 22;
const CAP_IGS_SHIFT = 28;
const IGS_MSI = 0;
// fctl
const FCTL_BE = 1;
const FCTL_WSI = 2;
// cqcsr and fqcsr
const QUEUE_ENABLE = 1;
const QUEUE_INTERRUPT_ENABLE = 2;
const QUEUE_MEMORY_FAULT = 1 << 8;
const FAULT_QUEUE_OVERFLOW = 1 << 9;
const COMMAND_TIMEOUT = 1 << 9;
const COMMAND_ILLEGAL = 1 << 10;
const QUEUE_ON = 1 << 16;
const QUEUE_BUSY = 1 << 17;
const DDTP_BUSY = 1 << 4;
const IPSR_FIP = 2;
/** icvec: command queue 0, fault queue 1, performance monitor 2, page requests 3: the board's four wires. */
const VECTORS = 0x3210;

const LOG2_COMMANDS = 8;
const LOG2_FAULTS = 7;
const COMMAND_BYTES = 16;
const FAULT_BYTES = 32;
/** Reads of a register before a wait is given up. */
const MOST_POLLS = 10_000;

const PAGE = 4096;
const PPN_SHIFT = 10;
const VALID = 1n;

/** A second-stage page table as a device context names it. */
export interface SecondStage {
  /** Guest soft-context ID: tag of its translations in the IOTLB. */
  readonly gscid: number;
  /** Physical address of the 16 KiB root table. */
  readonly root: number;
  /** `iohgatp.MODE`: 8 Sv39x4 (default), 9 Sv48x4, 10 Sv57x4. */
  readonly mode?: 8 | 9 | 10;
}

/** The second stage that an hgatp value (VMID = GSCID) names. */
export function secondStageOf(hgatp: bigint): SecondStage {
  return {
    gscid: Number((hgatp >> 44n) & 0x3fffn),
    root: Number(hgatp & 0xfff_ffff_ffffn) * PAGE,
    mode: Number(hgatp >> 60n) as 8 | 9 | 10,
  };
}

/** A record of the fault queue. */
export interface IommuFault {
  /** "Fault record 'CAUSE' field encodings". */
  readonly cause: number;
  readonly deviceId: number;
  /** Transaction type (TTYP): 1 read for execute, 2 read, 3 write. */
  readonly type: number;
  /** I/O virtual address. */
  readonly iova: number;
  /** Guest physical address of a guest-page fault, else 0. */
  readonly gpa: number;
}

export interface IommuOptions {
  readonly base?: number;
  /** Widest device_id in bits; decides the levels of the directory. Default 8: PCIe bus 0. */
  readonly deviceIdWidth?: number;
  /** Whether faults raise the fault queue's wire. Default false. */
  readonly interrupts?: boolean;
}

/** Drives the IOMMU for the VMM. Throws only when the hardware isn't what the board promises. */
export class IommuDriver {
  /** Commands that were queued; waits for an IOFENCE.C; fault records read; times that the fault queue overflowed. */
  readonly counters = { commands: 0, fences: 0, faults: 0, overflows: 0 };
  private readonly base: number;
  private readonly width: number;
  private readonly interrupts: boolean;
  private commandQueue = 0;
  private faultQueue = 0;
  private commandTail = 0;
  private directory = 0;
  private levels = 0;
  private contextBytes = 32;
  /** iohgatp.GSCID of each bound device; undefined for a bare one. */
  private readonly bound = new Map<number, number | undefined>();

  constructor(
    private readonly vmm: VmmServices,
    options: IommuOptions = {},
  ) {
    this.base = options.base ?? IOMMU_BASE;
    this.width = options.deviceIdWidth ?? 8;
    this.interrupts = options.interrupts ?? false;
  }

  /** Brings the IOMMU up: every device is shut out until it is bound. */
  start(): void {
    const lo = this.read(IommuReg.capabilities);
    if ((lo & 0xff) !== VERSION_1_0) throw this.unfit(`capabilities.version is 0x${(lo & 0xff).toString(16)}`);
    if ((lo & CAP_SV39X4) === 0) throw this.unfit("no Sv39x4");
    if ((this.read(IommuReg.fctl) & FCTL_BE) !== 0) throw this.unfit("big-endian");
    if (this.interrupts) {
      if (((lo >>> CAP_IGS_SHIFT) & 3) === IGS_MSI) throw this.unfit("no wire-signaled interrupts");
      this.write(IommuReg.fctl, FCTL_WSI);
      this.write64(IommuReg.icvec, BigInt(VECTORS));
    }
    this.contextBytes = lo & CAP_MSI_FLAT ? 64 : 32;

    this.commandQueue = this.vmm.allocate(COMMAND_BYTES << LOG2_COMMANDS, PAGE, "IOMMU command queue");
    this.write64(IommuReg.cqb, queueBase(this.commandQueue, LOG2_COMMANDS));
    this.write(IommuReg.cqt, 0);
    this.write(IommuReg.cqcsr, QUEUE_ENABLE);
    this.poll(IommuReg.cqcsr, QUEUE_ON, QUEUE_ON, "command queue");

    this.faultQueue = this.vmm.allocate(FAULT_BYTES << LOG2_FAULTS, PAGE, "IOMMU fault queue");
    this.write64(IommuReg.fqb, queueBase(this.faultQueue, LOG2_FAULTS));
    this.write(IommuReg.fqh, 0);
    this.write(IommuReg.fqcsr, this.faultControl());
    this.poll(IommuReg.fqcsr, QUEUE_ON, QUEUE_ON, "fault queue");

    const leafBits = this.contextBytes === 64 ? 6 : 7;
    this.levels = this.width <= leafBits ? 1 : this.width <= leafBits + 9 ? 2 : 3;
    this.directory = this.vmm.allocate(PAGE, PAGE, "IOMMU device directory");
    const mode = this.levels + 1;
    this.poll(IommuReg.ddtp, DDTP_BUSY, 0, "ddtp");
    this.write64(IommuReg.ddtp, (BigInt(this.directory / PAGE) << BigInt(PPN_SHIFT)) | BigInt(mode));
    this.poll(IommuReg.ddtp, DDTP_BUSY, 0, "ddtp");
    if ((this.read(IommuReg.ddtp) & 0xf) !== mode) throw this.unfit(`no ${this.levels}LVL directory`);
    this.commit([iodirInvalDdt(), iotinvalVma(), iotinvalGvma()]);
  }

  /** Gives a device the guest addresses of `stage`. */
  bind(deviceId: number, stage: SecondStage): void {
    const mode = stage.mode ?? 8;
    const iohgatp = (BigInt(mode) << 60n) | (BigInt(stage.gscid) << 44n) | BigInt(stage.root / PAGE);
    this.setContext(deviceId, VALID, iohgatp, stage.gscid);
  }

  /** Lets a device name physical addresses, unchecked. */
  bare(deviceId: number): void {
    this.setContext(deviceId, VALID, 0n, undefined);
  }

  /** Shuts a device out. */
  unbind(deviceId: number): void {
    this.setContext(deviceId, 0n, 0n, undefined);
    this.bound.delete(deviceId);
  }

  /** Forgets cached translations of a guest, all or those of the page at `gpa`, after its second stage changed. */
  invalidate(gscid: number, gpa?: number): void {
    this.commit([iotinvalGvma(gscid, gpa)]);
  }

  /** Takes the records out of the fault queue, oldest first. */
  faults(): IommuFault[] {
    const records: IommuFault[] = [];
    const mask = (1 << LOG2_FAULTS) - 1;
    const tail = this.read(IommuReg.fqt) & mask;
    let head = this.read(IommuReg.fqh) & mask;
    for (; head !== tail; head = (head + 1) & mask) records.push(this.record(this.faultQueue + head * FAULT_BYTES));
    if (records.length > 0) this.write(IommuReg.fqh, head);
    const status = this.read(IommuReg.fqcsr);
    if ((status & FAULT_QUEUE_OVERFLOW) !== 0) this.counters.overflows++;
    if ((status & (FAULT_QUEUE_OVERFLOW | QUEUE_MEMORY_FAULT)) !== 0) {
      this.write(IommuReg.fqcsr, this.faultControl() | FAULT_QUEUE_OVERFLOW | QUEUE_MEMORY_FAULT);
    }
    this.write(IommuReg.ipsr, IPSR_FIP);
    this.counters.faults += records.length;
    return records;
  }

  private record(address: number): IommuFault {
    const core = this.vmm.core;
    const cause = readU32(core, address) & 0xfff;
    const hi = readU32(core, address + 4);
    const isGuestPageFault = cause === 20 || cause === 21 || cause === 23;
    return {
      cause,
      deviceId: hi >>> 8,
      type: (hi >>> 2) & 0x3f,
      iova: Number(readU64(core, address + 16)),
      gpa: isGuestPageFault ? Number(readU64(core, address + 24) & ~3n) : 0,
    };
  }

  private setContext(deviceId: number, tc: bigint, iohgatp: bigint, gscid: number | undefined): void {
    const { core } = this.vmm;
    const context = this.contextOf(deviceId);
    // "Changing device directory table entry": V goes first and comes last, lest the IOMMU read half of each.
    writeU64(core, context, 0n);
    writeU64(core, context + 8, iohgatp);
    for (let at = 16; at < this.contextBytes; at += 8) writeU64(core, context + at, 0n);
    writeU64(core, context, tc);
    const commands = [iodirInvalDdt(deviceId)];
    const old = this.bound.get(deviceId);
    if (old !== undefined) commands.push(iotinvalVma(old), iotinvalGvma(old));
    if (gscid !== undefined && gscid !== old) commands.push(iotinvalGvma(gscid));
    this.bound.set(deviceId, gscid);
    this.commit(commands);
  }

  /** Address of a device's context; tables on the way are made as needed. */
  private contextOf(deviceId: number): number {
    if (deviceId < 0 || deviceId >= 2 ** this.width)
      throw new RangeError(`device_id ${deviceId} exceeds ${this.width} bits`);
    const { core } = this.vmm;
    const leafBits = this.contextBytes === 64 ? 6 : 7;
    let table = this.directory;
    for (let level = this.levels - 1; level > 0; level--) {
      const index = (deviceId >>> (leafBits + 9 * (level - 1))) & 0x1ff;
      const entry = readU64(core, table + index * 8);
      if ((entry & VALID) !== 0n) {
        table = Number((entry >> BigInt(PPN_SHIFT)) & 0xfff_ffff_ffffn) * PAGE;
        continue;
      }
      const next = this.vmm.allocate(PAGE, PAGE, "IOMMU device directory");
      writeU64(core, table + index * 8, (BigInt(next / PAGE) << BigInt(PPN_SHIFT)) | VALID);
      this.commit([iodirInvalDdt()]);
      table = next;
    }
    return table + (deviceId & ((1 << leafBits) - 1)) * this.contextBytes;
  }

  /** Queues the commands and an IOFENCE.C, and waits until all of them have taken effect. */
  private commit(commands: readonly Command[]): void {
    const begin = this.vmm.core.cycles;
    const mask = (1 << LOG2_COMMANDS) - 1;
    for (const command of [...commands, IOFENCE_C]) {
      const at = this.commandQueue + this.commandTail * COMMAND_BYTES;
      for (let i = 0; i < 4; i++) writeU32(this.vmm.core, at + i * 4, command[i]);
      this.commandTail = (this.commandTail + 1) & mask;
    }
    this.write(IommuReg.cqt, this.commandTail);
    this.poll(IommuReg.cqh, mask, this.commandTail, "IOFENCE.C");
    this.counters.commands += commands.length;
    this.counters.fences++;
    // The parameter covers the whole, so only what the register accesses haven't charged yet is left.
    const rest = this.vmm.costs.iommuCommand - (this.vmm.core.cycles - begin);
    if (rest > 0) this.vmm.charge("vmm", rest);
  }

  private faultControl(): number {
    return QUEUE_ENABLE | (this.interrupts ? QUEUE_INTERRUPT_ENABLE : 0);
  }

  private poll(register: IommuReg, mask: number, value: number, what: string): void {
    for (let i = 0; i < MOST_POLLS; i++) {
      if ((this.read(register) & mask) === value) return;
      const status = this.read(IommuReg.cqcsr);
      if ((status & (QUEUE_MEMORY_FAULT | COMMAND_TIMEOUT | COMMAND_ILLEGAL)) !== 0 && (status & QUEUE_BUSY) === 0) {
        throw this.unfit(`cqcsr is 0x${(status >>> 0).toString(16)} while waiting for ${what}`);
      }
    }
    throw this.unfit(`no answer from ${what}`);
  }

  private unfit(why: string): Error {
    return new Error(`IOMMU at 0x${this.base.toString(16)}: ${why}`);
  }

  private read(register: IommuReg): number {
    return this.vmm.mmioRead(this.base + register, 4);
  }

  private write(register: IommuReg, value: number): void {
    this.vmm.mmioWrite(this.base + register, 4, value);
  }

  /** High half first: the low half of `ddtp` holds the mode that makes the rest count. */
  private write64(register: IommuReg, value: bigint): void {
    this.write(register + 4, Number(value >> 32n));
    this.write(register, Number(value & 0xffff_ffffn));
  }
}

function queueBase(address: number, log2: number): bigint {
  return (BigInt(address / PAGE) << BigInt(PPN_SHIFT)) | BigInt(log2 - 1);
}

/** Four u32 of a command. */
type Command = readonly [number, number, number, number];

const OPCODE_IOTINVAL = 1;
const OPCODE_IOFENCE = 2;
const OPCODE_IODIR = 3;
const FUNC3_GVMA = 1 << 7;
const AV = 1 << 10;
const GV = 2;
const DV = 2;
const GSCID_SHIFT = 12;
const PR_PW = 3 << 12;

const IOFENCE_C: Command = [OPCODE_IOFENCE | PR_PW, 0, 0, 0];

/** For one device, or for all. */
function iodirInvalDdt(deviceId?: number): Command {
  return deviceId === undefined ? [OPCODE_IODIR, 0, 0, 0] : [OPCODE_IODIR, (deviceId << 8) | DV, 0, 0];
}

function iotinvalVma(gscid?: number): Command {
  return gscid === undefined ? [OPCODE_IOTINVAL, 0, 0, 0] : [OPCODE_IOTINVAL, (gscid << GSCID_SHIFT) | GV, 0, 0];
}

/** For all guests, for one, or for one page of one. */
function iotinvalGvma(gscid?: number, gpa?: number): Command {
  if (gscid === undefined) return [OPCODE_IOTINVAL | FUNC3_GVMA, 0, 0, 0];
  const tag = (gscid << GSCID_SHIFT) | GV;
  if (gpa === undefined) return [OPCODE_IOTINVAL | FUNC3_GVMA, tag, 0, 0];
  // ADDR[63:12] lies at bits 61:10 of the second doubleword.
  const address = BigInt(Math.floor(gpa / PAGE)) << 10n;
  return [OPCODE_IOTINVAL | FUNC3_GVMA | AV, tag, Number(address & 0xffff_ffffn), Number(address >> 32n)];
}
