// A physical network interface of a run.
import { E1000eController } from "../devices/e1000e/controller.js";
import { VirtioNet } from "../devices/virtio/net.js";
import type { NicInterface } from "../platform/board.js";
import type { Costs } from "../platform/costs.js";
import { e1000eTimes, virtioTimes } from "../platform/device-times.js";
import { macAddress } from "../platform/mac.js";
import type { Machine } from "../platform/machine.js";
import type { Link } from "../platform/ports.js";
import { type Between, VIRTIO_CLASS } from "../platform/virtio-places.js";
import { E1000E_FUNCTION } from "../vmm/attach/e1000e-function.js";
import type { NicConfig } from "./types.js";
import { type Attached, attachVirtio, FIRST_SLOT, isVirtio } from "./virtio.js";

export interface NicPlace {
  readonly config: NicConfig;
  /** Number among the interfaces, and among all devices. */
  readonly index: number;
  readonly deviceIndex: number;
  /** Of a virtio-mmio device. */
  readonly mmioSlot: number;
  readonly link: Link;
  readonly costs: Costs;
  /** What stands between the interface and the board. */
  readonly observe: Between;
}

/** The interface, in the slot of its number. */
export function attachNic(machine: Machine, place: NicPlace): Attached {
  const { config, index, deviceIndex, mmioSlot, link, costs, observe } = place;
  const name: NicInterface = config.interface ?? "e1000e";
  const mac = macAddress(config.mac, index);
  if (isVirtio(name)) {
    const settings = { mac, pairs: config.queues ?? 1, times: virtioTimes(costs) };
    const device = new VirtioNet({ link, clock: machine.events }, settings);
    return attachVirtio(machine, { name, index: deviceIndex, mmioSlot, classCode: VIRTIO_CLASS.nic, observe }, device);
  }
  const { fn, device } = machine.attachPcie({ ...E1000E_FUNCTION, slot: FIRST_SLOT + deviceIndex }, (ports) => {
    const { clock } = ports;
    return new E1000eController({ ...observe(ports), clock, link }, { mac, times: e1000eTimes(costs) });
  });
  return { fn, reset: () => device.reset() };
}
