// RISC-V IOMMU Architecture 1.0, "Process to translate an IOVA" and what it refers to, with the RISC-V Privileged Architecture's
// "Virtual Address Translation Process" and "Two-Stage Address Translation": the texts' steps one by one, without caches, on a
// copy of memory. Capabilities are those of the hub: Sv39/48/57 and their x4 forms, Svpbmt, Svnapot, AMO_HWAD, PD8/17/20.
export type Kind = "read" | "write" | "execute";

export interface Request {
  device: number;
  /** A process_id, and whether it asks for supervisor privilege. */
  pid?: number;
  priv?: boolean;
  kind: Kind;
  iova: bigint;
}
export interface Fault {
  cause: number;
  iotval2: bigint;
  /** Of the device context, once it has been located. */
  dtf: boolean;
}
export type Outcome = { fault: Fault } | { spa: bigint };

const CAUSES = {
  access: { execute: 1, read: 5, write: 7 },
  page: { execute: 12, read: 13, write: 15 },
  guestPage: { execute: 20, read: 21, write: 23 },
} as const;
const bits = (value: bigint, high: number, low: number) =>
  (value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n);
const bit = (value: bigint, at: number) => bits(value, at, at) === 1n;
const ppn = (value: bigint) => bits(value, 43, 0) << 12n;
/** Levels of Sv39, Sv48 and Sv57, by MODE. */
const LEVELS: Record<string, number> = { 8: 3, 9: 4, 10: 5 };
const legalMode = (mode: bigint) => mode === 0n || String(mode) in LEVELS;

/** What stops the process. */
class Stop {
  constructor(
    readonly cause: number,
    readonly iotval2 = 0n,
  ) {}
}
/** What goes wrong in a stage: its own kind of page fault, or an access fault. */
class StageFault {
  constructor(readonly what: "page" | "access") {}
}

interface Stage {
  root: bigint;
  mode: bigint;
  second: boolean;
  /** A and D are updated. */
  updates: boolean;
  /** Reads an entry, and writes it back. */
  load(at: bigint): bigint;
  update(at: bigint, pte: bigint): void;
  /** Whether U allows it. */
  user(u: boolean): boolean;
}

interface DeviceContext {
  tc: bigint;
  iohgatp: bigint;
  fsc: bigint;
  msiptp: bigint;
  mask: bigint;
  pattern: bigint;
}

export class ReferenceIommu {
  /**
   * @param ram physical memory, which is changed where A and D bits are updated
   * @param start its address
   */
  constructor(
    readonly ram: DataView,
    readonly start: bigint,
    readonly ddtp: bigint,
    readonly msiFlat: boolean,
  ) {}

  private there(at: bigint, length: number): boolean {
    return at >= this.start && at + BigInt(length) <= this.start + BigInt(this.ram.byteLength);
  }
  private doubleword(at: bigint): bigint {
    return this.ram.getBigUint64(Number(at - this.start), true);
  }

  /** Translates one address. */
  translate(request: Request): Outcome {
    let dtf = false;
    try {
      const spa = this.steps(request, (dc) => {
        dtf = bit(dc.tc, 4);
      });
      return { spa };
    } catch (stop) {
      if (!(stop instanceof Stop)) throw stop;
      return { fault: { cause: stop.cause, iotval2: stop.iotval2, dtf } };
    }
  }

  private steps({ device, pid, priv = false, kind, iova }: Request, located: (dc: DeviceContext) => void): bigint {
    const mode = bits(this.ddtp, 3, 0);
    if (mode === 0n) throw new Stop(256);
    if (mode === 1n) return iova;
    const levels = Number(mode) - 1;
    const [low, middle] = this.msiFlat ? [6, 9] : [7, 9];
    const ddi = [device & (2 ** low - 1), (device >> low) & (2 ** middle - 1), device >> (low + middle)];
    if ((levels < 3 && ddi[2] !== 0) || (levels < 2 && ddi[1] !== 0)) throw new Stop(260);
    const dc = this.deviceContext(levels, ddi);
    located(dc);
    const pdtv = bit(dc.tc, 5);
    const pdtpMode = Number(bits(dc.fsc, 63, 60));
    if (pid !== undefined) {
      if (!pdtv) throw new Stop(260);
      const width = [20, 8, 17, 20][pdtpMode];
      if (pid >= 2 ** width) throw new Stop(260);
    }
    const bare = { mode: 0n, root: 0n, sum: false };
    if (!pdtv) return this.stages(dc, { mode: bits(dc.fsc, 63, 60), root: ppn(dc.fsc), sum: false }, kind, false, iova);
    if (pid === undefined && !bit(dc.tc, 9)) return this.stages(dc, bare, kind, false, iova);
    const supervisor = pid !== undefined && priv;
    if (pdtpMode === 0) return this.stages(dc, bare, kind, supervisor, iova);
    const pc = this.processContext(dc, pdtpMode, pid ?? 0, kind);
    if (supervisor && !bit(pc.ta, 1)) throw new Stop(260);
    const first = { mode: bits(pc.fsc, 63, 60), root: ppn(pc.fsc), sum: bit(pc.ta, 2) };
    return this.stages(dc, first, kind, supervisor, iova);
  }

