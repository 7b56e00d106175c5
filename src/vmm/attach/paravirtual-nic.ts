// Paravirtualization: the driver is the VMM's, and the guest hands it frames through virtqueues, one notification a batch.
// Virtual I/O Device (VIRTIO) Version 1.2, "Network Device", "Virtio Over MMIO".
import { NO_TIMES } from "../../devices/virtio/dma-times.js";
import { VirtioMmio } from "../../devices/virtio/mmio.js";
import { VirtioNet } from "../../devices/virtio/net.js";
import { virtioSlot } from "../../platform/memory-map.js";
import type { AttachMode, NicAttachment } from "../types.js";

export const paravirtualNic: AttachMode<NicAttachment> = {
  name: "paravirtual",
  exclusive: false,
  attach({ vmm, vm, mac, queues, virtioSlot: place, openLink }) {
    const slot = virtioSlot(place);
    const model = new VirtioNet({ link: openLink(), clock: vmm.clock }, { mac, pairs: queues, times: NO_TIMES });
    const device = new VirtioMmio({ irq: vm.counted(vm.irq(slot.irq)), dma: vm.dmaPort() }, model);
    vm.map(slot.start, slot.size, device, "virtio-net");
    return () => device.reset();
  },
};
