// Assembles a hosted machine: memory for everyone, the VMM, its IOMMU, the disks, and each guest with its attach mode.
import { RAM_START } from "../../assembly/layout.js";
import { deviceTree, deviceTreeAddress } from "../platform/boot.js";
import { loadElf } from "../platform/elf.js";
import type { Machine } from "../platform/machine.js";
import type { PcieFunction } from "../platform/pcie.js";
import { macAddress } from "../platform/mac.js";
import { E1000E_KIND } from "./attach/e1000e-function.js";
import { attachModes, nicModes, serialModes } from "./attach/index.js";
import type { VmmCosts } from "./costs.js";
import { diskKinds } from "./disk-kinds.js";
import { IommuDriver, type SecondStage, secondStageOf } from "./iommu.js";
import { GStage, RAM_RIGHTS } from "./memory/gstage.js";
import { PlacedMemory } from "./memory/guest-memory.js";
import type { Placement } from "./memory/placement.js";
import type { Extent } from "./extents.js";
import type { FlowCounters, Share } from "./fair-queue.js";
import type { ThrottleSetting } from "./interrupt-throttle.js";
import type { ShareConfig } from "../scenario/types.js";
import { LentMemory } from "./lent-memory.js";
import { FunctionPlaces } from "./physical-function.js";
import { diskShare, nicShare, SharedDisk, SharedNic, SharedSerial } from "./shared-devices.js";
import type { Attachment, DeviceModes, DiskName, PhysicalFunction } from "./types.js";
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

const diskName = ({ disks }: HostedConfig, disk: number): DiskName => disks?.[disk]?.interface ?? "nvme";

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
