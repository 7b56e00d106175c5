// An ATA disk's PCIe function as every guest finds it, whatever stands behind: slot 1.
import { CONTROL_OFFSET, Control } from "../../devices/ata/registers.js";
import { ATA_FUNCTION } from "../../platform/ata-function.js";
import type { DeviceKind } from "../types.js";

const [CONTROL_BAR, BUS_MASTER_BAR] = [1, 4];
const SECOND_CHANNEL = 8;

/** Both bus masters stopped; the disk reset, its interrupt off. */
export const ATA_KIND: DeviceKind = {
  function: { ...ATA_FUNCTION, slot: 1 },
  quiet: [
    [0, 0, BUS_MASTER_BAR, 1],
    [SECOND_CHANNEL, 0, BUS_MASTER_BAR, 1],
    [CONTROL_OFFSET, Control.SRST | Control.nIEN, CONTROL_BAR, 1],
    [CONTROL_OFFSET, Control.nIEN, CONTROL_BAR, 1],
  ],
};
