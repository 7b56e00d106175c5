// Paravirtualization: the line's driver is the VMM's, and the guest hands it whole buffers of characters, one notification
// each. Virtual I/O Device (VIRTIO) Version 1.2, "Console Device", "Virtio Over MMIO".
import { VirtioConsole } from "../../devices/virtio/console.js";
import { NO_TIMES } from "../../devices/virtio/dma-times.js";
import { VirtioMmio } from "../../devices/virtio/mmio.js";
import { virtioSlot } from "../../platform/memory-map.js";
import type { SerialMode } from "../types.js";

export const paravirtualSerial: SerialMode = {
  name: "paravirtual",
  exclusive: false,
  attach({ vmm, vm, virtioSlot: place, openPort }) {
    const slot = virtioSlot(place);
    const port = openPort();
    const model = new VirtioConsole({ clock: vmm.clock, console: port }, NO_TIMES);
    const device = new VirtioMmio({ irq: vm.counted(vm.irq(slot.irq)), dma: vm.dmaPort() }, model);
    port.onInput = () => model.poll();
    vm.map(slot.start, slot.size, device, "virtio-console");
    return () => device.reset();
  },
};
