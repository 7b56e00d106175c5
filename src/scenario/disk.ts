// A physical disk of a run: its medium, and its controller in a PCIe slot.
import { Medium, type MediumContents } from "../backends/medium.js";
import { AtaController } from "../devices/ata/controller.js";
import { NvmeController } from "../devices/nvme/controller.js";
import type { Costs } from "../platform/costs.js";
import { ataMediumParameters, ataTimes, mediumParameters, nvmeTimes } from "../platform/device-times.js";
import type { Machine } from "../platform/machine.js";
import type { PcieFunction } from "../platform/pcie.js";
import type { Clock, DmaPort, IrqLine, PcieDevice } from "../platform/ports.js";
import { diskKinds } from "../vmm/disk-kinds.js";
import type { DiskName } from "../vmm/types.js";

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
  readonly name: DiskName;
  readonly index: number;
  readonly contents: MediumContents;
  readonly costs: Costs;
  /** What stands between the controller and the board. */
  readonly observe: (ports: Ports) => Pick<Ports, "irq" | "dma">;
}

/** The disk's controller, in the slot of its number, and what resets it as a whole. */
export function attachDisk(
  machine: Machine,
  { name, index, contents, costs, observe }: DiskPlace,
): { readonly fn: PcieFunction; readonly reset: () => void } {
  const { function: config } = diskKinds[name];
  const { fn, device } = machine.attachPcie({ ...config, slot: config.slot + index }, ({ irq, dma, clock }) => {
    const ports = { clock, ...observe({ irq, dma, clock }) };
    return controllers[name]({ ports, contents, costs, index });
  });
  return { fn, reset: () => device.restart() };
}
