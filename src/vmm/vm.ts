// A guest: memory, a hart, the virtual platform whose registers trap, and what was counted for it.
import { Cause, Interrupt } from "../../assembly/isa/cause.js";
import { Csr } from "../../assembly/isa/csr.js";
import { Plic } from "../devices/plic.js";
import { Finisher } from "../devices/finisher.js";
import { Bus } from "../platform/bus.js";
import { Console } from "../platform/console.js";
import { barPlacer, IoSpace } from "../platform/io-space.js";
import { ECAM, FINISHER, PCIE_FIRST_IRQ, PCIE_IO, PCIE_WINDOW, PLIC } from "../platform/memory-map.js";
import { type PcieBar, type PcieFunction, type PcieFunctionConfig, PcieRoot } from "../platform/pcie.js";
import { Access, type DmaPort, type IrqLine, type MmioDevice, type PcieDevice } from "../platform/ports.js";
import type { StopReason } from "../scenario/types.js";
import { charge, count, emptyAccount, type GuestAccount } from "./account.js";
import { answerEcall, type SbiContext } from "../platform/sbi.js";
import { exceptionName, interruptName } from "../platform/trap-names.js";
import type { VmmCosts } from "./costs.js";
import type { ExitGuest, RegisterAccess } from "./exits/index.js";
import { DEVICE_RIGHTS, type GStage } from "./memory/gstage.js";
import { GuestDmaPort } from "./memory/guest-memory.js";
import type { BarPlacement, GuestMemory, Place, Vm } from "./types.js";
import { guestSbi } from "./sbi.js";
import type { Vcpu } from "./vcpu.js";
import type { Vmm } from "./vmm.js";

const PAGE = 0x1000;
/** Context of the virtual PLIC for S-mode of hart 0, and where it claims and completes. */
const PLIC_S_CONTEXT = 1;
const PLIC_S_CLAIM = 0x20_1004;

export interface VmParts {
  readonly vmm: Vmm;
  readonly name: string;
  readonly index: number;
  readonly memory: GuestMemory;
  readonly gstage: GStage;
  readonly vcpu: Vcpu;
  readonly vmid: number;
  /** The guest whose place this one takes: what it was counted and what it printed goes on. */
  readonly before?: VirtualMachine | undefined;
}

/** Registers that trap: under what their accesses are counted, and what the VMM's part of one costs. */
interface Trapped {
  readonly reason: string;
  readonly cycles: number;
}

export class VirtualMachine implements Vm, ExitGuest {
  readonly name: string;
  readonly index: number;
  readonly memory: GuestMemory;
  readonly gstage: GStage;
  readonly vcpu: Vcpu;
  readonly vmid: number;
  readonly gscid: number;
  readonly hgatp: bigint;
  readonly costs: VmmCosts;
  readonly account: GuestAccount;
  readonly console: Console;
  readonly mmio = new Bus();
  private readonly ioSpace = new IoSpace();
  readonly details = new Map<string, () => number>();
  readonly plic: Plic;
  readonly pcie: PcieRoot;
  /** Why the guest no longer runs; undefined while it does. */
  stop: StopReason | undefined;
  /** Whether it has stopped only to begin anew. */
  restarts = false;
  translates = false;
  /** Takes the devices away again. */
  detach: () => void = () => {};
  /** After that: calls `quiet` when nothing that the VMM does for the guest is under way any more. */
  whenQuiet: (quiet: () => void) => void = (quiet) => quiet();
  /** Cycles charged by the handler under way: what the indirect cost is a share of. */
  direct = 0;
  private readonly vmm: Vmm;
  private retired = false;
  private firmware: SbiContext | undefined;
  private readonly trapped = new Map<MmioDevice, Trapped>();
  private readonly endOfInterrupt = new Map<number, () => void>();
  private readonly bars = new Map<PcieFunction, BarPlacement>();
  private readonly configWrites: (() => void)[] = [];

