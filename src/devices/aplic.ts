// RISC-V Advanced Interrupt Architecture 1.0, "Advanced Platform-Level Interrupt Controller (APLIC)": a root domain at machine level and
// its child at supervisor level. The delivery mode and the addresses of messages are hardwired; little-endian.
import { Access, type InterruptController, type IrqLine, type MmioDevice } from "../platform/ports.js";

const enum Reg {
  DOMAINCFG = 0x0000,
  SOURCECFG_END = 0x1000,
  MMSIADDRCFGH = 0x1bc4,
  SETIP = 0x1c00,
  SETIPNUM = 0x1cdc,
  IN_CLRIP = 0x1d00,
  CLRIPNUM = 0x1ddc,
  SETIE = 0x1e00,
  SETIENUM = 0x1edc,
  CLRIE = 0x1f00,
  CLRIENUM = 0x1fdc,
  SETIPNUM_LE = 0x2000,
  GENMSI = 0x3000,
  IDC = 0x4000,
}
/** Bytes of an array of bits. */
const BITS_SIZE = 0x80;
const IDC_SIZE = 32;
const enum Idc {
  IDELIVERY = 0x00,
  IFORCE = 0x04,
  ITHRESHOLD = 0x08,
  TOPI = 0x18,
  CLAIMI = 0x1c,
}

const DOMAINCFG_READ_ONLY = 0x8000_0000;
const DOMAINCFG_IE = 0x100;
const DOMAINCFG_DM = 4;
/** mmsiaddrcfgh.L: where messages go is not for software to decide. */
const LOCKED = 0x8000_0000;

/** sourcecfg. */
const DELEGATE = 0x400;
const enum SourceMode {
  INACTIVE = 0,
  DETACHED = 1,
  EDGE1 = 4,
  EDGE0 = 5,
  LEVEL1 = 6,
  LEVEL0 = 7,
}
const MODES: readonly number[] = [
  SourceMode.INACTIVE,
  SourceMode.DETACHED,
  SourceMode.EDGE1,
  SourceMode.EDGE0,
  SourceMode.LEVEL1,
  SourceMode.LEVEL0,
];

/** target and genmsi. */
const HART_SHIFT = 18;
const GUEST_SHIFT = 12;
const GUEST_MASK = 0x3f;
const EIID = 0x7ff;
const IPRIO = 0xff;
const HART_FIELD = 0xfffc_0000;

export type AplicLevel = "machine" | "supervisor";

/** A message, as the target register says: guest 0 is the level's own file. */
export interface AplicMessage {
  level: AplicLevel;
  hart: number;
  guest: number;
  identity: number;
}

export interface AplicPorts {
  /** Interrupt sources; their numbers are 1…sources. */
  sources: number;
  harts: number;
  /** MSI delivery mode: takes what is forwarded. Left out, interrupts are delivered directly, through `output`. */
  message?: (message: AplicMessage) => void;
  /** Direct delivery mode: the external interrupt of a level of a hart changed. */
  output?: (level: AplicLevel, hart: number, raised: boolean) => void;
}

/** State of a domain; arrays are by source, `idc` by hart. */
export interface DomainState {
  enabled: boolean;
  sourcecfg: number[];
  pending: boolean[];
  enable: boolean[];
  target: number[];
  genmsi: number;
  idc: { idelivery: number; iforce: number; ithreshold: number }[];
}

export interface AplicState {
  /** By source: level of the wire. */
  level: boolean[];
  machine: DomainState;
  supervisor: DomainState;
}

function resetDomain(sources: number, harts: number): DomainState {
  const bySource = <T>(value: T) => new Array<T>(sources + 1).fill(value);
  return {
    enabled: false,
    sourcecfg: bySource(0),
    pending: bySource(false),
    enable: bySource(false),
    target: bySource(0),
    genmsi: 0,
    idc: Array.from({ length: harts }, () => ({ idelivery: 0, iforce: 0, ithreshold: 0 })),
  };
}

/** The APLIC: wires in, domains as devices on the bus. */
export class Aplic implements InterruptController {
  readonly machine: AplicDomain;
  readonly supervisor: AplicDomain;
  private level: boolean[];

