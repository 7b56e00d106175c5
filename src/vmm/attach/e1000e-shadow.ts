// Intel 82574 GbE Controller Family Datasheet 3.4: the registers of a controller whose guest names guest-physical addresses,
// while the device takes physical ones. Every register access traps. The device works on rings of the VMM's, entry for
// entry those of the guest, whose descriptors are checked and rewritten behind the tail registers; what the device
// writes back to its ring is carried over to the guest's.
import { TX_BYTES, TX_STATUS_DD, TxCommand } from "../../devices/e1000e/descriptors.js";
import { Cause } from "../../devices/e1000e/interrupts.js";
import { Ctrl, CtrlExt, QUEUE_STRIDE, QUEUES, Rctl, Reg } from "../../devices/e1000e/registers.js";
import { Access, type IrqLine, type MmioDevice } from "../../platform/ports.js";
import { readU32, writeU32 } from "../memory/words.js";
import type { PhysicalFunction, Vm, VmmServices } from "../types.js";
import { AddressGate, type GateCounters, GuestRing } from "./dma-ring.js";

/** Entries of a ring that a guest may have: as many as Linux' driver takes at most. */
const MOST_ENTRIES = 4096;
const PAGE = 0x1000;
const LARGEST_BUFFER = 16_384;
/** Offsets of a ring's registers from its base. */
const HIGH = 0x4;
const LENGTH = 0x8;
const HEAD = 0x10;
const TAIL = 0x18;
const RX_DD = 1;
/** RCTL: buffer sizes in KiB, and packet split, which guests don't get since it has other descriptors. */
const RCTL_FLXBUF = 0xf << 27;
const RCTL_HIDDEN = RCTL_FLXBUF | Rctl.DTYP_SPLIT | (1 << 11);
const BSIZE = [2048, 1024, 512, 256] as const;
/** Causes by which the VMM itself is interrupted. */
const CAUSES = Cause.TXDW | Cause.LSC | Cause.RXDMT0 | Cause.RXO | Cause.RXT0;
const INT_ASSERTED = 0x8000_0000;

export interface NicShadowCounters extends GateCounters {
  descriptorsRewritten: number;
  descriptorsReturned: number;
}

/** One ring: the guest's registers, and the VMM's memory that the device works on. */
class ShadowRing {
  low = 0;
  high = 0;
  length = 0;
  tail = 0;
  /** First entry that the device hasn't given back. */
  clean = 0;

  constructor(
    readonly base: Reg.RDBAL | Reg.TDBAL,
    readonly memory: number,
  ) {}

  get entries(): number {
    return this.length / TX_BYTES;
  }
  at(index: number): number {
    return this.memory + index * TX_BYTES;
  }
  forget(): void {
    this.low = this.high = this.length = this.tail = this.clean = 0;
  }
}

/** BAR0 of the controller as the guest sees it. */
export class E1000eShadow implements MmioDevice {
  readonly counters: NicShadowCounters = {
    addressesRewritten: 0,
    addressesRejected: 0,
    descriptorsRewritten: 0,
    descriptorsReturned: 0,
  };
  private readonly gate: AddressGate;
  private readonly receive: ShadowRing;
  private readonly transmit: ShadowRing;
  /** Where frames go whose buffer isn't the guest's. */
  private readonly bin: number;
  private bufferBytes: number = BSIZE[0];
  // the interrupt registers are the guest's alone: the device's own serve the VMM
  private icr = 0;
  private ims = 0;
  private iam = 0;
  private ctrlExt = 0;
  private readonly entry = new Uint8Array(TX_BYTES);
  private readonly view = new DataView(this.entry.buffer);

  constructor(
    private readonly vmm: VmmServices,
    private readonly vm: Pick<Vm, "name" | "memory">,
    private readonly fn: PhysicalFunction,
    private readonly irq: IrqLine,
  ) {
    this.gate = new AddressGate(vm.memory, this.counters);
    const ring = () => vmm.allocate(MOST_ENTRIES * TX_BYTES, PAGE, `shadow ring of ${vm.name}`);
    this.receive = new ShadowRing(Reg.RDBAL, ring());
    this.transmit = new ShadowRing(Reg.TDBAL, ring());
    this.bin = vmm.allocate(LARGEST_BUFFER, PAGE, `refused frames of ${vm.name}`);
  }

  read(offset: number, size: number): number {
    if (size !== 4 || offset % 4 !== 0) return -1;
    this.carryBack();
    const found = this.find(offset);
    if (found) return found.ring ? this.readRing(found.ring, found.register) : 0;
    switch (offset) {
      case Reg.ICR:
        return this.readIcr();
      case Reg.ICS:
        return this.icr;
      case Reg.IMS:
        return this.ims;
      case Reg.IAM:
        return this.iam;
      case Reg.CTRL_EXT:
        return this.ctrlExt;
      default:
        return this.get(offset);
    }
  }

