// Intel 82574 GbE Controller Family Datasheet 3.4, "Driver Programing Interface", "Register Conventions", "Initialization": the
// controller behind a memory BAR, its interrupts, its DMA port and one end of a network link.
import {
  Access,
  type Clock,
  type DmaPort,
  type IrqLine,
  type Link,
  type MessageVectors,
  type MmioDevice,
} from "../../platform/ports.js";
import { Engine, type E1000eCounters } from "./engine.js";
import { Cause, Interrupts } from "./interrupts.js";
import { Nvm } from "./nvm.js";
import { DEFAULT_CONFIG, type E1000eConfig } from "./parameters.js";
import { Phy } from "./phy.js";
import { Receive } from "./receive.js";
import * as reg from "./registers.js";
import { Ctrl, Reg, type RegisterFile, Status } from "./registers.js";
import { Transmit } from "./transmit.js";

export interface E1000ePorts {
  irq: IrqLine;
  dma: DmaPort;
  clock: Clock;
  link: Link;
  /** MSI-X, where the controller's function has it. */
  messages?: MessageVectors | undefined;
}

/** Offsets of a queue's registers from its base address register. */
const HEAD = Reg.RDH - Reg.RDBAL;
const TAIL = Reg.RDT - Reg.RDBAL;

/** An 82574L on a network link. */
export class E1000eController implements MmioDevice {
  readonly config: E1000eConfig;
  private readonly engine: Engine;
  private readonly registers: RegisterFile;
  private readonly interrupts: Interrupts;
  private readonly nvm: Nvm;
  private readonly phy: Phy;
  private readonly transmit: Transmit;
  private readonly receive: Receive;

  constructor(ports: E1000ePorts, config: Partial<E1000eConfig> = {}) {
    this.config = { ...DEFAULT_CONFIG, ...config };
    const engine = new Engine(ports, this.config);
    const { registers, statistics } = engine;
    this.engine = engine;
    this.registers = registers;
    this.interrupts = new Interrupts({
      ...{ irq: ports.irq, messages: ports.messages, registers, statistics },
      now: () => ports.clock.now(),
      cycles: (nanoseconds) => engine.cycles(nanoseconds),
      schedule: (cycles, action) => engine.schedule(cycles, action),
    });
    engine.interrupts = this.interrupts;
    this.nvm = new Nvm(this.config.mac);
    this.transmit = new Transmit(engine);
    this.receive = new Receive(engine);
    const { autoNegotiation } = this.config.times;
    this.phy = new Phy({
      link: ports.link,
      negotiate: (action) => {
        const cycles = engine.cycles(autoNegotiation);
        if (cycles > 0) return ports.clock.after(cycles, action);
        action();
        return undefined;
      },
      changed: () => this.linkChanged(),
    });
    engine.linkUp = () => this.phy.linkUp;
    ports.link.attach({
      receive: (frame) => this.receive.receive(frame),
      linkChanged: () => this.phy.linkChanged(),
    });
    this.initialize();
  }

  get counters(): E1000eCounters {
    return this.engine.counters;
  }
  /** Times that the host was interrupted. */
  get interruptsRaised(): number {
    return this.interrupts.raised;
  }

  // ---- registers

  read(offset: number, size: number): number {
    if (size !== 4 || offset % 4 !== 0) return -1;
    if (offset >= Reg.STATISTICS && offset < Reg.STATISTICS_END) return this.engine.statistics.read(offset);
    switch (offset) {
      case Reg.CTRL_DUP:
        return this.registers.get(Reg.CTRL);
      case Reg.STATUS:
        return this.status;
      case Reg.EECD:
        return this.nvm.eecd;
      case Reg.EERD:
        return this.nvm.eerd;
      case Reg.EEWR:
        return this.nvm.eewr;
      case Reg.MDIC:
        return this.phy.mdic;
      case Reg.ICR:
        return this.interrupts.readIcr();
      case Reg.ICS:
        return this.interrupts.ics;
      case Reg.IMS:
        return this.interrupts.ims;
      case Reg.SWSM: {
        const value = this.registers.get(Reg.SWSM);
        this.registers.set(Reg.SWSM, value | reg.SWSM_SMBI);
        return value;
      }
      default:
        return this.registers.get(offset);
    }
  }

