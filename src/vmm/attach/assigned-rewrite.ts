// Direct assignment without address translation in the hub: the VMM traps the controller's registers and doorbells, and
// rewrites every DMA address on its way to the device. The driver in the guest is the stock one.
import { Command } from "../../platform/pcie.js";
import type { AttachMode } from "../types.js";
import { NvmeShadow } from "./nvme-shadow.js";
import type { ShadowCounters } from "./nvme-shadow-commands.js";

const PCI_COMMAND = 4;

export const assignedRewrite: AttachMode = {
  name: "assigned-rewrite",
  exclusive: true,
  attach({ vmm, vm, physical, iommu }) {
    iommu.bare(physical.deviceId);
    const line = vm.counted({ set: (level) => virtual.irq.set(level) });
    const shadow = new NvmeShadow(vmm, vm, physical, line);
    for (const name of Object.keys(shadow.counters) as (keyof ShadowCounters)[]) {
      vm.details.set(name, () => shadow.counters[name]);
    }
    const virtual = vm.addTrappedFunction(physical.kind.function, shadow, "nvme");

    // The right to master the bus is the guest's; the physical INTx stays on, since it tells the VMM of completions.
    let master = virtual.command & Command.MASTER;
    physical.writeConfig(PCI_COMMAND, 2, Command.MEMORY | master);
    vm.onConfigWrite(() => {
      if ((virtual.command & Command.MASTER) === master) return;
      master = virtual.command & Command.MASTER;
      physical.writeConfig(PCI_COMMAND, 2, Command.MEMORY | master);
    });
    vmm.onInterrupt(physical.irq, () => shadow.interrupt());
    return () => {
      shadow.reset();
      physical.writeConfig(PCI_COMMAND, 2, Command.MEMORY);
      iommu.unbind(physical.deviceId);
    };
  },
};
