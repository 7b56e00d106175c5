// SiFive's test finisher, as on QEMU's `virt` board: one register that ends the run.
import { Access, type MmioDevice } from "../platform/ports.js";

const enum Status {
  FAIL = 0x3333,
  PASS = 0x5555,
  RESET = 0x7777,
}

export interface FinisherPorts {
  /** The software is done; code 0 is success. */
  finish(code: number): void;
  /** The software asks for a reset of the machine. */
  reset(): void;
}

export class Finisher implements MmioDevice {
  constructor(private readonly ports: FinisherPorts) {}

  read(): number {
    return 0;
  }

  write(offset: number, size: number, value: number): Access {
    if (offset !== 0 || size === 1) return Access.Ok;
    const status = value & 0xffff;
    if (status === Status.PASS) this.ports.finish(0);
    else if (status === Status.FAIL) this.ports.finish(value >>> 16 || 1);
    else if (status === Status.RESET) this.ports.reset();
    return Access.Ok;
  }

  reset(): void {}
}
