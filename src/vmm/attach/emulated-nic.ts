// Trap and emulate: the guest's stock driver works on the VMM's software model of the 82574L, whose link leads to the VMM's
// switch.
import { E1000eController } from "../../devices/e1000e/controller.js";
import { NO_TIMES } from "../../devices/e1000e/parameters.js";
import type { IrqLine } from "../../platform/ports.js";
import type { AttachMode, NicAttachment } from "../types.js";

export const emulatedNic: AttachMode<NicAttachment> = {
  name: "emulated",
  exclusive: false,
  attach({ vmm, vm, physical, mac, openLink }) {
    let pin: IrqLine | undefined;
    const irq = vm.counted({ set: (level) => pin?.set(level) });
    const model = new E1000eController(
      { irq, dma: vm.dmaPort(), clock: vmm.clock, link: openLink() },
      { times: NO_TIMES, mac },
    );
    pin = vm.addTrappedFunction(physical.kind.function, model, "e1000e").irq;
    return () => model.reset();
  },
};
