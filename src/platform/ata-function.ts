// Intel 82801DB I/O Controller Hub 4 datasheet, "IDE Controller Registers (D31:F1)": the ATA controller's function as firmware leaves
// it, both channels in native mode, decoded, with cables of 80 wires. Its memory BAR, for which Intel reserves no use, isn't there.
import type { PcieFunctionConfig } from "./pcie.js";
import { BUS_MASTER_BYTES, COMMAND_BLOCK_BYTES, CONTROL_BLOCK_BYTES } from "../devices/ata/registers.js";

/** Mass storage, IDE: both channels native and changeable, bus master. */
const CLASS_CODE = 0x01_018f;
const FIRST = 0x40;
/** IDE_TIMP and IDE_TIMS with decoding enabled; IDE_CONFIG with its cable bits. */
const REGISTERS: readonly (readonly [at: number, value: number, writable: number])[] = [
  [0x40, 0x00, 0xff],
  [0x41, 0x80, 0xff],
  [0x42, 0x00, 0xff],
  [0x43, 0x80, 0xff],
  [0x44, 0x00, 0xff],
  [0x48, 0x00, 0x0f],
  [0x4a, 0x00, 0x33],
  [0x4b, 0x00, 0x33],
  [0x54, 0xf0, 0xff],
  [0x55, 0x00, 0xf0],
];
const LENGTH = 0x16;

const column = (which: 1 | 2): Uint8Array => {
  const bytes = new Uint8Array(LENGTH);
  for (const row of REGISTERS) bytes[row[0] - FIRST] = row[which];
  return bytes;
};

const ports = (index: number, size: number) => ({ index, size, space: "io" }) as const;

export const ATA_FUNCTION = {
  identity: { vendor: 0x8086, device: 0x24cb, classCode: CLASS_CODE, revision: 2, subsystemVendor: 0x8086 },
  bars: [
    ports(0, COMMAND_BLOCK_BYTES),
    ports(1, CONTROL_BLOCK_BYTES),
    ports(2, COMMAND_BLOCK_BYTES),
    ports(3, CONTROL_BLOCK_BYTES),
    ports(4, 2 * BUS_MASTER_BYTES),
  ],
  pin: 1,
  registers: { at: FIRST, bytes: column(1), writable: column(2) },
} as const satisfies Omit<PcieFunctionConfig, "slot">;