  private get status(): number {
    const { phy, engine } = this;
    const speed = phy.speed << reg.STATUS_SPEED_SHIFT;
    const up = phy.linkUp ? Status.LU : 0;
    const held = this.registers.get(Reg.STATUS) & Status.PHYRA;
    return Status.FD | up | speed | held | (engine.mastering ? Status.GIO_MASTER_ENABLE : 0);
  }

  write(offset: number, size: number, value: number): Access {
    if (size !== 4 || offset % 4 !== 0) return Access.Fault;
    const { registers, interrupts, nvm } = this;
    switch (offset) {
      case Reg.CTRL:
      case Reg.CTRL_DUP:
        this.control(value);
        break;
      case Reg.STATUS:
        registers.set(Reg.STATUS, registers.get(Reg.STATUS) & value & Status.PHYRA);
        break;
      case Reg.EECD:
        nvm.eecd = value;
        break;
      case Reg.EERD:
        nvm.eerd = value;
        break;
      case Reg.EEWR:
        nvm.eewr = value;
        break;
      case Reg.MDIC:
        if (this.phy.transact(value)) interrupts.cause(Cause.MDAC);
        break;
      case Reg.ICR:
        interrupts.writeIcr(value);
        break;
      case Reg.ICS:
        interrupts.cause(value);
        break;
      case Reg.IMS:
        interrupts.setMask(value);
        break;
      case Reg.IMC:
        interrupts.clearMask(value);
        break;
      default:
        registers.write(offset, value);
        this.written(offset, value);
    }
    return Access.Ok;
  }

  /** What a register that holds its value starts beside that. */
  private written(offset: number, value: number): void {
    const { transmit, receive } = this;
    if (offset >= Reg.RDBAL && offset < Reg.RDBAL + reg.QUEUES * reg.QUEUE_STRIDE)
      this.ring(receive, offset - Reg.RDBAL);
    if (offset >= Reg.TDBAL && offset < Reg.TDBAL + reg.QUEUES * reg.QUEUE_STRIDE)
      this.ring(transmit, offset - Reg.TDBAL);
    switch (offset) {
      case Reg.RCTL:
      case Reg.RFCTL:
        receive.configured();
        break;
      case Reg.TCTL:
        transmit.pump();
        break;
      case Reg.RDTR:
        if (value >= reg.FPD) receive.flush();
        break;
      case Reg.TIDV:
        if (value >= reg.FPD) transmit.flush();
        break;
      case Reg.IVAR:
        this.interrupts.update();
        break;
    }
  }

  private ring(side: Transmit | Receive, at: number): void {
    const queue = Math.floor(at / reg.QUEUE_STRIDE);
    const register = at % reg.QUEUE_STRIDE;
    if (register === TAIL) side.doorbell(queue);
    else if (register <= HEAD) side.moved(queue);
  }

  // ---- reset and link

  private control(value: number): void {
    if (value & Ctrl.RST) {
      this.engine.counters.resets++;
      this.initialize();
      return;
    }
    this.registers.write(Reg.CTRL, value);
    if (value & Ctrl.PHY_RST) {
      this.registers.set(Reg.STATUS, Status.PHYRA);
      this.phy.reset();
    }
    this.transmit.pump();
    this.receive.pump();
  }

  /** "Software Reset (CTRL.RST)": all but PHY and NVM; the first receive address comes from the NVM. */
  private initialize(): void {
    const { engine, registers, nvm } = this;
    engine.forget();
    registers.reset();
    nvm.reset();
    const [low, high] = nvm.address;
    registers.set(Reg.RAL, low);
    registers.set(Reg.RAL + 4, (high | reg.RAH_AV) >>> 0);
    engine.statistics.reset();
    this.interrupts.reset();
    this.transmit.reset();
    this.receive.reset();
  }

  private linkChanged(): void {
    this.interrupts.cause(Cause.LSC);
    this.transmit.pump();
    this.receive.pump();
  }

  reset(): void {
    this.initialize();
    this.phy.reset(true);
  }
}
