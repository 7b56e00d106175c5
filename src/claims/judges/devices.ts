// What judges of the disk and of the LAN call by different names.
import type { AttackDevice } from "../../scenario/attack.js";

export type BusDevice = "disk" | "LAN";

export interface DeviceFacts {
  /** In sentences. */
  readonly noun: string;
  /** The physical device's registers, as exits are counted by. */
  readonly registers: string;
  readonly attack: AttackDevice;
  /** Before the names of its scenarios. */
  readonly prefix: string;
  /** Why what is large doesn't collapse under emulation. */
  readonly whyNot: string;
}

export const DEVICES: Readonly<Record<BusDevice, DeviceFacts>> = {
  disk: {
    noun: "disk",
    registers: "nvme",
    attack: "disk",
    prefix: "",
    whyNot: "an NVMe request takes the same few register accesses however large it is",
  },
  LAN: {
    noun: "network interface",
    registers: "e1000e",
    attack: "nic",
    prefix: "lan-",
    whyNot: "the driver tells the interface of many frames by one register, and the wire is no faster than the model",
  },
};

/** Name of the scenario that is this one for the device. */
export const prefixed = (device: BusDevice, scenario: string) => `${DEVICES[device].prefix}${scenario}`;
