// Address translation for the hart: which stages hold for an access, page TLB, walk, and the faults that follow.
import { Csr } from "../isa/csr";
import { Cause } from "../isa/cause";
import { Counter } from "../isa/counter";
import { Mode } from "../isa/privilege";
import { ENVCFG_ADUE, ENVCFG_PBMTE, Hstatus, STATUS_MPV, Status, charge, csr, mode, raise, useFloat, virt } from "../hart/state";
import { count, startWalk, walkCycles } from "../timing/caches";
import { KEY_DATA_MODE_SHIFT, KEY_DATA_VIRT, KEY_VIRT, useFilters } from "./filter";
import { Pte } from "./pte";
import { space, tlbFill, tlbFind, tlbLeafShift, tlbPage, tlbPerm } from "./tlb";
import {
  Access,
  Agent,
  Walk,
  WalkResult,
  walk,
  walkGShift,
  walkGlobal,
  walkGpa,
  walkImplicit,
  walkImplicitWrite,
  walkPa,
  walkPerm,
  walkVsShift,
} from "./walk";

/** Effective privilege of loads and stores (mstatus.MPRV included). */
export let dataMode: u32 = Mode.M;
export let dataVirt: u32 = 0;

/** Physical address of the last successful translation, and log2 of the page that its leaf of stage 1 maps; 12 without. */
export let physical: u64 = 0;
export let pageShift: u32 = 12;

/** Recomputes the effective privilege, the filters and what floating point may do; after any change to mode, V, status, satp, vsatp or hgatp. */
export function useContext(): void {
  useFloat();
  const m = mode();
  const v = virt();
  const status = csr(Csr.mstatus);
  dataMode = m;
  dataVirt = v;
  if (m == Mode.M && status & Status.MPRV) {
    dataMode = <u32>(status >> 11) & 3;
    dataVirt = dataMode != Mode.M && status & STATUS_MPV ? 1 : 0;
  }
  const sumMxr: u64 = Status.SUM | Status.MXR;
  const bits =
    (status & sumMxr) |
    (dataVirt ? (csr(Csr.vsstatus) & sumMxr) << 20 : 0) |
    <u64>m | (v ? KEY_VIRT : 0) | (<u64>dataMode << KEY_DATA_MODE_SHIFT) | (dataVirt ? KEY_DATA_VIRT : 0);
  const bare = dataMode == Mode.M && m == Mode.M;
  useFilters(bare ? 0 : dataVirt | v ? csr(Csr.vsatp) : csr(Csr.satp), dataVirt | v ? csr(Csr.hgatp) : 0, bits);
}

/** Pte bit that an access needs. */
// @ts-ignore: decorator
@inline
function permission(access: u32): u32 {
  return access == Access.Read ? Pte.R : access == Access.Write ? Pte.W : Pte.X;
}

/** Root table of an atp register. */
// @ts-ignore: decorator
@inline
function root(atp: u64): u64 {
  return (atp & 0xfff_ffff_ffff) << 12;
}

/** enum Walk of an access from mode `m`, V = `v`. */
function circumstances(m: u32, v: u32): u32 {
  const status = csr(Csr.mstatus);
  const stage1Status = v ? csr(Csr.vsstatus) : status;
  const menvcfg = csr(Csr.menvcfg);
  const envcfg = v ? menvcfg & csr(Csr.henvcfg) : menvcfg;
  let flags: u32 = m == Mode.U ? Walk.User : 0;
  if (stage1Status & Status.SUM) flags |= Walk.Sum;
  if (stage1Status & Status.MXR) flags |= Walk.Mxr;
  if (status & Status.MXR) flags |= Walk.Mxr | Walk.GMxr;
  if (menvcfg & ENVCFG_ADUE) flags |= Walk.GAdue;
  if (menvcfg & ENVCFG_PBMTE) flags |= Walk.GPbmt;
  if (envcfg & ENVCFG_ADUE) flags |= Walk.VsAdue;
  if (envcfg & ENVCFG_PBMTE) flags |= Walk.VsPbmt;
  return flags;
}

