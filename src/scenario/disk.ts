// A physical disk of a run: its medium, and its controller in a PCIe slot, or in a virtio-mmio slot.
import { Medium, type MediumContents } from "../backends/medium.js";
import { AtaController } from "../devices/ata/controller.js";
import { NvmeController } from "../devices/nvme/controller.js";
import { VirtioBlk } from "../devices/virtio/blk.js";
import type { DiskInterface } from "../platform/board.js";
import type { Costs } from "../platform/costs.js";
import { ataMediumParameters, ataTimes, mediumParameters, nvmeTimes } from "../platform/device-times.js";
import type { Machine } from "../platform/machine.js";
import type { Clock, DmaPort, IrqLine, PcieDevice } from "../platform/ports.js";
import { type Between, VIRTIO_CLASS } from "../platform/virtio-places.js";
import { diskKinds } from "../vmm/disk-kinds.js";
import type { DiskName } from "../vmm/types.js";
import { type Attached, attachVirtio, isVirtio } from "./virtio.js";

interface Ports {
  readonly irq: IrqLine;
  readonly dma: DmaPort;
  readonly clock: Clock;
}

interface Made {
  readonly ports: Ports;
  readonly contents: MediumContents;
  readonly costs: Costs;
  /** Number among all disks. */
  readonly index: number;
}

const serialNumber = (index: number) => `YADO${String(index + 1).padStart(4, "0")}`;

const controllers: Readonly<Record<DiskName, (made: Made) => PcieDevice & { restart(): void }>> = {
  nvme: ({ ports, contents, costs, index }) => {
    const backend = new Medium(ports.clock, contents, mediumParameters(costs));
    const uuid = `5961646f-0000-4000-8000-${String(index + 1).padStart(12, "0")}`;
    return new NvmeController(
      { ...ports, backend },
      { serialNumber: serialNumber(index), uuid, times: nvmeTimes(costs) },
    );
  },
  ata: ({ ports, contents, costs, index }) => {
    const backend = new Medium(ports.clock, contents, ataMediumParameters(costs));
    return new AtaController({ ...ports, disks: [{ backend, serialNumber: serialNumber(index) }] }, ataTimes(costs));
  },
};

export interface DiskPlace {
  readonly name: DiskInterface;
  readonly index: number;
  /** Of a virtio-mmio device. */
  readonly mmioSlot: number;
  readonly contents: MediumContents;
  readonly costs: Costs;
  /** What stands between the controller and the board. */
  readonly observe: Between;
}

/** The disk's controller, in the slot of its number, and what resets it as a whole; a function where the VMM has a driver for it. */
export function attachDisk(machine: Machine, place: DiskPlace): Attached {
  const { name, index, contents, costs, observe } = place;
  if (isVirtio(name)) {
    const medium = new Medium(machine.events, contents, mediumParameters(costs));
    const device = new VirtioBlk(medium, { id: serialNumber(index), queues: 1 });
    return attachVirtio(
      machine,
      { name, index, mmioSlot: place.mmioSlot, classCode: VIRTIO_CLASS.disk, observe },
      device,
    );
  }
  const { function: config } = diskKinds[name];
  const { fn, device } = machine.attachPcie({ ...config, slot: config.slot + index }, ({ irq, dma, clock }) => {
    const ports = { clock, ...observe({ irq, dma }) };
    return controllers[name]({ ports, contents, costs, index });
  });
  return { fn, reset: () => device.restart() };
}
