// Devices that the VMM drives itself, from the moment that the first guest opens its part of one.
import { showCounters } from "./account.js";
import { BlockService, type BlockShare } from "./block-service.js";
import { DmaPool } from "./dma-pool.js";
import { E1000eDriver } from "./e1000e-driver.js";
import type { Share } from "./fair-queue.js";
import type { HostedGuest } from "./hosted.js";
import type { ThrottleSetting } from "./interrupt-throttle.js";
import type { IommuDriver } from "./iommu.js";
import { type LinkShare, NetService } from "./net-service.js";
import { type SerialPort, SerialService } from "./serial-service.js";
import type { DiskKind, GuestMemory, PhysicalFunction } from "./types.js";
import type { PhysicalSerial } from "./uart-driver.js";
import type { VirtualMachine } from "./vm.js";
import type { Vmm } from "./vmm.js";

export const diskShare = ({ share }: HostedGuest): Share => ({
  weight: share?.disk?.weight,
  rate: share?.disk?.rate,
  pieces: share?.disk?.iops,
});

/** The wire's limit is in bits. */
export const nicShare = ({ share }: HostedGuest): Share => ({
  weight: share?.nic?.weight,
  rate: share?.nic?.rate === undefined ? undefined : share.nic.rate / 8,
});

/** A disk that the VMM drives itself, once the first guest asks for a range of it. */
export class SharedDisk {
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
export class SharedNic {
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
    showCounters(vm.details, port.counters, "port:");
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

/** A serial line that the VMM drives itself, once the first guest asks for a port of it. */
export class SharedSerial {
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
    showCounters(vm.details, port.counters, "serial:");
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
