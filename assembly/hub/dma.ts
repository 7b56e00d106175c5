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
  HART_RESERVATION,
  RAM,
  RAM_SIZE,
  STAGING,
  STAGING_END,
} from "../layout";
import { Access } from "../mmu/walk";
import { context, locate } from "./directory";
import { report } from "./faults";
import { announce } from "./interrupts";
import { begin, count, hits, misses, settle } from "./request";
import { accessFault, pageShift, spa, translate } from "./translate";

/**
 * Moves `length` bytes between `iova` and `staging` (an address in this memory), page by page, up to the first fault. Returns 0 or
 * the cause; the rest is in the DMA record.
 */
export function transfer(id: u32, iova: u64, staging: u32, length: u32, kind: u32): u32 {
  if (staging < <u32>STAGING || staging > <u32>STAGING_END || length > <u32>STAGING_END - staging) unreachable();
  begin(id, 0, 0, 0, kind);
  count(Counter.DmaRequests, 1);
  let moved: u32 = 0;
  let cause = locate();
  if (cause) report(cause, iova);
  while (!cause && moved < length) {
    cause = translate(context, iova + moved);
    if (cause) {
      report(cause, iova + moved);
      break;
    }
    const page = (<u64>1) << pageShift;
    const piece = inRam(spa, <u32>min<u64>(length - moved, page - (spa & (page - 1))));
    if (!piece) {
      // The IO bridge aborts it; to the IOMMU nothing is wrong, so nothing is queued.
      cause = accessFault(kind);
      count(Counter.IoFaults, 1);
      break;
    }
    const address = ramAddress(spa, piece);
    if (kind == Access.Write) {
      memory.copy(address, staging + moved, piece);
      touchedRam(address, piece);
      breakReservation(spa, piece);
    } else memory.copy(staging + moved, address, piece);
    moved += piece;
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

/** How many of `length` bytes from physical address `pa` on lie in RAM before the first that does not. */
function inRam(pa: u64, length: u32): u32 {
  const address = ramAddress(pa, 1);
  if (!address) return 0;
  return min(length, <u32>load<u64>(RAM_SIZE) - (address - RAM));
}

/** A store-conditional must fail after a device wrote to its reservation. */
function breakReservation(pa: u64, length: u32): void {
  const reservation = load<u64>(HART_RESERVATION);
  if (reservation + 7 - pa < <u64>length + 7) store<u64>(HART_RESERVATION, 0xffff_ffff_ffff_ffff);
}
