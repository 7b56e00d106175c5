// I/O BARs of an assigned function. They are smaller than a page, and the second stage maps pages: so the function's ports are moved
// within a physical page of their own to where the guest has them in its page, and that page is mapped. A BAR that the guest puts
// into another page traps, and is passed through.
import { PCIE_IO } from "../../platform/memory-map.js";
import type { PcieBar } from "../../platform/pcie.js";
import { Access, type MmioDevice } from "../../platform/ports.js";
import type { BarPlacement, PhysicalPorts, Vm, VmmServices } from "../types.js";

const PAGE = 0x1000;
const pageOf = (port: number): number => port - (port % PAGE);

/** A physical BAR's ports, reached by the VMM on a guest's behalf. */
export function throughVmm(vmm: VmmServices, ports: PhysicalPorts, bar: number): MmioDevice {
  return {
    read: (offset, size) => vmm.mmioRead(ports.at(bar) + offset, size),
    write: (offset, size, value) => {
      vmm.mmioWrite(ports.at(bar) + offset, size, value);
      return Access.Ok;
    },
    reset() {},
  };
}

/** Follows the guest's placement of the BARs, and takes them away again. */
export interface AssignedRegisters {
  readonly place: BarPlacement;
  readonly release: () => void;
}

export function assignPorts(
  vmm: VmmServices,
  vm: Vm,
  ports: PhysicalPorts,
  bars: readonly PcieBar[],
): AssignedRegisters {
  const placed = new Map<number, number>();
  const traps = bars.map((bar) => vm.trapPorts(bar, throughVmm(vmm, ports, bar.index), "ports"));
  let mapped: number | undefined;

  /** Shows the page that the first of the placed BARs is in. */
  const map = () => {
    const first = bars.find(({ index }) => placed.has(index));
    const page = first && pageOf(placed.get(first.index)!);
    if (page === mapped) return;
    if (mapped !== undefined) vm.unmapDirect(PCIE_IO.start + mapped, PAGE);
    if (page !== undefined) vm.mapDirect(PCIE_IO.start + page, ports.page, PAGE);
    mapped = page;
  };
  const arrange = () => {
    map();
    for (const [i, { index }] of bars.entries()) {
      const port = placed.get(index);
      const isDirect = port !== undefined && pageOf(port) === mapped;
      ports.move(index, isDirect ? port % PAGE : undefined);
      traps[i](isDirect ? undefined : port);
    }
  };
  return {
    place: (bar, port) => {
      if (port === undefined) placed.delete(bar);
      else placed.set(bar, port);
      arrange();
    },
    release: () => {
      placed.clear();
      arrange();
    },
  };
}
