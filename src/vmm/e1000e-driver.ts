// Intel 82574 GbE Controller Family Datasheet 3.4, "Initialization", "Legacy Transmit Descriptor Format", "Extended Rx
// Descriptor". The VMM's own driver of a physical 82574L: one ring each way, in simulated memory, every frame received.
import { Cause } from "../devices/e1000e/interrupts.js";
import { Ctrl, Rctl, Reg, Rfctl, RAH_AV, Status, STATUS_SPEED_SHIFT, Tctl } from "../devices/e1000e/registers.js";
import { TX_STATUS_DD, TxCommand } from "../devices/e1000e/descriptors.js";
import type { DmaPool } from "./dma-pool.js";
import { InterruptThrottle, type Passed, type ThrottleSetting } from "./interrupt-throttle.js";
import { readU32, writeU32 } from "./memory/words.js";
import { PCI_BAR0, PCI_COMMAND, PCI_MEMORY_AND_MASTER } from "./nvme-registers.js";
import type { PhysicalFunction, VmmServices } from "./types.js";

const PAGE = 0x1000;
const ENTRIES = 128;
const DESCRIPTOR = 16;
/** RCTL.BSIZE as after reset. */
const BUFFER = 2048;
/**
 * Seconds that what is on its way out may take, beyond which a frame must wait: so the ring is no queue that frames of a
 * busy guest fill, and a guest soon hears how fast the wire is. A little more than between two interrupts at 4,000 a second.
 */
const AHEAD = 0.000_262;
/** Bytes that may be on their way at any speed: four frames, or a slow wire would run dry between two interrupts. */
const LEAST_BYTES = 4 * 1514;
/** STATUS.SPEED as bit/s. */
const SPEEDS = [10e6, 100e6, 1e9, 1e9];
/** Received descriptors that are given back with one write of the tail. */
const REFILL = 16;
const RX_DD = 1;
/** Events that are awaited before a start-up is given up. */
const MOST_STEPS = 1_000_000;
/** Seconds that a start-up waits for the link; without it, it goes on. */
const LINK = 0.01;
/** How often the driver looks whether the controller is still enabled, in seconds; only while frames come or go. */
const LOOK = 0.01;
const RECEIVES = Cause.RXT0 | Cause.RXO | Cause.RXDMT0 | Cause.LSC;

/** What the network service needs of an interface. */
export interface PhysicalNic {
  readonly up: boolean;
  /** Bits per second. */
  readonly speed: number;
  /** Whether a frame may be sent now, and whether any is on its way. */
  readonly room: boolean;
  readonly busy: boolean;
  /** Copies a frame into the ring; only while there is room. `kick` makes the device look. */
  send(frame: Uint8Array): void;
  kick(): void;
  /** Whether to be told (by `onRoom`) that frames have left. */
  wantRoom(wanted: boolean): void;
}

/** What an interface tells the network service. */
export interface NicEvents {
  /** A frame, valid during the call. */
  received(frame: Uint8Array): void;
  /** Frames have left. */
  room(): void;
  linkChanged(up: boolean): void;
}

export interface E1000eDriverOptions {
  /** Most interrupts a second. Default 0: no limit, as the probe's own driver has none. */
  readonly interrupts?: ThrottleSetting | undefined;
}

export class E1000eDriver implements PhysicalNic {
  readonly counters = { sent: 0, received: 0, interrupts: 0, doorbells: 0, tooLong: 0, resets: 0 };
  events: NicEvents = { received: () => {}, room: () => {}, linkChanged: () => {} };
  up = false;
  /** Bits per second, as the PHY has agreed on with the other end. */
  speed = 1e9;
  private readonly transmits: number;
  private readonly receives: number;
  private readonly sendBuffers: number;
  private readonly receiveBuffers: number;
  /** Transmit: next free, what the device knows of, next to be done. */
  private tail = 0;
  private rung = 0;
  private clean = 0;
  private readonly lengths = new Uint16Array(ENTRIES);
  private bytesUnderway = 0;
  /** Receive: next to come, next to be given back. */
  private next = 0;
  private filled = 0;
  /** Since the last interrupt. */
  private readonly sent: Passed = { frames: 0, bytes: 0 };
  private readonly received: Passed = { frames: 0, bytes: 0 };
  private readonly throttle: InterruptThrottle;
  private roomWanted = false;
  /** A write of a register lets time pass: what happens meanwhile must not be undone by it. */
  private kicking = false;
  private masking = false;
  /** Depth of what writes registers and lets time pass: the controller isn't reset in its middle. */
  private inside = 0;
  private active = false;
  private looking = false;

