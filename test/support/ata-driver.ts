// The driver's side of an ATA controller: command blocks and bus master registers of one channel, as SFF-8038i has them.
import { AtaController, type AtaDisk, type AtaSettings } from "../../src/devices/ata/controller.js";
import { World } from "./world.js";

export const [BSY, DRDY, DRQ, ERR] = [0x80, 0x40, 0x08, 0x01];
const DATA = 0;
const SECTOR = 512;

export interface Region {
  address: number;
  length: number;
  last?: boolean;
}

export class AtaDriver {
  readonly world = new World();
  readonly device: AtaController;

  constructor(
    disks: (world: World) => readonly AtaDisk[],
    settings: Partial<AtaSettings> = {},
    readonly channel = 0,
  ) {
    const { irq, memory: dma, events: clock } = this.world;
    this.device = new AtaController({ irq, dma, clock, disks: disks(this.world) }, settings);
  }

  get(register: number): number {
    return this.device.bars[2 * this.channel].read(register, 1);
  }
  set(register: number, value: number): void {
    this.device.bars[2 * this.channel].write(register, 1, value);
  }
  get alternate(): number {
    return this.device.bars[2 * this.channel + 1].read(2, 1);
  }
  control(value: number): void {
    this.device.bars[2 * this.channel + 1].write(2, 1, value);
  }
  bus(register: number, size = 1): number {
    return this.device.bars[4].read(8 * this.channel + register, size);
  }
  setBus(register: number, value: number, size = 1): void {
    this.device.bars[4].write(8 * this.channel + register, size, value);
  }

  /** Names sectors by a 28-bit address, and gives the command. */
  command(command: number, lba = 0, count = 1): void {
    this.set(2, count & 0xff);
    for (let i = 0; i < 3; i++) this.set(3 + i, (lba >>> (8 * i)) & 0xff);
    this.set(6, 0x40 | ((lba >>> 24) & 0x0f));
    this.set(7, command);
  }

  /** The same with a 48-bit address. */
  commandExt(command: number, lba: number, count: number): void {
    const byte = (n: number) => Math.floor(lba / 256 ** n) & 0xff;
    this.set(6, 0x40);
    this.set(2, (count >>> 8) & 0xff);
    this.set(2, count & 0xff);
    for (let i = 0; i < 3; i++) {
      this.set(3 + i, byte(3 + i));
      this.set(3 + i, byte(i));
    }
    this.set(7, command);
  }

  /** Waits until the channel isn't busy, and takes its interrupt; the status. */
  wait(): number {
    this.world.run(() => (this.alternate & BSY) === 0);
    return this.get(7);
  }

  /** Reads sectors from the data register, an interrupt each. */
  readSectors(count: number): Uint8Array {
    const bytes = new Uint8Array(count * SECTOR);
    const view = new DataView(bytes.buffer);
    for (let at = 0; at < bytes.length; at += 2) {
      if (at % SECTOR === 0 && (this.wait() & DRQ) === 0) throw new Error(`no data at ${at}`);
      view.setUint16(at, this.device.bars[2 * this.channel].read(DATA, 2), true);
    }
    return bytes;
  }

  writeSectors(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at < bytes.length; at += 2) {
      if (at % SECTOR === 0 && (this.wait() & DRQ) === 0) throw new Error(`no room at ${at}`);
      this.device.bars[2 * this.channel].write(DATA, 2, view.getUint16(at, true));
    }
  }

  /** Writes a table of regions, the last of them marked unless they say otherwise; its address. */
  table(regions: readonly Region[]): number {
    const { memory } = this.world;
    const table = memory.allocate(8 * regions.length);
    regions.forEach(({ address, length, last }, i) => {
      const ends = last ?? regions.length === i + 1;
      memory.data.setUint32(table - memory.base + 8 * i, address, true);
      memory.data.setUint32(
        table - memory.base + 8 * i + 4,
        ((length & 0xffff) | (ends ? 0x8000_0000 : 0)) >>> 0,
        true,
      );
    });
    this.setBus(4, table, 4);
    return table;
  }

  /** Starts the bus master. */
  go(toMemory: boolean): void {
    this.setBus(0, toMemory ? 8 : 0);
    this.setBus(0, toMemory ? 9 : 1);
  }
}