  constructor(private readonly ports: AplicPorts) {
    this.level = new Array<boolean>(ports.sources + 1).fill(false);
    const levelOf = (source: number) => this.level[source];
    this.supervisor = new AplicDomain(ports, "supervisor", levelOf, (source) => this.machine.delegates(source));
    this.machine = new AplicDomain(ports, "machine", levelOf, () => true, this.supervisor);
  }

  line(source: number): IrqLine {
    if (!(source >= 1 && source <= this.ports.sources)) throw new RangeError(`APLIC source ${source}`);
    return { set: (level) => this.setLevel(source, level) };
  }

  setLevel(source: number, level: boolean): void {
    if (this.level[source] === level) return;
    this.level[source] = level;
    this.machine.input(source);
    this.supervisor.input(source);
  }

  /** What machine-level software does for an operating system: every source is the supervisor level's. */
  delegateAll(): void {
    for (let source = 1; source <= this.ports.sources; source++) this.machine.write(source * 4, 4, DELEGATE);
  }

  state(): AplicState {
    return structuredClone({ level: this.level, machine: this.machine.s, supervisor: this.supervisor.s });
  }

  restore(state: AplicState): void {
    const { sources, harts } = this.ports;
    const fits = ({ sourcecfg, idc }: DomainState) => sourcecfg.length === sources + 1 && idc.length === harts;
    if (!fits(state.machine) || !fits(state.supervisor)) throw new Error("APLIC state: shape");
    const { level, machine, supervisor } = structuredClone(state);
    this.level = level;
    this.machine.s = machine;
    this.supervisor.s = supervisor;
    this.machine.deliver();
    this.supervisor.deliver();
  }
}

/** The control region of an interrupt domain. */
export class AplicDomain implements MmioDevice {
  s: DomainState;
  private readonly outputs: boolean[];

  /**
   * @param mine whether a source is this domain's to configure; `child` is where its delegated sources go
   */
  constructor(
    private readonly ports: AplicPorts,
    readonly privilege: AplicLevel,
    private readonly levelOf: (source: number) => boolean,
    private readonly mine: (source: number) => boolean,
    private readonly child?: AplicDomain,
  ) {
    this.s = resetDomain(ports.sources, ports.harts);
    this.outputs = new Array<boolean>(ports.harts).fill(false);
  }

  delegates(source: number): boolean {
    return (this.s.sourcecfg[source] & DELEGATE) !== 0;
  }

  /** The wire of `source` changed. */
  input(source: number): void {
    const mode = this.s.sourcecfg[source];
    if (mode < SourceMode.EDGE1 || mode & DELEGATE) return;
    if (this.rectified(source)) this.s.pending[source] = true;
    else if (mode >= SourceMode.LEVEL1) this.s.pending[source] = false;
    this.deliver();
  }

  read(offset: number, size: number): number {
    if (size !== 4) return -1;
    const { s } = this;
    if (offset >= Reg.IDC) return this.readIdc(offset - Reg.IDC);
    if (offset > Reg.GENMSI) return s.target[(offset - Reg.GENMSI) >>> 2] ?? 0;
    if (offset === Reg.GENMSI) return s.genmsi;
    if (offset === Reg.DOMAINCFG) {
      return DOMAINCFG_READ_ONLY + (s.enabled ? DOMAINCFG_IE : 0) + (this.ports.message ? DOMAINCFG_DM : 0);
    }
    if (offset < Reg.SOURCECFG_END) return s.sourcecfg[offset >>> 2] ?? 0;
    if (offset === Reg.MMSIADDRCFGH) return this.child && this.ports.message ? LOCKED : 0;
    if (within(offset, Reg.SETIP)) return this.bits(offset - Reg.SETIP, (source) => s.pending[source]);
    if (within(offset, Reg.IN_CLRIP)) return this.bits(offset - Reg.IN_CLRIP, (source) => this.rectified(source));
    if (within(offset, Reg.SETIE)) return this.bits(offset - Reg.SETIE, (source) => s.enable[source]);
    return 0;
  }

