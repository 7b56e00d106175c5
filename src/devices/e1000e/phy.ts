// Intel 82574 GbE Controller Family Datasheet 3.4, "MDI Control Register - MDIC", "PHY Registers"; IEEE 802.3, "Management
// functions": the internal PHY at address 1 and what it says of the link.
import type { EventHandle, Link } from "../../platform/ports.js";

const enum Mdic {
  WRITE = 1,
  READ = 2,
  READY = 1 << 28,
  INTERRUPT = 1 << 29,
  ERROR = 1 << 30,
}
const PHY_ADDRESS = 1;
const PAGES = 8;
const PAGE_REGISTERS = 32;
/** Registers that are the same in all pages. */
const SHARED = 16;

const enum Reg {
  CONTROL = 0,
  STATUS = 1,
  ID1 = 2,
  ID2 = 3,
  ADVERTISEMENT = 4,
  PARTNER = 5,
  EXPANSION = 6,
  NEXT_PAGE = 7,
  GIGABIT_CONTROL = 9,
  GIGABIT_STATUS = 10,
  EXTENDED_STATUS = 15,
  COPPER_CONTROL = 16,
  COPPER_STATUS = 17,
  PAGE = 22,
  OEM_BITS = 25,
}
const READ_ONLY = new Set([1, 2, 3, 5, 6, 8, 10, 15, 17, 19]);
const CONTROL_RESET = 1 << 15;
const CONTROL_NEGOTIATE = 1 << 12;
const CONTROL_POWER_DOWN = 1 << 11;
const CONTROL_RESTART = 1 << 9;
const OEM_RESTART = 1 << 10;
/** All of 10 and 100 Mb/s, extended status and capabilities, no preamble needed, can negotiate. */
const STATUS_ABILITIES = 0x7949;
const STATUS_NEGOTIATED = 1 << 5;
const STATUS_LINK = 1 << 2;
/** Resolved and full duplex; the link, now. */
const COPPER_RESOLVED = (1 << 13) | (1 << 11);
const COPPER_LINK = 1 << 10;
const GIGABIT_PARTNER = 0x3c00;
/** The partner: 10 and 100 Mb/s, both duplexes, symmetric pause, acknowledged. */
const PARTNER_ABILITIES = 0x45e1;

const INITIAL: readonly (readonly [register: Reg, value: number])[] = [
  [Reg.CONTROL, 0x1140],
  [Reg.ID1, 0x0141],
  [Reg.ID2, 0x0cb1],
  [Reg.ADVERTISEMENT, 0x0de1],
  [Reg.EXPANSION, 0x0004],
  [Reg.NEXT_PAGE, 0x2001],
  [Reg.GIGABIT_CONTROL, 0x0f00],
  [Reg.EXTENDED_STATUS, 0x3000],
  [Reg.COPPER_CONTROL, 0x3360],
];

export interface PhyPorts {
  link: Link;
  /** Calls `action` when auto-negotiation is over. */
  negotiate(action: () => void): EventHandle | undefined;
  /** What `linkUp` says has changed. */
  changed(): void;
}

export class Phy {
  private readonly registers = new Uint16Array(PAGES * PAGE_REGISTERS);
  private mdicValue = Mdic.READY;
  private negotiated = true;
  private pending: EventHandle | undefined;
  /** Status reports a link that was lost until it has been read ("latching low"). */
  private lost = false;

  constructor(private readonly ports: PhyPorts) {
    this.initialize();
  }

  private initialize(): void {
    this.registers.fill(0);
    for (const [register, value] of INITIAL) this.registers[register] = value;
  }

  /** Whether frames can pass. */
  get linkUp(): boolean {
    const { registers, ports, negotiated } = this;
    return ports.link.up && negotiated && (registers[Reg.CONTROL] & CONTROL_POWER_DOWN) === 0;
  }
  /** As STATUS.SPEED and the PHY have it: 0 for 10, 1 for 100, 2 for 1000 Mb/s. */
  get speed(): number {
    const { speed } = this.ports.link;
    if (speed >= 1e9) return 2;
    return speed >= 1e8 ? 1 : 0;
  }

