// The board: harts and hub (Wasm), bus, interrupt controllers, serial line, PCIe root, and the loop that runs them.
import { Interrupt } from "../../assembly/isa/cause.js";
import { Exit } from "../../assembly/isa/exit.js";
import { IMSIC_GUESTS_MAX, IMSIC_PAGE } from "../../assembly/isa/imsic.js";
import {
  COUNTERS,
  COUNTERS_END,
  EXIT_ADDRESS,
  EXIT_PENDING,
  EXIT_SIZE,
  EXIT_VALUE,
  EXIT_WRITE,
  HART_CYCLES,
  HART_INSTRET,
  HART_MTIMECMP,
  HARTS_MAX,
  TIME_DIVIDER,
} from "../../assembly/layout.js";
import { type Core, setLine } from "../core/core.js";
import { Aclint } from "../devices/aclint.js";
import { Aplic } from "../devices/aplic.js";
import { Finisher } from "../devices/finisher.js";
import { ImsicPages } from "../devices/imsic.js";
import { Plic } from "../devices/plic.js";
import { Uart16550 } from "../devices/uart16550.js";
import { Account, type Place } from "./accounting.js";
import { Bus, type Reach } from "./bus.js";
import { Console } from "./console.js";
import { applyCosts, Costs } from "./costs.js";
import type { AiaMode } from "./devicetree.js";
import { EventQueue } from "./events.js";
import { HubDmaPort, HubMsiPort, IommuRegisters } from "./hub.js";
import { barPlacer, IoSpace } from "./io-space.js";
import {
  ACLINT,
  APLIC_M,
  APLIC_S,
  ECAM,
  FINISHER,
  IMSIC_M,
  IMSIC_S,
  IOMMU,
  PCIE_FIRST_IRQ,
  PCIE_HIGH_WINDOW,
  PCIE_IO,
  PCIE_WINDOW,
  PLIC,
  UART,
  imsicStride,
} from "./memory-map.js";
import { type PcieFunction, type PcieFunctionConfig, PcieRoot } from "./pcie.js";
import {
  Access,
  type Clock,
  type DmaPort,
  type InterruptController,
  type IrqLine,
  type MessageVectors,
  type MmioDevice,
  type MsiPort,
  type PcieDevice,
} from "./ports.js";
import { type Hart, Turns } from "./turns.js";

export type { Hart } from "./turns.js";

/** Plays the modes that HART_HOST gives to the host: the firmware, or the VMM. */
export interface Supervisor {
  /** Deals with an exit; the next `run` continues at HART_PC. */
  handle(exit: Exit): void;
  /** Whether WaitForInterrupt exits are the supervisor's as well (a VMM with other guests to run). */
  readonly takesWaits?: boolean;
}

/** Why `run` returned. */
export type StopReason =
  | { kind: "finished"; code: number }
  | { kind: "reset" }
  | { kind: "deadline" }
  /** Somebody called `pause`. */
  | { kind: "paused" }
  /** Nobody runs before cycle `until`, which lies beyond `idleLimit`. */
  | { kind: "idle"; until: number }
  /** Nobody runs, and only the world outside can change that. */
  | { kind: "deadlock" }
  | { kind: "guest-error"; message: string; address?: number };

export interface MachineConfig {
  core: Core;
  /** 1 to HARTS_MAX; hart 0 runs from the start, the others when somebody starts them. */
  harts?: number;
  costs?: Costs;
  console?: Console;
  /** Where wired interrupts and messages go: PLIC (as left out); APLIC alone; APLIC in front of IMSICs. */
  aia?: AiaMode;
  /** Guest interrupt files of each IMSIC, up to IMSIC_GUESTS_MAX, which is also the default. */
  guests?: number;
  /** What the serial line sends takes no time: a kernel's log would be most of its boot otherwise. */
  quickSerial?: boolean;
  /** Hz of the UART's clock. */
  uartClock?: number;
}

/** What a device on the board gets. */
export interface DevicePorts {
  irq: IrqLine;
  dma: DmaPort;
  clock: Clock;
}

/** What a device behind PCIe gets: `messages` where its function has MSI-X. */
export interface PcieDevicePorts extends DevicePorts {
  messages: MessageVectors | undefined;
}

/** EXIT_PENDING: the next run raises an access fault. */
const REFUSED = 2;
/** The interrupt lines into each hart, in the order of its PLIC contexts. */
const EXTERNAL = [Interrupt.MachineExternal, Interrupt.SupervisorExternal] as const;