  write(offset: number, size: number, value: number): Access {
    if (size !== 4) return Access.Fault;
    if (offset >= Reg.IDC) this.writeIdc(offset - Reg.IDC, value);
    else if (offset > Reg.GENMSI) this.setTarget((offset - Reg.GENMSI) >>> 2, value);
    else if (offset === Reg.GENMSI) this.generate(value);
    else if (offset === Reg.DOMAINCFG) this.s.enabled = (value & DOMAINCFG_IE) !== 0;
    else if (offset < Reg.SOURCECFG_END) this.configure(offset >>> 2, value);
    else this.writeBits(offset, value);
    this.deliver();
    return Access.Ok;
  }

  reset(): void {
    this.s = resetDomain(this.ports.sources, this.ports.harts);
    this.deliver();
  }

  private active(source: number): boolean {
    const mode = this.s.sourcecfg[source];
    return mode > 0 && (mode & DELEGATE) === 0;
  }

  /** "Rectified input value". */
  private rectified(source: number): boolean {
    const mode = this.s.sourcecfg[source];
    if (mode < SourceMode.EDGE1 || mode & DELEGATE) return false;
    return this.levelOf(source) !== ((mode & 1) !== 0);
  }

  private isLevel(source: number): boolean {
    return this.s.sourcecfg[source] >= SourceMode.LEVEL1;
  }

  private configure(source: number, value: number): void {
    const { s } = this;
    if (source > this.ports.sources || !this.mine(source)) return;
    const wanted = value & 7;
    const mode = value & DELEGATE ? (this.child ? DELEGATE : 0) : MODES.includes(wanted) ? wanted : 0;
    const old = s.sourcecfg[source];
    s.sourcecfg[source] = mode;
    if (mode & DELEGATE || mode === 0) this.clear(source);
    else if (!(old > 0 && old < DELEGATE)) s.target[source] = this.ports.message ? 0 : 1;
    if (old & DELEGATE && !(mode & DELEGATE)) this.child?.forget(source);
    if (this.isLevel(source)) {
      // directly delivered, a level-sensitive source is pending just as long as its input is high
      if (this.rectified(source)) s.pending[source] = true;
      else if (!this.ports.message) s.pending[source] = false;
    }
  }

  /** The source is no longer delegated to this domain. */
  private forget(source: number): void {
    this.s.sourcecfg[source] = 0;
    this.clear(source);
    this.deliver();
  }

  private clear(source: number): void {
    this.s.pending[source] = false;
    this.s.enable[source] = false;
    this.s.target[source] = 0;
  }

  private setTarget(source: number, value: number): void {
    if (source > this.ports.sources || !this.active(source)) return;
    const hart = (value & HART_FIELD) >>> 0;
    const guest = this.child ? 0 : value & (GUEST_MASK << GUEST_SHIFT);
    const rest = this.ports.message ? guest | (value & EIID) : value & IPRIO || 1;
    this.s.target[source] = hart + rest;
  }

  /** genmsi: the message leaves at once, so that Busy never shows. */
  private generate(value: number): void {
    if (!this.ports.message) return;
    this.s.genmsi = ((value & HART_FIELD) >>> 0) + (value & EIID);
    this.send(this.s.genmsi, 0);
  }

  private send(target: number, guest: number): void {
    this.ports.message?.({ level: this.privilege, hart: target >>> HART_SHIFT, guest, identity: target & EIID });
  }

  private writeBits(offset: number, value: number): void {
    const { s } = this;
    const enable = (on: boolean) => (source: number) => {
      s.enable[source] = on;
    };
    const actions: readonly [array: Reg, number: Reg, action: (source: number) => void][] = [
      [Reg.SETIP, Reg.SETIPNUM, (source) => this.setPending(source)],
      [Reg.IN_CLRIP, Reg.CLRIPNUM, (source) => this.clearPending(source)],
      [Reg.SETIE, Reg.SETIENUM, enable(true)],
      [Reg.CLRIE, Reg.CLRIENUM, enable(false)],
    ];
    for (const [array, number, action] of actions) {
      if (offset === number || (number === Reg.SETIPNUM && offset === Reg.SETIPNUM_LE)) {
        if (this.active(value)) action(value);
      } else if (within(offset, array)) {
        for (let bit = 0; bit < 32; bit++) {
          const source = (offset - array) * 8 + bit;
          if ((value >>> bit) & 1 && this.active(source)) action(source);
        }
      }
    }
  }

