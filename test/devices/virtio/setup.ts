import { Medium } from "../../../src/backends/medium.js";
import { VirtioBlk, type VirtioBlkConfig } from "../../../src/devices/virtio/blk.js";
import type { VirtioHooks } from "../../../src/devices/virtio/device.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio.js";
import { STRUCTURES_BAR, STRUCTURES_BYTES, VirtioPci, virtioIdentity } from "../../../src/devices/virtio/pci.js";
import { msixBarSize } from "../../../src/platform/msix.js";
import { PciFunction, VENDOR_SPECIFIC } from "../../support/pci-driver.js";
import { pciRegisters, VirtioDriver } from "../../support/virtio-driver.js";
import { generatedImage, InstantDisk, World } from "../../support/world.js";

/** A virtio block device on a disk that answers at once. */
export function blk(config: Partial<VirtioBlkConfig> = {}, hooks: VirtioHooks = {}) {
  const world = new World();
  const image = generatedImage();
  const disk = new InstantDisk(image);
  const device = new VirtioMmio({ irq: world.irq, dma: world.memory }, new VirtioBlk(disk, config), hooks);
  return { world, image, disk, device, driver: new VirtioDriver(device, world) };
}

/** The same on the physical medium. */
export function blkOnMedium(config: Partial<VirtioBlkConfig> = {}) {
  const world = new World();
  const image = generatedImage();
  const medium = new Medium(world.events, image);
  const device = new VirtioMmio({ irq: world.irq, dma: world.memory }, new VirtioBlk(medium, config));
  return { world, image, medium, device, driver: new VirtioDriver(device, world) };
}

/** The same behind PCIe, with a message for each queue and one for its configuration. */
export function blkOnPcie(config: Partial<VirtioBlkConfig> = {}, hooks: VirtioHooks = {}) {
  const world = new World();
  const image = generatedImage();
  const disk = new InstantDisk(image);
  const vectors = (config.queues ?? 1) + 1;
  const bars = [
    { index: 1, size: msixBarSize(vectors), width: 32 as const },
    { index: STRUCTURES_BAR, size: STRUCTURES_BYTES, prefetchable: true },
  ];
  const identity = virtioIdentity(2, 0x01_0000);
  const pci = new PciFunction({ identity, bars, pin: 1, express: true, msix: { vectors, bar: 1 } }, world.irq);
  const { fn } = pci;
  const ports = { irq: fn.irq, dma: fn.master(world.memory), messages: fn.msix };
  const device = new VirtioPci(ports, new VirtioBlk(disk, config), hooks);
  for (const capability of device.capabilities) fn.add(capability);
  pci.messageControl(0);
  const offset = (type: number) => pci.read(structure(pci, type) + 8);
  const multiplier = pci.read(structure(pci, 2) + 16);
  const registers = pciRegisters(offset(1), offset(3), offset(2), multiplier);
  return { world, image, disk, device, pci, offset, driver: new VirtioDriver(device, world, registers) };
}

/** The capability that tells of a structure, by cfg_type. */
export function structure(pci: PciFunction, type: number): number {
  const found = pci.capabilities(VENDOR_SPECIFIC).find((at) => pci.read(at + 3, 1) === type);
  if (found === undefined) throw new Error(`no virtio structure ${type}`);
  return found;
}
