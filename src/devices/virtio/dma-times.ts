// What a virtio device's own DMA engine takes (a disk's is its medium's). Bytes pass it in both directions at the rate of the PCIe link; a translation
// that misses holds it up; the first read of a run waits for memory, and what is written is seen later.
import type { Clock, DmaPort, Segment } from "../../platform/ports.js";

export interface DmaTimes {
  /** ns of a DMA read until its first bytes arrive. */
  readonly dmaRead: number;
  /** ns of a DMA write until the host sees it. */
  readonly dmaWrite: number;
  /** bit/s of the PCIe link. */
  readonly linkBandwidth: number;
}

/** Behind the PCIe link: pcie-bench (SIGCOMM'18), RAMCloud, Neugebauer (SIGCOMM'18). */
export const PCIE_TIMES: DmaTimes = { dmaRead: 550, dmaWrite: 260, linkBandwidth: 57.88e9 };
/** A software model, whose work is charged to the hart. */
export const NO_TIMES: DmaTimes = { dmaRead: 0, dmaWrite: 0, linkBandwidth: Infinity };

export const cyclesOf = (clock: Clock, nanoseconds: number): number => Math.ceil((nanoseconds * clock.frequency) / 1e9);

/** Cycles for which `bytes` occupy the engine. */
export const occupancy = (clock: Clock, times: DmaTimes, bytes: number): number =>
  cyclesOf(clock, (bytes * 8e9) / times.linkBandwidth);

/**
 * Moves the segments' bytes one way, from index 0 of `bytes` on.
 * @returns cycles that went into translation; -1 for a fault
 */
export function move(dma: DmaPort, segments: readonly Segment[], bytes: Uint8Array, way: "fetch" | "store"): number {
  let cycles = 0;
  let at = 0;
  for (const { lo, hi, length } of segments) {
    if (way === "store") dma.staging.set(bytes.subarray(at, at + length));
    const result = way === "store" ? dma.write(lo, hi, length, 0) : dma.read(lo, hi, length, 0);
    if (!result.ok) return -1;
    cycles += result.cycles;
    if (way === "fetch") bytes.set(dma.staging.subarray(0, length), at);
    at += length;
  }
  return cycles;
}
