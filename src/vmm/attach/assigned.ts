// Direct assignment with address translation: the guest's driver names guest addresses, and the IOMMU translates them
// through the guest's own second stage. RISC-V IOMMU 1.0, "Process to translate an IOVA".
import type { AttachMode } from "../types.js";
import { assignFunction } from "./direct.js";

export const assigned: AttachMode = {
  name: "assigned",
  exclusive: true,
  attach({ vmm, vm, physical, iommu, secondStage }) {
    iommu.bind(physical.deviceId, secondStage);
    const release = assignFunction(vmm, vm, physical);
    return () => {
      release();
      iommu.unbind(physical.deviceId);
    };
  },
};
