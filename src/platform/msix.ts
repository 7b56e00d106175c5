// PCI Local Bus Specification 3.0, "MSI-X Capability and Table Structures": the capability, the table and the pending
// bits of a function, and the messages that it sends.
import { Access, type MessageVectors, type MmioDevice, type MsiPort, type PcieCapability } from "./ports.js";

const CAPABILITY_ID = 0x11;
/** Message Control, in the capability's bytes behind its header. */
const CONTROL = 0;
const TABLE = 2;
const PBA = 6;
const BODY_BYTES = 10;
const ENABLE = 1 << 15;
const FUNCTION_MASK = 1 << 14;

/** Most entries of a table. */
export const MSIX_VECTORS_MAX = 2048;
const ENTRY_BYTES = 16;
const enum Entry {
  ADDRESS_LOW = 0,
  ADDRESS_HIGH = 1,
  DATA = 2,
  CONTROL = 3,
}
const ENTRY_MASKED = 1;
/** What software may write of each dword of an entry. */
const WRITABLE = [0xffff_fffc, 0xffff_ffff, 0xffff_ffff, ENTRY_MASKED] as const;

/** Where table and pending bits lie: a BAR of their own. */
export interface MsixConfig {
  vectors: number;
  /** Index of the BAR. */
  bar: number;
}

export interface MsixPorts {
  messages: MsiPort;
  /** Whether the function may issue memory requests. */
  busMaster(): boolean;
  /** MSI-X was switched on or off. */
  switched(): void;
}

/** Bytes of the BAR: the table in its first half, the pending bits in the second. */
export const msixBarSize = (vectors: number): number => 2 * pbaOffset(vectors);
const pbaOffset = (vectors: number): number => Math.max(0x800, 2 ** Math.ceil(Math.log2(vectors * ENTRY_BYTES)));

/** MSI-X of one function. As a device it is the BAR that holds table and pending bits. */
export class Msix implements MessageVectors, MmioDevice {
  readonly count: number;
  readonly capability: PcieCapability;
  private readonly table: Uint32Array;
  private readonly waiting: Uint32Array;
  private control = 0;

  constructor(
    { vectors, bar }: MsixConfig,
    private readonly ports: MsixPorts,
  ) {
    if (!(vectors >= 1 && vectors <= MSIX_VECTORS_MAX)) throw new RangeError(`${vectors} MSI-X vectors`);
    this.count = vectors;
    this.table = new Uint32Array((vectors * ENTRY_BYTES) / 4);
    this.waiting = new Uint32Array(Math.ceil(vectors / 64) * 2);
    this.capability = this.describe(bar);
    this.reset();
  }

  private describe(bar: number): PcieCapability {
    const body = new Uint8Array(BODY_BYTES);
    const view = new DataView(body.buffer);
    view.setUint16(CONTROL, this.count - 1, true);
    view.setUint32(TABLE, bar, true);
    view.setUint32(PBA, pbaOffset(this.count) | bar, true);
    const writable = new Uint8Array(BODY_BYTES);
    writable[CONTROL + 1] = (ENABLE | FUNCTION_MASK) >>> 8;
    const onWrite = (now: Uint8Array) => this.setControl(now[CONTROL + 1] << 8);
    return { id: CAPABILITY_ID, body, writable, onWrite };
  }

  get enabled(): boolean {
    return (this.control & ENABLE) !== 0;
  }

  private setControl(control: number): void {
    const before = this.enabled;
    this.control = control;
    if (this.enabled !== before) this.ports.switched();
    this.sendWaiting();
  }

  raise(vector: number): void {
    if (!this.enabled || !(vector >= 0 && vector < this.count)) return;
    if (this.held(vector)) this.waiting[vector >>> 5] |= 1 << (vector & 31);
    else this.send(vector);
  }

  /** Sends what was held up by a mask, or by the function not being a bus master, and isn't any more. */
  sendWaiting(): void {
    for (let word = 0; word < this.waiting.length; word++) {
      if (this.waiting[word] === 0) continue;
      for (let vector = word * 32; vector < Math.min(word * 32 + 32, this.count); vector++) {
        const bit = 1 << (vector & 31);
        if (!(this.waiting[word] & bit) || this.held(vector)) continue;
        this.waiting[word] &= ~bit;
        this.send(vector);
      }
    }
  }

  private held(vector: number): boolean {
    const masked = this.control & FUNCTION_MASK || this.table[vector * 4 + Entry.CONTROL] & ENTRY_MASKED;
    return !this.enabled || masked !== 0 || !this.ports.busMaster();
  }

  private send(vector: number): void {
    const { table } = this;
    const at = vector * 4;
    this.ports.messages.send(table[at + Entry.ADDRESS_LOW], table[at + Entry.ADDRESS_HIGH], table[at + Entry.DATA]);
  }

  read(offset: number, size: number): number {
    if (size !== 4) return -1;
    const pba = pbaOffset(this.count);
    if (offset >= pba) return this.waiting[(offset - pba) >>> 2] ?? 0;
    return this.table[offset >>> 2] ?? 0;
  }

  write(offset: number, size: number, value: number): Access {
    if (size !== 4) return Access.Fault;
    const dword = offset >>> 2;
    if (dword < this.table.length) {
      this.table[dword] = value & WRITABLE[dword & 3];
      this.sendWaiting();
    }
    return Access.Ok;
  }

  reset(): void {
    this.control = 0;
    this.waiting.fill(0);
    this.table.fill(0);
    for (let vector = 0; vector < this.count; vector++) this.table[vector * 4 + Entry.CONTROL] = ENTRY_MASKED;
  }
}
