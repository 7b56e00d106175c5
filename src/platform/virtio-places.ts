// Where virtio devices go on a board: a PCIe slot, or one of the virtio-mmio slots.
import type { VirtioDevice } from "../devices/virtio/device.js";
import { VirtioMmio } from "../devices/virtio/mmio.js";
import { STRUCTURES_BAR, STRUCTURES_BYTES, VirtioPci, virtioIdentity } from "../devices/virtio/pci.js";
import type { Machine } from "./machine.js";
import { virtioSlot } from "./memory-map.js";
import { msixBarSize } from "./msix.js";
import type { PcieFunctionConfig } from "./pcie.js";
import type { DmaPort, IrqLine } from "./ports.js";

export type VirtioInterface = "virtio" | "virtio-mmio";

/** PCI class codes. */
export const VIRTIO_CLASS = { disk: 0x01_0000, nic: 0x02_0000, console: 0x07_8000 } as const;

/** device_id of virtio-mmio slot 0, one beyond all functions of PCIe bus 0. */
const MMIO_DEVICE_ID = 0x100;

/** What stands between a device and the board. */
export type Between = (ports: { readonly irq: IrqLine; readonly dma: DmaPort }) => { irq: IrqLine; dma: DmaPort };

/** A function with a message for each queue and one for its configuration. */
function virtioFunction({ deviceId, queueSizes }: VirtioDevice, classCode: number): Omit<PcieFunctionConfig, "slot"> {
  const vectors = queueSizes.length + 1;
  return {
    identity: virtioIdentity(deviceId, classCode),
    bars: [
      { index: 1, size: msixBarSize(vectors), width: 32 },
      { index: STRUCTURES_BAR, size: STRUCTURES_BYTES, prefetchable: true },
    ],
    pin: 1,
    express: true,
    msix: { vectors, bar: 1 },
  };
}

/** The result resets the device as a whole. */
export function attachVirtioPci(
  machine: Machine,
  { slot, classCode }: { readonly slot: number; readonly classCode: number },
  device: VirtioDevice,
  between: Between = (ports) => ports,
): () => void {
  const config = { ...virtioFunction(device, classCode), slot };
  const { device: made } = machine.attachPcie(
    config,
    (ports) => new VirtioPci({ ...ports, ...between(ports) }, device),
  );
  return () => made.reset();
}

export function attachVirtioMmio(
  machine: Machine,
  slot: number,
  device: VirtioDevice,
  between: Between = (ports) => ports,
): () => void {
  const place = { ...virtioSlot(slot), deviceId: MMIO_DEVICE_ID + slot };
  const made = machine.attachMmio(place, (ports) => new VirtioMmio(between(ports), device));
  return () => made.reset();
}
