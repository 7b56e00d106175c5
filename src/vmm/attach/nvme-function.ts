// The disk's PCIe function as every guest finds it, whatever stands behind: slot 1, NVM Express I/O controller, INTA.
import { NVME_BAR_SIZE, NVME_IDENTITY } from "../../devices/nvme/parameters.js";
import type { DeviceKind } from "../types.js";

export const NVME_FUNCTION = {
  slot: 1,
  identity: NVME_IDENTITY,
  bars: [{ index: 0, size: NVME_BAR_SIZE }],
  pin: 1,
} as const;

/** NVMe controller configuration: writing 0 disables it. */
const NVME_CC = 0x14;

export const NVME_KIND: DeviceKind = { function: NVME_FUNCTION, quiet: [[NVME_CC, 0]] };
