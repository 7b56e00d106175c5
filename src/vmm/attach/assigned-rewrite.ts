// Direct assignment without address translation in the hub: the VMM traps the controller's registers and whatever else tells of
// DMA addresses, and rewrites every one on its way to the device. The driver in the guest is the stock one.
import { Command, type PcieFunction } from "../../platform/pcie.js";
import { showCounters } from "../account.js";
import { decodeOf } from "../physical-function.js";
import type { AttachMode, DiskAttachment } from "../types.js";

const PCI_COMMAND = 4;

export const assignedRewrite: AttachMode<DiskAttachment> = {
  name: "assigned-rewrite",
  exclusive: true,
  attach({ vmm, vm, physical, iommu, kind }) {
    iommu.bare(physical.deviceId);
    let virtual: PcieFunction | undefined;
    const { device, counters, listen } = kind.rewriter(vmm, vm, physical, { set: (level) => virtual?.irq.set(level) });
    showCounters(vm.details, counters);
    const fn = vm.addTrappedFunction(kind.function, device, kind.name);
    virtual = fn;

    // The right to master the bus is the guest's; the physical INTx stays on, since it tells the VMM of completions.
    const decode = decodeOf(physical);
    let master = fn.command & Command.MASTER;
    physical.writeConfig(PCI_COMMAND, 2, decode | master);
    vm.onConfigWrite(() => {
      if ((fn.command & Command.MASTER) === master) return;
      master = fn.command & Command.MASTER;
      physical.writeConfig(PCI_COMMAND, 2, decode | master);
    });
    const release = listen();
    return () => {
      release();
      physical.writeConfig(PCI_COMMAND, 2, decode);
      iommu.unbind(physical.deviceId);
    };
  },
};
