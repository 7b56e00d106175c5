// One run: a machine, its disks and its guests from a plain configuration; what was counted, printed and damaged.
import { Counter } from "../../assembly/isa/counter.js";
import { RAM_START } from "../../assembly/layout.js";
import { Core } from "../core/core.js";
import { formatIpv4 } from "../backends/network/peer/packet.js";
import { buildNetwork, type Network, type Peer } from "../backends/network/index.js";
import { crc32c, spelledCrc32c } from "../metrics/checksum.js";
import { bootNative } from "../platform/boot.js";
import type { Firmware } from "../platform/firmware.js";
import type { Machine, StopReason as MachineStop } from "../platform/machine.js";
import type { PcieFunction } from "../platform/pcie.js";
import type { DmaPort, IrqLine } from "../platform/ports.js";
import type { Between } from "../platform/virtio-places.js";
import type { DiskName } from "../vmm/types.js";
import { vmmCosts } from "../vmm/costs.js";
import { type Hosted, startHosted } from "../vmm/hosted.js";
import { type PlacedRun, Placement } from "../vmm/memory/placement.js";
import { attackAddress, attackTop } from "./attack-aim.js";
import { countersBetween, nativeAccount, type Snapshot, snapshot } from "./counters.js";
import { DiskImage, generatedBytes, MemorySource } from "../backends/disk-image.js";
import { type ResolvedConfig, resolveConfig } from "./defaults.js";
import { attachDisk } from "./disk.js";
import { Incidents } from "./incidents.js";
import { attachNic } from "./nic.js";
import { Landing } from "./landing.js";
import { Leaks } from "./leaks.js";
import { commonMode } from "./modes.js";
import { sharesOf } from "./shares.js";
import { SerialLines } from "./serial-lines.js";
import { Silence } from "./silence.js";
import { countOf, taggedLines } from "./result-lines.js";
import { Traffic, together } from "./traffic.js";
import type { FaultRecord, GuestResult, PeerCounts, RunConfig, RunObserver, RunResult, StopReason } from "./types.js";
import { Watch } from "./watch.js";

/** Cycles between two looks at the guests' progress. */
const PROGRESS_EVERY = 5_000_000;
/** Exits that say nothing of the guest's own doing. */
const INTERRUPTS: readonly string[] = ["external-interrupt", "timer", "other-interrupt"];
/** The region of interest that counts. */
const REGION = 1;
/** IOMMU register ddtp, and its mode Bare: addresses of devices are physical. */
const DDTP = 16;
const DDTP_BARE = 1;

/** First begin and last end of a guest's region of interest. */
interface Region {
  begin: Moment;
  marked: boolean;
  end: Moment | undefined;
}

/** With what the devices that the VMM drives were given for each of their guests' parts. */
interface Moment extends Snapshot {
  readonly served: readonly number[];
}

/** A physical device, and what was counted for it. */
interface Device {
  /** None of a device that the VMM has no driver for. */
  readonly fn: PcieFunction | undefined;
  readonly traffic: Traffic;
  raised: number;
  /** The controller loses its state. */
  reset(): void;
}

interface Disk extends Device {
  readonly image: DiskImage;
}

/** Runs a configuration to its end. UserError when it can't be assembled; a guest's mistakes are part of the result. */
export function run(config: RunConfig, observer?: RunObserver): RunResult {
  return new Run(config, observer).result();
}

class Run {
  private readonly config: ResolvedConfig;
  private readonly placement: Placement;
  private readonly machine: Machine;
  private readonly serials: SerialLines;
  private readonly disks: Disk[];
  private readonly nics: Device[];
  private readonly network: Network | undefined;
  private readonly landing: Landing;
  private readonly watch: Watch;
  private readonly leaks: Leaks;
  private readonly regions: Region[];
  private hosted: Hosted | undefined;
  private firmware: Firmware | undefined;
  private readonly incidents: Incidents;
  /** What an event does to the native guest, between two calls of `machine.run`. */
  private due: (() => void) | undefined;
  private killed = false;

