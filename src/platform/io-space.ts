// PCI Local Bus Specification 3.0, "I/O Space", "Master-Abort": the ports behind the bridge. What nobody claims reads as all
// ones and takes writes for nothing, and no access is refused.
import { Bus, type Reach, type Region } from "./bus.js";
import type { PcieBar } from "./pcie.js";
import { Access, type MmioDevice } from "./ports.js";

export class IoSpace implements MmioDevice {
  private readonly bus = new Bus();

  /** Adds ports that aren't visible until `move` places them. */
  movable(size: number, device: MmioDevice): Region {
    return this.bus.movable(size, device, "port");
  }

  /** Places them, or hides them. */
  move(region: Region, port: number | undefined): void {
    this.bus.move(region, port);
  }

  /** Who answers at a port. */
  at(port: number): MmioDevice | undefined {
    return this.bus.find(port)?.device;
  }

  read(port: number, size: number): number {
    return this.bus.read(port, size) === Access.Ok ? this.bus.lo : 2 ** (8 * size) - 1;
  }

  write(port: number, size: number, value: number): Access {
    this.bus.write(port, size, value);
    return Access.Ok;
  }

  reset(): void {}
}

/** Puts what answers in a BAR into memory or I/O space, to be seen nowhere; the result places it, or hides it. */
export function barPlacer(
  { bus, ioSpace }: { readonly bus: Bus; readonly ioSpace: IoSpace },
  { size, space }: PcieBar,
  device: MmioDevice,
  reach: Reach,
): (address: number | undefined) => void {
  if (space === "io") {
    const region = ioSpace.movable(size, device);
    return (port) => ioSpace.move(region, port);
  }
  const region = bus.movable(size, device, reach);
  return (address) => bus.move(region, address);
}
