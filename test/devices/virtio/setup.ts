import { Medium } from "../../../src/backends/medium.js";
import { VirtioBlk, type VirtioBlkConfig } from "../../../src/devices/virtio/blk.js";
import type { VirtioHooks } from "../../../src/devices/virtio/device.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio.js";
import { VirtioDriver } from "../../support/virtio-driver.js";
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
