// Assembles a hosted machine: memory for everyone, the VMM, its IOMMU, the disks, and each guest with its attach mode.
import { RAM_START } from "../../assembly/layout.js";
import { deviceTree, deviceTreeAddress } from "../platform/boot.js";
import { loadElf } from "../platform/elf.js";
import type { Machine } from "../platform/machine.js";
import type { PcieFunction } from "../platform/pcie.js";
import { macAddress } from "../platform/mac.js";
import { E1000E_KIND } from "./attach/e1000e-function.js";
import { attachModes, nicModes, serialModes } from "./attach/index.js";
import { type BlockShare, BlockService } from "./block-service.js";
import type { VmmCosts } from "./costs.js";
import { diskKinds } from "./disk-kinds.js";
import { DmaPool } from "./dma-pool.js";
import { E1000eDriver } from "./e1000e-driver.js";
import { IommuDriver, type SecondStage, secondStageOf } from "./iommu.js";
import { GStage, RAM_RIGHTS } from "./memory/gstage.js";
import { PlacedMemory } from "./memory/guest-memory.js";
import type { Placement } from "./memory/placement.js";
import type { Extent } from "./extents.js";
import type { FlowCounters, Share } from "./fair-queue.js";
import type { ThrottleSetting } from "./interrupt-throttle.js";
import type { ShareConfig } from "../scenario/types.js";
import { LentMemory } from "./lent-memory.js";
import { type LinkShare, NetService } from "./net-service.js";
import { FunctionPlaces } from "./physical-function.js";
import { type SerialPort, SerialService } from "./serial-service.js";
import type { Attachment, DeviceModes, DiskKind, DiskName, GuestMemory, PhysicalFunction } from "./types.js";
import type { PhysicalSerial } from "./uart-driver.js";
import { Vcpu } from "./vcpu.js";
import { VirtualMachine, type VmParts } from "./vm.js";
import { Vmm } from "./vmm.js";

/** GSCIDs of the VMM's own DMA pools begin here; those of the guests are their VMIDs. */
const POOL_GSCID = 0x1000;
export interface HostedGuest {
  readonly name: string;
  readonly kernel: Uint8Array;
  readonly bootargs: string;
  readonly modes: DeviceModes;
  readonly ram: number;
  /** Which disk, and the guest's range of it; which network interface. */
  readonly disk?: number | undefined;
  readonly range: Extent;
  /** In place of the range. */
  readonly extents?: readonly Extent[];
  readonly nic?: number | undefined;
  /** Queue pairs of a paravirtual network interface. */
  readonly queues: number;
  readonly share?: ShareConfig;
  /** Which serial line; the first one if left out. */
  readonly serial?: number | undefined;
}

export interface HostedConfig {
  readonly guests: readonly HostedGuest[];
  readonly disks?: readonly { readonly interface?: DiskName; readonly depth?: number }[];
  readonly nics?: readonly { readonly interrupts?: ThrottleSetting }[];
  /** Page size of the G-stage in bytes, and that of the IOMMU's second stage if it differs. */
  readonly pageSize: number;
  readonly iommuPageSize: number;
  readonly timeSlice: number;
  readonly limit: number;
  readonly costs: VmmCosts;
  readonly exitsInWasm?: boolean;
}

/** A disk that the VMM drives itself, once the first guest asks for a range of it. */
class SharedDisk {
  private service: BlockService | undefined;
  private pool: DmaPool | undefined;
  /** By guest: they stay when it is reset. */
  private readonly parts = new Map<string, BlockShare>();

  constructor(
    private readonly vmm: Vmm,
    private readonly iommu: IommuDriver,
    private readonly kind: DiskKind,
    private readonly disk: PhysicalFunction,
    private readonly gscid: number,
    private readonly pageSize: number,
    private readonly depth: number | undefined,
  ) {}

  /** @param direct the guest's RAM, if the controller is to reach it */
  open(guest: HostedGuest, direct: GuestMemory | undefined): BlockShare {
    this.service ??= this.start();
    if (direct) {
      this.pool!.admit(direct.pieces(direct.start, direct.size)!, this.pageSize);
      this.iommu.invalidate(this.gscid);
    }
    const { name, range, extents = [range] } = guest;
    const part = this.parts.get(name) ?? this.service.open({ name, extents, direct, share: diskShare(guest) });
    this.parts.set(name, part);
    return part;
  }

