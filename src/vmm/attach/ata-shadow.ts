// Programming Interface for Bus Master IDE Controller 1.0 (SFF-8038i), "Physical Region Descriptor Table", "Bus Master IDE
// Registers": the bus master of a guest that names guest-physical addresses, while the device takes physical ones. When the guest
// starts a transfer, its table is read, and the device is given one of the VMM's. All registers trap, since they are in one page; those
// that carry no address are passed through.
import { Bmic, Bmis, BUS_MASTER_BYTES, BusMaster } from "../../devices/ata/registers.js";
import { Access, type MmioDevice, type PcieDevice } from "../../platform/ports.js";
import { readU32, writeU32 } from "../memory/words.js";
import type { PhysicalPorts, Vm, VmmServices } from "../types.js";
import { throughVmm } from "./assigned-ports.js";
import { AddressGate } from "./dma-ring.js";

const CHANNELS = 2;
const BUS_MASTER_BAR = 4;
const PRD_BYTES = 8;
/** A table is at most this long, and doesn't cross such a boundary. */
const TABLE_BYTES = 0x1_0000;
const EOT = 0x8000_0000;
const COUNT = 0xfffe;
const LARGEST_REGION = 0x1_0000;

export class AtaShadow implements PcieDevice {
  readonly bars: Readonly<Record<number, MmioDevice>>;
  readonly counters = { tablesRewritten: 0, tablesRejected: 0, addressesRewritten: 0, addressesRejected: 0 };

  constructor(vmm: VmmServices, vm: Pick<Vm, "name" | "memory">, ports: PhysicalPorts) {
    const gate = new AddressGate(vm.memory, this.counters);
    const parts = { vmm, vm, ports, gate, counters: this.counters };
    const channels = Array.from({ length: CHANNELS }, (_, n) => new ShadowChannel(parts, n * BUS_MASTER_BYTES));
    const passed = Array.from({ length: 2 * CHANNELS }, (_, bar) => throughVmm(vmm, ports, bar));
    this.bars = { ...passed, [BUS_MASTER_BAR]: busMaster(channels) };
  }

  read(): number {
    return -1;
  }
  write(): Access {
    return Access.Fault;
  }
  reset(): void {}
}

/** Registers of all channels, by bytes. */
function busMaster(channels: readonly ShadowChannel[]): MmioDevice {
  const of = (at: number) => channels[Math.floor(at / BUS_MASTER_BYTES)];
  return {
    read(offset, size) {
      let value = 0;
      for (let i = 0; i < size; i++) value += of(offset + i).read((offset + i) % BUS_MASTER_BYTES) * 256 ** i;
      return value;
    },
    write(offset, size, value) {
      for (let i = 0; i < size; i++) of(offset + i).write((offset + i) % BUS_MASTER_BYTES, (value >>> (8 * i)) & 0xff);
      return Access.Ok;
    },
    reset() {},
  };
}

interface Parts {
  readonly vmm: VmmServices;
  readonly vm: Pick<Vm, "name" | "memory">;
  readonly ports: PhysicalPorts;
  readonly gate: AddressGate;
  readonly counters: AtaShadow["counters"];
}

class ShadowChannel {
  /** Physical address of the table that the device is given. */
  private readonly shadow: number;
  private command = 0;
  /** Where the guest says that its own is. */
  private table = 0;
  /** Its table named what isn't the guest's: the error that the device would have seen. */
  private failed = false;
  private readonly line = new Uint8Array(PRD_BYTES);

  constructor(
    private readonly parts: Parts,
    private readonly base: number,
  ) {
    const { vmm, vm } = parts;
    this.shadow = vmm.allocate(TABLE_BYTES, TABLE_BYTES, `shadow PRD table of ${vm.name}`);
    this.nameTable();
  }

  private nameTable(): void {
    const { vmm, ports } = this.parts;
    vmm.mmioWrite(ports.at(BUS_MASTER_BAR) + this.base + BusMaster.PRD_TABLE, 4, this.shadow);
  }

  read(at: number): number {
    switch (at) {
      case BusMaster.COMMAND:
        return this.command;
      case BusMaster.STATUS: {
        const status = this.device(at);
        if (status & Bmis.ERROR) this.nameTable(); // a controller that was reset has forgotten it
        return status | (this.failed ? Bmis.ERROR : 0);
      }
      default:
        return at >= BusMaster.PRD_TABLE ? (this.table >>> (8 * (at - BusMaster.PRD_TABLE))) & 0xff : 0;
    }
  }

  write(at: number, value: number): void {
    if (at === BusMaster.COMMAND) this.writeCommand(value & (Bmic.START | Bmic.TO_MEMORY));
    else if (at === BusMaster.STATUS) {
      if (value & Bmis.ERROR) this.failed = false;
      this.tell(at, value);
    } else if (at >= BusMaster.PRD_TABLE) {
      const shift = 8 * (at - BusMaster.PRD_TABLE);
      this.table = (((this.table & ~(0xff << shift)) | (value << shift)) & ~3) >>> 0;
    }
  }

  private writeCommand(value: number): void {
    const starts = (value & ~this.command & Bmic.START) !== 0;
    this.command = value;
    if (starts && !this.rewrite()) {
      this.failed = true;
      this.parts.counters.tablesRejected++;
      return;
    }
    this.tell(BusMaster.COMMAND, value);
  }

  /** Copies the guest's table with physical addresses in it; false when it names what isn't the guest's. */
  private rewrite(): boolean {
    const { vmm, vm, gate, counters } = this.parts;
    const end = (Math.floor(this.table / TABLE_BYTES) + 1) * TABLE_BYTES;
    let to = 0;
    let ends = false;
    vmm.charge("vmm", vmm.costs.rewriteCommand);
    for (let at = this.table; at < end && !ends; at += PRD_BYTES) {
      if (!vm.memory.read(at, this.line)) return false;
      const view = new DataView(this.line.buffer);
      const flags = view.getUint32(4, true);
      ends = (flags & EOT) !== 0;
      vmm.charge("vmm", vmm.costs.rewriteAddress);
      const pieces = gate.pieces(view.getUint32(0, true) & ~1, flags & COUNT || LARGEST_REGION);
      if (!pieces || to + pieces.length * PRD_BYTES > TABLE_BYTES) return false;
      for (const { hpa, length } of pieces) {
        writeU32(vmm.core, this.shadow + to, hpa);
        writeU32(vmm.core, this.shadow + to + 4, length & COUNT);
        to += PRD_BYTES;
      }
    }
    const last = this.shadow + to - 4;
    writeU32(vmm.core, last, readU32(vmm.core, last) | EOT);
    counters.tablesRewritten++;
    return true;
  }

  private device(at: number): number {
    return this.parts.vmm.mmioRead(this.parts.ports.at(BUS_MASTER_BAR) + this.base + at, 1);
  }
  private tell(at: number, value: number): void {
    this.parts.vmm.mmioWrite(this.parts.ports.at(BUS_MASTER_BAR) + this.base + at, 1, value);
  }
}
