// The I/O hub's exports: DMA of the devices behind it, and the IOMMU's registers.
import { DMA, DMA_END } from "../layout";
import { Replacement } from "../isa/iommu";
import { Access } from "../mmu/walk";
import { route, transfer } from "./dma";
import { invalidateDdt } from "./directory";
import { wires } from "./interrupts";
import { configureIotlb, resetIotlb } from "./iotlb";
import { deliver } from "./msi";
import { readRegister, resetRegisters, writeRegister } from "./registers";
import { BARE_CONTEXT, CONTEXT_SIZE, ENTRIES } from "./state";

const DEFAULT_ENTRIES: u32 = 64;

/** Back to the state after power-on: registers, empty caches. The shape of the IOTLB stays as it was configured. */
export function hubReset(): void {
  memory.fill(BARE_CONTEXT, 0, CONTEXT_SIZE);
  memory.fill(DMA, 0, DMA_END - DMA);
  invalidateDdt(0, 0);
  resetRegisters();
  if (load<u32>(ENTRIES)) resetIotlb();
  else configureIotlb(DEFAULT_ENTRIES, 0, Replacement.Lru, 1);
}

/** Shapes the IOTLB and empties it: see `configureIotlb`. Returns 1, or 0 when there is no such shape. */
export function hubConfigure(entries: u32, ways: u32, policy: u32, seed: u32): u32 {
  return configureIotlb(entries, ways, policy, seed);
}

/** Memory → staging. Returns 0 or the fault's cause. */
export function dmaRead(device: u32, iovaLo: u32, iovaHi: u32, staging: u32, length: u32): u32 {
  return transfer(device, ((<u64>iovaHi) << 32) | iovaLo, staging, length, Access.Read);
}

/** Staging → memory. */
export function dmaWrite(device: u32, iovaLo: u32, iovaHi: u32, staging: u32, length: u32): u32 {
  return transfer(device, ((<u64>iovaHi) << 32) | iovaLo, staging, length, Access.Write);
}

/**
 * Where a 4-byte write by a device to `iova` goes: an opaque number for `msiDeliver`, or 0 when the IOMMU refuses it (the DMA record
 * has the cause) or nothing is there.
 */
export function msiRoute(device: u32, iovaLo: u32, iovaHi: u32): u32 {
  return route(device, ((<u64>iovaHi) << 32) | iovaLo);
}

/** The write itself. */
export function msiDeliver(destination: u32, data: u32): void {
  deliver(destination, data);
}

export function iommuRead(offset: u32): u32 {
  return readRegister(offset);
}

export function iommuWrite(offset: u32, value: u32): void {
  writeRegister(offset, value);
}

/** Wired interrupts of the IOMMU that are high: bit = wire, 0 to 3. */
export function iommuWires(): u32 {
  return wires();
}