export class Machine {
  readonly core: Core;
  readonly harts: readonly Hart[];
  readonly costs: Costs;
  readonly console: Console;
  readonly events: EventQueue;
  readonly bus = new Bus();
  /** Without lines and not to be seen where there is an APLIC. */
  readonly plic: Plic;
  readonly aplic: Aplic | undefined;
  /** What the lines of devices lead to. */
  readonly wired: InterruptController;
  readonly aclint: Aclint;
  readonly uart: Uart16550;
  readonly pcie: PcieRoot;
  readonly iommu: IommuRegisters;
  readonly account: Account;
  /** Plays M-mode or HS-mode; undefined on a bare machine, where no trap leaves Wasm. */
  supervisor: Supervisor | undefined;
  /** Called when the guest marks the begin or end of a region of interest. */
  regionOfInterest: (id: number, begin: boolean) => void = () => {};

  /** Runs the selected hart to a cycle or an exit, as `core.run`; a debugger or a trace puts its own way here. */
  execute: (until: number) => Exit;
  /** The cycle up to which time may pass while nobody runs. */
  idleLimit = Infinity;

  /** Accesses of the hart to devices, refused ones included. */
  mmioAccesses = 0;
  /** WFIs that no supervisor took. */
  waits = 0;

  private readonly turns: Turns;
  private readonly access: Record<Reach, { read: number; write: number }>;
  private stopped: StopReason | undefined;

  constructor(config: MachineConfig) {
    const { core } = config;
    this.core = core;
    this.execute = (until) => core.run(until);
    const count = config.harts ?? 1;
    if (!(count >= 1 && count <= HARTS_MAX)) throw new RangeError(`${count} harts`);
    this.harts = Array.from({ length: count }, (_, id) => ({
      id,
      state: core.hart(id),
      status: id === 0 ? "running" : "stopped",
    }));
    this.turns = new Turns({
      core,
      harts: this.harts,
      advance: (until) => this.leave(this.execute(until)),
      sleep: (cycles) => this.charge("idle", cycles),
      breakOff: () => this.stopped !== undefined || this.pausing,
    });
    this.costs = config.costs ?? new Costs();
    this.console = config.console ?? new Console();
    this.events = new EventQueue(() => core.cycles, this.costs.frequency);
    this.account = new Account(() => this.harts.reduce((sum, { state }) => sum + state.number(HART_CYCLES), 0));
    const { costs } = this;
    applyCosts(core, costs);
    const write = costs.cycles("mmio-write");
    this.access = {
      soc: { read: costs.cycles("mmio-read-soc"), write },
      pcie: { read: costs.cycles("mmio-read-pcie"), write },
      port: { read: costs.cycles("mmio-read-pcie"), write: costs.cycles("port-write") },
    };

    this.plic = new Plic({
      sources: PLIC.sources,
      contexts: count * EXTERNAL.length,
      output: (context, level) => this.externalInterrupt(context, level),
    });
    this.aplic = this.buildAplic(config);
    this.wired = this.aplic ?? this.plic;
    this.aclint = new Aclint({
      harts: this.harts.map(({ state }) => ({
        software: { set: (level) => setLine(state, Interrupt.MachineSoftware, level) },
        compare: {
          read: (half) => state.word(HART_MTIMECMP + 4 * half),
          write: (half, value) => state.setWord(HART_MTIMECMP + 4 * half, value),
        },
      })),
      ticks: () => Math.floor(Math.min(core.cycles, this.turns.timeLimit) / core.u32[TIME_DIVIDER >>> 2]),
    });
    this.uart = new Uart16550({
      irq: this.wired.line(UART.irq),
      clock: this.events,
      console: this.console,
      inputClock: config.uartClock ?? UART.clock,
      sendsAtOnce: config.quickSerial,
    });
    this.pcie = new PcieRoot({
      windows: [PCIE_WINDOW, PCIE_HIGH_WINDOW],
      ioPorts: PCIE_IO.size,
      messages: (deviceId) => this.msiPort(deviceId),
      intx: (line) => this.wired.line(PCIE_FIRST_IRQ + line),
      onMap: (fn, bar, address) => this.placeBar(fn, bar, address),
    });
    this.iommu = new IommuRegisters(
      core,
      Array.from({ length: IOMMU.wires }, (_, wire) => this.wired.line(IOMMU.firstIrq + wire)),
    );
    const finisher = new Finisher({
      finish: (code) => this.stop({ kind: "finished", code }),
      reset: () => this.stop({ kind: "reset" }),
    });
    for (const [place, device] of [
      [FINISHER, finisher],
      [ACLINT, this.aclint],
      [IOMMU, this.iommu],
      ...(this.aplic ? aplicPlaces(this.aplic) : [[PLIC, this.plic] as const]),
      [UART, this.uart],
    ] as const) {
      this.bus.map(place.start, place.size, device);
    }
    this.bus.map(ECAM.start, ECAM.size, this.pcie, "pcie");
    this.bus.map(PCIE_IO.start, PCIE_IO.size, this.ioSpace, "port");
  }

  // ---- devices

