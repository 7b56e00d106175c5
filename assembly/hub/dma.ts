// RISC-V IOMMU Architecture 1.0, "Aborting transactions" (the IO bridge): DMA between RAM and a device's bytes in STAGING.
import { ramAddress } from "../bus/ram";
import { touchedRam } from "../bus/written";
import { Counter } from "../isa/counter";
import {
  DMA_BYTES,
  DMA_CAUSE,
  DMA_CYCLES,
  DMA_FAULT_IOVA,
  DMA_HITS,
  DMA_MISSES,
  RAM,
  RAM_SIZE,
  STAGING,
  STAGING_END,
} from "../layout";
import { Access } from "../mmu/walk";
import { context, locate } from "./directory";
import { report } from "./faults";
import { announce } from "./interrupts";
import { destination } from "./msi";
import { begin, count, hits, misses, settle } from "./request";
import { accessFault, pageShift, spa, translate } from "./translate";

/**
 * Moves `length` bytes between `iova` and `staging` (an address in this memory) up to the first fault. Each page has its own lookup;
 * pages that follow each other in RAM are copied as one. Returns 0 or the cause; the rest is in the DMA record.
 */
export function transfer(id: u32, iova: u64, staging: u32, length: u32, kind: u32): u32 {
  if (staging < <u32>STAGING || staging > <u32>STAGING_END || length > <u32>STAGING_END - staging) unreachable();
  begin(id, 0, 0, 0, kind);
  count(Counter.DmaRequests, 1);
  let moved: u32 = 0;
  // what is translated but not yet copied: `ready` bytes at `address`
  let ready: u32 = 0;
  let address: u32 = 0;
  let cause = locate();
  if (cause) report(cause, iova);
  while (!cause && moved + ready < length) {
    const at = iova + moved + ready;
    cause = translate(context, at);
    if (cause) {
      report(cause, at);
      break;
    }
    const page = (<u64>1) << pageShift;
    const start = ramAddress(spa, 1);
    const piece = start ? inRam(start, <u32>min<u64>(length - moved - ready, page - (spa & (page - 1)))) : 0;
    if (!piece) {
      // The IO bridge aborts it; to the IOMMU nothing is wrong, so nothing is queued.
      cause = accessFault(kind);
      count(Counter.IoFaults, 1);
      break;
    }
    if (ready && start != address + ready) {
      copy(address, staging + moved, ready, kind);
      moved += ready;
      ready = 0;
    }
    if (!ready) address = start;
    ready += piece;
  }
  if (ready) {
    copy(address, staging + moved, ready, kind);
    moved += ready;
  }
  count(kind == Access.Write ? Counter.DmaBytesWritten : Counter.DmaBytesRead, moved);
  store<u32>(DMA_CAUSE, cause);
  store<u32>(DMA_BYTES, moved);
  store<u32>(DMA_CYCLES, settle());
  store<u32>(DMA_HITS, hits);
  store<u32>(DMA_MISSES, misses);
  store<u64>(DMA_FAULT_IOVA, cause ? iova + moved : 0);
  announce();
  return cause;
}

/** Translates a 4-byte write to `iova`; returns where it goes, or 0: see `destination`. */
export function route(id: u32, iova: u64): u32 {
  begin(id, 0, 0, 0, Access.Write);
  count(Counter.DmaRequests, 1);
  let cause = iova & 3 ? accessFault(Access.Write) : locate();
  if (!cause) cause = translate(context, iova);
  let to: u32 = 0;
  if (cause) report(cause, iova);
  else {
    to = destination(spa);
    if (!to) {
      cause = accessFault(Access.Write);
      count(Counter.IoFaults, 1);
    } else count(Counter.DmaBytesWritten, 4);
  }
  store<u32>(DMA_CAUSE, cause);
  store<u32>(DMA_BYTES, to ? 4 : 0);
  store<u32>(DMA_CYCLES, settle());
  store<u32>(DMA_HITS, hits);
  store<u32>(DMA_MISSES, misses);
  store<u64>(DMA_FAULT_IOVA, cause ? iova : 0);
  announce();
  return to;
}

// @ts-ignore: decorator
@inline
function copy(address: u32, staging: u32, length: u32, kind: u32): void {
  if (kind == Access.Write) {
    memory.copy(address, staging, length);
    touchedRam(address, length);
  } else memory.copy(staging, address, length);
}

/** How many of `length` bytes from `address` in this memory on lie in RAM before the first that does not. */
// @ts-ignore: decorator
@inline
function inRam(address: u32, length: u32): u32 {
  return min(length, <u32>load<u64>(RAM_SIZE) - (address - RAM));
}
