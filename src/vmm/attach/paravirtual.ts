// Paravirtualization: the driver is the VMM's, and the guest asks for blocks through a virtqueue, one notification a
// batch. The data go straight between the disk and the guest's pages; the VMM checks and maps them, and copies only what
// isn't made of whole pages. Virtual I/O Device (VIRTIO) Version 1.2, "Block Device", "Virtio Over MMIO".
import { VirtioBlk } from "../../devices/virtio/blk.js";
import { VirtioMmio } from "../../devices/virtio/mmio.js";
import { virtioSlot } from "../../platform/memory-map.js";
import type { AttachMode, DiskAttachment } from "../types.js";

export const paravirtual: AttachMode<DiskAttachment> = {
  name: "paravirtual",
  exclusive: false,
  attach({ vm, openBlock }) {
    const slot = virtioSlot(0);
    const irq = vm.counted(vm.irq(slot.irq));
    const device = new VirtioMmio({ irq, dma: vm.dmaPort() }, new VirtioBlk(openBlock({ direct: true })));
    vm.map(slot.start, slot.size, device, "virtio");
    return () => device.reset();
  },
};
