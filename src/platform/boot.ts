// Starts software on the board: a kernel for S-mode over the built-in firmware, firmware for M-mode with a kernel above
// it (OpenSBI's documentation, "OpenSBI Firmware with Dynamic Information"), or a program for M-mode alone.
import { boardTree, type BoardTreeConfig } from "./devicetree.js";
import { loadElf, storeSegments } from "./elf.js";
import { enterSupervisor, Firmware } from "./firmware.js";
import { type Program, readFirmware, readKernel, type SoftwareFile } from "./kernel.js";
import type { Machine } from "./machine.js";
import { DEVICE_TREE_SIZE, KERNEL_OFFSET, RAM_START } from "./memory-map.js";
import { type MemoryPlan, planMemory } from "./placement.js";
import { UserError } from "./user-error.js";

export { deviceTreeAddress } from "./placement.js";

/** What the machine starts with. */
export interface Software {
  /** M-mode: played by the host, nobody's (the kernel starts in it), or a file's. */
  readonly firmware: "built-in" | "none" | SoftwareFile;
  readonly kernel?: SoftwareFile;
  readonly initrd?: SoftwareFile;
}

/** Makes the device tree once it is known where the initial RAM disk lies. */
export type TreeMaker = (initrd: MemoryPlan["initrd"]) => Uint8Array;

/** The last page of the device tree's room is for struct fw_dynamic_info. */
const DYNAMIC_INFO_SIZE = 0x1000;
/** What firmware in a binary file is assumed to need, in bytes: its data aren't in the file. */
const FIRMWARE_ROOM = 0x8_0000;
const A0 = 10;
const A1 = 11;
const A2 = 12;

/** The board's device tree, checked to fit its room. */
export function deviceTree(config: BoardTreeConfig): Uint8Array {
  const blob = boardTree(config);
  if (blob.length > DEVICE_TREE_SIZE - DYNAMIC_INFO_SIZE) {
    throw new UserError(`${blob.length} bytes of device tree`, "bootargs", "Give the kernel a shorter command line");
  }
  return blob;
}

/** Loads the software and leaves the machine before its first instruction. */
export function boot(machine: Machine, software: Software, tree: TreeMaker): void {
  const { core } = machine;
  const { firmware, initrd } = software;
  const below = typeof firmware === "string" ? undefined : readFirmware(firmware, FIRMWARE_ROOM);
  const kernel = software.kernel && readKernel(software.kernel, kernelBase(firmware, below));
  const programs = [below, kernel].filter((program) => program !== undefined);
  const [first] = programs;
  if (!first) throw new UserError("there is nothing to run", "kernel", "Name a kernel, or firmware that needs none");
  const plan = planMemory(core.ramSize, programs, initrd);
  const store = (address: number, bytes: Uint8Array) => core.store(address, bytes);
  for (const { segments } of programs) storeSegments(segments, store);
  if (initrd && plan.initrd) store(plan.initrd.start, initrd.bytes);
  store(plan.deviceTree, tree(plan.initrd));

  if (firmware === "built-in") {
    letDevicesThrough(machine);
    enterSupervisor(core, { entry: first.entry, deviceTree: plan.deviceTree });
    machine.supervisor = new Firmware(machine);
    return;
  }
  const information = plan.deviceTree + DEVICE_TREE_SIZE - DYNAMIC_INFO_SIZE;
  store(information, dynamicInformation(kernel?.entry ?? RAM_START + KERNEL_OFFSET));
  enterMachine(machine, first.entry, plan.deviceTree, information);
}

/** Lowest address for a kernel that has no place of its own. */
function kernelBase(firmware: Software["firmware"], below: Program | undefined): number {
  if (firmware === "none") return RAM_START;
  const end = below ? Math.max(...below.segments.map(({ address, size }) => address + size)) : 0;
  return Math.max(RAM_START + KERNEL_OFFSET, end);
}

/** All harts in M-mode at `entry`, with a0 = hart id and two arguments more. */
function enterMachine({ core, harts }: Machine, entry: number, a1: number, a2: number): void {
  for (const hart of harts) {
    core.select(hart.id);
    core.setX(A0, BigInt(hart.id));
    core.setX(A1, BigInt(a1));
    core.setX(A2, BigInt(a2));
    core.pc = BigInt(entry);
    hart.status = "running";
  }
  core.select(0);
}

/** OpenSBI, struct fw_dynamic_info, version 2. */
function dynamicInformation(next: number): Uint8Array {
  const MAGIC = 0x4942_534fn;
  const VERSION = 2n;
  const NEXT_MODE_S = 1n;
  const OPTIONS = 0n;
  const BOOT_HART = 0n;
  const words = [MAGIC, VERSION, BigInt(next), NEXT_MODE_S, OPTIONS, BOOT_HART];
  return new Uint8Array(BigUint64Array.from(words).buffer);
}

/** Loads and enters an S-mode kernel with the built-in firmware below it, which is the result. */
export function bootNative(
  machine: Machine,
  kernel: SoftwareFile,
  tree: Omit<BoardTreeConfig, "ramSize" | "initrd">,
  initrd?: SoftwareFile,
): Firmware {
  const { ramSize } = machine.core;
  boot(machine, { firmware: "built-in", kernel, initrd }, (place) => deviceTree({ ...tree, ramSize, initrd: place }));
  return machine.supervisor as Firmware;
}

/** Loads a program for M-mode and enters it with nothing below it: every trap is its own. */
export function bootBare(machine: Machine, program: SoftwareFile): void {
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
