// Page tables in the window: "Sv39: Page-Based 39-bit Virtual-Memory System" and its sisters, the x4 modes of the second stage.
import * as at from "./layout.js";

export const SCHEMES = [8, 9, 10] as const;
const V = 1n;

/** The table pages of one program, given out one after another. */
export class Tables {
  readonly bytes = new Uint8Array(at.TABLE_PAGES_MAX * at.PAGE);
  private readonly entries = new BigUint64Array(this.bytes.buffer);
  used = 0;

  allocate(pages = 1): number {
    this.used = Math.ceil(this.used / pages) * pages + pages;
    if (this.used > at.TABLE_PAGES_MAX) throw new Error("too many page tables");
    return at.TABLES + (this.used - pages) * at.PAGE;
  }
  get(address: number): bigint {
    return this.entries[(address - at.TABLES) / 8];
  }
  put(address: number, pte: bigint): void {
    this.entries[(address - at.TABLES) / 8] = BigInt.asUintN(64, pte);
  }
}

export const pteOf = (pa: bigint | number, flags: number) => ((BigInt(pa) >> 12n) << 10n) | BigInt(flags);

/** An address space of either stage. */
export class Space {
  readonly root: number;
  /** Physical addresses of its tables. */
  readonly pages: number[] = [];

  constructor(
    readonly tables: Tables,
    /** MODE of satp, vsatp or hgatp: 8, 9, 10. */
    readonly mode: number,
    private readonly second = false,
  ) {
    this.root = tables.allocate(second ? 4 : 1);
    for (let i = 0; i < (second ? 4 : 1); i++) this.pages.push(this.root + i * at.PAGE);
  }
  get top(): number {
    return 12 + 9 * (this.mode - 6);
  }
  /** satp, vsatp or hgatp; `id`: ASID or VMID. */
  atp(id = 0): bigint {
    return (BigInt(this.mode) << 60n) | (BigInt(id) << 44n) | BigInt(this.root / at.PAGE);
  }
  /** Address of the entry for `va` at `shift` (12: a page); makes the tables above it. */
  entry(va: bigint | number, shift = 12): number {
    let table = this.root;
    for (let level = this.top; ; level -= 9) {
      const mask = this.second && level === this.top ? 2047n : 511n;
      const entry = table + 8 * Number((BigInt.asUintN(64, BigInt(va)) >> BigInt(level)) & mask);
      if (level === shift) return entry;
      if ((this.tables.get(entry) & V) === 0n) {
        const next = this.tables.allocate();
        this.pages.push(next);
        this.tables.put(entry, pteOf(next, Number(V)));
      }
      table = Number(this.tables.get(entry) >> 10n) * at.PAGE;
    }
  }
  map(va: bigint | number, pa: bigint | number, flags: number, shift = 12): void {
    this.tables.put(this.entry(va, shift), pteOf(pa, flags));
  }
  /** Pages where they physically lie. */
  same(flags: number, ...pages: number[]): void {
    for (const page of pages) this.map(page, page, flags);
  }
}
