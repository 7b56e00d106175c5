// Assembles a hosted machine: memory for everyone, the VMM, its IOMMU, the disks, and each guest with its attach mode.
import { RAM_START } from "../../assembly/layout.js";
import type { Core } from "../core/core.js";
import { deviceTree, deviceTreeAddress } from "../platform/boot.js";
import { loadElf } from "../platform/elf.js";
import type { Machine } from "../platform/machine.js";
import { ECAM, PCIE_FIRST_IRQ, PCIE_WINDOW } from "../platform/memory-map.js";
import type { PcieFunction } from "../platform/pcie.js";
import type { BlockBackend } from "../platform/ports.js";
import { attachModes } from "./attach/index.js";
import { NVME_BAR_SIZE } from "./attach/nvme-function.js";
import { BlockService } from "./block-service.js";
import type { VmmCosts } from "./costs.js";
import { DmaPool } from "./dma-pool.js";
import { IommuDriver, type SecondStage, secondStageOf } from "./iommu.js";
import { GStage, RAM_RIGHTS } from "./memory/gstage.js";
import { PlacedMemory } from "./memory/guest-memory.js";
import type { Placement } from "./memory/placement.js";
import { NvmeDriver } from "./nvme-driver.js";
import type { AttachModeName, GuestMemory, PhysicalFunction } from "./types.js";
import { Vcpu } from "./vcpu.js";
import { VirtualMachine } from "./vm.js";
import { Vmm } from "./vmm.js";

/** GSCIDs of the VMM's own DMA pools begin here; those of the guests are their VMIDs. */
const POOL_GSCID = 0x1000;
/** PCIe base address register 0 and command register. */
const PCI_BAR0 = 0x10;
const PCI_COMMAND = 4;
const MEMORY_DECODE = 2;

export interface HostedGuest {
  readonly name: string;
  readonly kernel: Uint8Array;
  readonly bootargs: string;
  readonly mode: AttachModeName;
  readonly ram: number;
  readonly disk: number;
  readonly range: { readonly start: number; readonly length: number };
}

export interface HostedConfig {
  readonly guests: readonly HostedGuest[];
  /** Page size of the G-stage in bytes, and that of the IOMMU's second stage if it differs. */
  readonly pageSize: number;
  readonly iommuPageSize: number;
  readonly timeSlice: number;
  readonly limit: number;
  readonly costs: VmmCosts;
  readonly exitsInWasm?: boolean;
}

/** A physical function whose BAR the VMM places at `bar`. */
function physicalFunction(vmm: Vmm, fn: PcieFunction, bar: number): PhysicalFunction {
  const config = ECAM.start + fn.bdf * 0x1000;
  const physical: PhysicalFunction = {
    deviceId: fn.bdf,
    bar,
    barSize: NVME_BAR_SIZE,
    irq: PCIE_FIRST_IRQ + ((fn.pin - 1 + fn.slot) % 4),
    readConfig: (offset, size) => vmm.mmioRead(config + offset, size),
    writeConfig: (offset, size, value) => vmm.mmioWrite(config + offset, size, value),
  };
  physical.writeConfig(PCI_BAR0, 4, bar);
  physical.writeConfig(PCI_BAR0 + 4, 4, 0);
  physical.writeConfig(PCI_COMMAND, 2, MEMORY_DECODE);
  return physical;
}

/** A disk that the VMM drives itself, once the first guest asks for a range of it. */
class SharedDisk {
  private service: BlockService | undefined;
  private pool: DmaPool | undefined;

  constructor(
    private readonly vmm: Vmm,
    private readonly iommu: IommuDriver,
    private readonly disk: PhysicalFunction,
    private readonly gscid: number,
    private readonly pageSize: number,
  ) {}