  /** The guest has gone: `quiet` is called when the controller no longer reaches its memory, nor has anything of it to do. */
  leave(guest: HostedGuest, direct: GuestMemory | undefined, quiet: () => void): void {
    this.parts.get(guest.name)?.drop(() => {
      if (direct) {
        this.pool!.expel(direct.pieces(direct.start, direct.size)!, this.pageSize);
        this.iommu.invalidate(this.gscid);
      }
      quiet();
    });
  }

  private start(): BlockService {
    const { vmm, iommu, disk } = this;
    const pool = new DmaPool(vmm);
    this.pool = pool;
    iommu.bind(disk.deviceId, pool.secondStage(this.gscid));
    const driver = this.kind.driver(vmm, disk, pool);
    driver.start(() => vmm.step());
    vmm.onInterrupt(disk.irq, () => void driver.interrupt());
    return new BlockService(vmm, driver, pool, { depth: this.depth });
  }
}

/** A network interface that the VMM drives itself, once the first guest asks for a port of its switch. */
class SharedNic {
  private service: NetService | undefined;
  /** By guest: they stay when it is reset. */
  private readonly ports = new Map<string, LinkShare>();

  constructor(
    private readonly vmm: Vmm,
    private readonly iommu: IommuDriver,
    private readonly nic: PhysicalFunction,
    private readonly gscid: number,
    private readonly interrupts: ThrottleSetting | undefined,
  ) {}

  open(vm: VirtualMachine, share: Share): LinkShare {
    this.service ??= this.start();
    const known = this.ports.get(vm.name);
    if (known) return known;
    const port = this.service.open(vm.name, (work) => this.vmm.onBehalf(vm, work), share);
    this.ports.set(vm.name, port);
    for (const name of Object.keys(port.counters) as (keyof typeof port.counters)[]) {
      vm.details.set(`port:${name}`, () => port.counters[name]);
    }
    return port;
  }

  private start(): NetService {
    const { vmm, iommu, nic } = this;
    const pool = new DmaPool(vmm);
    iommu.bind(nic.deviceId, pool.secondStage(this.gscid));
    const driver = new E1000eDriver(vmm, nic, pool, { interrupts: this.interrupts });
    driver.start(() => vmm.step());
    vmm.onInterrupt(nic.irq, () => void driver.interrupt());
    const service = new NetService(vmm, driver);
    driver.events = service;
    return service;
  }
}

const diskName = ({ disks }: HostedConfig, disk: number): DiskName => disks?.[disk]?.interface ?? "nvme";
const diskShare = ({ share }: HostedGuest): Share => ({
  weight: share?.disk?.weight,
  rate: share?.disk?.rate,
  pieces: share?.disk?.iops,
});

/** The wire's limit is in bits. */
const nicShare = ({ share }: HostedGuest): Share => ({
  weight: share?.nic?.weight,
  rate: share?.nic?.rate === undefined ? undefined : share.nic.rate / 8,
});

/** A serial line that the VMM drives itself, once the first guest asks for a port of it. */
class SharedSerial {
  private service: SerialService | undefined;
  /** By guest: they stay when it is reset. */
  private readonly ports = new Map<string, SerialPort>();

  constructor(
    private readonly vmm: Vmm,
    private readonly line: PhysicalSerial,
    private readonly shared: boolean,
  ) {}

  open(vm: VirtualMachine): SerialPort {
    this.service ??= this.start();
    const known = this.ports.get(vm.name);
    if (known) return known;
    const port = this.service.open(
      (work) => this.vmm.onBehalf(vm, work),
      (byte) => vm.console.write(byte),
    );
    this.ports.set(vm.name, port);
    for (const name of Object.keys(port.counters) as (keyof typeof port.counters)[]) {
      vm.details.set(`serial:${name}`, () => port.counters[name]);
    }
    return port;
  }

  private start(): SerialService {
    const { vmm, line } = this;
    const service = new SerialService(vmm, line, this.shared);
    vmm.onInterrupt(line.irq, () => void service.driver.interrupt());
    service.driver.start();
    return service;
  }
}

function makeGuest(
  vmm: Vmm,
  placement: Placement,
  config: HostedConfig,
  index: number,
  serials: readonly PhysicalSerial[],
): VirtualMachine {
  const { core } = vmm;
  const { name, ram } = config.guests[index];
  const memory = new PlacedMemory(core, placement, index, ram);
  const gstage = new GStage(vmm, `G-stage tables of ${name}`);
  mapRam(gstage, placement, index, ram, config.pageSize);
  return loadGuest({ vmm, name, index, memory, gstage, vmid: index + 1 }, config, serials);
}