  readonly ioSpace = new IoSpace();
  /** How to place the BARs of each function. */
  private readonly bars = new Map<PcieFunction, Map<number, (address: number | undefined) => void>>();

  /**
   * Puts a device in a PCIe slot. The IOMMU knows it by its BDF; its DMA is refused until software makes it bus master.
   * @param build makes the device from its ports; it answers in every BAR but that of MSI-X
   */
  attachPcie<D extends PcieDevice>(
    config: PcieFunctionConfig,
    build: (ports: PcieDevicePorts) => D,
  ): { fn: PcieFunction; device: D } {
    const fn = this.pcie.add(config);
    const dma = fn.master(this.dmaPort(fn.bdf));
    const device = build({ irq: fn.irq, dma, clock: this.events, messages: fn.msix });
    for (const capability of device.capabilities ?? []) fn.add(capability);
    const answering = (bar: number): MmioDevice =>
      bar === config.msix?.bar ? fn.msix! : (device.bars?.[bar] ?? device);
    const placers = fn.bars.map((bar) => [bar.index, barPlacer(this, bar, answering(bar.index), "pcie")] as const);
    this.bars.set(fn, new Map(placers));
    return { fn, device };
  }

  /** Puts a device on the bus at a fixed place, with a PLIC source and, if it does DMA, a device_id. */
  attachMmio<D extends MmioDevice>(
    place: { start: number; size: number; irq: number; deviceId?: number; reach?: Reach },
    build: (ports: DevicePorts) => D,
  ): D {
    const dma = this.dmaPort(place.deviceId ?? 0);
    const device = build({ irq: this.wired.line(place.irq), dma, clock: this.events });
    this.bus.map(place.start, place.size, device, place.reach);
    return device;
  }

  /** DMA through the hub under a device_id. */
  dmaPort(deviceId: number): DmaPort {
    return new HubDmaPort(this.core, deviceId, () => this.iommu.poll());
  }

  /** Messages through the hub under a device_id. */
  msiPort(deviceId: number): MsiPort {
    const latency = this.costs.cycles("interrupt-delivery");
    return new HubMsiPort(this.core, deviceId, this.events, latency, () => this.iommu.poll());
  }

  private placeBar(fn: PcieFunction, bar: number, address: number | undefined): void {
    this.bars.get(fn)?.get(bar)?.(address);
  }

  private externalInterrupt(context: number, level: boolean): void {
    const hart = Math.floor(context / EXTERNAL.length);
    this.wire(hart, EXTERNAL[context % EXTERNAL.length], level, () => this.plic.pending(context));
  }

  /** An external interrupt of a hart changes; a rise takes its time, and counts if it still `holds` then. */
  private wire(hart: number, bit: Interrupt, level: boolean, holds: () => boolean): void {
    const { state } = this.harts[hart];
    if (!level) setLine(state, bit, false);
    else this.events.after(this.costs.cycles("interrupt-delivery"), () => setLine(state, bit, holds()));
  }

  private buildAplic({ aia = "none", guests = IMSIC_GUESTS_MAX }: MachineConfig): Aplic | undefined {
    const { core, harts } = this;
    if (aia === "none") return undefined;
    const withImsics = aia === "aplic-imsic";
    if (!(guests >= 0 && guests <= IMSIC_GUESTS_MAX)) throw new RangeError(`${guests} guest interrupt files`);
    core.exports.aiaConfigure(withImsics ? harts.length : 0, guests);
    const ports = { sources: PLIC.sources, harts: harts.length };
    if (!withImsics) {
      const bit = { machine: Interrupt.MachineExternal, supervisor: Interrupt.SupervisorExternal } as const;
      const aplic: Aplic = new Aplic({
        ...ports,
        output: (level, hart, raised) => this.wire(hart, bit[level], raised, () => aplic[level].raised(hart)),
      });
      return aplic;
    }
    const stride = imsicStride(guests);
    const pages = { machine: [IMSIC_M.start, 1], supervisor: [IMSIC_S.start, stride] } as const;
    for (const [start, step] of Object.values(pages)) {
      const store = (offset: number, value: number) => core.exports.imsicWrite(start + offset, 0, value);
      this.bus.map(start, harts.length * step * IMSIC_PAGE, new ImsicPages(store));
    }
    return new Aplic({
      ...ports,
      message: ({ level, hart, guest, identity }) => {
        const [start, step] = pages[level];
        const page = start + (hart * step + guest) * IMSIC_PAGE;
        const store = () => core.exports.imsicWrite(page, 0, identity);
        if (hart < harts.length && guest <= guests) this.events.after(this.costs.cycles("interrupt-delivery"), store);
      },
    });
  }

  // ---- time

  /** Lets the selected hart's clock advance by `cycles`, booked under `place`. */
  charge(place: Place, cycles: number): void {
    this.core.cycles += cycles;
    this.account.add(place, cycles);
  }

