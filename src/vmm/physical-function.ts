// The VMM's way to a physical PCIe function: PCI Local Bus Specification 3.0, "Configuration Space", "Base Addresses".
import { ECAM, PCIE_FIRST_IRQ, PCIE_IO, PCIE_WINDOW } from "../platform/memory-map.js";
import { Command, type PcieBar, type PcieFunction } from "../platform/pcie.js";
import type { DeviceKind, PhysicalFunction, PhysicalPorts, VmmServices } from "./types.js";

/** PCIe base address register 0 and command register. */
const PCI_BAR0 = 0x10;
const PCI_COMMAND = 4;
/** From one physical memory BAR to the next. */
const BAR_DISTANCE = 0x10_0000;
const PAGE = 0x1000;
/** From one BAR to the next in I/O space, where the VMM puts them at first. */
const PORT_DISTANCE = 0x100;

/** What a function decodes: its memory, or where it has no such BAR its ports. */
export const decodeOf = ({ ports }: Pick<PhysicalFunction, "ports">): number => (ports ? Command.IO : Command.MEMORY);

/** Gives every function a place of its own. */
export class FunctionPlaces {
  private memory = PCIE_WINDOW.start;
  /** Port 0 is nobody's. */
  private port = PAGE;

  constructor(private readonly vmm: Pick<VmmServices, "mmioRead" | "mmioWrite">) {}

  place(kind: DeviceKind, fn: PcieFunction): PhysicalFunction {
    const { vmm } = this;
    const config = ECAM.start + fn.bdf * PAGE;
    const [first] = kind.function.bars!;
    const writeConfig = (offset: number, size: number, value: number) => vmm.mmioWrite(config + offset, size, value);
    const ports = first.space === "io" ? this.placePorts(kind.function.bars!, writeConfig) : undefined;
    const physical: PhysicalFunction = {
      kind,
      deviceId: fn.bdf,
      bar: ports ? ports.at(first.index) : this.memory,
      barSize: first.size,
      ...(ports ? { ports } : {}),
      irq: PCIE_FIRST_IRQ + ((fn.pin - 1 + fn.slot) % 4),
      readConfig: (offset, size) => vmm.mmioRead(config + offset, size),
      writeConfig,
    };
    if (!ports) {
      physical.writeConfig(PCI_BAR0, 4, this.memory);
      physical.writeConfig(PCI_BAR0 + 4, 4, 0);
      this.memory += BAR_DISTANCE;
    }
    physical.writeConfig(PCI_COMMAND, 2, decodeOf(physical));
    return physical;
  }

  /** A page for the VMM's use of the ports, and one that a guest may be shown. */
  private placePorts(bars: readonly PcieBar[], writeConfig: PhysicalFunction["writeConfig"]): PhysicalPorts {
    const home = this.port;
    const page = home + PAGE;
    this.port += 2 * PAGE;
    const places = new Map<number, number>();
    const ports: PhysicalPorts = {
      page: PCIE_IO.start + page,
      at: (bar) => PCIE_IO.start + (places.get(bar) ?? 0),
      move: (bar, offset) => {
        const port = offset === undefined ? home + bar * PORT_DISTANCE : page + offset;
        if (places.get(bar) === port) return;
        places.set(bar, port);
        writeConfig(PCI_BAR0 + 4 * bar, 4, port);
      },
    };
    for (const { index } of bars) ports.move(index, undefined);
    return ports;
  }
}
