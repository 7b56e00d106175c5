// What the assigned modes have in common: the guest reaches the controller's registers without a VM exit, its
// configuration space is the VMM's, and its INTx is injected. PCI Local Bus Specification 3.0, "Interrupt Pin".
import { PCIE_FIRST_IRQ } from "../../platform/memory-map.js";
import { Command } from "../../platform/pcie.js";
import type { PhysicalFunction, Vm, VmmServices } from "../types.js";

/** COMMAND of a physical function, and the bits of it that are the guest's. */
const PCI_COMMAND = 4;
const GUEST_COMMAND = Command.MASTER | Command.INTX_DISABLE;

/** Hands the controller's registers and interrupt to the guest. The result takes them back and quiets the controller. */
export function assignFunction(vmm: VmmServices, vm: Vm, physical: PhysicalFunction): () => void {
  let placed: number | undefined;
  const virtual = vm.addFunction(physical.kind.function, (_bar, address) => {
    if (placed !== undefined) vm.unmapDirect(placed, physical.barSize);
    placed = address;
    if (address !== undefined) vm.mapDirect(address, physical.bar, physical.barSize);
  });

  let command = virtual.command & GUEST_COMMAND;
  physical.writeConfig(PCI_COMMAND, 2, Command.MEMORY | command);
  vm.onConfigWrite(() => {
    if ((virtual.command & GUEST_COMMAND) === command) return;
    command = virtual.command & GUEST_COMMAND;
    physical.writeConfig(PCI_COMMAND, 2, Command.MEMORY | command);
  });

  const release = injectInterrupts(vmm, vm, physical, (level) => virtual.irq.set(level));
  return () => {
    for (const [register, value] of physical.kind.quiet) vmm.mmioWrite(physical.bar + register, 4, value);
    physical.writeConfig(PCI_COMMAND, 2, Command.MEMORY);
    release();
    if (placed !== undefined) vm.unmapDirect(placed, physical.barSize);
  };
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