  /** @param direct the guest's RAM, if the controller is to reach it */
  open(guest: HostedGuest, direct: GuestMemory | undefined): BlockBackend {
    this.service ??= this.start();
    if (direct) {
      this.pool!.admit(direct.pieces(direct.start, direct.size)!, this.pageSize);
      this.iommu.invalidate(this.gscid);
    }
    return this.service.open({ name: guest.name, ...guest.range, direct });
  }

  private start(): BlockService {
    const { vmm, iommu, disk } = this;
    const pool = new DmaPool(vmm);
    this.pool = pool;
    iommu.bind(disk.deviceId, pool.secondStage(this.gscid));
    const driver = new NvmeDriver(vmm, disk, pool);
    driver.start(() => vmm.step());
    vmm.onInterrupt(disk.irq, () => void driver.interrupt());
    return new BlockService(vmm, driver, pool);
  }
}

function makeGuest(vmm: Vmm, core: Core, placement: Placement, config: HostedConfig, index: number): VirtualMachine {
  const { name, ram, kernel, bootargs, mode } = config.guests[index];
  const memory = new PlacedMemory(core, placement, index, ram);
  const gstage = new GStage(vmm, `G-stage tables of ${name}`);
  mapRam(gstage, placement, index, ram, config.pageSize);
  const at = deviceTreeAddress(ram);
  const entry = loadElf(kernel, name, { start: RAM_START, size: at - RAM_START }, (gpa, bytes) =>
    memory.write(gpa, bytes),
  );
  const isVirtio = mode === "paravirtual";
  memory.write(at, deviceTree({ ramSize: ram, bootargs, virtio: isVirtio ? 1 : 0, pcie: !isVirtio }));
  const vmid = index + 1;
  const start = { entry, deviceTree: at, hartId: 0, hgatp: gstage.atp(vmid), htimedelta: 0n };
  return new VirtualMachine({ vmm, name, index, memory, gstage, vcpu: new Vcpu(core, start), vmid });
}

function mapRam(stage: GStage, placement: Placement, index: number, ram: number, pageSize: number): void {
  for (let at = 0; at < ram; ) {
    const [run] = placement.runsOf(index, at, ram - at);
    stage.map(RAM_START + at, run.hpa, run.length, pageSize, RAM_RIGHTS);
    at += run.length;
  }
}

/** What a hosted machine consists of beside the machine itself. */
export interface Hosted {
  readonly vmm: Vmm;
  readonly iommu: IommuDriver;
}

/** Takes the machine over and leaves its first guest ready on the hart: `machine.run` goes on. */
export function startHosted(
  machine: Machine,
  disks: readonly PcieFunction[],
  placement: Placement,
  config: HostedConfig,
): Hosted {
  const { core } = machine;
  const vmm = new Vmm(machine, { ...config, placement });
  vmm.start();
  const iommu = new IommuDriver(vmm);
  iommu.start();
  vmm.onTranslationsChanged = (guest) => iommu.invalidate(guest.gscid);
  const functions = disks.map((fn, i) => physicalFunction(vmm, fn, PCIE_WINDOW.start + i * 0x10_0000));
  const shared = functions.map((disk, i) => new SharedDisk(vmm, iommu, disk, POOL_GSCID + i, config.iommuPageSize));

  config.guests.forEach((guest, index) => {
    const vm = makeGuest(vmm, core, placement, config, index);
    vmm.guests.push(vm);
    vm.detach = attachModes[guest.mode].attach({
      vmm,
      vm,
      iommu,
      disk: functions[guest.disk],
      get secondStage(): SecondStage {
        if (config.iommuPageSize === config.pageSize) return secondStageOf(vm.hgatp);
        const stage = new GStage(vmm, `IOMMU tables of ${guest.name}`);
        mapRam(stage, placement, index, guest.ram, config.iommuPageSize);
        return secondStageOf(stage.atp(vm.gscid));
      },
      openBlock: (options) => shared[guest.disk].open(guest, options?.direct ? vm.memory : undefined),
    });
  });
  machine.supervisor = vmm;
  core.exports.flushTranslations();
  vmm.boot();
  return { vmm, iommu };
}