  // ---- contexts

  private deviceContext(levels: number, ddi: readonly number[]): DeviceContext {
    let a = ppn(this.ddtp >> 10n);
    for (let i = levels - 1; i > 0; i--) {
      const at = a + BigInt(ddi[i]) * 8n;
      if (!this.there(at, 8)) throw new Stop(257);
      const ddte = this.doubleword(at);
      if (!bit(ddte, 0)) throw new Stop(258);
      if (bits(ddte, 9, 1) !== 0n || bits(ddte, 63, 54) !== 0n) throw new Stop(259);
      a = ppn(ddte >> 10n);
    }
    const size = this.msiFlat ? 64 : 32;
    const at = a + BigInt(ddi[0] * size);
    if (!this.there(at, size)) throw new Stop(257);
    const word = (i: number) => this.doubleword(at + BigInt(8 * i));
    const [tc, iohgatp, ta, fsc] = [word(0), word(1), word(2), word(3)];
    const [msiptp, mask, pattern, last] = this.msiFlat ? [word(4), word(5), word(6), word(7)] : [0n, 0n, 0n, 0n];
    if (!bit(tc, 0)) throw new Stop(258);
    const gMode = bits(iohgatp, 63, 60);
    const fMode = bits(fsc, 63, 60);
    const misconfigured = [
      // reserved bits
      bits(tc, 23, 12) !== 0n || bits(tc, 63, 32) !== 0n,
      bits(ta, 11, 0) !== 0n || bits(ta, 63, 32) !== 0n,
      bits(fsc, 59, 44) !== 0n,
      bits(msiptp, 59, 44) !== 0n || bits(mask, 63, 47) !== 0n || bits(pattern, 63, 47) !== 0n || last !== 0n,
      // EN_ATS, EN_PRI, T2GPA, PRPR; SBE, SXL
      bits(tc, 3, 1) !== 0n || bit(tc, 6) || bits(tc, 11, 10) !== 0n,
      bit(tc, 5) ? fMode > 3n : !legalMode(fMode) || bit(tc, 9),
      !legalMode(gMode),
      gMode !== 0n && bits(iohgatp, 1, 0) !== 0n,
      bits(msiptp, 63, 60) > 1n,
      gMode === 0n && bits(msiptp, 63, 60) !== 0n,
    ];
    if (misconfigured.includes(true)) throw new Stop(259);
    return { tc, iohgatp, fsc, msiptp, mask, pattern };
  }

  private processContext(dc: DeviceContext, mode: number, pid: number, kind: Kind): { ta: bigint; fsc: bigint } {
    const pdi = [pid & 0xff, (pid >> 8) & 0x1ff, pid >> 17];
    let a = ppn(dc.fsc);
    for (let i = mode - 1; i > 0; i--) {
      const pdte = this.doubleword(this.processEntry(dc, a + BigInt(pdi[i]) * 8n, 8, kind));
      if (!bit(pdte, 0)) throw new Stop(266);
      if (bits(pdte, 9, 1) !== 0n || bits(pdte, 63, 54) !== 0n) throw new Stop(267);
      a = ppn(pdte >> 10n);
    }
    const at = this.processEntry(dc, a + BigInt(pdi[0]) * 16n, 16, kind);
    const [ta, fsc] = [this.doubleword(at), this.doubleword(at + 8n)];
    if (!bit(ta, 0)) throw new Stop(266);
    const reserved = bits(ta, 11, 3) !== 0n || bits(ta, 63, 32) !== 0n || bits(fsc, 59, 44) !== 0n;
    if (reserved || !legalMode(bits(fsc, 63, 60))) throw new Stop(267);
    return { ta, fsc };
  }

  /** Where an entry of the process directory lies; its address is a guest's where there is a second stage. */
  private processEntry(dc: DeviceContext, at: bigint, length: number, kind: Kind): bigint {
    let spa = at;
    try {
      spa = this.secondStage(dc, at, "read");
    } catch (fault) {
      if (!(fault instanceof StageFault)) throw fault;
      if (fault.what === "access") throw new Stop(265);
      throw new Stop(CAUSES.guestPage[kind], (at & ~3n) | 1n);
    }
    if (!this.there(spa, length)) throw new Stop(265);
    return spa;
  }

  // ---- two-stage translation

  private stages(
    dc: DeviceContext,
    first: { mode: bigint; root: bigint; sum: boolean },
    kind: Kind,
    supervisor: boolean,
    iova: bigint,
  ): bigint {
    const gpa = first.mode === 0n ? iova : this.firstStage(dc, first, kind, supervisor, iova);
    if (bits(dc.msiptp, 63, 60) === 1n && ((gpa >> 12n) & ~dc.mask) === (dc.pattern & ~dc.mask))
      return this.message(dc, gpa, kind);
    try {
      return this.secondStage(dc, gpa, kind);
    } catch (fault) {
      if (!(fault instanceof StageFault)) throw fault;
      throw fault.what === "page" ? new Stop(CAUSES.guestPage[kind], gpa & ~3n) : new Stop(CAUSES.access[kind]);
    }
  }

