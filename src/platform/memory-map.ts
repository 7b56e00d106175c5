// The board: QEMU's `virt` machine, addresses and interrupt numbers as its device tree states them, with the IOMMU
// where QEMU puts its platform IOMMU.
import { IMSIC_IDENTITIES, IMSIC_M as M_FILES, IMSIC_S as S_FILES } from "../../assembly/isa/imsic.js";

export { RAM_START } from "../../assembly/layout.js";

export const FINISHER = { start: 0x10_0000, size: 0x1000 } as const;
export const RTC = { start: 0x10_1000, size: 0x1000, irq: 11 } as const;
export const ACLINT = { start: 0x0200_0000, size: 0x1_0000 } as const;
export const IOMMU = { start: 0x0301_0000, size: 0x1000, firstIrq: 36, wires: 4 } as const;
export const PLIC = { start: 0x0c00_0000, size: 0x60_0000, sources: 96 } as const;
/** Domains of the APLIC, in the PLIC's place, with as many sources. */
export const APLIC_M = { start: 0x0c00_0000, size: 0x8000 } as const;
export const APLIC_S = { start: 0x0d00_0000, size: 0x8000 } as const;
/** Interrupt files, a page each: M-mode's and S-mode's by hart; `ids` identities. */
export const IMSIC_M = { start: M_FILES, ids: IMSIC_IDENTITIES } as const;
export const IMSIC_S = { start: S_FILES, ids: IMSIC_IDENTITIES } as const;
/** Pages from one hart's supervisor-level file to the next, the files of `guests` guests between them. */
export const imsicStride = (guests: number): number => 1 << (32 - Math.clz32(guests));
export const UART = { start: 0x1000_0000, size: 0x100, irq: 10, clock: 3_686_400 } as const;
/** Further serial lines, each in a page of its own behind the virtio-mmio slots. */
const MORE_UARTS = { start: 0x1000_9000, distance: 0x1000, irq: 12 } as const;
export const MOST_SERIALS = 4;
export const VIRTIO_MMIO = { start: 0x1000_1000, size: 0x1000, firstIrq: 1, slots: 8 } as const;
export const ECAM = { start: 0x3000_0000, size: 0x1000_0000 } as const;
/** Where memory BARs may lie: below 4 GiB, and 64-bit prefetchable ones. */
export const PCIE_WINDOW = { start: 0x4000_0000, size: 0x4000_0000 } as const;
export const PCIE_HIGH_WINDOW = { start: 0x4_0000_0000, size: 0x4_0000_0000 } as const;
/** I/O ports of PCIe, from port 0. */
export const PCIE_IO = { start: 0x0300_0000, size: 0x1_0000 } as const;
/** INTA of slot 0; the others follow by the swizzle. */
export const PCIE_FIRST_IRQ = 32;

/** `time` ticks per second. */
export const TIMEBASE = 10_000_000;
/** Where a kernel for S-mode is entered, in bytes from the start of RAM. */
export const KERNEL_OFFSET = 0x20_0000;
/** Room for the device tree at the end of RAM, in bytes. */
export const DEVICE_TREE_SIZE = 0x1_0000;

/** The n-th virtio-mmio slot. */
export function virtioSlot(n: number): { start: number; size: number; irq: number } {
  return {
    start: VIRTIO_MMIO.start + n * VIRTIO_MMIO.size,
    size: VIRTIO_MMIO.size,
    irq: VIRTIO_MMIO.firstIrq + n,
  };
}

/** The n-th serial line. */
export function serialPlace(n: number): { start: number; size: number; irq: number } {
  if (n === 0) return UART;
  return {
    start: MORE_UARTS.start + (n - 1) * MORE_UARTS.distance,
    size: UART.size,
    irq: MORE_UARTS.irq + n - 1,
  };
}
