// The hub seen from devices (DMA ports) and from software (the IOMMU's registers).
import { DMA_BYTES, DMA_CAUSE, DMA_CYCLES, DMA_INTERRUPT, STAGING, STAGING_SIZE } from "../../assembly/layout.js";
import {
  Access,
  type Clock,
  type DmaPort,
  type DmaResult,
  type IrqLine,
  type MmioDevice,
  type MsiPort,
} from "./ports.js";

/** The part of Core that the hub's TypeScript side uses. */
export interface HubCore {
  readonly staging: Uint8Array;
  readonly u32: Uint32Array;
  readonly exports: {
    dmaRead(device: number, iovaLo: number, iovaHi: number, staging: number, length: number): number;
    dmaWrite(device: number, iovaLo: number, iovaHi: number, staging: number, length: number): number;
    msiRoute(device: number, iovaLo: number, iovaHi: number): number;
    msiDeliver(destination: number, data: number): void;
    iommuRead(offset: number): number;
    iommuWrite(offset: number, value: number): void;
  };
}

/** DMA of one device through the hub. The result object is reused: read it before the next request. */
export class HubDmaPort implements DmaPort {
  readonly staging: Uint8Array;
  readonly view: DataView;
  private readonly result = { ok: true, cause: 0, bytes: 0, cycles: 0 };

  /**
   * @param device device_id, as the IOMMU knows it
   * @param interrupted called when a request left the IOMMU with an interrupt to look at
   */
  constructor(
    private readonly core: HubCore,
    readonly device: number,
    private readonly interrupted: () => void,
  ) {
    this.staging = core.staging;
    this.view = new DataView(core.staging.buffer, core.staging.byteOffset, core.staging.byteLength);
  }

  read(lo: number, hi: number, length: number, at = 0): DmaResult {
    checkStaging(at, length);
    return this.done(this.core.exports.dmaRead(this.device, lo, hi, STAGING + at, length));
  }

  write(lo: number, hi: number, length: number, at = 0): DmaResult {
    checkStaging(at, length);
    return this.done(this.core.exports.dmaWrite(this.device, lo, hi, STAGING + at, length));
  }

  private done(cause: number): DmaResult {
    const { u32 } = this.core;
    const { result } = this;
    result.ok = cause === 0;
    result.cause = u32[DMA_CAUSE >>> 2];
    result.bytes = u32[DMA_BYTES >>> 2];
    result.cycles = u32[DMA_CYCLES >>> 2];
    if (u32[DMA_INTERRUPT >>> 2] !== 0) this.interrupted();
    return result;
  }
}

/** Messages of one device through the hub: translated at once, delivered `latency` cycles later. */
export class HubMsiPort implements MsiPort {
  /** @param interrupted called when a message left the IOMMU with an interrupt to look at */
  constructor(
    private readonly core: HubCore,
    readonly device: number,
    private readonly clock: Clock,
    private readonly latency: number,
    private readonly interrupted: () => void,
  ) {}

  send(lo: number, hi: number, data: number): boolean {
    const { exports, u32 } = this.core;
    const destination = exports.msiRoute(this.device, lo, hi) >>> 0;
    if (u32[DMA_INTERRUPT >>> 2] !== 0) this.interrupted();
    if (destination === 0) return false;
    this.clock.after(this.latency, () => exports.msiDeliver(destination, data));
    return true;
  }
}

function checkStaging(at: number, length: number): void {
  if (!(at >= 0 && length >= 0 && at + length <= STAGING_SIZE)) throw new RangeError(`staging ${at}+${length}`);
}

const enum Reg {
  FCTL = 8,
  IPSR = 84,
  ICVEC = 760,
}
const FCTL_WSI = 2;
/** cip, fip, pmip, pip. */
const CAUSES = 4;

/** RISC-V IOMMU 1.0, "Memory-mapped register interface": the register file of the hub, and its wired interrupts. */
export class IommuRegisters implements MmioDevice {
  private readonly levels: boolean[];

  /** @param wires interrupt lines that a vector of `icvec` selects (modulo their number) */
  constructor(
    private readonly core: HubCore,
    private readonly wires: readonly IrqLine[],
  ) {
    this.levels = wires.map(() => false);
  }

  read(offset: number, size: number): number {
    return size === 4 ? this.core.exports.iommuRead(offset) >>> 0 : -1;
  }

  write(offset: number, size: number, value: number): Access {
    if (size !== 4) return Access.Fault;
    this.core.exports.iommuWrite(offset, value);
    this.poll();
    return Access.Ok;
  }

  /** Drives the wires as `ipsr`, `icvec` and `fctl.WSI` say. */
  poll(): void {
    const { exports } = this.core;
    const pending = exports.iommuRead(Reg.IPSR);
    const vectors = exports.iommuRead(Reg.ICVEC);
    const wired = (exports.iommuRead(Reg.FCTL) & FCTL_WSI) !== 0;
    let raised = 0;
    for (let cause = 0; cause < CAUSES; cause++) {
      if (wired && pending & (1 << cause)) raised |= 1 << (((vectors >>> (4 * cause)) & 0xf) % this.wires.length);
    }
    for (let wire = 0; wire < this.wires.length; wire++) {
      const level = (raised & (1 << wire)) !== 0;
      if (level === this.levels[wire]) continue;
      this.levels[wire] = level;
      this.wires[wire].set(level);
    }
  }

  reset(): void {
    this.poll();
  }
}