  private firstStage(
    dc: DeviceContext,
    { mode, root, sum }: { mode: bigint; root: bigint; sum: boolean },
    kind: Kind,
    supervisor: boolean,
    iova: bigint,
  ): bigint {
    /** An implicit access to a page-table entry. */
    const place = (at: bigint, write: boolean): bigint => {
      try {
        const spa = this.secondStage(dc, at, write ? "write" : "read");
        if (!this.there(spa, 8)) throw new StageFault("access");
        return spa;
      } catch (fault) {
        if (!(fault instanceof StageFault)) throw fault;
        if (fault.what === "access") throw new Stop(CAUSES.access[kind]);
        throw new Stop(CAUSES.guestPage[kind], (at & ~3n) | (write ? 3n : 1n));
      }
    };
    const stage: Stage = {
      ...{ root, mode, second: false, updates: bit(dc.tc, 8) },
      load: (at) => this.doubleword(place(at, false)),
      update: (at, pte) => this.ram.setBigUint64(Number(place(at, true) - this.start), pte, true),
      user: (u) => (supervisor ? !u || (sum && kind !== "execute") : u),
    };
    try {
      return walk(stage, iova, kind);
    } catch (fault) {
      if (!(fault instanceof StageFault)) throw fault;
      throw new Stop(CAUSES[fault.what][kind]);
    }
  }

  /** Guest physical to supervisor physical; StageFault if that fails. */
  private secondStage(dc: DeviceContext, gpa: bigint, kind: Kind): bigint {
    const mode = bits(dc.iohgatp, 63, 60);
    if (mode === 0n) return gpa;
    const load = (at: bigint) => {
      if (!this.there(at, 8)) throw new StageFault("access");
      return this.doubleword(at);
    };
    const stage: Stage = {
      ...{ root: ppn(dc.iohgatp), mode, second: true, updates: bit(dc.tc, 7), load },
      update: (at, pte) => this.ram.setBigUint64(Number(at - this.start), pte, true),
      user: (u) => u,
    };
    return walk(stage, gpa, kind);
  }

  // ---- messages

  private message(dc: DeviceContext, gpa: bigint, kind: Kind): bigint {
    const page = gpa >> 12n;
    let file = 0n;
    for (let from = 0, to = 0; from < 52; from++) {
      if (!bit(dc.mask, from)) continue;
      if (bit(page, from)) file |= 1n << BigInt(to);
      to++;
    }
    const at = ppn(dc.msiptp) | (file * 16n);
    if (!this.there(at, 16)) throw new Stop(261);
    const pte = this.doubleword(at);
    if (!bit(pte, 0)) throw new Stop(262);
    const translates = bits(pte, 2, 1) === 3n && !bit(pte, 63);
    if (!translates || bits(pte, 9, 3) !== 0n || bits(pte, 62, 54) !== 0n) throw new Stop(263);
    if (kind === "execute") throw new Stop(CAUSES.access.execute);
    return ppn(pte >> 10n) | (gpa & 0xfffn);
  }
}

/** "Virtual Address Translation Process", of either stage. */
function walk(stage: Stage, address: bigint, kind: Kind): bigint {
  const levels = LEVELS[String(stage.mode)];
  const width = 12 + 9 * levels + (stage.second ? 2 : 0);
  const fits = stage.second
    ? address >> BigInt(width) === 0n
    : BigInt.asUintN(64, BigInt.asIntN(width, address)) === address;
  if (!fits) throw new StageFault("page");
  let a = stage.root;
  for (let i = levels - 1; ; i--) {
    const top = i === levels - 1 && stage.second ? 2 : 0;
    const at = a + bits(address, 12 + 9 * i + 8 + top, 12 + 9 * i) * 8n;
    const pte = stage.load(at);
    const [v, r, w, x, u] = [0, 1, 2, 3, 4].map((n) => bit(pte, n));
    if (!v || (!r && w) || bits(pte, 60, 54) !== 0n) throw new StageFault("page");
    const [pbmt, n] = [bits(pte, 62, 61), bit(pte, 63)];
    if (!r && !x) {
      const reserved = bit(pte, 7) || bit(pte, 6) || u || pbmt !== 0n || n;
      if (reserved || i === 0) throw new StageFault("page");
      a = ppn(pte >> 10n);
      continue;
    }
    const napot = n && i === 0 && bits(pte, 13, 10) === 8n;
    if (pbmt === 3n || (n && !napot)) throw new StageFault("page");
    const shift = napot ? 16 : 12 + 9 * i;
    const page = ppn(pte >> 10n);
    if (!napot && page & ((1n << BigInt(shift)) - 1n)) throw new StageFault("page");
    const allowed = kind === "write" ? w : kind === "read" ? r : x;
    if (!allowed || !stage.user(u)) throw new StageFault("page");
    const need = kind === "write" ? 0xc0n : 0x40n;
    if ((pte & need) !== need) {
      if (!stage.updates) throw new StageFault("page");
      stage.update(at, pte | need);
    }
    const offset = (1n << BigInt(shift)) - 1n;
    return (page & ~offset) | (address & offset);
  }
}