/** The same guest as after power-on: its RAM zeroed, its kernel loaded, its hart at the entry. */
function remakeGuest(
  before: VirtualMachine,
  vmm: Vmm,
  config: HostedConfig,
  serials: readonly PhysicalSerial[],
): VirtualMachine {
  const { name, index, memory, gstage, vmid } = before;
  for (const { hpa, length } of memory.pieces(memory.start, memory.size)!) vmm.core.store(hpa, new Uint8Array(length));
  vmm.charge("vmm", memory.size * vmm.costs.copyByte);
  return loadGuest({ vmm, name, index, memory, gstage, vmid, before }, config, serials);
}

function loadGuest(
  parts: Omit<VmParts, "vcpu">,
  config: HostedConfig,
  serials: readonly PhysicalSerial[],
): VirtualMachine {
  const { memory, gstage, vmid, index } = parts;
  const { core } = parts.vmm;
  const { name, ram, kernel, bootargs, modes, disk, serial = 0 } = config.guests[index];
  const at = deviceTreeAddress(ram);
  const entry = loadElf(kernel, name, { start: RAM_START, size: at - RAM_START }, (gpa, bytes) =>
    memory.write(gpa, bytes),
  );
  const attached = [modes.disk, modes.nic].filter((mode) => mode !== undefined);
  const pcie = attached.some((mode) => mode !== "paravirtual");
  const virtio = [...attached, modes.serial].filter((mode) => mode === "paravirtual").length;
  const uart = modes.serial !== "paravirtual" && serials[serial].rate.clock;
  const ioWindow = disk !== undefined && modes.disk !== "paravirtual" && diskName(config, disk) === "ata";
  memory.write(at, deviceTree({ ramSize: ram, bootargs, virtio, pcie, ioWindow, uart }));
  const start = { entry, deviceTree: at, hartId: 0, hgatp: gstage.atp(vmid), htimedelta: 0n };
  return new VirtualMachine({ ...parts, vcpu: new Vcpu(core, start) });
}

function mapRam(stage: GStage, placement: Placement, index: number, ram: number, pageSize: number): void {
  for (let at = 0; at < ram; ) {
    const [run] = placement.runsOf(index, at, ram - at);
    stage.map(RAM_START + at, run.hpa, run.length, pageSize, RAM_RIGHTS);
    at += run.length;
  }
}

/** The guest's own tables, or others of another page size with the same meaning. */
function secondStage(vmm: Vmm, vm: VirtualMachine, placement: Placement, config: HostedConfig): SecondStage {
  if (config.iommuPageSize === config.pageSize) return secondStageOf(vm.hgatp);
  const stage = new GStage(vmm, `IOMMU tables of ${vm.name}`);
  mapRam(stage, placement, vm.index, config.guests[vm.index].ram, config.iommuPageSize);
  return secondStageOf(stage.atp(vm.gscid));
}

/** What a hosted machine consists of beside the machine itself. */
export interface Hosted {
  readonly vmm: Vmm;
  readonly iommu: IommuDriver;
  /** Guests' parts of the devices that the VMM drives. */
  readonly parts: readonly DevicePart[];
}

/** What a guest has of a device that the VMM drives, and what it was given so far. */
export interface DevicePart {
  readonly device: "disk" | "nic";
  readonly index: number;
  readonly guest: number;
  readonly share: Share;
  readonly turns: FlowCounters;
}

