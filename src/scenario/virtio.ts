// Physical virtio devices, for a native guest: the VMM has no drivers for them.
import type { VirtioDevice } from "../devices/virtio/device.js";
import type { Machine } from "../platform/machine.js";
import type { PcieFunction } from "../platform/pcie.js";
import { UserError } from "../platform/user-error.js";
import { attachVirtioMmio, attachVirtioPci, type Between, type VirtioInterface } from "../platform/virtio-places.js";

/** PCIe slot of the first device. */
export const FIRST_SLOT = 1;

interface Place {
  readonly name: VirtioInterface;
  /** Number among all devices. */
  readonly index: number;
  readonly mmioSlot: number;
  readonly classCode: number;
  readonly observe: Between;
}

export function isVirtio(name: string): name is VirtioInterface {
  return name === "virtio" || name === "virtio-mmio";
}

/** Refuses the first physical virtio device under a VMM, which has drivers for other devices only. */
export function checkPhysical(interfaces: readonly (string | undefined)[], place: (index: number) => string): void {
  const index = interfaces.findIndex((name) => name !== undefined && isVirtio(name));
  if (index < 0) return;
  throw new UserError(
    `a physical ${interfaces[index]} device under a VMM`,
    place(index),
    "Leave interface out: the VMM drives NVMe, ATA and the 82574L, and offers virtio in mode paravirtual",
  );
}

/** A device of a run: its function where the VMM has a driver for it, and what resets it as a whole. */
export interface Attached {
  readonly fn: PcieFunction | undefined;
  readonly reset: () => void;
}

/** Puts a device where its interface says. */
export function attachVirtio(machine: Machine, place: Place, device: VirtioDevice): Attached {
  const { name, index, mmioSlot, classCode, observe } = place;
  const reset =
    name === "virtio-mmio"
      ? attachVirtioMmio(machine, mmioSlot, device, observe)
      : attachVirtioPci(machine, { slot: FIRST_SLOT + index, classCode }, device, observe);
  return { fn: undefined, reset };
}