  constructor(
    private readonly vmm: VmmServices,
    private readonly fn: PhysicalFunction,
    pool: DmaPool,
    { interrupts = 0 }: E1000eDriverOptions = {},
  ) {
    this.throttle = new InterruptThrottle(interrupts, (units) => this.write(Reg.ITR, units));
    this.transmits = pool.allocate(ENTRIES * DESCRIPTOR, PAGE);
    this.receives = pool.allocate(ENTRIES * DESCRIPTOR, PAGE);
    this.sendBuffers = pool.allocate(ENTRIES * BUFFER, PAGE);
    this.receiveBuffers = pool.allocate(ENTRIES * BUFFER, PAGE);
  }

  get room(): boolean {
    if (this.full) this.reclaim();
    return !this.full;
  }
  get busy(): boolean {
    this.reclaim();
    return this.tail !== this.clean;
  }

  private get full(): boolean {
    const most = Math.max(LEAST_BYTES, (this.speed / 8) * AHEAD);
    return this.bytesUnderway >= most || (this.tail + 1) % ENTRIES === this.clean;
  }

  /** Brings the controller up; `step` lets time pass to the machine's next event. Throws when it doesn't answer. */
  start(step: () => boolean): void {
    const { fn } = this;
    fn.writeConfig(PCI_BAR0, 4, fn.bar >>> 0);
    fn.writeConfig(PCI_COMMAND, 2, PCI_MEMORY_AND_MASTER);
    this.write(Reg.IMC, 0xffff_ffff);
    this.write(Reg.CTRL, Ctrl.RST);
    this.await(step, () => (this.read(Reg.CTRL) & Ctrl.RST) === 0);
    this.setUp();
    const deadline = this.vmm.clock.now() + LINK * this.vmm.clock.frequency;
    while ((this.read(Reg.STATUS) & Status.LU) === 0 && this.vmm.clock.now() < deadline && step());
    this.linkChanged();
    this.throttle.start();
    this.read(Reg.ICR);
    this.write(Reg.IMS, RECEIVES);
  }

  send(frame: Uint8Array): void {
    if (frame.length > BUFFER) {
      this.counters.tooLong++;
      return;
    }
    const { core } = this.vmm;
    const buffer = this.sendBuffers + this.tail * BUFFER;
    const descriptor = this.transmits + this.tail * DESCRIPTOR;
    core.store(buffer, frame);
    writeU32(core, descriptor, buffer);
    writeU32(core, descriptor + 4, Math.floor(buffer / 0x1_0000_0000));
    writeU32(core, descriptor + 8, ((TxCommand.EOP | TxCommand.IFCS | TxCommand.RS) << 24) | frame.length);
    writeU32(core, descriptor + 12, 0);
    this.lengths[this.tail] = frame.length;
    this.bytesUnderway += frame.length;
    this.tail = (this.tail + 1) % ENTRIES;
    this.counters.sent++;
    this.lookSoon();
  }

  kick(): void {
    if (this.kicking) return;
    this.kicking = true;
    this.inside++;
    while (this.rung !== this.tail) {
      this.rung = this.tail;
      this.counters.doorbells++;
      this.write(Reg.TDT, this.rung);
    }
    this.inside--;
    this.kicking = false;
  }

  wantRoom(wanted: boolean): void {
    let told = this.roomWanted;
    this.roomWanted = wanted;
    if (this.masking) return;
    this.masking = true;
    this.inside++;
    while (told !== this.roomWanted) {
      told = this.roomWanted;
      this.write(told ? Reg.IMS : Reg.IMC, Cause.TXDW);
    }
    this.inside--;
    this.masking = false;
  }

  /** The VMM calls it when the controller's source is presented by the physical PLIC. */
  interrupt(): void {
    this.counters.interrupts++;
    this.inside++;
    this.lookSoon();
    const causes = this.read(Reg.ICR);
    if (causes & Cause.LSC) this.linkChanged();
    this.reap();
    const left = this.reclaim();
    this.throttle.interrupted(this.speed, this.sent, this.received);
    for (const passed of [this.sent, this.received]) passed.frames = passed.bytes = 0;
    if (left) this.events.room();
    this.inside--;
  }

  // ---- a controller that has lost its state

  private lookSoon(): void {
    this.active = true;
    if (this.looking) return;
    this.looking = true;
    this.vmm.clock.after(LOOK * this.vmm.clock.frequency, () => {
      this.looking = false;
      if (this.inside > 0) this.lookSoon();
      else if (this.active) this.look();
    });
  }

  /** The receiver is always on: a controller that has it off was reset, and doesn't say so. */
  private look(): void {
    if (this.reclaim()) this.events.room();
    this.active = this.tail !== this.clean;
    if ((this.read(Reg.RCTL) & Rctl.EN) === 0) this.recover();
    if (this.active) this.lookSoon();
  }