/** Takes the machine over and leaves its first guest ready on the hart: `machine.run` goes on. */
export function startHosted(
  machine: Machine,
  devices: {
    readonly disks: readonly PcieFunction[];
    readonly nics: readonly PcieFunction[];
    readonly serials: readonly PhysicalSerial[];
  },
  placement: Placement,
  config: HostedConfig,
): Hosted {
  const { core } = machine;
  const vmm = new Vmm(machine, { ...config, placement });
  vmm.start();
  const iommu = new IommuDriver(vmm);
  iommu.start();
  vmm.onTranslationsChanged = (guest) => iommu.invalidate(guest.gscid);
  const places = new FunctionPlaces(vmm);
  const kinds = devices.disks.map((_, i) => diskKinds[diskName(config, i)]);
  const disks = devices.disks.map((fn, i) => places.place(kinds[i], fn));
  const nics = devices.nics.map((fn) => places.place(E1000E_KIND, fn));
  const sharedDisks = disks.map(
    (disk, i) =>
      new SharedDisk(vmm, iommu, kinds[i], disk, POOL_GSCID + i, config.iommuPageSize, config.disks?.[i]?.depth),
  );
  const sharedNics = nics.map(
    (nic, i) => new SharedNic(vmm, iommu, nic, POOL_GSCID + disks.length + i, config.nics?.[i]?.interrupts),
  );
  const parts: DevicePart[] = [];
  /** A guest that was reset opens what it had. */
  const note = (part: DevicePart) => {
    if (parts.every(({ turns }) => turns !== part.turns)) parts.push(part);
  };
  const sharedSerials = devices.serials.map((line, n) => {
    const users = config.guests.filter(({ serial = 0 }) => serial === n).length;
    return new SharedSerial(vmm, line, users > 1);
  });

  const lent = config.guests.map(() => new LentMemory(vmm));
  const stages: (SecondStage | undefined)[] = [];
  const attach = (vm: VirtualMachine) => {
    const guest = config.guests[vm.index];
    const services = lent[vm.index].services();
    const attachment = (physical: PhysicalFunction): Attachment => ({
      vmm: services,
      vm,
      iommu,
      physical,
      get secondStage() {
        stages[vm.index] ??= secondStage(vmm, vm, placement, config);
        return stages[vm.index]!;
      },
    });
    const detach: (() => void)[] = [];
    let busy = 0;
    let quiet = () => {};
    const { modes } = guest;
    if (guest.disk !== undefined && modes.disk) {
      const shared = sharedDisks[guest.disk];
      const openBlock = (options?: { direct?: boolean }) => {
        const direct = options?.direct ? vm.memory : undefined;
        const part = shared.open(guest, direct);
        note({ device: "disk", index: guest.disk!, guest: vm.index, share: diskShare(guest), turns: part.turns });
        detach.push(() => {
          busy++;
          shared.leave(guest, direct, () => --busy === 0 && quiet());
        });
        return part;
      };
      const more = { kind: kinds[guest.disk], openBlock };
      detach.push(attachModes[modes.disk].attach(Object.assign(attachment(disks[guest.disk]), more)));
    }
    if (guest.nic !== undefined && modes.nic) {
      const shared = sharedNics[guest.nic];
      const more = {
        mac: macAddress(undefined, nics.length + vm.index),
        queues: guest.queues,
        virtioSlot: modes.disk === "paravirtual" ? 1 : 0,
        openLink: () => {
          const port = shared.open(vm, nicShare(guest));
          note({ device: "nic", index: guest.nic!, guest: vm.index, share: nicShare(guest), turns: port.turns });
          detach.push(() => {
            port.drop();
            port.leave();
          });
          return port;
        },
      };
      detach.push(nicModes[modes.nic].attach(Object.assign(attachment(nics[guest.nic]), more)));
    }
    const { serial = 0 } = guest;
    detach.push(
      serialModes[modes.serial].attach({
        vmm,
        vm,
        line: devices.serials[serial],
        virtioSlot: [modes.disk, modes.nic].filter((mode) => mode === "paravirtual").length,
        openPort: () => sharedSerials[serial].open(vm),
      }),
    );
    vm.detach = () => {
      for (const release of detach.reverse()) release();
      lent[vm.index].giveBack();
    };
    vm.whenQuiet = (action) => {
      quiet = action;
      if (busy === 0) action();
    };
  };
  config.guests.forEach((_, index) => {
    const vm = makeGuest(vmm, placement, config, index, devices.serials);
    vmm.guests.push(vm);
    attach(vm);
  });
  vmm.remake = (old) => {
    const vm = remakeGuest(old, vmm, config, devices.serials);
    attach(vm);
    carryOver(old.details, vm.details);
    return vm;
  };
  machine.supervisor = vmm;
  core.exports.flushTranslations();
  vmm.boot();
  return { vmm, iommu, parts };
}

/** What was counted before goes on: what counts anew counts further, what only the first attachment named counts on. */
function carryOver(before: ReadonlyMap<string, () => number>, details: Map<string, () => number>): void {
  for (const [name, count] of before) {
    const since = details.get(name);
    const until = count();
    details.set(name, since ? () => until + since() : count);
  }
}
