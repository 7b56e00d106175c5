// What the assigned modes have in common: the guest reaches the controller's registers without a VM exit, its
// configuration space is the VMM's, and its INTx is injected. PCI Local Bus Specification 3.0, "Interrupt Pin".
import { PCIE_FIRST_IRQ } from "../../platform/memory-map.js";
import { Command } from "../../platform/pcie.js";
import { decodeOf } from "../physical-function.js";
import type { PhysicalFunction, Vm, VmmServices } from "../types.js";
import { type AssignedRegisters, assignPorts } from "./assigned-ports.js";

/** COMMAND of a physical function, and the bits of it that are the guest's. */
const PCI_COMMAND = 4;
const GUEST_COMMAND = Command.MASTER | Command.INTX_DISABLE;

/** Hands the controller's registers and interrupt to the guest. The result takes them back and quiets the controller. */
export function assignFunction(vmm: VmmServices, vm: Vm, physical: PhysicalFunction): () => void {
  const { function: config } = physical.kind;
  const registers = physical.ports ? assignPorts(vmm, vm, physical.ports, config.bars!) : assignMemory(vm, physical);
  const virtual = vm.addFunction(config, registers.place);

  const decode = decodeOf(physical);
  let command = virtual.command & GUEST_COMMAND;
  physical.writeConfig(PCI_COMMAND, 2, decode | command);
  vm.onConfigWrite(() => {
    if ((virtual.command & GUEST_COMMAND) === command) return;
    command = virtual.command & GUEST_COMMAND;
    physical.writeConfig(PCI_COMMAND, 2, decode | command);
  });

  const release = injectInterrupts(vmm, vm, physical, (level) => virtual.irq.set(level));
  return () => {
    quiet(vmm, physical);
    physical.writeConfig(PCI_COMMAND, 2, decode);
    release();
    registers.release();
  };
}

/** Ends all DMA of a physical function. */
export function quiet(vmm: VmmServices, { kind, bar: first, ports }: PhysicalFunction): void {
  for (const [register, value, bar = 0, size = 4] of kind.quiet) {
    vmm.mmioWrite((ports ? ports.at(bar) : first) + register, size, value);
  }
}

/** A BAR of memory is mapped wherever the guest puts it. */
function assignMemory(vm: Vm, physical: PhysicalFunction): AssignedRegisters {
  let placed: number | undefined;
  const place = (address: number | undefined) => {
    if (placed !== undefined) vm.unmapDirect(placed, physical.barSize);
    placed = address;
    if (address !== undefined) vm.mapDirect(address, physical.bar, physical.barSize);
  };
  return { place: (_bar, address) => place(address), release: () => place(undefined) };
}

/** INTx of a function, injected at the guest's own. The result lets go of a claim that the guest never ended. */
export function injectInterrupts(
  vmm: VmmServices,
  vm: Vm,
  physical: PhysicalFunction,
  set: (level: boolean) => void,
): () => void {
  const { slot, pin = 1 } = physical.kind.function;
  return injectSource(vmm, vm, { physical: physical.irq, virtual: PCIE_FIRST_IRQ + ((pin - 1 + slot) % 4) }, set);
}

/**
 * A level-triggered source: the physical one stays claimed from its claim until the guest's end of interrupt, so that
 * the wire, still high, doesn't interrupt again and again. The result lets go of a claim that the guest never ended.
 */
export function injectSource(
  vmm: VmmServices,
  vm: Vm,
  source: { readonly physical: number; readonly virtual: number },
  set: (level: boolean) => void,
): () => void {
  let held = false;
  let gone = false;
  const end = () => {
    if (!held) return;
    held = false;
    set(false);
    vmm.complete(source.physical);
  };
  const line = vm.counted({ set });
  vmm.onInterrupt(source.physical, () => {
    if (gone) return undefined;
    held = true;
    line.set(true);
    return "hold";
  });
  vm.onEndOfInterrupt(source.virtual, () => {
    if (held) line.set(false);
    end();
  });
  return () => {
    gone = true;
    end();
  };
}
