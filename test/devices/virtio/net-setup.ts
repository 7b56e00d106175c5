// A network device on either transport, a wire that the test holds, and the driver's side of it.
import type { VirtioDevice } from "../../../src/devices/virtio/device.js";
import { VirtioMmio } from "../../../src/devices/virtio/mmio.js";
import { VirtioNet, type VirtioNetConfig } from "../../../src/devices/virtio/net.js";
import { STRUCTURES_BAR, STRUCTURES_BYTES, VirtioPci, virtioIdentity } from "../../../src/devices/virtio/pci.js";
import { msixBarSize } from "../../../src/platform/msix.js";
import { FakeLink } from "../../support/fake-link.js";
import { PciFunction } from "../../support/pci-driver.js";
import { pciRegisters, VirtioDriver } from "../../support/virtio-driver.js";
import { World } from "../../support/world.js";
import { structure } from "./setup.js";

export type Transport = "mmio" | "pci";
export const TRANSPORTS: readonly Transport[] = ["mmio", "pci"];

/** Feature bits (VIRTIO 1.2, "Network Device", "Feature bits"). */
export const F = {
  ...{ CSUM: 1 << 0, GUEST_CSUM: 1 << 1, MTU: 1 << 3, MAC: 1 << 5, TSO4: 1 << 11, TSO6: 1 << 12, MRG: 1 << 15 },
  ...{ STATUS: 1 << 16, CTRL_VQ: 1 << 17, CTRL_RX: 1 << 18, CTRL_RX_EXTRA: 1 << 20, MQ: 1 << 22, CTRL_MAC: 1 << 23 },
};
export const HEADER = 12;

/** A device behind one of the transports. */
export function behind(transport: Transport, world: World, device: VirtioDevice): VirtioDriver {
  if (transport === "mmio") {
    return new VirtioDriver(new VirtioMmio({ irq: world.irq, dma: world.memory }, device), world);
  }
  const vectors = device.queueSizes.length + 1;
  const bars = [
    { index: 1, size: msixBarSize(vectors), width: 32 as const },
    { index: STRUCTURES_BAR, size: STRUCTURES_BYTES, prefetchable: true },
  ];
  const identity = virtioIdentity(device.deviceId, 0x02_0000);
  const pci = new PciFunction({ identity, bars, pin: 1, express: true, msix: { vectors, bar: 1 } }, world.irq);
  const { fn } = pci;
  const onPci = new VirtioPci({ irq: fn.irq, dma: fn.master(world.memory), messages: fn.msix }, device);
  for (const capability of onPci.capabilities) fn.add(capability);
  pci.messageControl(0);
  const offset = (type: number) => pci.read(structure(pci, type) + 8);
  const registers = pciRegisters(offset(1), offset(3), offset(2), pci.read(structure(pci, 2) + 16));
  return new VirtioDriver(onPci, world, registers);
}

export interface NetOptions {
  transport?: Transport;
  config?: Partial<VirtioNetConfig>;
  features?: number;
  /** Descriptors of each queue. */
  size?: number;
  queues?: number;
}

/** A started device. */
export function net(options: NetOptions = {}) {
  const { transport = "mmio", config, features = F.MRG | F.CTRL_VQ, size = 16, queues = 3 } = options;
  const world = new World();
  const link = new FakeLink();
  const device = new VirtioNet({ link, clock: world.events }, config);
  const driver = behind(transport, world, device);
  if (!driver.negotiate(features)) throw new Error("the device refuses");
  for (let queue = 0; queue < queues; queue++) driver.setUp(queue, size);
  driver.set(driver.registers.Status, 15);
  return { world, link, device, driver, ...helpers(world, driver) };
}

function helpers(world: World, driver: VirtioDriver) {
  const { memory } = world;
  const put = (bytes: ArrayLike<number>) => {
    const address = memory.allocate(Math.max(1, bytes.length), 16);
    memory.slice(address, bytes.length).set(bytes);
    return { address, length: bytes.length };
  };
  return {
    put,
    /** Empty receive buffers of these lengths; their addresses. */
    supply(lengths: readonly number[], queue = 0): number[] {
      return lengths.map((length) => {
        const address = memory.allocate(length);
        driver.add(queue, [{ address, length, writable: true }]);
        return address;
      });
    },
    /** Sends a packet behind its header. */
    send(packet: Uint8Array, header: Header = {}, queue = 1): void {
      driver.add(queue, [put(headerBytes(header)), put(packet)]);
      driver.notify(queue);
      world.run();
    },
    /** Carries out a control command; its ack. */
    command(kind: number, command: number, data: readonly number[], queue = 2): number {
      const ack = put([0xaa]);
      driver.add(queue, [put([kind, command, ...data]), { ...ack, writable: true }]);
      driver.notify(queue);
      return memory.slice(ack.address, 1)[0];
    },
  };
}

/** struct virtio_net_hdr. */
export interface Header {
  flags?: number;
  gsoType?: number;
  gsoSize?: number;
  start?: number;
  offset?: number;
}
export function headerBytes({ flags = 0, gsoType = 0, gsoSize = 0, start = 0, offset = 0 }: Header): Uint8Array {
  const bytes = new Uint8Array(HEADER);
  const view = new DataView(bytes.buffer);
  bytes[0] = flags;
  bytes[1] = gsoType;
  view.setUint16(4, gsoSize, true);
  view.setUint16(6, start, true);
  view.setUint16(8, offset, true);
  return bytes;
}
