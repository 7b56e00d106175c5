// NVM Express Base Specification 1.4, "Controller Registers", "Controller Initialization", "Controller Shutdown",
// "Controller Level Reset": the controller behind a memory BAR, its interrupts and its DMA port.
import {
  Access,
  type BlockBackend,
  type Clock,
  type DmaPort,
  type IrqLine,
  type MessageVectors,
  type MmioDevice,
} from "../../platform/ports.js";
import { checkTemperature } from "./admin.js";
import { Engine, type NvmeCounters } from "./engine.js";
import { type Interrupts, MsixInterrupts, PinInterrupt } from "./interrupts.js";
import { DEFAULT_CONFIG, type NvmeConfig } from "./parameters.js";
import * as reg from "./registers.js";
import { Reg } from "./registers.js";

export interface NvmePorts {
  irq: IrqLine;
  dma: DmaPort;
  clock: Clock;
  backend: BlockBackend;
  /** MSI-X, where the controller's function has it. */
  messages?: MessageVectors | undefined;
}

/** Registers that hold what was written, or what the controller reports. */
interface Registers {
  cc: number;
  csts: number;
  aqa: number;
  asq: { lo: number; hi: number };
  acq: { lo: number; hi: number };
}

const resetRegisters = (): Registers => ({ cc: 0, csts: 0, aqa: 0, asq: { lo: 0, hi: 0 }, acq: { lo: 0, hi: 0 } });

/** An NVMe controller with one namespace on a block backend. */
export class NvmeController implements MmioDevice {
  readonly config: NvmeConfig;
  private readonly engine: Engine;
  private readonly interrupts: Interrupts;
  private s = resetRegisters();

  constructor(ports: NvmePorts, config: Partial<NvmeConfig> = {}) {
    const { irq, messages } = ports;
    this.config = { ...DEFAULT_CONFIG, ...config };
    const interrupts = messages ? new MsixInterrupts(irq, messages) : new PinInterrupt(irq);
    this.interrupts = interrupts;
    const fatal = () => this.fail();
    this.engine = new Engine({ ...ports, interrupts, fatal }, this.config);
  }

  get counters(): NvmeCounters {
    return this.engine.counters;
  }
  /** Times that the host was interrupted. */
  get interruptsRaised(): number {
    return this.interrupts.raised;
  }

  // ---- registers

  read(offset: number, size: number): number {
    if (offset % size !== 0) return -1;
    const value = this.register(offset & ~3);
    const shifted = value >>> ((offset & 3) * 8);
    return size === 4 ? shifted : shifted & ((1 << (size * 8)) - 1);
  }

  private register(offset: number): number {
    const { s, config } = this;
    switch (offset) {
      case Reg.CAP:
        return reg.capLow(config.queueEntries, Math.max(1, this.timeout()));
      case Reg.CAP_HIGH:
        return reg.capHigh();
      case Reg.VS:
        return reg.VERSION;
      case Reg.INTMS:
      case Reg.INTMC:
        return this.interrupts.mask;
      case Reg.CC:
        return s.cc;
      case Reg.CSTS:
        return s.csts;
      case Reg.AQA:
        return s.aqa;
      case Reg.ASQ:
        return s.asq.lo;
      case Reg.ASQ_HIGH:
        return s.asq.hi;
      case Reg.ACQ:
        return s.acq.lo;
      case Reg.ACQ_HIGH:
        return s.acq.hi;
      default:
        return 0;
    }
  }

  /** The longest wait for CSTS.RDY, in units of 500 ms. */
  private timeout(): number {
    const { enable, disable } = this.config.times;
    return Math.min(255, Math.ceil(Math.max(enable, disable) / 500e6));
  }