  write(offset: number, size: number, value: number): Access {
    if (size !== 4 || offset % 4 !== 0) return Access.Fault;
    this.carryBack();
    const found = this.find(offset);
    if (found) {
      if (found.ring) this.writeRing(found.ring, found.register, value);
      return Access.Ok;
    }
    switch (offset) {
      case Reg.ICR:
        this.icr &= ~value;
        break;
      case Reg.ICS:
        this.icr |= value;
        break;
      case Reg.IMS:
        this.ims |= value;
        break;
      case Reg.IMC:
        this.ims &= ~value;
        break;
      case Reg.IAM:
        this.iam = value;
        break;
      case Reg.CTRL_EXT:
        this.ctrlExt = value & CtrlExt.IAME;
        break;
      case Reg.RCTL:
        this.writeRctl(value & ~RCTL_HIDDEN);
        break;
      case Reg.CTRL:
      case Reg.CTRL_DUP:
        if (value & Ctrl.RST) this.restart();
        this.set(offset, value);
        break;
      case Reg.MRQC:
      case Reg.PSRCTL:
      case Reg.IVAR:
        break;
      default:
        this.set(offset, value);
    }
    this.update();
    return Access.Ok;
  }

  /** Takes the device away from the guest. */
  reset(): void {
    for (const [register, value] of this.fn.kind.quiet) this.set(register, value);
    this.restart();
    this.update();
  }

  /** The device's interrupt: reading its cause silences it. */
  interrupt(): void {
    this.icr |= this.get(Reg.ICR) & CAUSES;
    this.carryBack();
    this.update();
  }

  // ---- interrupts

  /** "Interrupt Cause Read Register": cleared by reading, and with IAME the mask as IAM says. */
  private readIcr(): number {
    const asserted = (this.icr & this.ims) !== 0;
    const value = asserted ? this.icr | INT_ASSERTED : this.icr;
    this.icr = 0;
    if (asserted && this.ctrlExt & CtrlExt.IAME) this.ims &= ~this.iam;
    this.update();
    return value >>> 0;
  }

  private update(): void {
    this.irq.set((this.icr & this.ims) !== 0);
  }

  // ---- rings

  /** The ring register at an offset; without a ring, one of the second queue, which guests don't get. */
  private find(offset: number): { ring: ShadowRing | undefined; register: number } | undefined {
    for (const ring of [this.receive, this.transmit]) {
      const at = offset - ring.base;
      const register = at % QUEUE_STRIDE;
      if (at < 0 || at >= QUEUES * QUEUE_STRIDE) continue;
      if (at >= QUEUE_STRIDE) return { ring: undefined, register };
      if (register <= TAIL) return { ring, register };
    }
    return undefined;
  }

  private readRing(ring: ShadowRing, register: number): number {
    switch (register) {
      case 0:
        return ring.low;
      case HIGH:
        return ring.high;
      case LENGTH:
        return ring.length;
      case TAIL:
        return ring.tail;
      default:
        return this.get(ring.base + register);
    }
  }

  private writeRing(ring: ShadowRing, register: number, value: number): void {
    switch (register) {
      case 0:
        ring.low = (value & ~15) >>> 0;
        break;
      case HIGH:
        ring.high = value;
        break;
      case LENGTH:
        ring.length = value <= MOST_ENTRIES * TX_BYTES ? value & 0xf_ff80 : 0;
        ring.clean = ring.tail = 0;
        this.set(ring.base + TAIL, 0);
        this.discardAll();
        this.set(ring.base, ring.memory);
        this.set(ring.base + HIGH, Math.floor(ring.memory / 0x1_0000_0000));
        this.set(ring.base + LENGTH, ring.length);
        break;
      case HEAD:
        ring.clean = value < ring.entries ? value : 0;
        this.discardAll();
        this.set(ring.base + HEAD, value);
        break;
      case TAIL:
        if (value >= ring.entries && value !== 0) return;
        this.fill(ring, value);
        this.set(ring.base + TAIL, value);
        break;
    }
  }

  private guestRing(ring: ShadowRing): GuestRing {
    return new GuestRing(this.vm.memory, ring.high * 0x1_0000_0000 + ring.low, ring.entries, TX_BYTES);
  }

  /** Rewrites the descriptors from the old tail up to the new one. */
  private fill(ring: ShadowRing, tail: number): void {
    const from = this.guestRing(ring);
    let addresses = 0;
    let descriptors = 0;
    for (let at = ring.tail < ring.entries ? ring.tail : 0; at !== tail; at = from.next(at), descriptors++) {
      if (!from.read(at, this.entry)) {
        this.entry.fill(0);
        this.counters.addressesRejected++;
      }
      if (ring === this.receive) this.rewrite(this.bufferBytes, this.bin);
      else if (this.carriesAddress()) this.rewriteTransmit();
      addresses++;
      for (let word = 0; word < TX_BYTES; word += 4) {
        writeU32(this.vmm.core, ring.at(at) + word, this.view.getUint32(word, true));
      }
    }
    ring.tail = tail;
    this.counters.descriptorsRewritten += descriptors;
    const { rewriteCommand, rewriteAddress } = this.vmm.costs;
    this.vmm.charge("vmm", descriptors * rewriteCommand + addresses * rewriteAddress);
  }

