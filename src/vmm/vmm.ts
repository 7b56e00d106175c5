// The hypervisor: HS-mode software that happens to be TypeScript. It takes the guests' exits, charges what its code would
// cost on a hart, and shares the hart out: round robin with a time slice.
import { Interrupt } from "../../assembly/isa/cause.js";
import { Csr } from "../../assembly/isa/csr.js";
import { type Exit, Host } from "../../assembly/isa/exit.js";
import { HART_HOST, HART_LINES, TIME_DIVIDER } from "../../assembly/layout.js";
import type { Core } from "../core/core.js";
import type { Machine, Supervisor } from "../platform/machine.js";
import { PLIC } from "../platform/memory-map.js";
import { Access, type Clock } from "../platform/ports.js";
import { openMemory } from "../platform/pmp.js";
import { openGuestState, openState } from "../platform/stateen.js";
import type { VmmCosts } from "./costs.js";
import { ExitsInWasm } from "./exits/in-wasm.js";
import { ExitRecord, onExit } from "./exits/index.js";
import type { Placement } from "./memory/placement.js";
import type { StopReason } from "../scenario/types.js";
import type { Owner, Place, VmmServices } from "./types.js";
import type { VirtualMachine } from "./vm.js";

/** Registers of the physical PLIC that the VMM uses: S-mode of hart 0 is context 1. */
const PLIC_PRIORITY = PLIC.start;
const PLIC_ENABLE_S = PLIC.start + 0x2080;
const PLIC_THRESHOLD_S = PLIC.start + 0x20_1000;
const PLIC_CLAIM_S = PLIC.start + 0x20_1004;

const bit = (n: number) => 1n << BigInt(n);

/** Exceptions that guests handle themselves: all that hedeleg can hold (misaligned, access faults, illegal … page faults). */
const HEDELEG = 0xb1ffn;
/** VSSIP, VSTIP, VSEIP. */
const HIDELEG =
  bit(Interrupt.VirtualSupervisorSoftware) |
  bit(Interrupt.VirtualSupervisorTimer) |
  bit(Interrupt.VirtualSupervisorExternal);
/** Everything but ECALL from S and M goes to HS: 0…8, ECALL from VS, page faults, guest page faults, virtual instruction. */
const MEDELEG = 0xf0_b5ffn;
const SUPERVISOR_INTERRUPTS =
  bit(Interrupt.SupervisorSoftware) | bit(Interrupt.SupervisorTimer) | bit(Interrupt.SupervisorExternal);
const STCE = 1n << 63n;
const ADUE = 1n << 61n;
/** CBIE, CBCFE, CBZE. */
const CBO = 0xf0n;
const MSTATUS_FS_DIRTY = 3n << 13n;
const NEVER = (1n << 64n) - 1n;

export interface VmmOptions {
  readonly costs: VmmCosts;
  readonly placement: Placement;
  /** Cycles that a guest runs before another that waits gets the hart. */
  readonly timeSlice: number;
  /** Cycle at which the VMM gives up. */
  readonly limit: number;
  /** Whether the core may finish exits that need no policy. Changes nothing but the host's time. Default true. */
  readonly exitsInWasm?: boolean;
}

/** What the VMM does for each run; `done` says when no guest can ever run again. */
export class Vmm implements Supervisor, VmmServices {
  readonly core: Core;
  readonly takesWaits = true;
  readonly clock: Clock;
  readonly costs: VmmCosts;
  readonly placement: Placement;
  readonly guests: VirtualMachine[] = [];
  private readonly exit: ExitRecord;
  private readonly inWasm: ExitsInWasm;
  private readonly handlers = new Map<number, () => "hold" | undefined>();
  /** The guest on the hart. */
  private current: VirtualMachine | undefined;
  /** Whom the VMM's work is booked to. */
  private payer: VirtualMachine | undefined;
  /** Clock and instret when the guest on the hart last began to run. */
  private enteredAt = 0;
  private enteredInstret = 0;
  private enteredMmio = 0;
  private preempt = false;
  /** What waits until nobody is in the middle of something, and guests that begin anew as soon as their devices are quiet. */
  private readonly due: (() => void)[] = [];
  private restarting = 0;