  constructor(
    private readonly given: RunConfig,
    private readonly observer: RunObserver | undefined,
  ) {
    const config = resolveConfig(given);
    this.config = config;
    const { chunk, vmmRam, guests, native } = config;
    this.placement = native
      ? new Placement({ guests, chunk, vmmRam: 0 })
      : new Placement({ guests, chunk, vmmRam, top: given.attack ? attackTop(chunk) : [] });
    const core = new Core(this.placement.ramSize, config.core);
    if (config.iotlb) core.exports.hubConfigure(config.iotlb.entries, config.iotlb.ways, 0, config.seed);
    this.serials = new SerialLines({ core, costs: config.costs }, config.serials, guests);
    this.machine = this.serials.machine;
    this.landing = new Landing(this.placement, () => this.hosted?.vmm.guests[this.rawGuest]?.memory);
    this.disks = config.disks.map((_, i) => this.makeDisk(i));
    const { nics, network } = config;
    this.network = nics.length > 0 ? buildNetwork({ ...network, guests: nics.length }, this.machine.events) : undefined;
    if (this.network) this.network.peer.udp.checksum = crc32c;
    this.nics = nics.map((_, i) => this.makeNic(i));
    const watched = native ? [] : this.watched();
    this.watch = new Watch(core, watched);
    this.leaks = new Leaks(watched);
    if (given.attack) this.network?.observe((frame, outgoing) => outgoing && this.leaks.inspect(frame));
    this.regions = guests.map((_, i) => ({ begin: this.snapshot(i), marked: false, end: undefined }));
    this.incidents = new Incidents(config.events, {
      clock: this.machine.events,
      kill: (guest) => this.onGuest(guest, "kill"),
      reset: (guest) => this.onGuest(guest, "reset"),
      resetDisk: (disk) => this.disks[disk].reset(),
      resetNic: (nic) => this.nics[nic].reset(),
      setLink: (nic, up) => this.network?.wires[nic].setUp(up),
    });
  }

  private onGuest(guest: number, action: "kill" | "reset"): void {
    const vmm = this.hosted?.vmm;
    if (vmm) vmm[action](guest);
    else {
      this.due = action === "kill" ? () => this.killNative() : () => this.resetNative();
      this.machine.pause();
    }
  }

  private killNative(): void {
    this.incidents.killed(0);
    this.killed = true;
    this.machine.stop();
  }

  private resetNative(): void {
    this.incidents.stopped(0);
    this.forgetRegion(0);
    this.machine.reset();
    if (this.config.iotlb) {
      const { entries, ways } = this.config.iotlb;
      this.machine.core.exports.hubConfigure(entries, ways, 0, this.config.seed);
    }
    this.startNative();
    this.incidents.restarted(0);
  }

  /** What counts is the last life of a guest. */
  private forgetRegion(guest: number): void {
    this.regions[guest] = { begin: this.regions[guest].begin, marked: false, end: undefined };
  }

  /** Between two calls of `machine.run`: what must not happen while somebody is in the middle of something. */
  private attend(): void {
    const { due } = this;
    this.due = undefined;
    due?.();
    this.hosted?.vmm.attend();
  }

  result(): RunResult {
    const { machine, config } = this;
    this.start();
    const { maxCycles, quietCycles } = config;
    const pause = Math.min(PROGRESS_EVERY, quietCycles);
    const silence = new Silence(
      config.guests.map((_, i) => this.progressOf(i)),
      machine.core.cycles,
      quietCycles,
    );
    let stop: MachineStop;
    let quiet = false;
    let next = machine.core.cycles + pause;
    do {
      stop = machine.run(Math.min(maxCycles, next));
      this.attend();
      if (stop.kind === "paused") continue;
      this.observer?.progress(this.dmaBytes(), machine.core.cycles);
      quiet = stop.kind === "deadline" && machine.core.cycles < maxCycles && this.endQuiet(silence);
      next = machine.core.cycles + pause;
    } while (stop.kind === "paused" || (stop.kind === "deadline" && machine.core.cycles < maxCycles && !quiet));
    this.hosted?.vmm.settle();
    this.serials.drain();
    const hang: StopReason =
      stop.kind !== "deadline"
        ? { kind: "hang" }
        : quiet
          ? { kind: "hang", limit: "quiet-cycles", cycles: quietCycles }
          : { kind: "hang", limit: "max-cycles", cycles: maxCycles };
    return {
      guests: config.guests.map((_, i) => this.guestResult(i, stop, hang)),
      cycles: machine.core.cycles,
      cyclesBy: machine.account.cycles(),
      frequency: config.costs.frequency,
      memoryMap: this.placement.map(),
      damage: this.watch.damage(),
      leaks: this.leaks.report(),
      faults: this.faults(),
      ...(this.incidents.happened.length > 0 ? { events: this.incidents.happened } : {}),
      ...(this.network ? { peer: peerCounts(this.network.peer) } : {}),
      shares: this.hosted ? sharesOf(this.hosted.parts, this.config.guests, this.ends()) : [],
      ...(this.given.keepDisks ? { disks: this.disks.map(({ image }) => contents(image)) } : {}),
      resolved: this.resolved(),
    };
  }