  /** A context descriptor has offsets where others have an address. */
  private carriesAddress(): boolean {
    const third = this.view.getUint32(8, true);
    return ((third >>> 24) & TxCommand.DEXT) === 0 || ((third >>> 20) & 15) === 1;
  }

  private rewriteTransmit(): void {
    const third = this.view.getUint32(8, true);
    const mask = (third >>> 24) & TxCommand.DEXT ? 0xf_ffff : 0xffff;
    if ((third & mask) === 0 || this.rewrite(third & mask, 0)) return;
    this.view.setUint32(8, (third & ~mask) >>> 0, true); // nothing of it is sent
  }

  /** Replaces the descriptor's address; false, with `otherwise` in its place, when it isn't the guest's. */
  private rewrite(length: number, otherwise: number): boolean {
    const physical = this.gate.translate(this.view.getUint32(0, true), this.view.getUint32(4, true), length);
    const address = physical < 0 ? otherwise : physical;
    this.view.setUint32(0, address >>> 0, true);
    this.view.setUint32(4, Math.floor(address / 0x1_0000_0000), true);
    return physical >= 0;
  }

  /** What the device has written to its rings since, to those of the guest. */
  private carryBack(): void {
    const before = this.counters.descriptorsReturned;
    this.returnReceived();
    this.returnSent();
    const returned = this.counters.descriptorsReturned - before;
    if (returned > 0) this.vmm.copied(this.vm.name, returned * TX_BYTES);
  }

  private returnReceived(): void {
    const { receive: ring, vmm } = this;
    if (ring.entries === 0) return;
    const to = this.guestRing(ring);
    for (; ring.clean !== ring.tail; ring.clean = to.next(ring.clean)) {
      const at = ring.at(ring.clean);
      // status and errors are in the third dword of an extended descriptor, in the fourth of a legacy one
      const written = readU32(vmm.core, at + (this.extended ? 8 : 12));
      if ((written & RX_DD) === 0) return;
      if (!to.read(ring.clean, this.entry)) return;
      for (let word = this.extended ? 0 : 8; word < TX_BYTES; word += 4) {
        this.view.setUint32(word, readU32(vmm.core, at + word), true);
      }
      this.discard(ring.clean);
      to.write(ring.clean, this.entry);
      this.counters.descriptorsReturned++;
    }
  }

  private returnSent(): void {
    const { transmit: ring, vmm } = this;
    if (ring.entries === 0) return;
    const to = this.guestRing(ring);
    for (let index = ring.clean; index !== ring.tail; index = to.next(index)) {
      const at = ring.at(index);
      if (((readU32(vmm.core, at + 8) >>> 24) & TxCommand.RS) === 0) continue;
      const last = readU32(vmm.core, at + 12);
      if ((last & TX_STATUS_DD) === 0 || !to.read(index, this.entry)) return;
      this.view.setUint32(12, last, true);
      to.write(index, this.entry);
      ring.clean = to.next(index);
      this.counters.descriptorsReturned++;
    }
  }

  // ---- control

  private get extended(): boolean {
    const EXSTEN = 1 << 15;
    return (this.rfctl & EXSTEN) !== 0;
  }
  private rfctl = 0;

  /** Buffers that were given while they were smaller are nobody's any more: the device must not write beyond them. */
  private writeRctl(given: number): void {
    const index = (given >>> 16) & 3;
    const value = index === 0 ? given & ~Rctl.BSEX : given; // 32 KiB are reserved
    const bytes = value & Rctl.BSEX ? BSIZE[index] * 16 : BSIZE[index];
    if (bytes > this.bufferBytes) {
      this.set(Reg.RCTL, value & ~Rctl.EN);
      this.discardAll();
      this.set(Reg.RDH, this.get(Reg.RDH)); // what the device has fetched is void
    }
    this.bufferBytes = bytes;
    this.set(Reg.RCTL, value);
    this.set(Reg.IMS, CAUSES);
  }

  /** Whatever the device may come to look at, it finds no address but of memory that may be written. */
  private discardAll(): void {
    for (let i = 0; i < MOST_ENTRIES; i++) this.discard(i);
  }

  private discard(index: number): void {
    const { core } = this.vmm;
    const at = this.receive.at(index);
    writeU32(core, at, this.bin);
    writeU32(core, at + 4, Math.floor(this.bin / 0x1_0000_0000));
    writeU32(core, at + 8, 0);
    writeU32(core, at + 12, 0);
  }

  private restart(): void {
    const { vmm, receive, transmit } = this;
    for (const ring of [receive, transmit]) {
      ring.forget();
      for (let at = 0; at < MOST_ENTRIES * TX_BYTES; at += 4) writeU32(vmm.core, ring.memory + at, 0);
    }
    this.discardAll();
    this.bufferBytes = BSIZE[0];
    this.icr = this.ims = this.iam = this.ctrlExt = this.rfctl = 0;
  }

  private get(register: number): number {
    return this.vmm.mmioRead(this.fn.bar + register, 4);
  }
  private set(register: number, value: number): void {
    if (register === Reg.RFCTL) this.rfctl = value;
    this.vmm.mmioWrite(this.fn.bar + register, 4, value >>> 0);
  }
}
