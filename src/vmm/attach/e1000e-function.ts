// The network interface's PCIe function as every guest finds it, whatever stands behind: slot 2, Intel 82574L, INTA.
// Intel 82574 GbE Controller Family Datasheet 3.4, "PCIe Configuration Registers".
import { Ctrl, Reg, REGISTERS_BYTES } from "../../devices/e1000e/registers.js";
import type { DeviceKind } from "../types.js";

export const E1000E_FUNCTION = {
  slot: 2,
  identity: { vendor: 0x8086, device: 0x10d3, classCode: 0x02_0000, subsystemVendor: 0x8086 },
  bars: [{ index: 0, size: REGISTERS_BYTES, width: 32 }],
  pin: 1,
} as const;

/** No interrupts any more, and a reset, which also stops both rings. */
export const E1000E_KIND: DeviceKind = {
  function: E1000E_FUNCTION,
  quiet: [
    [Reg.IMC, 0xffff_ffff],
    [Reg.CTRL, Ctrl.RST],
  ],
};