  /** Ends the guests that have been quiet for too long; true when the run is over with them, as natively. */
  private endQuiet(silence: Silence): boolean {
    const { machine, config, hosted } = this;
    const now = machine.core.cycles;
    hosted?.vmm.settle();
    const quiet = config.guests.map((_, i) => silence.tooLong(i, this.progressOf(i), now));
    if (!hosted) return quiet[0];
    for (const [i, vm] of hosted.vmm.guests.entries()) {
      if (!quiet[i] || vm.stop) continue;
      this.regions[i].end ??= this.snapshot(i);
      hosted.vmm.end(vm, { kind: "hang", limit: "quiet-cycles", cycles: config.quietCycles });
    }
    return false;
  }

  /** Grows with everything that a guest can be said to do. */
  private progressOf(index: number): number {
    const { machine, hosted, firmware } = this;
    const { bytesRead, bytesWritten } = this.trafficOf(index);
    const dma = bytesRead + bytesWritten;
    const vm = hosted?.vmm.guests[index];
    if (!vm) return dma + machine.console.written + machine.waits + (firmware?.calls ?? 0);
    let exits = 0;
    for (const [reason, count] of vm.account.exits) if (!INTERRUPTS.includes(reason)) exits += count;
    return dma + vm.console.written + exits;
  }

  // ---- assembly

  /** The devices of a guest. */
  private devicesOf(index: number): Device[] {
    const { disk, nic } = this.config.guests[index];
    return [...(disk === undefined ? [] : [this.disks[disk]]), ...(nic === undefined ? [] : [this.nics[nic]])];
  }

  private trafficOf(index: number) {
    return together(this.devicesOf(index).map(({ traffic }) => traffic.now()));
  }

  private get rawGuest(): number {
    return this.config.guests.findIndex(({ modes }) => modes.disk === "assigned-raw" || modes.nic === "assigned-raw");
  }

  private isRaw(sort: "disk" | "nic", index: number): boolean {
    const guest = this.config.guests[this.rawGuest];
    return guest?.[sort] === index && guest.modes[sort] === "assigned-raw";
  }

  /** The VMM's image lies at the start of its memory; it and what an attack aims at must not change. */
  private watched(): PlacedRun[] {
    this.placement.allocate(this.config.vmmRam / 4, 0x1000, "code and data");
    const still = new Set(["code and data", "neighbour's RAM"]);
    return this.placement.map().filter(({ what }) => still.has(what));
  }

  private makeDisk(index: number): Disk {
    const { machine, config } = this;
    const { size, image, interface: name = "nvme" } = config.disks[index];
    const contents = new DiskImage(new MemorySource(padded(image ?? generated(size, config.seed + index), size)));
    const made = { image: contents, traffic: new Traffic(machine.core), raised: 0 };
    const observe = this.observing(made, this.isRaw("disk", index));
    const place = { name, index, mmioSlot: this.mmioSlot(index), contents, costs: config.costs, observe };
    return Object.assign(made, attachDisk(machine, place));
  }

  private makeNic(index: number): Device {
    const { machine, config } = this;
    const made = { traffic: new Traffic(machine.core), raised: 0 };
    const deviceIndex = config.disks.length + index;
    const place = {
      config: config.nics[index],
      index,
      deviceIndex,
      mmioSlot: this.mmioSlot(deviceIndex),
      link: this.network!.links[index],
      costs: config.costs,
      observe: this.observing(made, this.isRaw("nic", index)),
    };
    return Object.assign(made, attachNic(machine, place));
  }

