// Direct assignment without translation, for a modified driver that asks the VMM for the physical address of each
// buffer (Yado's SBI extension). Nothing checks what the driver then tells the device.
import type { AttachMode } from "../types.js";
import { assignFunction } from "./direct.js";

export const assignedService: AttachMode = {
  name: "assigned-service",
  exclusive: true,
  attach({ vmm, vm, physical, iommu }) {
    vm.translates = true;
    iommu.bare(physical.deviceId);
    const release = assignFunction(vmm, vm, physical);
    return () => {
      release();
      iommu.unbind(physical.deviceId);
    };
  },
};
