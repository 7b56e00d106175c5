// Direct assignment with nothing else: the device takes guest addresses for physical ones. This is the failure that the
// other modes avoid; a run must ask for it by name.
import type { AttachMode } from "../types.js";
import { assignFunction } from "./direct.js";

export const assignedRaw: AttachMode = {
  name: "assigned-raw",
  exclusive: true,
  attach({ vmm, vm, physical, iommu }) {
    iommu.bare(physical.deviceId);
    const release = assignFunction(vmm, vm, physical);
    return () => {
      release();
      iommu.unbind(physical.deviceId);
    };
  },
};