  /** The virtio-mmio slot of the device with that number among all disks and network interfaces; of their end, how many are used. */
  private mmioSlot(index: number): number {
    const { disks, nics } = this.config;
    return [...disks, ...nics].slice(0, index).filter((device) => device.interface === "virtio-mmio").length;
  }

  private observing(made: { readonly traffic: Traffic; raised: number }, raw: boolean): Between {
    return ({ irq, dma }) => ({ irq: counted(irq, () => made.raised++), dma: this.observed(made.traffic, dma, raw) });
  }

  /** A device's DMA, its requests counted; and where they go, for the one whose addresses nothing translates. */
  private observed(traffic: Traffic, dma: DmaPort, raw: boolean): DmaPort {
    return traffic.observe(raw ? this.landing.observe(dma) : dma);
  }

  private start(): void {
    const { config, machine } = this;
    this.watch.fill();
    this.incidents.start();
    if (config.native) this.startNative();
    else this.startHosted();
    machine.core.exports.flushTranslations();
  }

  private startNative(): void {
    const { machine, config } = this;
    const [guest] = config.guests;
    machine.core.exports.iommuWrite(DDTP, DDTP_BARE);
    machine.regionOfInterest = (id, begin) => this.mark(0, id, begin);
    this.serials.setUp();
    this.firmware = bootNative(
      machine,
      { bytes: guest.kernel, name: guest.name },
      {
        bootargs: this.bootargs(0),
        pcie: true,
        virtio: this.mmioSlot(Infinity),
        ioWindow: config.disks.some((disk) => disk.interface === "ata"),
      },
    );
  }

  private startHosted(): void {
    const { machine, config } = this;
    const guests = config.guests.map((guest, i) => ({ ...guest, bootargs: this.bootargs(i) }));
    // what the VMM has no drivers for was refused
    const disks = config.disks.map((disk) => ({ interface: disk.interface as DiskName | undefined }));
    this.hosted = startHosted(
      machine,
      { disks: this.disks.map(({ fn }) => fn!), nics: this.nics.map(({ fn }) => fn!), serials: this.serials.lines },
      this.placement,
      { ...config, disks, guests, limit: config.maxCycles, costs: vmmCosts(config.costs) },
    );
    for (const vm of this.hosted.vmm.guests) this.serials.listen(vm.index, vm);
    const { vmm } = this.hosted;
    vmm.onRegion = (guest, id, begin) => this.mark(guest.index, id, begin);
    vmm.onKill = (guest) => this.incidents.killed(guest.index);
    vmm.onReset = (guest) => this.incidents.stopped(guest.index);
    vmm.onRestart = (guest) => {
      this.forgetRegion(guest.index);
      this.incidents.restarted(guest.index);
    };
  }

  /** The attacker is the first guest; it is told where to aim. */
  private bootargs(index: number): string {
    const { attack } = this.given;
    const { bootargs, ram } = this.config.guests[index];
    if (!attack || index !== 0) return bootargs;
    const address = attackAddress(attack.target, this.placement, RAM_START + ram);
    return `${bootargs} attack=${attack.target} attack-address=0x${address.toString(16)}`;
  }

  // ---- results

  private mark(guest: number, id: number, begin: boolean): void {
    if (id !== REGION) return;
    const region = this.regions[guest];
    if (!begin) region.end = this.snapshot(guest);
    else if (!region.marked) {
      region.begin = this.snapshot(guest);
      region.marked = true;
      const { typed } = this.given.guests[guest];
      if (typed) this.serials.type(guest, typed);
    }
  }

  private snapshot(guest: number): Moment {
    const { machine, hosted } = this;
    const vm = hosted?.vmm.guests[guest];
    const raised = this.devicesOf(guest).reduce((sum, device) => sum + device.raised, machine.uart.interrupts);
    const account = vm?.account ?? nativeAccount(machine, raised);
    const served = hosted?.parts.map(({ turns }) => turns.bytes) ?? [];
    return { ...snapshot(machine, account, this.trafficOf(guest), this.serials.handed(guest, vm)), served };
  }

