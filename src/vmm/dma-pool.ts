// Memory of the VMM that its own devices may reach, and no other: rings, descriptor lists and bounce buffers, behind a
// second stage of its own that maps this memory onto itself.
import type { SecondStage } from "./iommu.js";
import { DEVICE_RIGHTS, GStage, LARGE_PAGE } from "./memory/gstage.js";
import type { Piece, VmmServices } from "./types.js";

/** Bytes of a pool unless its owner says otherwise. */
export const POOL_BYTES = 2 * LARGE_PAGE;

/** A bump allocator over one aligned run of the VMM's memory. */
export class DmaPool {
  /** Physical address of the first byte, a multiple of 2 MiB; so is `bytes`. */
  readonly start: number;
  readonly bytes: number;
  private next: number;
  private stage: GStage | undefined;

  constructor(
    private readonly vmm: VmmServices,
    bytes = POOL_BYTES,
  ) {
    this.bytes = Math.ceil(bytes / LARGE_PAGE) * LARGE_PAGE;
    this.start = vmm.allocate(this.bytes, LARGE_PAGE, "DMA pool");
    this.next = this.start;
  }

  /** Bytes that are still to be had. */
  get left(): number {
    return this.start + this.bytes - this.next;
  }

  /** Takes zeroed bytes; never given back. Throws RangeError when the pool is used up. */
  allocate(bytes: number, alignment: number): number {
    const at = Math.ceil(this.next / alignment) * alignment;
    if (at + bytes > this.start + this.bytes)
      throw new RangeError(`the VMM's DMA pool is too small for ${bytes} bytes more`);
    this.next = at + bytes;
    return at;
  }

  /** A second stage through which a device sees the pool at its physical address, and nothing else until `admit`. */
  secondStage(gscid: number): SecondStage {
    const stage = new GStage(this.vmm, "tables of the DMA pool");
    stage.map(this.start, this.start, this.bytes, LARGE_PAGE, DEVICE_RIGHTS);
    this.stage = stage;
    return { gscid, root: stage.root };
  }

  /**
   * Lets the device reach a guest's RAM as well, through pages of `pageSize` bytes, so that its data need no copy.
   * Invalidate the IOTLB afterwards.
   */
  admit(pieces: readonly Piece[], pageSize: number): void {
    for (const { hpa, length } of pieces) this.stage?.map(hpa, hpa, length, pageSize, DEVICE_RIGHTS);
  }

  /** The device may no longer reach it. Invalidate the IOTLB afterwards. */
  expel(pieces: readonly Piece[], pageSize: number): void {
    for (const { hpa, length } of pieces) this.stage?.unmap(hpa, length, pageSize);
  }
}