  /** Frames that were in its rings are lost, as on a wire. */
  private recover(): void {
    this.counters.resets++;
    this.inside++;
    this.tail = this.rung = this.clean = this.bytesUnderway = 0;
    do {
      this.next = this.filled = 0;
      this.setUp();
      // what was written first is gone if it was reset once more
    } while ((this.read(Reg.RFCTL) & Rfctl.EXSTEN) === 0);
    this.linkChanged();
    this.throttle.start();
    this.write(Reg.IMS, RECEIVES | (this.roomWanted ? Cause.TXDW : 0));
    this.events.room();
    this.inside--;
  }

  /** From a reset to rings that are at work. Throws when the controller isn't one. */
  private setUp(): void {
    this.write(Reg.IMC, 0xffff_ffff);
    this.read(Reg.ICR);
    if ((this.read(Reg.RAL + 4) & RAH_AV) === 0) throw this.broken("no address in its NVM");
    this.write(Reg.RFCTL, Rfctl.EXSTEN);
    this.write(Reg.CTRL, this.read(Reg.CTRL) | Ctrl.SLU);
    this.ring(Reg.RDBAL, this.receives);
    this.ring(Reg.TDBAL, this.transmits);
    this.write(Reg.TCTL, this.read(Reg.TCTL) | Tctl.EN | Tctl.PSP);
    this.write(Reg.RCTL, Rctl.EN | Rctl.UPE | Rctl.MPE | Rctl.BAM | Rctl.SECRC);
    this.refill(ENTRIES - 1);
  }

  private linkChanged(): void {
    const status = this.read(Reg.STATUS);
    const up = (status & Status.LU) !== 0;
    this.speed = SPEEDS[(status >>> STATUS_SPEED_SHIFT) & 3];
    if (up === this.up) return;
    this.up = up;
    this.events.linkChanged(up);
  }

  private reap(): void {
    const { core } = this.vmm;
    for (let taken = 0; taken < ENTRIES; taken++) {
      const descriptor = this.receives + this.next * DESCRIPTOR;
      if ((readU32(core, descriptor + 8) & RX_DD) === 0) break;
      const length = Math.min(readU32(core, descriptor + 12) & 0xffff, BUFFER);
      const buffer = this.receiveBuffers + this.next * BUFFER;
      writeU32(core, descriptor + 8, 0);
      this.next = (this.next + 1) % ENTRIES;
      this.counters.received++;
      this.received.frames++;
      this.received.bytes += length;
      this.events.received(core.slice(buffer, length));
      if ((this.next - this.filled + ENTRIES) % ENTRIES > REFILL) this.refill(REFILL);
    }
  }

  /** Whether frames have left. */
  private reclaim(): boolean {
    const { core } = this.vmm;
    const before = this.clean;
    while (this.clean !== this.rung) {
      if ((readU32(core, this.transmits + this.clean * DESCRIPTOR + 12) & TX_STATUS_DD) === 0) break;
      this.bytesUnderway -= this.lengths[this.clean];
      this.sent.frames++;
      this.sent.bytes += this.lengths[this.clean];
      this.clean = (this.clean + 1) % ENTRIES;
    }
    return this.clean !== before;
  }

  private refill(count: number): void {
    const { core } = this.vmm;
    for (let i = 0; i < count; i++) {
      const descriptor = this.receives + this.filled * DESCRIPTOR;
      const buffer = this.receiveBuffers + this.filled * BUFFER;
      writeU32(core, descriptor, buffer);
      writeU32(core, descriptor + 4, Math.floor(buffer / 0x1_0000_0000));
      writeU32(core, descriptor + 8, 0);
      writeU32(core, descriptor + 12, 0);
      this.filled = (this.filled + 1) % ENTRIES;
    }
    this.counters.doorbells++;
    this.write(Reg.RDT, this.filled);
  }

  private ring(base: Reg.RDBAL | Reg.TDBAL, address: number): void {
    const [low, high, length, head, tail] = [0, 0x4, 0x8, 0x10, 0x18];
    this.write(base + low, address >>> 0);
    this.write(base + high, Math.floor(address / 0x1_0000_0000));
    this.write(base + length, ENTRIES * DESCRIPTOR);
    this.write(base + head, 0);
    this.write(base + tail, 0);
  }

  private await(step: () => boolean, ready: () => boolean): void {
    for (let i = 0; i < MOST_STEPS; i++) {
      if (ready()) return;
      if (!step()) break;
    }
    throw this.broken("no answer");
  }

  private broken(why: string): Error {
    return new Error(`82574L ${this.fn.deviceId}: ${why}`);
  }

  private read(register: number): number {
    return this.vmm.mmioRead(this.fn.bar + register, 4);
  }

  private write(register: number, value: number): void {
    this.vmm.mmioWrite(this.fn.bar + register, 4, value >>> 0);
  }
}
