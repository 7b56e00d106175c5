// Physical virtio devices, for a native guest: the VMM has no drivers for them.
import type { VirtioDevice } from "../devices/virtio/device.js";
import type { Machine } from "../platform/machine.js";
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

/** Puts a device where its interface says. */
export function attachVirtio(machine: Machine, place: Place, device: VirtioDevice): void {
  const { name, index, mmioSlot, classCode, observe } = place;
  if (name === "virtio-mmio") attachVirtioMmio(machine, mmioSlot, device, observe);
  else attachVirtioPci(machine, { slot: FIRST_SLOT + index, classCode }, device, observe);
}
