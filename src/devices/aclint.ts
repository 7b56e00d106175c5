// RISC-V Advanced Core Local Interruptor Specification 1.0: "MTIMER Device", "MSWI Device", at SiFive CLINT's offsets.
import { Access, type IrqLine, type MmioDevice } from "../platform/ports.js";

const enum Reg {
  MTIMECMP = 0x4000,
  MTIME = 0xbff8,
}

/** A 64-bit register in two halves: 0 low, 1 high. */
export interface Halves {
  read(half: number): number;
  write(half: number, value: number): void;
}

/** What the ACLINT has of each hart. */
export interface AclintHart {
  /** Machine software interrupt. */
  software: IrqLine;
  /** mtimecmp; the hart does the comparing itself. */
  compare: Halves;
}

export interface AclintPorts {
  harts: readonly AclintHart[];
  /** Ticks of `time` since reset. */
  ticks(): number;
}

/** Timer and software interrupts of the harts. `mtime` follows the clock and can't be set. */
export class Aclint implements MmioDevice {
  private readonly msip: number[];

  constructor(private readonly ports: AclintPorts) {
    this.msip = ports.harts.map(() => 0);
  }

  read(offset: number, size: number): number {
    if (size !== 4) return -1;
    if (offset < Reg.MTIMECMP) return this.msip[offset / 4] ?? 0;
    if (offset < Reg.MTIME) return (this.compare(offset)?.read((offset >>> 2) & 1) ?? 0) >>> 0;
    const ticks = this.ports.ticks();
    if (offset === Reg.MTIME) return ticks >>> 0;
    return offset === Reg.MTIME + 4 ? Math.floor(ticks / 0x1_0000_0000) : 0;
  }

  write(offset: number, size: number, value: number): Access {
    if (size !== 4) return Access.Fault;
    if (offset < Reg.MTIMECMP) this.setSoftware(offset / 4, value & 1);
    else if (offset < Reg.MTIME) this.compare(offset)?.write((offset >>> 2) & 1, value);
    return Access.Ok;
  }

  reset(): void {
    for (const hart of this.msip.keys()) this.setSoftware(hart, 0);
  }

  private compare(offset: number): Halves | undefined {
    return this.ports.harts[(offset - Reg.MTIMECMP) >>> 3]?.compare;
  }

  private setSoftware(hart: number, value: number): void {
    if (hart >= this.msip.length) return;
    this.msip[hart] = value;
    this.ports.harts[hart].software.set(value === 1);
  }
}
