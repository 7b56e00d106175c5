// The host's side of an 82574L, for tests and benches: rings in a FakeMemory, and nothing that a driver couldn't do.
import type { Link, LinkReceiver, MmioDevice } from "../../src/platform/ports.js";
import type { World } from "./world.js";

export const CTRL = 0x00;
export const STATUS = 0x08;
export const CTRL_EXT = 0x18;
export const ICR = 0xc0;
export const ITR = 0xc4;
export const ICS = 0xc8;
export const IMS = 0xd0;
export const IMC = 0xd8;
export const EIAC = 0xdc;
export const IAM = 0xe0;
export const IVAR = 0xe4;
export const EITR = 0xe8;
export const RCTL = 0x100;
export const TCTL = 0x400;
export const RDBAL = 0x2800;
export const RDLEN = 0x2808;
export const RDH = 0x2810;
export const RDT = 0x2818;
export const RDTR = 0x2820;
export const RADV = 0x282c;
export const TDBAL = 0x3800;
export const TDLEN = 0x3808;
export const TDH = 0x3810;
export const TDT = 0x3818;
export const TIDV = 0x3820;
export const RXCSUM = 0x5000;
export const RFCTL = 0x5008;
export const MTA = 0x5200;
export const RAL = 0x5400;
export const VFTA = 0x5600;

export const RCTL_EN = 1 << 1;
export const RCTL_BAM = 1 << 15;
export const RCTL_SECRC = 1 << 26;
export const RFCTL_EXSTEN = 1 << 15;
export const CTRL_RST = 1 << 26;
export const CTRL_VME = 1 << 30;
export const TCTL_EN = 1 << 1;
export const TCTL_PSP = 1 << 3;

/** Commands of transmit descriptors. */
export const EOP = 1;
export const IFCS = 2;
export const IC = 4;
export const TSE = 4;
export const RS = 8;
export const DEXT = 0x20;
export const VLE = 0x40;
export const IDE = 0x80;

/** The other end of the cable, in the test's hands. */
export class Cable implements Link {
  up = true;
  speed = 1e9;
  readonly sent: Uint8Array[] = [];
  receiver: LinkReceiver | undefined;
  /** Nothing leaves until `release`. */
  hold = false;
  private readonly held: (() => void)[] = [];

  constructor(private readonly world: World) {}

  attach(receiver: LinkReceiver): void {
    this.receiver = receiver;
  }
  send(frame: Uint8Array, sent: () => void): void {
    this.sent.push(frame.slice());
    if (this.hold) this.held.push(sent);
    else this.world.events.after((frame.length + 24) * 12, sent);
  }
  release(): void {
    this.hold = false;
    for (const sent of this.held.splice(0)) sent();
  }
  arrive(frame: Uint8Array): void {
    this.receiver?.receive(frame);
  }
  plug(up: boolean): void {
    this.up = up;
    this.receiver?.linkChanged(up);
  }
}

export interface Received {
  bytes: Uint8Array;
  /** Of the last descriptor: status, errors. */
  status: number;
  errors: number;
  vlan: number;
}

export class E1000eDriver {
  tx = { base: 0, entries: 0, tail: 0 };
  rx = { base: 0, entries: 0, next: 0, buffers: [] as number[] };
  readonly bufferSize = 2048;

  constructor(
    readonly device: MmioDevice,
    readonly world: World,
  ) {}

  read(offset: number): number {
    return this.device.read(offset, 4);
  }
  write(offset: number, value: number): void {
    this.device.write(offset, 4, value >>> 0);
  }
  word(address: number, value: number): void {
    this.world.memory.data.setUint32(address - this.world.memory.base, value >>> 0, true);
  }
  get(address: number): number {
    return this.world.memory.data.getUint32(address - this.world.memory.base, true);
  }

  /** MDIC: a register of the PHY. */
  phy(register: number): number {
    this.write(0x20, (2 << 26) | (1 << 21) | (register << 16));
    return this.read(0x20);
  }
  setPhy(register: number, value: number): void {
    this.write(0x20, ((1 << 26) | (1 << 21) | (register << 16) | value) >>> 0);
  }
  /** EERD: a word of the NVM. */
  nvm(word: number): number {
    this.write(0x14, (word << 2) | 1);
    return this.read(0x14) >>> 16;
  }

