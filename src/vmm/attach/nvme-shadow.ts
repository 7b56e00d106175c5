// NVM Express Base Specification 1.4: the registers of a controller whose guest names guest-physical addresses, while the
// device takes physical ones. Every register access traps; the admin queues' addresses are replaced here, those of
// commands behind the doorbells.
import { Access, type IrqLine, type MmioDevice } from "../../platform/ports.js";
import {
  CAP_HI_BPS,
  CAP_HI_CMBS,
  CAP_HI_CSS_NVM,
  CAP_HI_DSTRD,
  CAP_HI_MPSMAX,
  CAP_HI_NSSRS,
  CAP_HI_PMRS,
  CC_CSS,
  CC_EN,
  CC_ENTRY_SIZES,
  CC_MPS,
  CSTS_CFS,
  DOORBELLS,
  NVME_PAGE,
  NvmeReg,
} from "../nvme-registers.js";
import type { PhysicalFunction, Vm, VmmServices } from "../types.js";
import { type Rejection, ShadowCommands, type ShadowCounters } from "./nvme-shadow-commands.js";

/** CAP fields: MQES, CQR; CSS. */
const CAP_CQR = 1 << 16;
const CAP_HI_CSS = 0xff << 5;
/** CC fields that reach the device: enable, arbitration, shutdown notification. */
const CC_FORWARDED = CC_EN | (7 << 11) | (3 << 14);

export interface NvmeShadowOptions {
  /** I/O queue pairs that the guest may create. Default 8. */
  readonly queues?: number;
  /** Most bytes of one command. Default 2 MiB; must not be less than the device's MDTS. */
  readonly maxTransfer?: number;
}

/** BAR0 of the controller as the guest sees it. */
export class NvmeShadow implements MmioDevice {
  /** What passed through, and the first commands that did not. */
  readonly counters: ShadowCounters;
  readonly rejections: readonly Rejection[];
  private readonly commands: ShadowCommands;
  private readonly capLo: number;
  private readonly capHi: number;

  private cc = 0;
  private aqa = 0;
  private asq = [0, 0];
  private acq = [0, 0];
  private mask = 0;
  /** The guest asked for what cannot be: CSTS.CFS until it resets the controller. */
  private fatal = false;
  private line = false;
  private held = false;

  constructor(
    private readonly vmm: VmmServices,
    vm: Pick<Vm, "name" | "memory">,
    private readonly fn: PhysicalFunction,
    private readonly irq: IrqLine,
    options: NvmeShadowOptions = {},
  ) {
    const capLo = this.readDevice(NvmeReg.CAP);
    const capHi = this.readDevice(NvmeReg.CAP + 4);
    this.capLo = (capLo | CAP_CQR) >>> 0;
    const hidden = CAP_HI_NSSRS | CAP_HI_BPS | CAP_HI_MPSMAX | CAP_HI_PMRS | CAP_HI_CMBS | CAP_HI_CSS;
    this.capHi = ((capHi & ~hidden) | CAP_HI_CSS_NVM) >>> 0;
    this.commands = new ShadowCommands(vmm, {
      name: vm.name,
      memory: vm.memory,
      bar: fn.bar,
      stride: 4 << (capHi & CAP_HI_DSTRD),
      mostEntries: (capLo & 0xffff) + 1,
      queues: options.queues ?? 8,
      maxTransfer: options.maxTransfer ?? 0x20_0000,
    });
    this.counters = this.commands.counters;
    this.rejections = this.commands.rejections;
  }

  read(offset: number, size: number): number {
    const word = this.readWord(offset & ~3);
    return size === 4 ? word : (word >>> ((offset & 3) * 8)) & (size === 1 ? 0xff : 0xffff);
  }

  write(offset: number, size: number, value: number): Access {
    if (size === 4 && offset % 4 === 0) {
      if (offset >= DOORBELLS) this.doorbell(offset - DOORBELLS, value & 0xffff);
      else this.writeRegister(offset, value);
    }
    return Access.Ok;
  }

  /** Takes the device away from the guest. */
  reset(): void {
    this.writeDevice(NvmeReg.CC, 0);
    this.cc = 0;
    this.aqa = 0;
    this.asq = [0, 0];
    this.acq = [0, 0];
    this.mask = 0;
    this.forget();
  }

  /** The device's interrupt. "hold" while completions wait for room in a queue of the guest: the line stays up till then. */
  interrupt(): "hold" | undefined {
    this.pump();
    this.held = this.commands.waiting;
    return this.held ? "hold" : undefined;
  }

