// Trap and emulate: the guest's stock driver works on the VMM's software model of the controller, whose medium is the
// guest's range of the physical disk.
import { NvmeController } from "../../devices/nvme/controller.js";
import { NO_TIMES } from "../../devices/nvme/parameters.js";
import type { IrqLine } from "../../platform/ports.js";
import type { AttachMode, DiskAttachment } from "../types.js";

export const emulated: AttachMode<DiskAttachment> = {
  name: "emulated",
  exclusive: false,
  attach({ vmm, vm, physical, openBlock }) {
    let pin: IrqLine | undefined;
    const model = new NvmeController(
      {
        irq: vm.counted({ set: (level) => pin?.set(level) }),
        dma: vm.dmaPort(),
        clock: vmm.clock,
        backend: openBlock(),
      },
      { times: NO_TIMES },
    );
    pin = vm.addTrappedFunction(physical.kind.function, model, "nvme").irq;
    return () => model.reset();
  },
};