  setUpTransmit(entries = 16): void {
    const base = this.world.memory.allocate(entries * 16);
    this.tx = { base, entries, tail: 0 };
    this.write(TDBAL, base);
    this.write(TDBAL + 4, 0);
    this.write(TDLEN, entries * 16);
    this.write(TDH, 0);
    this.write(TDT, 0);
    this.write(TCTL, TCTL_EN | TCTL_PSP);
  }

  /** Extended descriptors unless `legacy`; `rctl` beside the enable, broadcast and strip bits. */
  setUpReceive(entries = 16, { legacy = false, rctl = 0 } = {}): void {
    const { memory } = this.world;
    const base = memory.allocate(entries * 16);
    this.rx = { base, entries, next: 0, buffers: [] };
    for (let i = 0; i < entries; i++) {
      this.rx.buffers.push(memory.allocate(this.bufferSize, 2048));
      this.refill(i);
    }
    this.write(RFCTL, legacy ? 0 : RFCTL_EXSTEN);
    this.write(RDBAL, base);
    this.write(RDBAL + 4, 0);
    this.write(RDLEN, entries * 16);
    this.write(RDH, 0);
    this.write(RCTL, RCTL_EN | RCTL_BAM | RCTL_SECRC | rctl);
    this.write(RDT, entries - 1);
  }

  private refill(i: number): void {
    const at = this.rx.base + 16 * i;
    [this.rx.buffers[i], 0, 0, 0].forEach((value, dword) => {
      this.word(at + 4 * dword, value);
    });
  }

  /** Puts a descriptor's four dwords into the ring without telling the controller; its address. */
  push(...dwords: number[]): number {
    const at = this.tx.base + 16 * this.tx.tail;
    dwords.forEach((value, i) => {
      this.word(at + 4 * i, value);
    });
    this.tx.tail = (this.tx.tail + 1) % this.tx.entries;
    return at;
  }
  ring(): void {
    this.write(TDT, this.tx.tail);
  }
  /** A buffer with these bytes; its address. */
  buffer(bytes: Uint8Array): number {
    const address = this.world.memory.allocate(Math.max(bytes.length, 1), 16);
    this.world.memory.slice(address, bytes.length).set(bytes);
    return address;
  }
  legacy(bytes: Uint8Array, command = EOP | IFCS | RS, { css = 0, cso = 0, vlan = 0 } = {}): number {
    return this.push(this.buffer(bytes), 0, (command << 24) | (cso << 16) | bytes.length, (vlan << 16) | (css << 8));
  }
  data(bytes: Uint8Array, command: number, popts = 0, vlan = 0): number {
    const type = 1 << 20;
    return this.push(
      this.buffer(bytes),
      0,
      ((command | DEXT) << 24) | type | bytes.length,
      (vlan << 16) | (popts << 8),
    );
  }
  context(
    ip: [css: number, cso: number, cse: number],
    tcp: [css: number, cso: number],
    hdr = 0,
    mss = 0,
    tucmd = 3,
  ): number {
    const [ipcss, ipcso, ipcse] = ip;
    const [tucss, tucso] = tcp;
    const command = (DEXT | tucmd) << 24;
    return this.push((ipcse << 16) | (ipcso << 8) | ipcss, (tucso << 8) | tucss, command, (mss << 16) | (hdr << 8));
  }
  done(descriptor: number): boolean {
    return (this.get(descriptor + 12) & 1) !== 0;
  }

  /** Takes the next packet from extended descriptors, and gives the buffers back. */
  take(): Received | undefined {
    const parts: Uint8Array[] = [];
    for (let i = this.rx.next; ; i = (i + 1) % this.rx.entries) {
      const at = this.rx.base + 16 * i;
      const status = this.get(at + 8);
      if ((status & 1) === 0) return undefined;
      const third = this.get(at + 12);
      parts.push(this.world.memory.slice(this.rx.buffers[i], third & 0xffff).slice());
      if ((status & 2) === 0) continue;
      const last = i;
      while (this.rx.next !== (last + 1) % this.rx.entries) {
        this.refill(this.rx.next);
        this.rx.next = (this.rx.next + 1) % this.rx.entries;
      }
      this.write(RDT, (last + this.rx.entries) % this.rx.entries);
      return {
        bytes: Uint8Array.from(parts.flatMap((part) => [...part])),
        status: status & 0xfffff,
        errors: status >>> 24,
        vlan: third >>> 16,
      };
    }
  }
}
