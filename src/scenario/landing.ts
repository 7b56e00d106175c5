// Watches the DMA of a device that takes guest addresses for physical ones: where its bytes went and came from, whose that
// is, and whether it is the memory that the guest meant.
import type { DmaPort } from "../platform/ports.js";
import type { Placement } from "../vmm/memory/placement.js";
import type { GuestMemory } from "../vmm/types.js";
import type { Landed } from "./types.js";

const PAGE = 0x1000;
const TWO32 = 0x1_0000_0000;

export class Landing {
  /** Pages that were hit, and bytes written to each or read from it. */
  private readonly written = new Map<number, number>();
  private readonly read = new Map<number, number>();

  constructor(
    private readonly placement: Placement,
    private readonly memory: () => GuestMemory | undefined,
  ) {}

  /** The same port, with its requests noted. Addresses are physical: the IOMMU is in Bare mode for the device. */
  observe(port: DmaPort): DmaPort {
    return {
      staging: port.staging,
      view: port.view,
      read: (lo, hi, length, at) => {
        const result = port.read(lo, hi, length, at);
        note(this.read, hi * TWO32 + lo, result.bytes);
        return result;
      },
      write: (lo, hi, length, at) => {
        const result = port.write(lo, hi, length, at);
        note(this.written, hi * TWO32 + lo, result.bytes);
        return result;
      },
    };
  }

  /** Where bytes went. By physical address; neighbouring pages that agree are merged. */
  landed(): Landed[] {
    return this.report(this.written);
  }

  /** Where bytes came from. */
  taken(): Landed[] {
    return this.report(this.read);
  }

  private report(pages: ReadonlyMap<number, number>): Landed[] {
    const landed: { -readonly [K in keyof Landed]: Landed[K] }[] = [];
    let end = 0;
    for (const page of [...pages.keys()].sort((a, b) => a - b)) {
      const bytes = pages.get(page)!;
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

function note(pages: Map<number, number>, start: number, bytes: number): void {
  for (let at = start; at < start + bytes; ) {
    const page = Math.floor(at / PAGE) * PAGE;
    const until = Math.min(page + PAGE, start + bytes);
    pages.set(page, (pages.get(page) ?? 0) + until - at);
    at = until;
  }
}
