// The network interface's PCIe function as every guest finds it, whatever stands behind: slot 2, Intel 82574L, INTA.
// Intel 82574 GbE Controller Family Datasheet 3.4, "PCIe Configuration Registers".
import { E1000E_IDENTITY } from "../../devices/e1000e/parameters.js";
import { Ctrl, Reg, REGISTERS_BYTES } from "../../devices/e1000e/registers.js";
import type { DeviceKind } from "../types.js";

export const E1000E_FUNCTION = {
  slot: 2,
  identity: E1000E_IDENTITY,
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
