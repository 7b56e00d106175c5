// The software's side of one PCIe function: configuration space, its capability list, and messages that arrived.
import { type PcieFunctionConfig, PcieRoot } from "../../src/platform/pcie.js";
import type { IrqLine } from "../../src/platform/ports.js";

export const COMMAND = 0x04;
export const [MEMORY, MASTER] = [2, 4];
export const MSIX = 0x11;
export const EXPRESS = 0x10;
export const VENDOR_SPECIFIC = 0x09;

export interface Message {
  lo: number;
  hi: number;
  data: number;
}

/** A function in slot 1 of a root complex of its own. */
export class PciFunction {
  readonly sent: Message[] = [];
  readonly mapped: { bar: number; address: number | undefined }[] = [];
  readonly root: PcieRoot;
  readonly fn;

  constructor(config: Omit<PcieFunctionConfig, "slot">, line: IrqLine) {
    this.root = new PcieRoot({
      windows: [
        { start: 0x4000_0000, size: 0x4000_0000 },
        { start: 0x4_0000_0000, size: 0x4_0000_0000 },
      ],
      intx: () => line,
      onMap: (_fn, bar, address) => this.mapped.push({ bar, address }),
      messages: () => ({ send: (lo, hi, data) => this.sent.push({ lo, hi, data }) > 0 }),
    });
    this.fn = this.root.add({ ...config, slot: 1 });
  }

  read(register: number, size = 4): number {
    return this.root.read((1 << 15) + register, size);
  }
  write(register: number, value: number, size = 4): void {
    this.root.write((1 << 15) + register, size, value);
  }

  /** Places of the capabilities with this id, in the list's order. */
  capabilities(id: number): number[] {
    const found: number[] = [];
    for (let at = this.read(0x34, 1); at !== 0; at = this.read(at + 1, 1)) if (this.read(at, 1) === id) found.push(at);
    return found;
  }

  /** Lets it master the bus, and sets or clears MSI-X's enable and function mask. */
  messageControl(control: number): void {
    this.write(COMMAND, MEMORY | MASTER, 2);
    this.write(this.capabilities(MSIX)[0] + 2, control, 2);
  }

  /** Fills an entry of the MSI-X table. */
  entry(vector: number, { lo, hi, data }: Message, masked = false): void {
    [lo, hi, data, masked ? 1 : 0].forEach((value, i) => {
      this.fn.msix?.write(vector * 16 + i * 4, 4, value);
    });
  }
}