  constructor(parts: VmParts) {
    this.vmm = parts.vmm;
    this.name = parts.name;
    this.index = parts.index;
    this.memory = parts.memory;
    this.gstage = parts.gstage;
    this.vcpu = parts.vcpu;
    this.account = parts.before?.account ?? emptyAccount();
    this.console = parts.before?.console ?? new Console();
    this.vmid = parts.vmid;
    this.gscid = parts.vmid;
    this.hgatp = parts.gstage.atp(parts.vmid);
    this.costs = parts.vmm.costs;
    this.plic = new Plic({
      sources: PLIC.sources,
      contexts: 2,
      output: (context, level) => this.notify(context, level),
    });
    const finisher = new Finisher({
      finish: (code) => this.stopWith({ kind: "shutdown", code }),
      reset: () => this.restart(),
    });
    this.pcie = new PcieRoot({
      intx: (line) => this.irq(PCIE_FIRST_IRQ + line),
      onMap: (fn, bar, address) => this.bars.get(fn)?.(bar, address),
      windows: [PCIE_WINDOW],
      ioPorts: PCIE_IO.size,
    });
    this.map(PLIC.start, PLIC.size, this.plicPort(), "plic");
    this.map(ECAM.start, ECAM.size, this.configPort(), "pcie-config");
    this.map(PCIE_IO.start, PCIE_IO.size, this.ioSpace, "pcie-io");
    this.map(FINISHER.start, FINISHER.size, finisher, "finisher");
  }

  /** Puts registers that trap at a guest-physical address. */
  map(start: number, size: number, device: MmioDevice, name: string): void {
    this.mmio.map(start, size, device);
    this.trap(device, name);
  }

  private trap(device: MmioDevice, name: string): void {
    this.trapped.set(device, {
      reason: `mmio:${name}`,
      cycles: name === "plic" ? this.costs.mmioIrqchip : this.costs.mmio,
    });
  }

  /** Adds a function to the virtual PCIe bus; `onMap` hears where the guest puts its BARs. */
  addFunction(config: PcieFunctionConfig, onMap: BarPlacement): PcieFunction {
    const fn = this.pcie.add(config);
    this.bars.set(fn, onMap);
    return fn;
  }

  /** A function whose BARs trap to `device`. */
  addTrappedFunction(config: PcieFunctionConfig, device: PcieDevice, name: string): PcieFunction {
    const places = new Map(
      config.bars!.map((bar) => [bar.index, this.placer(bar, device.bars?.[bar.index] ?? device, name)]),
    );
    return this.addFunction(config, (bar, address) => places.get(bar)?.(address));
  }

  trapPorts(bar: PcieBar, device: MmioDevice, name: string): (port: number | undefined) => void {
    return this.placer(bar, device, name);
  }

  private placer(bar: PcieBar, device: MmioDevice, name: string): (address: number | undefined) => void {
    this.trap(device, name);
    return barPlacer({ bus: this.mmio, ioSpace: this.ioSpace }, bar, device, "pcie");
  }

  onConfigWrite(action: () => void): void {
    this.configWrites.push(action);
  }

  dmaPort(): DmaPort {
    return new GuestDmaPort(this.memory, (bytes) => this.copied(bytes));
  }

  irq(source: number): IrqLine {
    return { set: (level) => this.plic.setLevel(source, level) };
  }

  /** Counts a disk's interrupts on their way: its rising edges are what "raised" means. */
  counted(line: IrqLine): IrqLine {
    let was = false;
    return {
      set: (level) => {
        if (level && !was) this.account.interruptsRaised++;
        was = level;
        line.set(level);
      },
    };
  }

  onEndOfInterrupt(source: number, action: () => void): void {
    this.endOfInterrupt.set(source, action);
  }

  mapDirect(gpa: number, hpa: number, bytes: number): void {
    this.gstage.map(gpa, hpa, bytes, PAGE, DEVICE_RIGHTS);
    this.vmm.translationsChanged(this);
  }

  unmapDirect(gpa: number, bytes: number): void {
    this.gstage.unmap(gpa, bytes, PAGE);
    this.vmm.translationsChanged(this);
  }

  /** A copy between the VMM and this guest: counted and charged, with the look-up of the guest's buffer. */
  copied(bytes: number): void {
    this.account.bytesCopied += bytes;
    this.vmm.onBehalf(this, () => this.vmm.charge("vmm", this.costs.guestBuffer + bytes * this.costs.copyByte));
  }

  stopWith(reason: StopReason): void {
    this.stop ??= reason;
    this.vcpu.state = "stopped";
  }

  /** Stops, and begins anew when the devices are quiet. */
  restart(): void {
    if (!this.stop) this.restarts = true;
    this.vcpu.state = "stopped";
  }

  // ---- what the exit handlers use

  charge(place: Place, cycles: number): void {
    this.direct += cycles;
    this.vmm.charge(place, cycles);
  }

