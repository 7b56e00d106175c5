// Direct assignment without address translation in the hub: the VMM traps the 82574L's registers and rewrites the
// descriptors behind its tail registers. The driver in the guest is the stock one.
import { Command } from "../../platform/pcie.js";
import { showCounters } from "../account.js";
import type { AttachMode, NicAttachment } from "../types.js";
import { E1000eShadow } from "./e1000e-shadow.js";

const PCI_COMMAND = 4;

export const rewriteNic: AttachMode<NicAttachment> = {
  name: "assigned-rewrite",
  exclusive: true,
  attach({ vmm, vm, physical, iommu }) {
    iommu.bare(physical.deviceId);
    const line = vm.counted({ set: (level) => virtual.irq.set(level) });
    const shadow = new E1000eShadow(vmm, vm, physical, line);
    showCounters(vm.details, shadow.counters);
    const virtual = vm.addTrappedFunction(physical.kind.function, shadow, "e1000e");
    physical.writeConfig(PCI_COMMAND, 2, Command.MEMORY | Command.MASTER);
    vmm.onInterrupt(physical.irq, () => void shadow.interrupt());
    return () => {
      shadow.reset();
      physical.writeConfig(PCI_COMMAND, 2, Command.MEMORY);
      iommu.unbind(physical.deviceId);
    };
  },
};
