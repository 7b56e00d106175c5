// The disk's PCIe function as every guest finds it, whatever stands behind: slot 1, NVM Express I/O controller, INTA.
import type { DeviceKind } from "../types.js";

export const NVME_BAR_SIZE = 0x4000;

export const NVME_FUNCTION = {
  slot: 1,
  identity: { vendor: 0x1b36, device: 0x0010, classCode: 0x01_0802, subsystemVendor: 0x1af4, subsystem: 0x1100 },
  bars: [{ index: 0, size: NVME_BAR_SIZE }],
  pin: 1,
} as const;

/** NVMe controller configuration: writing 0 disables it. */
const NVME_CC = 0x14;

export const NVME_KIND: DeviceKind = { function: NVME_FUNCTION, quiet: [[NVME_CC, 0]] };