  book(place: Place, cycles: number): void {
    charge(this.account, place, cycles);
  }

  count(reason: string, times = 1): void {
    count(this.account, reason, times);
  }

  readRegister(gpa: number, size: number): RegisterAccess | undefined {
    if (!this.enterDevice(gpa) || this.mmio.read(gpa, size) === Access.Fault) return undefined;
    return { low: this.mmio.lo, high: this.mmio.hi };
  }

  writeRegister(gpa: number, size: number, low: number, high: number): boolean {
    if (!this.enterDevice(gpa)) return false;
    const value = size < 4 ? low % 2 ** (8 * size) : low;
    return this.mmio.write(gpa, size, value, high) === Access.Ok;
  }

  inject(cause: Cause, tval: bigint): void {
    const handler = this.vcpu.csr(Csr.vstvec) & ~3n;
    const within = cause === Cause.InstructionAccessFault && this.vcpu.programCounter === handler;
    if (within && this.vcpu.csr(Csr.vsepc) !== 0n) this.crashInTrap();
    else if (within || handler === 0n) this.crash(`${exceptionName(cause)} without a trap handler`, Number(tval));
    else this.vcpu.inject(cause, tval);
  }

  /** An exception that the hart gave the guest itself led to a handler that can't be executed: it is the one to report. */
  private crashInTrap(): void {
    const [cause, epc, tval] = [Csr.vscause, Csr.vsepc, Csr.vstval].map((csr) => this.vcpu.csr(csr));
    const name = cause >> 63n ? interruptName : exceptionName;
    const what = `${name(Number(BigInt.asUintN(63, cause)))} without a trap handler`;
    this.stopWith({ kind: "crash", what, pc: Number(epc), address: Number(tval) });
  }

  sbi(): void {
    answerEcall(this.sbiContext, this.vmm.core);
  }

  /** What the guest's SBI calls act on. Made at the first call, when the attach mode is known. */
  get sbiContext(): SbiContext {
    this.firmware ??= guestSbi(this, (id, begin) => this.vmm.onRegion(this, id, begin));
    return this.firmware;
  }

  step(bytes: number): void {
    this.vmm.core.pc += BigInt(bytes);
  }

  wait(): void {
    if (this.vcpu.state === "ready") this.vcpu.state = "waiting";
  }

  externalInterrupt(): void {
    this.vmm.externalInterrupt();
  }

  sliceOver(): void {
    this.vmm.sliceOver();
  }

  crash(what: string, address = 0): void {
    this.stopWith({ kind: "crash", what, pc: Number(this.vcpu.programCounter), address });
  }

  /** After the guest has stopped: its output is complete and its devices are quiet. */
  retire(): void {
    this.detach();
    this.detach = () => {};
    this.retired = true;
  }

  /** Charges and counts an access to a trapped register; false when nothing is there. */
  private enterDevice(gpa: number): boolean {
    const device = this.mmio.deviceAt(gpa);
    const ports = device === this.ioSpace ? this.ioSpace.at(gpa - PCIE_IO.start) : undefined;
    const trapped = device && this.trapped.get(ports ?? device);
    if (!trapped) return false;
    this.count(trapped.reason);
    this.charge("vmm", trapped.cycles);
    return true;
  }

  /** The virtual PLIC as the guest reaches it: completing a held source first lets go of the physical one. */
  private plicPort(): MmioDevice {
    const { plic, endOfInterrupt } = this;
    return {
      read: (offset, size) => plic.read(offset, size),
      write: (offset, size, value) => {
        if (offset === PLIC_S_CLAIM && size === 4) endOfInterrupt.get(value)?.();
        return plic.write(offset, size, value);
      },
      reset: () => plic.reset(),
    };
  }

  private configPort(): MmioDevice {
    const { pcie, configWrites } = this;
    return {
      read: (offset, size) => pcie.read(offset, size),
      write: (offset, size, value) => {
        const access = pcie.write(offset, size, value);
        for (const action of configWrites) action();
        return access;
      },
      reset: () => pcie.reset(),
    };
  }

  private notify(context: number, level: boolean): void {
    if (context !== PLIC_S_CONTEXT || this.retired) return;
    if (!this.vcpu.setPending(Interrupt.VirtualSupervisorExternal, level)) return;
    this.account.interruptsInjected++;
    this.vmm.onBehalf(this, () => this.vmm.charge("vmm", this.costs.inject));
  }
}