function walkTables(agent: u32, va: u64, atp: u64, hgatp: u64, access: u32, flags: u32): u32 {
  return walk(agent, va, <u32>(atp >> 60), root(atp), <u32>(hgatp >> 60), root(hgatp), access, flags);
}

/**
 * Translates `va` as if from mode `m`, V = `v`. True leaves the address in `physical`; false has raised the exception.
 * `hlvx`: Walk.Hlvx or 0. Whether PMP allows the access itself is for the caller to see.
 */
export function translate(va: u64, access: u32, m: u32, v: u32, hlvx: u32 = 0): bool {
  physical = va;
  pageShift = 12;
  if (m == Mode.M) return true;
  const atp = v ? csr(Csr.vsatp) : csr(Csr.satp);
  const hgatp = v ? csr(Csr.hgatp) : 0;
  if (!(atp >> 60) && !(hgatp >> 60)) return true;
  const tag = space(v, atp, hgatp);
  if (!hlvx) {
    const entry = tlbFind(va >> 12, tag);
    if (entry) {
      const perm = tlbPerm(entry);
      const user = perm & Pte.U;
      const sum = (csr(v ? Csr.vsstatus : Csr.mstatus) & Status.SUM) != 0;
      const allowed = m == Mode.U ? user != 0 : !(atp >> 60) || !user || (access != Access.Execute && sum);
      if (allowed && perm & permission(access)) {
        physical = tlbPage(entry) | (va & 0xfff);
        pageShift = tlbLeafShift(entry);
        return true;
      }
    }
  }
  startWalk();
  count(Counter.TlbMisses);
  const result = walkTables(Agent.Hart, va, atp, hgatp, access, circumstances(m, v) | hlvx);
  charge(walkCycles);
  if (result != WalkResult.Ok) {
    walkFault(va, access, result);
    return false;
  }
  physical = walkPa;
  pageShift = walkVsShift;
  if (!hlvx) tlbFill(va >> 12, tag, walkPerm, walkGlobal, walkPa & ~0xfff, walkVsShift, walkGpa, walkGShift);
  return true;
}

/** The same; without a call where nothing is translated. */
// @ts-ignore: decorator
@inline
export function translateFor(va: u64, access: u32, m: u32, v: u32, hlvx: u32): bool {
  if (m != Mode.M) return translate(va, access, m, v, hlvx);
  physical = va;
  pageShift = 12;
  return true;
}

/** Where mode `m`, V = `v` would read `va`, for whoever looks from outside: without PMP or any side effect. False: nowhere. */
export function look(va: u64, m: u32, v: u32): bool {
  physical = va;
  if (m == Mode.M) return true;
  const atp = v ? csr(Csr.vsatp) : csr(Csr.satp);
  const hgatp = v ? csr(Csr.hgatp) : 0;
  const result = walkTables(Agent.Hub, va, atp, hgatp, Access.Read, circumstances(m, v) | Walk.Peek);
  physical = walkPa;
  return result == WalkResult.Ok;
}

function walkFault(va: u64, access: u32, result: u32): void {
  if (result == WalkResult.PageFault) {
    raise(access == Access.Read ? Cause.LoadPageFault : access == Access.Write ? Cause.StorePageFault : Cause.InstructionPageFault, va);
  } else if (result == WalkResult.GuestPageFault) {
    // "Hypervisor Trap Value": pseudoinstructions for implicit accesses of VS-stage translation, 64 bits wide
    const tinst: u64 = walkImplicit ? (walkImplicitWrite ? 0x3020 : 0x3000) : 0;
    raise(
      access == Access.Read ? Cause.LoadGuestPageFault : access == Access.Write ? Cause.StoreGuestPageFault : Cause.InstructionGuestPageFault,
      va,
      walkGpa,
      tinst,
    );
  } else accessFault(va, access);
}

export function accessFault(va: u64, access: u32): void {
  raise(access == Access.Read ? Cause.LoadAccessFault : access == Access.Write ? Cause.StoreAccessFault : Cause.InstructionAccessFault, va);
}

/** Effective privilege of HLV, HLVX and HSV: hstatus.SPVP. */
// @ts-ignore: decorator
@inline
export function guestMode(): u32 {
  return csr(Csr.hstatus) & Hstatus.SPVP ? Mode.S : Mode.U;
}
