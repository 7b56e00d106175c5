// Guest-physical to physical: RISC-V Privileged Architecture, "Guest Physical Address Translation", mode Sv39x4.
// The tables lie in simulated physical memory, where the hart's and the hub's walkers read them.
import type { Core } from "../../core/core.js";

/** PTE bits ("Sv32 page table entry" and its followers). */
export const enum Pte {
  V = 1,
  R = 2,
  W = 4,
  X = 8,
  U = 16,
  A = 64,
  D = 128,
}

/** hgatp.MODE and iohgatp.MODE of Sv39x4. */
export const SV39X4 = 8;
const ROOT_BYTES = 0x4000;
const PAGE = 0x1000;
export const LARGE_PAGE = 0x20_0000;
/** Guest-physical addresses of Sv39x4 have 41 bits. */
export const GPA_LIMIT = 2 ** 41;
const TWO32 = 0x1_0000_0000;

/** RAM of a guest: the A and D bits are set at once, so that neither walker has to write them. */
export const RAM_RIGHTS = Pte.R | Pte.W | Pte.X;
export const DEVICE_RIGHTS = Pte.R | Pte.W;

export interface GStageServices {
  readonly core: Core;
  /** Zeroed memory of the VMM. */
  allocate(bytes: number, alignment: number, what: string): number;
}

/** One table: a G-stage of the hart, or a second stage of the hub. */
export class GStage {
  readonly root: number;

  constructor(
    private readonly services: GStageServices,
    private readonly what: string,
  ) {
    this.root = services.allocate(ROOT_BYTES, ROOT_BYTES, what);
  }

  /** The value of hgatp or iohgatp: MODE, VMID or GSCID, PPN. */
  atp(tag: number): bigint {
    return (BigInt(SV39X4) << 60n) | (BigInt(tag) << 44n) | BigInt(this.root / PAGE);
  }

  /**
   * Maps [gpa, gpa + bytes) to [hpa, …) by pages of `pageSize` (4 KiB or 2 MiB); all three must be multiples of it.
   * Throws RangeError for our own misuse. The caller flushes what the walkers may have cached.
   */
  map(gpa: number, hpa: number, bytes: number, pageSize: number, rights: number): void {
    this.check(gpa, bytes, pageSize);
    if (hpa % pageSize !== 0) throw new RangeError(`G-stage: 0x${hpa.toString(16)} isn't aligned to ${pageSize}`);
    const level = pageSize === PAGE ? 0 : 1;
    for (let done = 0; done < bytes; done += pageSize) {
      const at = this.entry(gpa + done, level, true);
      this.store(at, ((hpa + done) / PAGE) * 0x400 + (rights | Pte.U | Pte.A | Pte.D | Pte.V));
    }
  }

  /** Takes pages away; those that aren't mapped stay so. */
  unmap(gpa: number, bytes: number, pageSize: number): void {
    this.check(gpa, bytes, pageSize);
    for (let done = 0; done < bytes; done += pageSize) {
      const at = this.entry(gpa + done, pageSize === PAGE ? 0 : 1, false);
      if (at) this.store(at, 0);
    }
  }

  private check(gpa: number, bytes: number, pageSize: number): void {
    if (pageSize !== PAGE && pageSize !== LARGE_PAGE) throw new RangeError(`G-stage: no pages of ${pageSize} bytes`);
    if (gpa % pageSize !== 0 || bytes % pageSize !== 0 || gpa < 0 || gpa + bytes > GPA_LIMIT) {
      throw new RangeError(`G-stage: 0x${gpa.toString(16)}+0x${bytes.toString(16)} doesn't fit pages of ${pageSize}`);
    }
  }

  /** Physical address of the entry for `gpa` at `level` (0: 4 KiB, 1: 2 MiB); 0 when a table is missing and not wanted. */
  private entry(gpa: number, level: number, create: boolean): number {
    let table = this.root;
    let index = Math.floor(gpa / 2 ** 30);
    for (let at = 2; at > level; at--) {
      const slot = table + index * 8;
      let pte = this.load(slot);
      if (pte % 2 === 0) {
        if (!create) return 0;
        pte = (this.services.allocate(PAGE, PAGE, this.what) / PAGE) * 0x400 + Pte.V;
        this.store(slot, pte);
      } else if (Math.floor(pte / 2) % 8 !== 0) {
        throw new RangeError(`G-stage: 0x${gpa.toString(16)} lies in a larger page`);
      }
      table = Math.floor(pte / 0x400) * PAGE;
      index = Math.floor(gpa / 2 ** (at === 2 ? 21 : 12)) % 512;
    }
    return table + index * 8;
  }

  private load(at: number): number {
    const b = this.services.core.slice(at, 8);
    const low = (b[0] | (b[1] << 8) | (b[2] << 16) | (b[3] << 24)) >>> 0;
    return low + ((b[4] | (b[5] << 8) | (b[6] << 16)) >>> 0) * TWO32;
  }

  private store(at: number, pte: number): void {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, pte % TWO32, true);
    view.setUint32(4, Math.floor(pte / TWO32), true);
    this.services.core.store(at, bytes);
  }
}
