// Trap and emulate: the guest's stock driver works on the VMM's software model of the controller, whose medium is the
// guest's range of the physical disk.
import type { IrqLine } from "../../platform/ports.js";
import type { AttachMode, DiskAttachment } from "../types.js";

export const emulated: AttachMode<DiskAttachment> = {
  name: "emulated",
  exclusive: false,
  attach({ vmm, vm, kind, openBlock }) {
    let pin: IrqLine | undefined;
    const irq = vm.counted({ set: (level) => pin?.set(level) });
    const model = kind.model({ irq, dma: vm.dmaPort(), clock: vmm.clock, backend: openBlock() });
    pin = vm.addTrappedFunction(kind.function, model, kind.name).irq;
    return () => model.reset();
  },
};
