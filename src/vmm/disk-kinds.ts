// The sorts of disk: how each is found, modelled, driven and rewritten.
import { AtaController, NO_ATA_TIMES } from "../devices/ata/controller.js";
import { NvmeController } from "../devices/nvme/controller.js";
import { NO_TIMES } from "../devices/nvme/parameters.js";
import { AtaDriver } from "./ata-driver.js";
import { ATA_KIND } from "./attach/ata-function.js";
import { AtaShadow } from "./attach/ata-shadow.js";
import { injectInterrupts, quiet } from "./attach/direct.js";
import { NVME_KIND } from "./attach/nvme-function.js";
import { NvmeShadow } from "./attach/nvme-shadow.js";
import { NvmeDriver } from "./nvme-driver.js";
import type { DiskKind, DiskName } from "./types.js";

const nvme: DiskKind = {
  ...NVME_KIND,
  name: "nvme",
  model: (ports) => new NvmeController(ports, { times: NO_TIMES }),
  driver: (vmm, physical, pool) => new NvmeDriver(vmm, physical, pool),
  rewriter(vmm, vm, physical, irq) {
    const shadow = new NvmeShadow(vmm, vm, physical, vm.counted(irq));
    return {
      device: shadow,
      counters: shadow.counters as Readonly<Record<keyof typeof shadow.counters, number>>,
      listen: () => {
        vmm.onInterrupt(physical.irq, () => shadow.interrupt());
        return () => shadow.reset();
      },
    };
  },
};

const ata: DiskKind = {
  ...ATA_KIND,
  name: "ata",
  model: ({ backend, ...ports }) => new AtaController({ ...ports, disks: [{ backend }] }, NO_ATA_TIMES),
  driver: (vmm, physical, pool) => new AtaDriver(vmm, physical, pool),
  rewriter(vmm, vm, physical, irq) {
    const shadow = new AtaShadow(vmm, vm, physical.ports!);
    return {
      device: shadow,
      counters: shadow.counters,
      listen: () => {
        const release = injectInterrupts(vmm, vm, physical, (level) => irq.set(level));
        return () => {
          quiet(vmm, physical);
          release();
        };
      },
    };
  },
};

export const diskKinds: Readonly<Record<DiskName, DiskKind>> = { nvme, ata };