  linkChanged(): void {
    if (this.ports.link.up) {
      this.restart();
      return;
    }
    this.pending?.cancel();
    this.pending = undefined;
    this.lost = true;
    this.ports.changed();
  }

  private restart(): void {
    const was = this.linkUp;
    this.pending?.cancel();
    this.negotiated = false;
    if (was) {
      this.lost = true;
      this.ports.changed();
    }
    this.pending = this.ports.negotiate(() => {
      this.pending = undefined;
      this.negotiated = true;
      if (this.linkUp) this.ports.changed();
    });
  }

  // ---- MDIC

  get mdic(): number {
    return this.mdicValue >>> 0;
  }

  /** A transaction; whether it asks for an interrupt. */
  transact(value: number): boolean {
    const register = (value >>> 16) & 0x1f;
    const operation = (value >>> 26) & 3;
    const at = this.place(register);
    const there = ((value >>> 21) & 0x1f) === PHY_ADDRESS && at >= 0;
    let answer = value & ~(Mdic.ERROR | Mdic.READY);
    if (!there) answer |= Mdic.ERROR;
    else if (operation === Mdic.READ) answer = (answer & ~0xffff) | this.read(register, at);
    else if (operation === Mdic.WRITE) this.write(register, at, value & 0xffff);
    this.mdicValue = answer | Mdic.READY;
    return (value & Mdic.INTERRUPT) !== 0;
  }

  private place(register: number): number {
    const page = register < SHARED || register === Reg.PAGE ? 0 : this.registers[Reg.PAGE];
    return page < PAGES ? page * PAGE_REGISTERS + register : -1;
  }

  private read(register: number, at: number): number {
    const up = this.linkUp;
    switch (at) {
      case Reg.STATUS: {
        const seen = up && !this.lost;
        this.lost = false;
        return STATUS_ABILITIES | (this.negotiated && up ? STATUS_NEGOTIATED : 0) | (seen ? STATUS_LINK : 0);
      }
      case Reg.PARTNER:
        return up ? PARTNER_ABILITIES : 0;
      case Reg.GIGABIT_STATUS:
        return up && this.speed === 2 ? GIGABIT_PARTNER : 0;
      case Reg.COPPER_STATUS:
        return up ? COPPER_RESOLVED | COPPER_LINK | (this.speed << 14) : 0;
      default:
        return this.registers[at] & (register === Reg.CONTROL ? ~(CONTROL_RESET | CONTROL_RESTART) : 0xffff);
    }
  }

  private write(register: number, at: number, value: number): void {
    if (at < PAGE_REGISTERS && READ_ONLY.has(register)) return;
    if (at === Reg.CONTROL) this.control(value);
    else if (at === Reg.OEM_BITS) {
      this.registers[at] = value & ~OEM_RESTART;
      if (value & OEM_RESTART) this.restart();
    } else this.registers[at] = value;
  }

  private control(value: number): void {
    const before = this.linkUp;
    const wasDown = (this.registers[Reg.CONTROL] & CONTROL_POWER_DOWN) !== 0;
    this.registers[Reg.CONTROL] = value & ~(CONTROL_RESET | CONTROL_RESTART | 0x3f);
    const down = (value & CONTROL_POWER_DOWN) !== 0;
    if (down && before) {
      this.lost = true;
      this.ports.changed();
    }
    const restart = (value & CONTROL_RESTART) !== 0 && (value & CONTROL_NEGOTIATE) !== 0;
    if (!down && (restart || wasDown || (value & CONTROL_RESET) !== 0)) this.restart();
  }

  /** CTRL.PHY_RST, or power-on when `negotiated`: then the link is up at once. */
  reset(negotiated = false): void {
    this.pending?.cancel();
    this.pending = undefined;
    this.initialize();
    this.mdicValue = Mdic.READY;
    this.lost = false;
    this.negotiated = true;
    if (!negotiated) this.restart();
  }
}