  constructor(
    readonly machine: Machine,
    private readonly options: VmmOptions,
  ) {
    this.core = machine.core;
    this.clock = machine.events;
    this.costs = options.costs;
    this.placement = options.placement;
    this.exit = new ExitRecord(machine.core);
    this.inWasm = new ExitsInWasm(machine.core, options.costs);
  }

  /** Takes the machine over: delegation, enables, the physical PLIC. */
  start(): void {
    const { core } = this;
    core.u32[HART_HOST >>> 2] = Host.M | Host.HS;
    core.setCsr(Csr.medeleg, MEDELEG);
    core.setCsr(Csr.mideleg, SUPERVISOR_INTERRUPTS | HIDELEG | bit(Interrupt.SupervisorGuestExternal));
    core.setCsr(Csr.hedeleg, HEDELEG);
    core.setCsr(Csr.hideleg, HIDELEG);
    core.setCsr(Csr.mcounteren, 7n);
    core.setCsr(Csr.menvcfg, STCE | ADUE | CBO);
    openState(core);
    openGuestState(core);
    core.setCsr(Csr.mstatus, core.csr(Csr.mstatus) | MSTATUS_FS_DIRTY);
    core.setCsr(Csr.stimecmp, NEVER);
    core.setCsr(Csr.mie, bit(Interrupt.SupervisorTimer) | bit(Interrupt.SupervisorExternal));
    openMemory(core);
    this.mmioWrite(PLIC_THRESHOLD_S, 4, 0);
  }

  // ---- VmmServices

  charge(place: Place, cycles: number): void {
    const whole = Math.ceil(cycles);
    this.machine.charge(place, whole);
    this.payer?.book(place, whole);
    this.enteredAt += whole;
  }

  allocate(bytes: number, alignment: number, what: string): number {
    return this.placement.allocate(bytes, alignment, what);
  }

  mmioRead(address: number, size: number): number {
    const { bus, events } = this.machine;
    this.charge("vmm", bus.reachOf(address) === "pcie" ? this.costs.pcieRead : this.costs.socAccess);
    events.runDue(this.core.cycles);
    if (bus.read(address, size) === Access.Fault) return 2 ** (8 * size) - 1;
    return size === 8 ? bus.hi * 0x1_0000_0000 + bus.lo : bus.lo;
  }

  mmioWrite(address: number, size: number, value: number): void {
    const { bus, events } = this.machine;
    this.charge("vmm", bus.reachOf(address) === "pcie" ? this.costs.pcieWrite : this.costs.socAccess);
    events.runDue(this.core.cycles);
    bus.write(address, size, value % 0x1_0000_0000, Math.floor(value / 0x1_0000_0000));
  }

  onInterrupt(source: number, handler: () => "hold" | undefined): void {
    this.handlers.set(source, handler);
    this.mmioWrite(PLIC_PRIORITY + source * 4, 4, 1);
    const word = PLIC_ENABLE_S + (source >>> 5) * 4;
    this.mmioWrite(word, 4, (this.mmioRead(word, 4) | (1 << (source & 31))) >>> 0);
  }

  complete(source: number): void {
    this.mmioWrite(PLIC_CLAIM_S, 4, source);
  }

  copied(vm: string, bytes: number): void {
    this.guests.find((guest) => guest.name === vm)?.copied(bytes);
  }

  ownerOf(hpa: number): Owner {
    return this.placement.ownerOf(hpa);
  }

  // ---- for the guests

  /** Books what `action` charges to one guest, whoever is on the hart. */
  onBehalf(guest: VirtualMachine, action: () => void): void {
    const before = this.payer;
    this.payer = guest;
    action();
    this.payer = before;
  }

  /** After a change of a guest's G-stage: HFENCE.GVMA, and the same for the hub. */
  translationsChanged(guest: VirtualMachine): void {
    this.core.exports.flushTranslations();
    this.onTranslationsChanged(guest);
  }
  /** Set by who binds devices to the guests' tables. */
  onTranslationsChanged: (guest: VirtualMachine) => void = () => {};

  /** Makes the guest that takes a stopped one's place: the same memory, loaded anew, its devices attached anew. */
  remake: (old: VirtualMachine) => VirtualMachine = (old) => old;

  /** A guest is about to be killed. */
  onKill: (guest: VirtualMachine) => void = () => {};

  /** A guest has stopped in order to begin anew. */
  onReset: (guest: VirtualMachine) => void = () => {};

