// Harts with IMSICs for tests: their pages, their interrupt files by CSR instructions, one at a time, from any mode.
import { Csr } from "../../assembly/isa/csr.js";
import { Host } from "../../assembly/isa/exit.js";
import { IMSIC_M, IMSIC_PAGE, IMSIC_S } from "../../assembly/isa/imsic.js";
import { Mode } from "../../assembly/isa/privilege.js";
import { EXIT_PENDING, HART_HOST, HART_MODE } from "../../assembly/layout.js";
import type { Core } from "../../src/core/core.js";
import { a0, a1, bytes, csrr, csrrw, csrw, ebreak } from "./assembler.js";
import { bare, CODE, type Hart, type ModeName, type Setup } from "./hart.js";

const OUTCOME: Record<string, string> = { 2: "illegal", 3: "ok", 22: "virtual" };
/** All bits of mstateen0 and hstateen0 that there are with an IMSIC. */
export const STATEEN = {
  SE: 1n << 63n,
  ENVCFG: 1n << 62n,
  CSRIND: 1n << 60n,
  AIA: 1n << 59n,
  IMSIC: 1n << 58n,
};
export const ALL_STATE = 0xdc00_0000_0000_0000n;
export const OPEN = { [Csr.mstateen0]: ALL_STATE, [Csr.hstateen0]: ALL_STATE };
export const HVICTL_VTI = 1n << 30n;

/** hstatus with VGEIN. */
export const vgein = (guest: number) => (BigInt(guest) << 12n) | (2n << 32n);

/** Physical address of an interrupt file's page; with up to 7 guests a hart has 8 pages at supervisor level. */
export const machinePage = (hart = 0) => IMSIC_M + hart * IMSIC_PAGE;
export const supervisorPage = (hart = 0, guest = 0) => IMSIC_S + (hart * 8 + guest) * IMSIC_PAGE;

export class AiaHart {
  readonly hart: Hart;

  /** @param guests guest interrupt files; `harts` 0: no IMSIC */
  constructor(setup: Setup, shape: { harts?: number; guests?: number } = {}) {
    this.hart = bare([], setup);
    if (!this.hart.core.exports.aiaConfigure(shape.harts ?? 1, shape.guests ?? 7)) throw new Error("no such IMSICs");
  }

  /** What `insn` comes to in a mode, and what it leaves in a0. */
  execute(insn: number, mode: ModeName = "M", value: number | bigint = 0): { outcome: string; value: bigint } {
    const { hart } = this;
    hart.program([insn, ebreak]).registers({ [a0]: 0, [a1]: BigInt.asUintN(64, BigInt(value)) });
    hart.core.exports.fenceI();
    hart.runAt(CODE, mode);
    return { outcome: OUTCOME[String(hart.exit.cause)], value: hart.x(a0) };
  }
  outcome(csr: number, mode: ModeName): string {
    return this.execute(csrr(a0, csr), mode).outcome;
  }
  read(csr: number, mode: ModeName = "M"): bigint {
    const { outcome, value } = this.execute(csrr(a0, csr), mode);
    if (outcome !== "ok") throw new Error(`reading CSR 0x${csr.toString(16)}: ${outcome}`);
    return value;
  }
  /** CSRRW; returns what was there. */
  write(csr: number, value: number | bigint, mode: ModeName = "M"): bigint {
    const done = this.execute(csrrw(a0, csr, a1), mode, value);
    if (done.outcome !== "ok") throw new Error(`writing CSR 0x${csr.toString(16)}: ${done.outcome}`);
    return done.value;
  }

  /** A register of an interrupt file: "m", "s", or the guest's that hstatus.VGEIN names ("vs"). */
  file(level: "m" | "s" | "vs", register: number, value?: number | bigint): bigint {
    const [select, alias] = {
      m: [Csr.miselect, Csr.mireg],
      s: [Csr.siselect, Csr.sireg],
      vs: [Csr.vsiselect, Csr.vsireg],
    }[level];
    this.write(select, register);
    return value === undefined ? this.read(alias) : this.write(alias, value);
  }
  /** Lets a file deliver all its identities. */
  open(level: "m" | "s" | "vs"): void {
    this.file(level, 0x70, 1);
    for (const register of [0xc0, 0xc2, 0xc4, 0xc6]) this.file(level, register, -1);
  }
  /** A message: 4 bytes to a page. */
  message(page: number, identity: number): number {
    return this.hart.core.exports.imsicWrite(page, 0, identity);
  }
}

/** M-mode writes a CSR, by an instruction that it finds at physical address `at`. */
function writeCsr(core: Core, at: number, csr: number, value: bigint): void {
  core.store(at, bytes([csrw(csr, a1), ebreak]));
  core.exports.fenceI();
  core.setX(a1, BigInt.asUintN(64, value));
  core.pc = BigInt(at);
  core.u32[HART_HOST >>> 2] = Host.M;
  core.u32[HART_MODE >>> 2] = Mode.M;
  core.u32[EXIT_PENDING >>> 2] = 0;
  core.run(core.cycles + 100);
}

/** Lets guest interrupt files 1 to `guests` of the selected hart deliver all their identities; uses RAM at `at`. */
export function openGuestFiles(core: Core, at: number, guests = 7): void {
  for (let guest = 1; guest <= guests; guest++) {
    writeCsr(core, at, Csr.hstatus, vgein(guest));
    for (const [register, value] of [
      [0x70, 1n],
      [0xc0, -1n],
      [0xc2, -1n],
      [0xc4, -1n],
      [0xc6, -1n],
    ] as const) {
      writeCsr(core, at, Csr.vsiselect, BigInt(register));
      writeCsr(core, at, Csr.vsireg, value);
    }
  }
}
