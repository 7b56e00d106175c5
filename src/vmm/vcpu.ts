// A guest's hart: what the VMM saves and restores, how it injects interrupts and exceptions, when a waiting one wakes.
// RISC-V Privileged Architecture, "Hypervisor and Virtual Supervisor CSRs", "Trap Entry", "Wait for Interrupt".
import { type Cause, Interrupt } from "../../assembly/isa/cause.js";
import { Csr } from "../../assembly/isa/csr.js";
import { Mode } from "../../assembly/isa/privilege.js";
import {
  CSRS,
  F_REGS,
  HART_MODE,
  HART_PC,
  HART_RESERVATION,
  TIME_DIVIDER,
  HART_VIRT,
  X_REGS,
} from "../../assembly/layout.js";
import type { Core } from "../core/core.js";
import { trapToVS } from "../platform/redirect.js";

/** CSRs that belong to the guest; vsie has no storage of its own and is handled apart. */
const CONTEXT_CSRS = [
  Csr.vsstatus,
  Csr.vstvec,
  Csr.vsscratch,
  Csr.vsepc,
  Csr.vscause,
  Csr.vstval,
  Csr.vsatp,
  Csr.vstimecmp,
  Csr.scounteren,
  Csr.senvcfg,
  Csr.fflags,
  Csr.frm,
  Csr.hstatus,
  Csr.hcounteren,
  Csr.henvcfg,
  Csr.htimedelta,
  Csr.hvip,
  Csr.hgatp,
] as const;

/** VSSIE, VSTIE, VSEIE in mie. */
const VS_INTERRUPTS =
  (1n << BigInt(Interrupt.VirtualSupervisorSoftware)) |
  (1n << BigInt(Interrupt.VirtualSupervisorTimer)) |
  (1n << BigInt(Interrupt.VirtualSupervisorExternal));
const VS_INTERRUPTS_LOW = Number(VS_INTERRUPTS);
const VSTIP = 1 << Interrupt.VirtualSupervisorTimer;
const ONES = 0xffff_ffff;
const TWO32 = 0x1_0000_0000;

/** XLEN = 64 in hstatus.VSXL and vsstatus.UXL. */
const XLEN64 = 2n << 32n;
/** henvcfg: the guest has stimecmp, and its walks set A and D bits, as under the firmware. */
const STCE = 1n << 63n;
const ADUE = 1n << 61n;
/** CBIE, CBCFE, CBZE. */
const CBO = 0xf0n;

/** "ready" may run, "waiting" executed WFI, "stopped" never runs again. */
export type VcpuState = "ready" | "waiting" | "stopped";

export interface VcpuStart {
  readonly entry: number;
  /** Address of the device tree, in a1. */
  readonly deviceTree: number;
  readonly hartId: number;
  readonly hgatp: bigint;
  readonly htimedelta: bigint;
}

export class Vcpu {
  state: VcpuState = "ready";
  private loaded = false;
  private readonly x = new BigUint64Array(32);
  private readonly f = new BigUint64Array(32);
  private readonly csrs = new Map<number, bigint>();
  private pc: bigint;
  private mode: number = Mode.S;
  private vsie = 0n;

  constructor(
    private readonly core: Core,
    start: VcpuStart,
  ) {
    for (const csr of CONTEXT_CSRS) this.csrs.set(csr, 0n);
    this.x[10] = BigInt(start.hartId);
    this.x[11] = BigInt(start.deviceTree);
    this.pc = BigInt(start.entry);
    this.csrs.set(Csr.vsstatus, XLEN64);
    this.csrs.set(Csr.hstatus, XLEN64);
    this.csrs.set(Csr.henvcfg, STCE | ADUE | CBO);
    this.csrs.set(Csr.hcounteren, 7n);
    this.csrs.set(Csr.vstimecmp, (1n << 64n) - 1n);
    this.csrs.set(Csr.hgatp, start.hgatp);
    this.csrs.set(Csr.htimedelta, BigInt.asUintN(64, start.htimedelta));
  }