  // ---- accesses to devices by physical address

  /**
   * Reads a device on behalf of a hart or of the VMM: charges the cost to `place`; the value is then in bus.lo, bus.hi.
   */
  read(address: number, size: number, place: Place = "vmm"): Access {
    const reach = this.bus.reachOf(address);
    if (reach === undefined) return Access.Fault;
    this.charge(place, this.access[reach].read);
    this.events.runDue(this.core.cycles);
    return this.bus.read(address, size);
  }

  write(address: number, size: number, lo: number, hi = 0, place: Place = "vmm"): Access {
    const reach = this.bus.reachOf(address);
    if (reach === undefined) return Access.Fault;
    this.charge(place, this.access[reach].write);
    this.events.runDue(this.core.cycles);
    return this.bus.write(address, size, lo, hi);
  }

  /** Types at the console; the serial line delivers it at its own pace. */
  type(text: string): void {
    this.console.type(text);
    this.uart.poll();
  }

  /**
   * The reset button: harts, hub and devices as after power-on, RAM empty. The clock and all counters go on. Only between
   * two calls of `run`.
   */
  reset(): void {
    const { core } = this;
    const kept = this.harts.map(({ state }) => [state.number(HART_CYCLES), state.number(HART_INSTRET)]);
    const counters = core.u8.slice(COUNTERS, COUNTERS_END);
    this.uart.drain();
    core.ram.fill(0);
    core.exports.reset();
    core.u8.set(counters, COUNTERS);
    this.harts.forEach((hart, i) => {
      hart.status = i === 0 ? "running" : "stopped";
      hart.state.setNumber(HART_CYCLES, kept[i][0]);
      hart.state.setNumber(HART_INSTRET, kept[i][1]);
    });
    applyCosts(core, this.costs);
    this.bus.reset();
  }

  // ---- running

  private pausing = false;

  /** Makes `run` return. The first reason counts. */
  stop(reason: StopReason = { kind: "finished", code: 0 }): void {
    this.stopped ??= reason;
  }

  /** The clock, in cycles, that everything but a hart in the middle of its round goes by. */
  get now(): number {
    return this.turns.now;
  }

  /** Makes `run` return soon; the next one goes on as if nothing had been. */
  pause(): void {
    this.pausing = true;
  }

  /**
   * Runs until the software finishes, nothing can happen any more, or the clock reaches cycle `until`.
   * @param pause cycle from which on `run` may return as well, as soon as that changes nothing of what happens later
   */
  run(until = Infinity, pause = Infinity): StopReason {
    const { events, turns } = this;
    while (!this.stopped) {
      const { now } = this;
      if (this.pausing) {
        this.pausing = false;
        return { kind: "paused" };
      }
      if (now >= until || now >= pause) return { kind: "deadline" };
      events.runDue(now);
      if (this.stopped) break;
      const next = Math.min(turns.gather(now), events.next());
      const end = Math.min(next, until);
      if (!turns.idle) turns.take(now, end, pause);
      else if (next === Infinity) return { kind: "deadlock" };
      else if (now >= this.idleLimit) return { kind: "idle", until: next };
      else turns.pass(Math.min(end, this.idleLimit));
    }
    this.uart.drain();
    return this.stopped;
  }

  /** Deals with the exit that ended a stretch of execution. */
  private leave(exit: Exit): void {
    switch (exit) {
      case Exit.Deadline:
        return;
      case Exit.Mmio:
        this.mmio();
        return;
      case Exit.WaitForInterrupt:
        if (this.supervisor?.takesWaits) this.supervisor.handle(exit);
        else {
          this.waits++;
          this.harts[this.core.selected].status = "waiting";
        }
        return;
      default:
        if (this.supervisor) this.supervisor.handle(exit);
        else this.stop({ kind: "guest-error", message: `exit ${exit}, and nobody plays that mode` });
    }
  }

  private mmio(): void {
    const { core, bus } = this;
    const { u32 } = core;
    this.mmioAccesses++;
    const value = EXIT_VALUE >>> 2;
    const address = core.number(EXIT_ADDRESS);
    const size = u32[EXIT_SIZE >>> 2];
    const isWrite = u32[EXIT_WRITE >>> 2] !== 0;
    const outcome = isWrite
      ? this.write(address, size, u32[value], u32[value + 1], "guest")
      : this.read(address, size, "guest");
    if (outcome === Access.Fault) u32[EXIT_PENDING >>> 2] = REFUSED;
    else if (!isWrite) {
      u32[value] = bus.lo;
      u32[value + 1] = bus.hi;
    }
  }
}

function aplicPlaces(aplic: Aplic) {
  return [[APLIC_M, aplic.machine] as const, [APLIC_S, aplic.supervisor] as const];
}