  /** CAP, AQA, ASQ, ACQ, CC and the interrupt mask are ours; what isn't listed isn't there, lest it carry an address. */
  private readWord(offset: number): number {
    switch (offset) {
      case NvmeReg.CAP:
        return this.capLo;
      case NvmeReg.CAP + 4:
        return this.capHi;
      case NvmeReg.VS:
        return this.readDevice(NvmeReg.VS);
      case NvmeReg.INTMS:
      case NvmeReg.INTMC:
        return this.mask;
      case NvmeReg.CC:
        return this.cc;
      case NvmeReg.CSTS:
        return (this.readDevice(NvmeReg.CSTS) | (this.fatal ? CSTS_CFS : 0)) >>> 0;
      case NvmeReg.AQA:
        return this.aqa;
      case NvmeReg.ASQ:
      case NvmeReg.ASQ + 4:
        return this.asq[(offset - NvmeReg.ASQ) / 4];
      case NvmeReg.ACQ:
      case NvmeReg.ACQ + 4:
        return this.acq[(offset - NvmeReg.ACQ) / 4];
      default:
        return 0;
    }
  }

  private writeRegister(offset: number, value: number): void {
    switch (offset) {
      case NvmeReg.INTMS:
        this.mask = (this.mask | value) >>> 0;
        this.updateLine();
        break;
      case NvmeReg.INTMC:
        this.mask = (this.mask & ~value) >>> 0;
        this.updateLine();
        break;
      case NvmeReg.CC:
        this.control(value);
        break;
      case NvmeReg.AQA:
        this.aqa = (value & 0x0fff_0fff) >>> 0;
        break;
      case NvmeReg.ASQ:
        this.asq[0] = (value & ~(NVME_PAGE - 1)) >>> 0;
        break;
      case NvmeReg.ASQ + 4:
        this.asq[1] = value;
        break;
      case NvmeReg.ACQ:
        this.acq[0] = (value & ~(NVME_PAGE - 1)) >>> 0;
        break;
      case NvmeReg.ACQ + 4:
        this.acq[1] = value;
        break;
      default:
        break;
    }
  }

  private control(value: number): void {
    const was = this.cc & CC_EN;
    this.cc = value;
    if (!was && value & CC_EN && !this.enable()) {
      this.fatal = true;
      return;
    }
    if (was && !(value & CC_EN)) this.forget();
    if (!this.fatal) this.writeDevice(NvmeReg.CC, (value & CC_FORWARDED) | CC_ENTRY_SIZES);
  }

  /** Puts admin queues of ours behind those of the guest; false when the guest's aren't in its memory. */
  private enable(): boolean {
    this.forget();
    if ((this.cc & (CC_MPS | CC_CSS)) !== 0) return false;
    const admin = this.commands.createAdmin(
      { lo: this.asq[0], hi: this.asq[1], entries: (this.aqa & 0xfff) + 1 },
      { lo: this.acq[0], hi: this.acq[1], entries: (this.aqa >>> 16) + 1 },
    );
    if (!admin) return false;
    const { shadow, cq } = admin;
    this.writeDevice(NvmeReg.AQA, ((cq.shadow.entries - 1) << 16) | (shadow.entries - 1));
    this.writeDevice64(NvmeReg.ASQ, shadow.base);
    this.writeDevice64(NvmeReg.ACQ, cq.shadow.base);
    return true;
  }

  private forget(): void {
    this.commands.forget();
    this.fatal = false;
    this.release();
    this.updateLine();
  }

  private doorbell(at: number, value: number): void {
    if (!this.commands.doorbell(at, value)) return;
    this.pump();
    if (this.held && !this.commands.waiting) this.release();
  }

  private pump(): void {
    this.commands.pump();
    this.updateLine();
  }

  private release(): void {
    if (this.held) this.vmm.complete(this.fn.irq);
    this.held = false;
  }

  /** The guest's INTx: up while an unmasked completion queue has entries that it hasn't taken. */
  private updateLine(): void {
    const level = (this.mask & 1) === 0 && this.commands.interrupting;
    if (level !== this.line) this.irq.set(level);
    this.line = level;
  }

  private readDevice(register: number): number {
    return this.vmm.mmioRead(this.fn.bar + register, 4);
  }

  private writeDevice(register: number, value: number): void {
    this.vmm.mmioWrite(this.fn.bar + register, 4, value >>> 0);
  }

  private writeDevice64(register: number, value: number): void {
    this.writeDevice(register, value % 0x1_0000_0000);
    this.writeDevice(register + 4, Math.floor(value / 0x1_0000_0000));
  }
}