  private guestResult(index: number, stop: MachineStop, hang: StopReason): GuestResult {
    const { machine, config, hosted } = this;
    const { name, modes } = config.guests[index];
    const vm = hosted?.vmm.guests[index];
    const text = (vm?.console ?? machine.console).text();
    const region = this.regions[index];
    const end = region.end ?? this.snapshot(index);
    const counters = countersBetween(region.begin, end);
    const result = taggedLines(text, "yado-result").at(-1);
    const bytes = countOf(result, "bytes");
    const seconds = counters.cycles / config.costs.frequency;
    return {
      name,
      mode: commonMode(modes),
      modes,
      console: text,
      stop: vm ? (vm.stop ?? hang) : this.killed ? { kind: "killed" } : nativeStop(stop, machine, hang),
      result,
      attacks: taggedLines(text, "yado-attack"),
      counters,
      bytes,
      operations: countOf(result, "operations"),
      checksum: result?.checksum,
      throughputMBps: seconds > 0 ? bytes / seconds / 1e6 : 0,
      serial: this.serials.figures(index, region.begin.handed, end.handed),
      ...(vm?.details.size ? { details: Object.fromEntries([...vm.details].map(([name, n]) => [name, n()])) } : {}),
      landed: index === this.rawGuest ? this.landing.landed() : [],
      taken: index === this.rawGuest ? this.landing.taken() : [],
    };
  }

  /** Begin and end of each guest's region of interest, or of the whole run. */
  private ends(): { begin: Moment; end: Moment }[] {
    return this.regions.map(({ begin, end }, i) => ({ begin, end: end ?? this.snapshot(i) }));
  }

  private faults(): FaultRecord[] {
    return this.hosted?.iommu.faults() ?? [];
  }

  private dmaBytes(): number {
    const { core } = this.machine;
    return core.counter(Counter.DmaBytesRead) + core.counter(Counter.DmaBytesWritten);
  }

  private resolved(): Record<string, unknown> {
    const { guests, disks, costs, iotlb, serials, native: _native, ...rest } = this.config;
    return {
      ...rest,
      iotlb: iotlb ?? { entries: 64, ways: 64 },
      profile: costs.profile,
      attack: this.given.attack?.target ?? null,
      guests: guests.map(({ kernel: _kernel, ...guest }, i) => ({ ...guest, bootargs: this.bootargs(i) })),
      disks: disks.map(({ size, interface: name = "nvme" }) => ({ size, interface: name })),
      serials: serials.map(({ baud }) => ({ baud })),
      costs: costs.resolved(),
    };
  }
}

function nativeStop(stop: MachineStop, machine: Machine, hang: StopReason): StopReason {
  switch (stop.kind) {
    case "finished":
      return { kind: "shutdown", code: stop.code };
    case "reset":
      return { kind: "shutdown", code: 0 };
    case "guest-error":
      return { kind: "crash", what: stop.message, pc: Number(machine.core.pc), address: stop.address ?? 0 };
    default:
      return hang;
  }
}

function counted(line: IrqLine, onRise: () => void): IrqLine {
  let was = false;
  return {
    set: (level) => {
      if (level && !was) onRise();
      was = level;
      line.set(level);
    },
  };
}

function peerCounts({ udp }: Peer): PeerCounts {
  const stored = [...udp.stored].map(([address, { checksum, ...counts }]) => ({
    address: formatIpv4(address),
    ...counts,
    checksum: spelledCrc32c(checksum),
  }));
  return { ...udp.counters, stored };
}

/** Contents of generated disks of the last runs: a run only reads them. */
const images = new Map<string, Uint8Array>();
const MOST_IMAGES = 4;
const LARGEST_IMAGE = 0x100_0000;

function generated(size: number, seed: number): Uint8Array {
  const key = `${size} ${seed}`;
  const known = images.get(key);
  if (known) return known;
  const bytes = generatedBytes(size, seed);
  if (size > LARGEST_IMAGE) return bytes;
  if (images.size === MOST_IMAGES) images.delete(images.keys().next().value!);
  images.set(key, bytes);
  return bytes;
}

function padded(image: Uint8Array, size: number): Uint8Array {
  if (image.length === size) return image;
  const bytes = new Uint8Array(size);
  bytes.set(image);
  return bytes;
}

function contents(image: DiskImage): Uint8Array {
  const bytes = new Uint8Array(image.size);
  image.read(0, bytes);
  return bytes;
}