  /** It has begun anew. */
  onRestart: (guest: VirtualMachine) => void = () => {};

  /** A guest begins or ends its region of interest. */
  onRegion: (guest: VirtualMachine, id: number, begin: boolean) => void = () => {};

  /** Claims what the physical PLIC has. A wire that nobody can quiet doesn't hold the VMM here: it interrupts again. */
  externalInterrupt(): void {
    this.charge("vmm", this.costs.interrupt);
    for (let i = 0; i < PLIC.sources; i++) {
      const source = this.mmioRead(PLIC_CLAIM_S, 4);
      if (source === 0) return;
      if (this.handlers.get(source)?.() !== "hold") this.complete(source);
    }
  }

  sliceOver(): void {
    this.preempt = true;
  }

  // ---- Supervisor

  handle(reason: Exit): void {
    const guest = this.current;
    if (!guest) throw new Error("an exit without a guest on the hart");
    this.leave(guest);
    const direct = this.costs.trap + this.costs.saveRestore + this.costs.trapReturn;
    guest.direct = 0;
    guest.charge("exit", direct);
    onExit[reason](guest, this.exit);
    this.charge("exit", guest.direct * this.costs.indirect);
    if (guest.vcpu.state === "stopped") this.retire(guest);
    this.machine.events.runDue(this.core.cycles);
    this.schedule();
  }

  /** Puts the first guest on the hart. */
  boot(): void {
    if (this.options.exitsInWasm ?? true) this.inWasm.start(this.guests[0].sbiContext);
    this.schedule();
  }

  /** Brings the books up to date, also while a guest is on the hart. */
  settle(): void {
    if (this.current) this.leave(this.current);
  }

  /** Ends a guest from outside, between two calls of `machine.run`; the others go on. */
  end(guest: VirtualMachine, reason: StopReason): void {
    this.whenSettled(() => this.stop(guest, reason));
    this.attend();
  }

  /** Ends a guest as soon as nobody is in the middle of something; the others go on. */
  kill(index: number): void {
    this.whenSettled(() => {
      const guest = this.guests[index];
      if (guest.stop) return;
      this.onKill(guest);
      this.stop(guest, { kind: "killed" });
    });
  }

  /** Stops a guest as soon as nobody is in the middle of something, and starts it anew once its devices are quiet. */
  reset(index: number): void {
    this.whenSettled(() => {
      const guest = this.guests[index];
      if (guest.stop || guest.restarts) return;
      guest.restart();
      this.retire(guest);
    });
  }

  /** Calls `action` once neither the VMM nor a device is in the middle of something; `machine.run` returns for it. */
  private whenSettled(action: () => void): void {
    this.due.push(action);
    this.machine.pause();
  }

  /** Between two calls of `machine.run`: does what waited for that. */
  attend(): void {
    if (this.due.length === 0) return;
    this.settle();
    this.schedule();
  }

  private stop(guest: VirtualMachine, reason: StopReason): void {
    if (guest.stop) return;
    guest.stopWith(reason);
    if (!guest.restarts) this.retire(guest);
  }

  /** A stopped guest lets go of its devices. */
  private retire(guest: VirtualMachine): void {
    this.onBehalf(guest, () => guest.retire());
    if (!guest.restarts) return;
    this.onReset(guest);
    this.restarting++;
    guest.whenQuiet(() => this.whenSettled(() => this.replace(guest)));
  }

  private replace(old: VirtualMachine): void {
    this.restarting--;
    if (old.stop) return;
    if (this.current === old) {
      this.takeOff(old);
      this.current = undefined;
    }
    this.onBehalf(old, () => {
      this.guests[old.index] = this.remake(old);
    });
    const guest = this.guests[old.index];
    this.core.exports.fenceI();
    this.translationsChanged(guest);
    this.onRestart(guest);
  }

  /** Cycles and instructions since the guest was entered are its own, but for the exits that Wasm finished. */
  private leave(guest: VirtualMachine): void {
    const { core, machine } = this;
    const calls = this.inWasm.take();
    if (calls > 0) this.bookInWasm(guest, calls);
    guest.account.guest += core.cycles - this.enteredAt;
    guest.account.instructions += core.instret - this.enteredInstret;
    guest.account.directMmio += machine.mmioAccesses - this.enteredMmio;
    this.enteredAt = core.cycles;
    this.enteredInstret = core.instret;
    this.enteredMmio = machine.mmioAccesses;
  }

