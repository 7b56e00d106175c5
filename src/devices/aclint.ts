// RISC-V Advanced Core Local Interruptor Specification 1.0: "MTIMER Device", "MSWI Device", at SiFive CLINT's offsets.
import { Access, type IrqLine, type MmioDevice } from "../platform/ports.js";

const enum Reg {
  MSIP = 0,
  MTIMECMP = 0x4000,
  MTIME = 0xbff8,
}

/** A 64-bit register in two halves: 0 low, 1 high. */
export interface Halves {
  read(half: number): number;
  write(half: number, value: number): void;
}

export interface AclintPorts {
  /** Machine software interrupt of the hart. */
  software: IrqLine;
  /** mtimecmp of the hart, which does the comparing itself. */
  compare: Halves;
  /** Ticks of `time` since reset. */
  ticks(): number;
}

/** Timer and software interrupts of one hart. `mtime` follows the clock and can't be set. */
export class Aclint implements MmioDevice {
  private msip = 0;

  constructor(private readonly ports: AclintPorts) {}

  read(offset: number, size: number): number {
    if (size !== 4) return -1;
    const ticks = this.ports.ticks();
    switch (offset) {
      case Reg.MSIP:
        return this.msip;
      case Reg.MTIMECMP:
      case Reg.MTIMECMP + 4:
        return this.ports.compare.read((offset - Reg.MTIMECMP) >>> 2) >>> 0;
      case Reg.MTIME:
        return ticks >>> 0;
      case Reg.MTIME + 4:
        return Math.floor(ticks / 0x1_0000_0000);
      default:
        return 0;
    }
  }

  write(offset: number, size: number, value: number): Access {
    if (size !== 4) return Access.Fault;
    if (offset === Reg.MSIP) {
      this.msip = value & 1;
      this.ports.software.set(this.msip === 1);
    } else if (offset === Reg.MTIMECMP || offset === Reg.MTIMECMP + 4) {
      this.ports.compare.write((offset - Reg.MTIMECMP) >>> 2, value);
    }
    return Access.Ok;
  }

  reset(): void {
    this.msip = 0;
    this.ports.software.set(false);
  }
}