  /** Puts the guest on the hart. */
  load(): void {
    const { core } = this;
    core.u64.set(this.x, X_REGS >>> 3);
    core.u64.set(this.f, F_REGS >>> 3);
    for (const [csr, value] of this.csrs) core.setCsr(csr, value);
    core.setCsr(Csr.mie, (core.csr(Csr.mie) & ~VS_INTERRUPTS) | this.vsie);
    core.u64[HART_PC >>> 3] = this.pc;
    core.u32[HART_MODE >>> 2] = this.mode;
    core.u32[HART_VIRT >>> 2] = 1;
    core.u64[HART_RESERVATION >>> 3] = (1n << 64n) - 1n;
    this.loaded = true;
  }

  /** Takes the guest off the hart. */
  save(): void {
    const { core } = this;
    this.x.set(core.u64.subarray(X_REGS >>> 3, (X_REGS >>> 3) + 32));
    this.f.set(core.u64.subarray(F_REGS >>> 3, (F_REGS >>> 3) + 32));
    for (const csr of CONTEXT_CSRS) this.csrs.set(csr, core.csr(csr));
    this.vsie = core.csr(Csr.mie) & VS_INTERRUPTS;
    this.pc = core.u64[HART_PC >>> 3];
    this.mode = core.u32[HART_MODE >>> 2];
    this.loaded = false;
  }

  csr(n: number): bigint {
    return this.loaded ? this.core.csr(n) : this.csrs.get(n)!;
  }
  /** Half 0 (low) or 1 (high) of a CSR. */
  private half(n: number, half: 0 | 1): number {
    if (this.loaded) return this.core.u32[((CSRS + n * 8) >>> 2) + half];
    return Number(BigInt.asUintN(32, this.csrs.get(n)! >> (half === 0 ? 0n : 32n)));
  }
  /** The low half of mie as it is while the guest is on the hart. */
  private get enabled(): number {
    return this.loaded ? this.half(Csr.mie, 0) : Number(this.vsie);
  }
  setCsr(n: number, value: bigint): void {
    if (this.loaded) this.core.setCsr(n, value);
    else this.csrs.set(n, value);
  }
  /** Where the guest is, for reports. */
  get programCounter(): bigint {
    return this.loaded ? this.core.pc : this.pc;
  }

  /** Makes an interrupt pending in hvip, or not. Returns whether that was new. */
  setPending(bit: Interrupt, level: boolean): boolean {
    const was = (this.half(Csr.hvip, 0) & (1 << bit)) !== 0;
    if (was === level) return false;
    this.setCsr(Csr.hvip, this.csr(Csr.hvip) ^ (1n << BigInt(bit)));
    return level;
  }

  /** The cycle at which the guest's timer interrupt becomes pending; Infinity without one that could wake it. */
  timerDue(): number {
    if ((this.enabled & VSTIP) === 0) return Number.POSITIVE_INFINITY;
    const compareLow = this.half(Csr.vstimecmp, 0);
    const compareHigh = this.half(Csr.vstimecmp, 1);
    if (compareLow === ONES && compareHigh === ONES) return Number.POSITIVE_INFINITY;
    const low = compareLow - this.half(Csr.htimedelta, 0);
    const high = compareHigh - this.half(Csr.htimedelta, 1) - (low < 0 ? 1 : 0);
    return ((low >>> 0) + (high >>> 0) * TWO32) * this.core.u32[TIME_DIVIDER >>> 2];
  }

  /** Whether an interrupt is pending and enabled in vsie: what ends WFI, whatever vsstatus.SIE says. */
  wakes(now: number): boolean {
    return (this.half(Csr.hvip, 0) & this.enabled & VS_INTERRUPTS_LOW) !== 0 || this.timerDue() <= now;
  }

  /** Takes an exception in VS-mode as the hart would. The guest must be on the hart; pc is that of the instruction. */
  inject(cause: Cause, tval: bigint): void {
    const { core } = this;
    const fromMode = core.u32[HART_MODE >>> 2] as Mode;
    trapToVS(core, { cause: BigInt(cause), epc: core.pc, tval, fromMode });
  }
}