  write(offset: number, size: number, value: number): Access {
    if (size !== 4 || offset % 4 !== 0) return Access.Fault;
    if (offset >= reg.DOORBELLS) {
      this.engine.doorbell((offset - reg.DOORBELLS) / reg.DOORBELL_STRIDE, value & 0xffff);
      return Access.Ok;
    }
    const { s } = this;
    switch (offset) {
      case Reg.INTMS:
        this.interrupts.setMask(value);
        break;
      case Reg.INTMC:
        this.interrupts.clearMask(value);
        break;
      case Reg.CC:
        this.configure((value & reg.CC_WRITABLE) >>> 0);
        break;
      case Reg.AQA:
        s.aqa = value & reg.AQA_WRITABLE;
        break;
      case Reg.ASQ:
        s.asq.lo = (value & ~0xfff) >>> 0;
        break;
      case Reg.ASQ_HIGH:
        s.asq.hi = value;
        break;
      case Reg.ACQ:
        s.acq.lo = (value & ~0xfff) >>> 0;
        break;
      case Reg.ACQ_HIGH:
        s.acq.hi = value;
        break;
    }
    return Access.Ok;
  }

  // ---- enable, disable, shutdown

  private configure(cc: number): void {
    const before = this.s.cc;
    this.s.cc = cc;
    this.engine.entrySizes = { submission: reg.ccIosqes(cc), completion: reg.ccIocqes(cc) };
    const on = (cc & reg.CC_EN) !== 0;
    const was = (before & reg.CC_EN) !== 0;
    if (on && !was) this.enable();
    else if (!on && was) this.disable();
    if (reg.ccShn(cc) !== 0 && reg.ccShn(before) === 0) this.shutDown();
  }

  private enable(): void {
    const { s, engine } = this;
    engine.forget();
    s.csts = 0;
    const submission = { base: { ...s.asq }, size: reg.aqaAsqs(s.aqa) };
    const completion = { base: { ...s.acq }, size: reg.aqaAcqs(s.aqa) };
    const pageSize = reg.SMALLEST_PAGE << reg.ccMps(s.cc);
    const aligned = ((s.asq.lo | s.acq.lo) & (pageSize - 1)) === 0;
    const selected = reg.ccCss(s.cc) === reg.CSS_NVM && reg.ccAms(s.cc) === reg.AMS_ROUND_ROBIN;
    if (!selected || reg.ccMps(s.cc) > reg.MPSMAX || !aligned || submission.size < 2 || completion.size < 2) {
      this.fail();
      return;
    }
    engine.begin({ submission, completion, pageSize });
    engine.later(engine.cycles(this.config.times.enable), () => {
      s.csts |= reg.CSTS_RDY;
      engine.running = (s.csts & reg.CSTS_SHST) === 0;
      checkTemperature(engine);
    });
  }

  private disable(): void {
    const { s, engine } = this;
    engine.counters.resets++;
    engine.forget();
    s.csts &= reg.CSTS_RDY;
    engine.later(engine.cycles(this.config.times.disable), () => {
      s.csts &= ~reg.CSTS_RDY;
    });
  }

  /** Controller Fatal Status: all stops until the host resets the controller. */
  private fail(): void {
    this.engine.halt();
    this.s.csts |= reg.CSTS_CFS;
  }

  /** Commands that were fetched complete, others stay where they are; then the medium is flushed. */
  private shutDown(): void {
    const { s, engine } = this;
    engine.running = false;
    s.csts = (s.csts & ~reg.CSTS_SHST) | reg.SHST_OCCURRING;
    engine.later(engine.cycles(this.config.times.shutdown), () => {
      engine.submit({ operation: "flush", offset: 0, length: 0, segments: [] }, () => {
        s.csts = (s.csts & ~reg.CSTS_SHST) | reg.SHST_COMPLETE;
      });
    });
  }

  reset(): void {
    const { smart } = this.engine.log;
    const shutDown = (this.s.csts & reg.CSTS_SHST) === reg.SHST_COMPLETE;
    if ((this.s.cc & reg.CC_EN) !== 0 && !shutDown) smart.unsafeShutdowns++;
    smart.powerCycles++;
    this.restart();
  }

  /** "Controller Level Reset" that isn't the host's wish, as when firmware fails: what is in the write cache stays. */
  restart(): void {
    this.engine.forget();
    this.s = resetRegisters();
  }
}
