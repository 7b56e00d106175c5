// Memory of the VMM that serves a guest's devices: when they are attached anew it is given out again, since the VMM's own
// is never given back.
import type { VmmServices } from "./types.js";

interface Block {
  readonly start: number;
  readonly bytes: number;
  readonly alignment: number;
  readonly what: string;
}

/** Remembers what was taken from the VMM for one guest. */
export class LentMemory {
  private readonly taken: Block[] = [];
  private readonly free: Block[] = [];

  constructor(private readonly vmm: VmmServices) {}

  /** As VmmServices.allocate; memory that was given back is taken first, for the same purpose only. */
  allocate(bytes: number, alignment: number, what: string): number {
    const same = (block: Block) => block.bytes === bytes && block.alignment === alignment && block.what === what;
    const at = this.free.findIndex(same);
    const [block] =
      at < 0 ? [{ start: this.vmm.allocate(bytes, alignment, what), bytes, alignment, what }] : this.free.splice(at, 1);
    if (at >= 0) this.vmm.core.store(block.start, new Uint8Array(bytes));
    this.taken.push(block);
    return block.start;
  }

  /** No device uses any of it any more. */
  giveBack(): void {
    this.free.push(...this.taken.splice(0));
  }

  /** The VMM's services with this memory. */
  services(): VmmServices {
    const { vmm } = this;
    return {
      core: vmm.core,
      clock: vmm.clock,
      costs: vmm.costs,
      charge: (place, cycles) => vmm.charge(place, cycles),
      allocate: (bytes, alignment, what) => this.allocate(bytes, alignment, what),
      mmioRead: (address, size) => vmm.mmioRead(address, size),
      mmioWrite: (address, size, value) => vmm.mmioWrite(address, size, value),
      onInterrupt: (source, handler) => vmm.onInterrupt(source, handler),
      complete: (source) => vmm.complete(source),
      copied: (vm, bytes) => vmm.copied(vm, bytes),
      ownerOf: (hpa) => vmm.ownerOf(hpa),
    };
  }
}
