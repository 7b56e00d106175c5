// Watches the DMA writes of a device that takes guest addresses for physical ones: where the bytes went, whose that is,
// and whether it is the memory that the guest meant.
import type { DmaPort } from "../platform/ports.js";
import type { Placement } from "../vmm/memory/placement.js";
import type { GuestMemory } from "../vmm/types.js";
import type { Landed } from "./types.js";

const PAGE = 0x1000;
const TWO32 = 0x1_0000_0000;

export class Landing {
  /** Pages that were hit, and bytes written to each. */
  private readonly pages = new Map<number, number>();

  constructor(
    private readonly placement: Placement,
    private readonly memory: () => GuestMemory | undefined,
  ) {}

  /** The same port, with its writes noted. Addresses are physical: the IOMMU is in Bare mode for the device. */
  observe(port: DmaPort): DmaPort {
    return {
      staging: port.staging,
      view: port.view,
      read: (lo, hi, length, at) => port.read(lo, hi, length, at),
      write: (lo, hi, length, at) => {
        const result = port.write(lo, hi, length, at);
        this.note(hi * TWO32 + lo, result.bytes);
        return result;
      },
    };
  }

  private note(start: number, bytes: number): void {
    for (let at = start; at < start + bytes; ) {
      const page = Math.floor(at / PAGE) * PAGE;
      const until = Math.min(page + PAGE, start + bytes);
      this.pages.set(page, (this.pages.get(page) ?? 0) + until - at);
      at = until;
    }
  }

  /** By physical address; neighbouring pages that agree are merged. */
  report(): Landed[] {
    const landed: { -readonly [K in keyof Landed]: Landed[K] }[] = [];
    let end = 0;
    for (const page of [...this.pages.keys()].sort((a, b) => a - b)) {
      const bytes = this.pages.get(page)!;
      const { owner, what } = this.placement.ownerOf(page);
      const intended = this.memory()?.pieces(page, PAGE)?.[0].hpa === page;
      const last = landed.at(-1);
      if (last && end === page && last.owner === owner && last.what === what && last.intended === intended) {
        last.bytes += bytes;
        last.pages++;
      } else {
        landed.push({ start: page, bytes, pages: 1, owner, what, intended });
      }
      end = page + PAGE;
    }
    return landed;
  }
}