  private bookInWasm(guest: VirtualMachine, calls: number): void {
    for (const [place, cycles] of [
      ["exit", calls * this.inWasm.exit],
      ["vmm", calls * this.inWasm.work],
    ] as const) {
      this.machine.account.add(place, cycles);
      guest.book(place, cycles);
      this.enteredAt += cycles;
    }
    guest.count("ecall", calls);
  }

  private enter(guest: VirtualMachine): void {
    this.payer = guest;
    this.enteredAt = this.core.cycles;
    this.enteredInstret = this.core.instret;
    this.enteredMmio = this.machine.mmioAccesses;
  }

  /** Decides who runs next, and idles while nobody can. */
  private schedule(): void {
    while (this.core.cycles < this.options.limit) {
      for (let action = this.due.shift(); action; action = this.due.shift()) action();
      const next = this.next();
      if (next) {
        if (next !== this.current) this.switchTo(next);
        this.enter(next);
        return;
      }
      if (this.restarting === 0 && this.guests.every((guest) => guest.vcpu.state === "stopped")) {
        this.machine.stop({ kind: "finished", code: 0 });
        return;
      }
      if (!this.idle()) {
        this.machine.stop({ kind: "deadlock" });
        return;
      }
    }
    this.machine.stop({ kind: "deadline" });
  }

  /** The guest to run: the one on the hart until it waits or its slice is over, then the next in turn. */
  private next(): VirtualMachine | undefined {
    const now = this.core.cycles;
    const { guests } = this;
    for (const guest of guests) {
      if (guest.vcpu.state === "waiting" && guest.vcpu.wakes(now)) guest.vcpu.state = "ready";
    }
    if (this.current?.vcpu.state === "ready" && !this.preempt) return this.current;
    this.preempt = false;
    const first = this.current ? this.current.index + 1 : 0;
    for (let i = 0; i < guests.length; i++) {
      const guest = guests[(first + i) % guests.length];
      if (guest.vcpu.state === "ready") {
        this.startSlice();
        return guest;
      }
    }
    return undefined;
  }

  private startSlice(): void {
    const alone = this.guests.filter((guest) => guest.vcpu.state !== "stopped").length < 2;
    const end = Math.ceil((this.core.cycles + this.options.timeSlice) / this.core.u32[TIME_DIVIDER >>> 2]);
    this.core.setCsr(Csr.stimecmp, alone ? NEVER : BigInt(end));
  }

  private switchTo(next: VirtualMachine): void {
    if (this.current) {
      this.takeOff(this.current);
      this.onBehalf(next, () => this.charge("exit", this.costs.worldSwitch));
    }
    next.vcpu.load();
    this.current = next;
  }

  private takeOff(guest: VirtualMachine): void {
    // the answer to a register access that stopped the guest is nobody's any more
    if (guest.vcpu.state === "stopped") this.exit.again();
    guest.vcpu.save();
  }

  /** Lets time pass to the machine's next event, before any guest runs; false when there is none. */
  step(): boolean {
    return this.pass(Number.POSITIVE_INFINITY);
  }

  /** Takes a physical interrupt that is there already, else lets time pass until something happens; false when nothing can. */
  private idle(): boolean {
    const external = 1 << Interrupt.SupervisorExternal;
    if ((this.core.u32[HART_LINES >>> 2] & external) !== 0) {
      this.externalInterrupt();
      return true;
    }
    let wake = Number.POSITIVE_INFINITY;
    for (const { vcpu } of this.guests) if (vcpu.state === "waiting") wake = Math.min(wake, vcpu.timerDue());
    return this.pass(wake);
  }

  /**
   * Time passes, idle, until the next event or cycle `wake`, and the events due run. Unlike Machine.idle it isn't held
   * up by where `machine.run` is to pause, since no guest can run before something has happened.
   */
  private pass(wake: number): boolean {
    const { core, machine } = this;
    const until = Math.min(wake, machine.events.next());
    if (until === Number.POSITIVE_INFINITY) return false;
    const idle = Math.min(until, this.options.limit) - core.cycles;
    if (idle > 0) {
      machine.charge("idle", idle);
      this.enteredAt += idle;
    }
    machine.events.runDue(core.cycles);
    return true;
  }
}
