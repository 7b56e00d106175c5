// PCI IDE Controller Specification 1.0, "Native-PCI mode"; Programming Interface for Bus Master IDE Controller 1.0 (SFF-8038i), "Bus
// Master IDE Registers": two channels with a disk each. BARs 0 and 2 are the command blocks, 1 and 3 the control blocks, 4 the bus
// master's registers, all in I/O space.
import {
  Access,
  type BlockBackend,
  type Clock,
  type DmaPort,
  type IrqLine,
  type MmioDevice,
  type PcieDevice,
} from "../../platform/ports.js";
import { AtaChannel } from "./channel.js";
import { BUS_MASTER_BYTES, CONTROL_OFFSET, Task } from "./registers.js";

export const CHANNELS = 2;
const BUS_MASTER_BAR = 2 * CHANNELS;

export interface AtaPorts {
  irq: IrqLine;
  dma: DmaPort;
  clock: Clock;
  /** The disks, one a channel. */
  disks: readonly AtaDisk[];
}

export interface AtaDisk {
  readonly backend: BlockBackend;
  readonly readOnly?: boolean;
  /** At most 20 ASCII characters. */
  readonly serialNumber?: string;
}

export interface AtaSettings {
  /** ns of commands without sectors, and of a reset. */
  readonly commandTime: number;
  /** ns of a DMA read of up to 64 bytes. */
  readonly dmaRead: number;
  /** Ultra DMA modes up to this one. */
  readonly udmaMode: number;
}

/** Assumed; as NVMe's for the DMA read. */
export const DEFAULT_ATA: AtaSettings = { commandTime: 50_000, dmaRead: 550, udmaMode: 5 };
/** A software model's: what it does takes the hart's time. */
export const NO_ATA_TIMES: Partial<AtaSettings> = { commandTime: 0, dmaRead: 0 };

/** The controller; as a device it is its command blocks. */
export class AtaController implements PcieDevice {
  readonly bars: Readonly<Record<number, MmioDevice>>;
  readonly channels: readonly AtaChannel[];
  /** Channels that ask for an interrupt: they share the function's. */
  private asking = 0;

  constructor(ports: AtaPorts, settings: Partial<AtaSettings> = {}) {
    const times = { ...DEFAULT_ATA, ...settings };
    this.channels = Array.from({ length: CHANNELS }, (_, n) => {
      const disk = ports.disks.at(n);
      const irq: IrqLine = { set: (level) => this.ask(ports.irq, n, level) };
      const serialNumber = disk?.serialNumber ?? `YADO-ATA-${n}`;
      const config = { serialNumber, model: "Yado ATA disk", readOnly: disk?.readOnly ?? false, ...times };
      return new AtaChannel({ irq, dma: ports.dma, clock: ports.clock, backend: disk?.backend }, config);
    });
    const windows = this.channels.flatMap((channel) => [commandBlock(channel), controlBlock(channel)]);
    this.bars = { ...windows, [BUS_MASTER_BAR]: this.busMaster() };
  }

  private ask(irq: IrqLine, channel: number, level: boolean): void {
    this.asking = level ? this.asking | (1 << channel) : this.asking & ~(1 << channel);
    irq.set(this.asking !== 0);
  }

  private busMaster(): MmioDevice {
    const of = (offset: number) => this.channels[Math.floor(offset / BUS_MASTER_BYTES)]?.busMaster;
    return window(
      (at) => of(at)?.read(at % BUS_MASTER_BYTES) ?? 0,
      (at, value) => of(at)?.write(at % BUS_MASTER_BYTES, value),
    );
  }

  read(offset: number, size: number): number {
    return this.bars[0].read(offset, size);
  }
  write(offset: number, size: number, value: number): Access {
    return this.bars[0].write(offset, size, value);
  }

  reset(): void {
    for (const channel of this.channels) channel.reset();
  }

  /** A hardware reset that software didn't ask for: what was acknowledged stays on the disks. */
  restart(): void {
    for (const channel of this.channels) channel.restart();
  }
}

/** Registers of a byte each, in ports that the BAR's size bounds. */
function window(read: (at: number) => number, write: (at: number, value: number) => void): MmioDevice {
  return {
    read(offset, size) {
      let value = 0;
      for (let i = 0; i < size; i++) value += read(offset + i) * 256 ** i;
      return value;
    },
    write(offset, size, value) {
      for (let i = 0; i < size; i++) write(offset + i, (value >>> (8 * i)) & 0xff);
      return Access.Ok;
    },
    reset() {},
  };
}

/** Only the data register is wider than a byte: an access of 32 bits is two of 16. */
function commandBlock(channel: AtaChannel): MmioDevice {
  return {
    read(offset, size) {
      if (offset !== Task.DATA && size !== 1) return -1;
      const low = channel.read(offset, Math.min(size, 2));
      return size < 4 ? low : low + channel.read(offset, 2) * 0x1_0000;
    },
    write(offset, size, value) {
      if (offset !== Task.DATA && size !== 1) return Access.Fault;
      channel.write(offset, Math.min(size, 2), value & 0xffff);
      if (size === 4) channel.write(offset, 2, value >>> 16);
      return Access.Ok;
    },
    reset() {},
  };
}

const controlBlock = (channel: AtaChannel): MmioDevice =>
  window(
    (at) => (at === CONTROL_OFFSET ? channel.alternateStatus() : 0xff),
    (at, value) => {
      if (at === CONTROL_OFFSET) channel.writeControl(value);
    },
  );
