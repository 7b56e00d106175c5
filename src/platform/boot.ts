// Starts a kernel natively: program and device tree into RAM, the hart into S-mode.
import { boardTree, type BoardTreeConfig } from "./devicetree.js";
import { loadElf } from "./elf.js";
import { enterSupervisor, Firmware } from "./firmware.js";
import type { Machine } from "./machine.js";
import { DEVICE_TREE_SIZE, RAM_START } from "./memory-map.js";
import { UserError } from "./user-error.js";

/** Where the device tree goes: the last 64 KiB of RAM. */
export function deviceTreeAddress(ramSize: number): number {
  return RAM_START + ramSize - DEVICE_TREE_SIZE;
}

/** The board's device tree, checked to fit its room. */
export function deviceTree(config: BoardTreeConfig): Uint8Array {
  const blob = boardTree(config);
  if (blob.length > DEVICE_TREE_SIZE) {
    throw new UserError(`${blob.length} bytes of device tree`, "bootargs", "Give the kernel a shorter command line");
  }
  return blob;
}

/** Loads and enters an S-mode kernel with the built-in firmware below it, which is the result. */
export function bootNative(
  machine: Machine,
  kernel: { bytes: Uint8Array; name: string },
  tree: Omit<BoardTreeConfig, "ramSize">,
): Firmware {
  const { core } = machine;
  const at = deviceTreeAddress(core.ramSize);
  const room = { start: RAM_START, size: at - RAM_START };
  const entry = loadElf(kernel.bytes, kernel.name, room, (address, bytes) => core.store(address, bytes));
  core.store(at, deviceTree({ ...tree, ramSize: core.ramSize }));
  letDevicesThrough(machine);
  enterSupervisor(core, { entry, deviceTree: at });
  const firmware = new Firmware(machine);
  machine.supervisor = firmware;
  return firmware;
}

/** Loads a program for M-mode and enters it with nothing below it: every trap is its own. */
export function bootBare(machine: Machine, program: { bytes: Uint8Array; name: string }): void {
  const { core } = machine;
  const room = { start: RAM_START, size: core.ramSize };
  core.pc = BigInt(loadElf(program.bytes, program.name, room, (address, bytes) => core.store(address, bytes)));
}

const DDTP = 16;
const DDTP_BARE = 1;

/** The IOMMU comes out of reset refusing all DMA; this opens it for software that knows nothing of it. */
export function letDevicesThrough(machine: Machine): void {
  machine.iommu.write(DDTP, 4, DDTP_BARE);
}