  /** "Precise effects on interrupt-pending bits". */
  private setPending(source: number): void {
    if (!this.isLevel(source) || (this.ports.message && this.rectified(source))) this.s.pending[source] = true;
  }

  private clearPending(source: number): void {
    if (!this.isLevel(source) || this.ports.message) this.s.pending[source] = false;
  }

  private bits(offset: number, flag: (source: number) => boolean): number {
    let word = 0;
    for (let bit = 0; bit < 32; bit++) {
      const source = offset * 8 + bit;
      if (source >= 1 && source <= this.ports.sources && flag(source)) word |= 1 << bit;
    }
    return word >>> 0;
  }

  // ---- delivery

  /** Forwards what is pending and enabled, or tells the harts of it. */
  deliver(): void {
    const { s, ports } = this;
    if (ports.message) {
      if (!s.enabled) return;
      for (let source = 1; source <= ports.sources; source++) {
        if (!s.pending[source] || !s.enable[source]) continue;
        s.pending[source] = false;
        this.send(s.target[source], (s.target[source] >>> GUEST_SHIFT) & GUEST_MASK);
      }
      return;
    }
    for (let hart = 0; hart < ports.harts; hart++) {
      const raised = this.raised(hart);
      if (raised === this.outputs[hart]) continue;
      this.outputs[hart] = raised;
      ports.output?.(this.privilege, hart, raised);
    }
  }

  /** Whether the external interrupt of a hart is asserted, in direct delivery mode. */
  raised(hart: number): boolean {
    const { idelivery, iforce } = this.s.idc[hart];
    return this.s.enabled && idelivery === 1 && (iforce === 1 || this.topi(hart) !== 0);
  }

  /** topi: identity and priority number of a hart's top interrupt. */
  private topi(hart: number): number {
    const { s } = this;
    const threshold = s.idc[hart].ithreshold || IPRIO + 1;
    let top = 0;
    let best = threshold;
    for (let source = 1; source <= this.ports.sources; source++) {
      if (!s.pending[source] || !s.enable[source] || s.target[source] >>> HART_SHIFT !== hart) continue;
      const priority = s.target[source] & IPRIO;
      if (priority >= best) continue;
      best = priority;
      top = (source << 16) | priority;
    }
    return top;
  }

  private readIdc(offset: number): number {
    const hart = Math.floor(offset / IDC_SIZE);
    if (this.ports.message || hart >= this.ports.harts) return 0;
    const idc = this.s.idc[hart];
    switch (offset % IDC_SIZE) {
      case Idc.IDELIVERY:
        return idc.idelivery;
      case Idc.IFORCE:
        return idc.iforce;
      case Idc.ITHRESHOLD:
        return idc.ithreshold;
      case Idc.TOPI:
        return this.topi(hart);
      case Idc.CLAIMI:
        return this.claim(hart);
      default:
        return 0;
    }
  }

  private claim(hart: number): number {
    const top = this.topi(hart);
    if (top === 0) this.s.idc[hart].iforce = 0;
    else this.clearPending(top >>> 16);
    this.deliver();
    return top;
  }

  private writeIdc(offset: number, value: number): void {
    const hart = Math.floor(offset / IDC_SIZE);
    if (this.ports.message || hart >= this.ports.harts) return;
    const idc = this.s.idc[hart];
    const register = offset % IDC_SIZE;
    if (register === Idc.IDELIVERY) idc.idelivery = value & 1;
    else if (register === Idc.IFORCE) idc.iforce = value & 1;
    else if (register === Idc.ITHRESHOLD) idc.ithreshold = value & IPRIO;
  }
}

function within(offset: number, array: number): boolean {
  return offset >= array && offset < array + BITS_SIZE;
}
